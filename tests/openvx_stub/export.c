/* The extension vx_khr_ix for the OpenVX of the tests: what it exports is good for another context
 * of the same program only in the ways that the extension promises. Values of tensors that nodes
 * write, or parts of which they write, are kept where they are asked for, and lost otherwise.
 *
 * STUB_EXPORT_FAILS and STUB_IMPORT_FAILS in the environment make it refuse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub.h"

enum { SUPPLIED = 0x18000, WITH_VALUES, WITHOUT_VALUES };
enum { MOST = 4096, NONE = -1 };

vx_status vxExportObjectsToMemory(vx_context context, vx_size count, const vx_reference *references,
                                  const vx_enum *uses, const vx_uint8 **data, vx_size *size);
vx_status vxReleaseExportedMemory(vx_context context, const vx_uint8 **data);
struct _vx_import *vxImportObjectsFromMemory(vx_context context, vx_size count,
                                             vx_reference *references, const vx_enum *uses,
                                             const vx_uint8 *data, vx_size size);
vx_status vxReleaseImport(struct _vx_import **import);

struct objects {
    void *all[MOST];
    int count;
};

struct buffer {
    char *data;
    size_t size, room, at;
    int failed;
};

static void put(struct buffer *buffer, const void *from, size_t size)
{
    if (buffer->size + size > buffer->room) {
        buffer->room = 2 * (buffer->size + size);
        buffer->data = realloc(buffer->data, buffer->room);
        if (!buffer->data)
            stub_die("out of memory");
    }
    memcpy(buffer->data + buffer->size, from, size);
    buffer->size += size;
}

static void get(struct buffer *buffer, void *to, size_t size)
{
    if (size > buffer->size - buffer->at)
        buffer->failed = 1;
    if (buffer->failed) {
        memset(to, 0, size);
        return;
    }
    memcpy(to, buffer->data + buffer->at, size);
    buffer->at += size;
}

static void put_int(struct buffer *buffer, int value)
{
    put(buffer, &value, sizeof value);
}

static int get_int(struct buffer *buffer)
{
    int value;
    get(buffer, &value, sizeof value);
    return value;
}

static int find(const struct objects *objects, const void *object)
{
    int i;
    for (i = 0; i < objects->count; i++)
        if (objects->all[i] == object)
            return i;
    return NONE;
}

static void take(struct objects *objects, void *object)
{
    if (!object || find(objects, object) != NONE)
        return;
    if (objects->count == MOST)
        stub_die("too many objects");
    objects->all[objects->count++] = object;
}

/* Parents come before their views. */
static void take_tensor(struct objects *objects, vx_tensor t)
{
    if (t && t->parent)
        take_tensor(objects, t->parent);
    take(objects, t);
}

static void collect(vx_graph graph, struct objects *objects)
{
    size_t i;
    int j;
    for (i = 0; i < graph->count; i++) {
        for (j = 0; j < 4; j++)
            take_tensor(objects, *stub_operand(graph->nodes[i], (vx_uint32)j));
        take(objects, graph->nodes[i]->lut);
        take(objects, graph->nodes[i]->scalars[0]);
        take(objects, graph->nodes[i]->scalars[1]);
    }
}

static int is_written(vx_graph graph, vx_tensor t)
{
    size_t i;
    for (i = 0; i < graph->count; i++)
        if (graph->nodes[i]->out == t || graph->nodes[i]->out->parent == t)
            return 1;
    return 0;
}

static size_t volume(vx_tensor t)
{
    size_t size = stub_item(t->type);
    int i;
    for (i = 0; i < 6; i++)
        size *= t->dims[i];
    return size;
}

/* ---- Export ---- */

static void put_tensor(struct buffer *out, vx_graph graph, const struct objects *objects,
                       vx_tensor t, int use)
{
    struct _vx_tensor copy = *t;
    int parent = t->parent ? find(objects, t->parent) : NONE;
    int has_values = !t->parent && use != SUPPLIED && use != WITHOUT_VALUES &&
                     (use == WITH_VALUES || !is_written(graph, t));
    copy.data = (char *)(t->parent ? t->data - t->parent->data : 0); /* a distance */
    put(out, &copy, sizeof copy);
    put_int(out, parent);
    put_int(out, use);
    put_int(out, has_values);
    if (has_values)
        put(out, t->data, volume(t));
}

static void put_objects(struct buffer *out, vx_graph graph, const struct objects *objects,
                        vx_size count, const vx_reference *references, const vx_enum *uses)
{
    int i;
    put_int(out, objects->count);
    for (i = 0; i < objects->count; i++) {
        vx_reference ref = objects->all[i];
        int use = NONE;
        vx_size j;
        for (j = 1; j < count; j++)
            if (references[j] == ref)
                use = uses[j];
        put_int(out, (int)ref->kind);
        if (ref->kind == TENSOR) {
            put_tensor(out, graph, objects, (vx_tensor)ref, use);
        } else if (ref->kind == SCALAR) {
            put(out, &((vx_scalar)ref)->value, sizeof(vx_float32));
        } else {
            vx_lut lut = (vx_lut)ref;
            put(out, &lut->count, sizeof lut->count);
            put(out, lut->data, lut->count * sizeof *lut->data);
        }
    }
}

static void put_nodes(struct buffer *out, vx_graph graph, const struct objects *objects)
{
    size_t i, run;
    vx_uint32 j;
    put(out, &graph->count, sizeof graph->count);
    for (i = 0; i < graph->count; i++) {
        vx_node node = graph->nodes[i];
        for (run = 0; run < stub_run_count && stub_runs[run] != node->run; run++)
            ;
        put(out, node, sizeof *node);
        put_int(out, (int)run);
        for (j = 0; j < 4; j++)
            put_int(out, find(objects, *stub_operand(node, j)));
        put_int(out, find(objects, node->lut));
        put_int(out, find(objects, node->scalars[0]));
        put_int(out, find(objects, node->scalars[1]));
    }
    put(out, &graph->parameter_count, sizeof graph->parameter_count);
    for (j = 0; j < graph->parameter_count; j++) {
        for (i = 0; graph->nodes[i] != graph->parameters[j]->node; i++)
            ;
        put_int(out, (int)i);
        put_int(out, (int)graph->parameters[j]->index);
    }
}

static int may_be_listed(const struct objects *objects, vx_graph graph, vx_size count,
                         const vx_reference *references)
{
    vx_size i;
    vx_uint32 j;
    for (i = 1; i < count; i++)
        if (find(objects, references[i]) == NONE || references[i]->kind != TENSOR ||
            ((vx_tensor)references[i])->is_virtual)
            return 0;
    for (j = 0; j < graph->parameter_count; j++) {
        vx_parameter p = graph->parameters[j];
        for (i = 1; i < count; i++)
            if (references[i] == (vx_reference)*stub_operand(p->node, p->index))
                break;
        if (i == count)
            return 0; /* every parameter of the graph has to be listed */
    }
    return 1;
}

vx_status vxExportObjectsToMemory(vx_context context, vx_size count, const vx_reference *references,
                                  const vx_enum *uses, const vx_uint8 **data, vx_size *size)
{
    struct objects *objects = calloc(1, sizeof *objects);
    struct buffer out = {NULL, 0, 0, 0, 0};
    vx_status status = VX_ERROR_INVALID_PARAMETERS;
    (void)context;
    *data = NULL;
    *size = 0;
    if (objects && count && references[0]->kind == GRAPH && !getenv("STUB_EXPORT_FAILS")) {
        vx_graph graph = (vx_graph)references[0];
        vx_size i;
        collect(graph, objects);
        if (may_be_listed(objects, graph, count, references)) {
            put(&out, &count, sizeof count);
            put(&out, uses, count * sizeof *uses);
            put_objects(&out, graph, objects, count, references, uses);
            for (i = 1; i < count; i++)
                put_int(&out, find(objects, references[i]));
            put_nodes(&out, graph, objects);
            *data = (vx_uint8 *)out.data;
            *size = out.size;
            status = VX_SUCCESS;
        }
    }
    free(objects);
    return status;
}

vx_status vxReleaseExportedMemory(vx_context context, const vx_uint8 **data)
{
    (void)context;
    free((void *)(uintptr_t)*data);
    *data = NULL;
    return VX_SUCCESS;
}

/* ---- Import ---- */

static vx_tensor get_tensor(struct buffer *in, vx_context context, struct objects *objects,
                            int number, vx_size count, const vx_reference *references,
                            const int *places)
{
    struct _vx_tensor kept;
    int parent, use, has_values;
    vx_tensor t;
    vx_size i;
    get(in, &kept, sizeof kept);
    parent = get_int(in);
    use = get_int(in);
    has_values = get_int(in);
    if (use == SUPPLIED) {
        for (i = 1; i < count; i++)
            if (places[i] == number) {
                references[i]->count++;
                return (vx_tensor)references[i];
            }
        stub_die("a supplied tensor is not listed");
    }
    t = vxCreateTensor(context, kept.rank, kept.dims, kept.type, (vx_int8)kept.position);
    t->is_virtual = kept.is_virtual;
    if (parent != NONE) {
        vx_tensor whole = objects->all[parent];
        free(t->owned);
        t->owned = NULL;
        t->parent = whole;
        t->data = whole->data + (ptrdiff_t)kept.data;
        memcpy(t->strides, kept.strides, sizeof t->strides);
        whole->ref.count++;
    } else {
        memset(t->data, 0, volume(t));
    }
    if (has_values)
        get(in, t->data, volume(t));
    return t;
}

static void get_objects(struct buffer *in, vx_context context, struct objects *objects,
                        vx_size count, const vx_reference *references, const int *places)
{
    int total = get_int(in), i;
    for (i = 0; i < total; i++) {
        int kind = get_int(in);
        if (kind == TENSOR) {
            objects->all[i] =
                get_tensor(in, context, objects, i, count, references, places);
        } else if (kind == SCALAR) {
            vx_float32 value;
            get(in, &value, sizeof value);
            objects->all[i] = vxCreateScalar(context, VX_TYPE_FLOAT32, &value);
        } else {
            vx_size items;
            vx_lut lut;
            get(in, &items, sizeof items);
            lut = vxCreateLUT(context, VX_TYPE_INT16, items);
            get(in, lut->data, items * sizeof *lut->data);
            objects->all[i] = lut;
        }
        objects->count = i + 1;
    }
}

static void *retained(const struct objects *objects, int number)
{
    vx_reference ref = number == NONE ? NULL : objects->all[number];
    if (ref)
        ref->count++;
    return ref;
}

static vx_graph get_nodes(struct buffer *in, vx_context context, const struct objects *objects)
{
    vx_graph graph = vxCreateGraph(context);
    vx_uint32 i, parameters;
    size_t count, number;
    get(in, &count, sizeof count);
    graph->nodes = calloc(count, sizeof *graph->nodes);
    graph->verified = 1;
    for (number = 0; number < count; number++) {
        vx_node node = stub_make(sizeof *node, NODE, context);
        struct _vx_reference own = node->ref;
        get(in, node, sizeof *node);
        node->ref = own;
        node->run = stub_runs[get_int(in)];
        for (i = 0; i < 4; i++)
            *stub_operand(node, i) = retained(objects, get_int(in));
        node->lut = retained(objects, get_int(in));
        node->scalars[0] = retained(objects, get_int(in));
        node->scalars[1] = retained(objects, get_int(in));
        graph->nodes[graph->count++] = node;
    }
    get(in, &parameters, sizeof parameters);
    for (i = 0; i < parameters; i++) {
        vx_node node = graph->nodes[get_int(in)];
        vx_parameter parameter = vxGetParameterByIndex(node, (vx_uint32)get_int(in));
        vxAddParameterToGraph(graph, parameter);
        vxReleaseParameter(&parameter);
    }
    return graph;
}

/* The list of references stands behind the objects, which need it: find it from the end of them. */
static int *read_places(const struct buffer *in, vx_size count)
{
    int *places = calloc(count, sizeof *places);
    struct buffer again = *in;
    vx_size i;
    int total, number;
    if (!places)
        stub_die("out of memory");
    total = get_int(&again);
    for (number = 0; number < total; number++) {
        int kind = get_int(&again), has_values;
        size_t skip = sizeof(vx_float32);
        struct _vx_tensor t;
        if (kind == TENSOR) {
            get(&again, &t, sizeof t);
            get_int(&again);
            get_int(&again);
            has_values = get_int(&again);
            skip = has_values ? volume(&t) : 0;
        } else if (kind == LUT) {
            vx_size items;
            get(&again, &items, sizeof items);
            skip = items * sizeof(vx_int16);
        }
        again.at += skip;
    }
    for (i = 1; i < count; i++)
        places[i] = get_int(&again);
    return places;
}

static void release_all(struct objects *objects)
{
    int i;
    for (i = objects->count; i-- > 0;)
        if (objects->all[i])
            vxReleaseReference((vx_reference *)&objects->all[i]);
}

struct _vx_import *vxImportObjectsFromMemory(vx_context context, vx_size count,
                                             vx_reference *references, const vx_enum *uses,
                                             const vx_uint8 *data, vx_size size)
{
    struct buffer in = {(char *)(uintptr_t)data, size, size, 0, 0};
    struct objects *objects;
    vx_size kept = 0, i;
    int *places;
    get(&in, &kept, sizeof kept);
    if (getenv("STUB_IMPORT_FAILS") || kept != count ||
        memcmp(data + in.at, uses, count * sizeof *uses) != 0)
        return NULL;
    in.at += count * sizeof *uses;
    places = read_places(&in, count);
    objects = calloc(1, sizeof *objects);
    if (!objects)
        stub_die("out of memory");
    get_objects(&in, context, objects, count, references, places);
    in.at += (count - 1) * sizeof(int);
    references[0] = (vx_reference)get_nodes(&in, context, objects);
    for (i = 1; i < count; i++)
        if (uses[i] != SUPPLIED)
            references[i] = retained(objects, places[i]);
    release_all(objects);
    free(objects);
    free(places);
    return stub_make(sizeof(struct _vx_import), IMPORT, context);
}

vx_status vxReleaseImport(struct _vx_import **import)
{
    (*import)->ref.context->live--;
    free(*import);
    *import = NULL;
    return VX_SUCCESS;
}
