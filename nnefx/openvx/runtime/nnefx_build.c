/* Objects from a checked blob, in the order that OpenVX wants; see nnefx_vx.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>

#include "nnefx_import.h"
#include "nnefx_reader.h"
#include "nnefx_target.h"

#if defined(VX_VERSION_1_3) && !defined(NNEFX_VX_NO_HANDLES)
#define HAS_HANDLES 1
#endif

#ifdef NNEFX_VX_WEAK
#ifdef HAS_HANDLES
#pragma weak vxCreateTensorFromHandle
#pragma weak vxSwapTensorHandle
#define HANDLES_PRESENT (vxCreateTensorFromHandle && vxSwapTensorHandle)
#endif
#else
#define HANDLES_PRESENT 1
#endif

static const vx_enum types[] = {
    0, VX_TYPE_INT8, VX_TYPE_UINT8, VX_TYPE_INT16, VX_TYPE_UINT16, VX_TYPE_INT32, VX_TYPE_FLOAT16,
    VX_TYPE_FLOAT32};

/* Record what OpenVX refused, and return its status. */
static vx_status refuse(nnefx_vx_import import, vx_status status, const char *what,
                        const char *name, uint64_t offset)
{
    if (status == VX_SUCCESS)
        return status;
    import->error.code = NNEFX_BLOB_TARGET;
    import->error.offset = offset;
    snprintf(import->error.message, sizeof import->error.message,
             "OpenVX refuses %s '%.60s' with status %d", what, name, (int)status);
    return status;
}

static uint64_t place(const nnefx_blob *blob, const nnefx_section *section, uint32_t index)
{
    return (uint64_t)(nnefx_record(blob, section, index) - blob->data);
}

struct nnefx_shape nnefx_shape_of(const nnefx_tensor *entry)
{
    struct nnefx_shape shape;
    uint32_t i;
    shape.type = types[entry->type];
    shape.position = (vx_int8)entry->position;
    shape.rank = entry->rank;
    for (i = 0; i < NNEFX_MAX_RANK; i++)
        shape.dims[i] = i < entry->rank ? (vx_size)entry->dims[i] : 1;
    return shape;
}

/* ---- Tensors ---- */

/* The payload as a plain pointer: OpenVX takes no const, and writes it only if told to. */
static void *payload(const nnefx_blob *blob, uint64_t offset)
{
    return (void *)(uintptr_t)(blob->data + offset);
}

vx_status nnefx_compare_tensor(vx_tensor given, const struct nnefx_shape *shape)
{
    vx_size rank = 0, dims[NNEFX_MAX_RANK];
    vx_enum type = 0;
    if (vxQueryTensor(given, VX_TENSOR_DATA_TYPE, &type, sizeof type) == VX_SUCCESS &&
        type != shape->type)
        return VX_ERROR_INVALID_TYPE;
    if (vxQueryTensor(given, VX_TENSOR_NUMBER_OF_DIMS, &rank, sizeof rank) != VX_SUCCESS)
        return VX_SUCCESS;
    if (rank != shape->rank)
        return VX_ERROR_INVALID_DIMENSION;
    if (vxQueryTensor(given, VX_TENSOR_DIMS, dims, rank * sizeof *dims) == VX_SUCCESS &&
        memcmp(dims, shape->dims, rank * sizeof *dims) != 0)
        return VX_ERROR_INVALID_DIMENSION;
    return VX_SUCCESS;
}

/* Make a tensor whose memory is the blob's; NULL where the target does not take it. */
static vx_tensor make_from_handle(nnefx_vx_import import, const struct nnefx_shape *shape,
                                  void *data)
{
#ifdef HAS_HANDLES
    vx_size strides[NNEFX_MAX_RANK];
    vx_tensor tensor;
    if (!(import->flags & NNEFX_VX_ZERO_COPY) || !HANDLES_PRESENT || (uintptr_t)data % 64)
        return NULL;
    natural_strides(shape->rank, shape->dims, shape->type, strides);
    tensor = vxCreateTensorFromHandle(import->context, shape->rank, shape->dims, shape->type,
                                      shape->position, strides, data, VX_MEMORY_TYPE_HOST);
    return check((vx_reference)tensor) == VX_SUCCESS ? tensor : NULL;
#else
    (void)import, (void)shape, (void)data;
    return NULL;
#endif
}

static vx_status fill_tensor(nnefx_vx_import import, vx_tensor tensor, const nnefx_tensor *entry,
                             const struct nnefx_shape *shape)
{
    vx_status status = VX_SUCCESS;
    if (entry->kind == NNEFX_PREFILLED)
        return fill_all(tensor, shape->rank, shape->dims, shape->type, entry->fill);
    if (entry->kind == NNEFX_CONST) {
        void *data = payload(&import->blob, entry->offset);
        status = copy_all(tensor, shape->rank, shape->dims, shape->type, data, VX_WRITE_ONLY);
        nnefx_file_forget(&import->file, data, (size_t)entry->size);
    }
    return status;
}

vx_status nnefx_take_tensor(nnefx_vx_import import, uint32_t index, vx_tensor given)
{
    nnefx_tensor entry = nnefx_blob_tensor(&import->blob, index);
    struct nnefx_shape shape = nnefx_shape_of(&entry);
    vx_status status = nnefx_compare_tensor(given, &shape);
    if (status == VX_SUCCESS)
        status = vxRetainReference((vx_reference)given);
    if (status == VX_SUCCESS) {
        import->objects.tensors[index] = given;
        import->origin[index] = GIVEN;
    }
    return status;
}

static vx_status make_tensor(nnefx_vx_import import, uint32_t index)
{
    nnefx_tensor entry = nnefx_blob_tensor(&import->blob, index);
    struct nnefx_shape shape = nnefx_shape_of(&entry);
    vx_tensor tensor = NULL;
    vx_status status;
    if (entry.kind == NNEFX_CONST)
        tensor = make_from_handle(import, &shape, payload(&import->blob, entry.offset));
    if (tensor) {
        import->objects.tensors[index] = tensor;
        import->origin[index] = HANDLE;
        return VX_SUCCESS;
    }
    if (entry.kind == NNEFX_VIRTUAL && !(import->flags & NNEFX_VX_REAL_TENSORS))
        tensor = vxCreateVirtualTensor(import->graph, shape.rank, shape.dims, shape.type,
                                       shape.position);
    else
        tensor = vxCreateTensor(import->context, shape.rank, shape.dims, shape.type,
                                shape.position);
    status = check((vx_reference)tensor);
    if (status != VX_SUCCESS)
        return status;
    import->objects.tensors[index] = tensor;
    return fill_tensor(import, tensor, &entry, &shape);
}

vx_tensor *nnefx_given_tensors(nnefx_vx_import import, const nnefx_vx_options *options)
{
    const nnefx_blob *blob = &import->blob;
    vx_tensor *given = calloc(blob->tensors.count + (size_t)1, sizeof *given);
    uint32_t i;
    for (i = 0; given && i < blob->ports.count; i++) {
        const vx_tensor *from = i < blob->inputs ? options->inputs : options->outputs;
        if (from)
            given[nnefx_blob_port(blob, i).tensor] = from[i < blob->inputs ? i : i - blob->inputs];
    }
    return given;
}

static vx_status make_tensors(nnefx_vx_import import, const nnefx_vx_options *options)
{
    const nnefx_blob *blob = &import->blob;
    vx_tensor *given = nnefx_given_tensors(import, options);
    vx_status status = given ? VX_SUCCESS : VX_ERROR_NO_MEMORY;
    uint32_t i;
    for (i = 0; i < blob->tensors.count && status == VX_SUCCESS; i++) {
        status = given[i] ? nnefx_take_tensor(import, i, given[i]) : make_tensor(import, i);
        refuse(import, status, "tensor", nnefx_blob_tensor(blob, i).name,
               place(blob, &blob->tensors, i));
    }
    free(given);
    for (i = 0; i < blob->views.count && status == VX_SUCCESS; i++) {
        nnefx_view view = nnefx_blob_view(blob, i);
        vx_size start[NNEFX_MAX_RANK], end[NNEFX_MAX_RANK];
        uint32_t j;
        for (j = 0; j < view.rank; j++) {
            start[j] = (vx_size)view.start[j];
            end[j] = (vx_size)view.end[j];
        }
        import->objects.views[i] = vxCreateTensorFromView(import->objects.tensors[view.parent],
                                                          view.rank, start, end);
        status = check((vx_reference)import->objects.views[i]);
        if (status != VX_SUCCESS)
            import->objects.views[i] = NULL;
        refuse(import, status, "view", view.name, place(blob, &blob->views, i));
    }
    return status;
}

/* ---- Tables, scalars, nodes ---- */

static vx_status make_lut(nnefx_vx_import import, uint32_t index)
{
    nnefx_lut entry = nnefx_blob_lut(&import->blob, index);
    vx_lut lut = vxCreateLUT(import->context, types[entry.type], entry.count);
    vx_status status = check((vx_reference)lut);
    if (status != VX_SUCCESS)
        return status;
    import->objects.luts[index] = lut;
    return copy_lut(lut, types[entry.type], entry.count, payload(&import->blob, entry.offset));
}

static vx_status make_scalar(nnefx_vx_import import, uint32_t index)
{
    nnefx_scalar entry = nnefx_blob_scalar(&import->blob, index);
    vx_float32 real = (vx_float32)entry.value;
    vx_int32 integer = entry.type == NNEFX_INT32 ? (vx_int32)entry.value : 0;
    const void *value = entry.type == NNEFX_INT32 ? (const void *)&integer : (const void *)&real;
    vx_scalar scalar = vxCreateScalar(import->context, types[entry.type], value);
    vx_status status = check((vx_reference)scalar);
    if (status == VX_SUCCESS)
        import->objects.scalars[index] = scalar;
    return status;
}

static vx_status make_node(nnefx_vx_import import, const nnefx_node *entry)
{
    vx_node node = nnefx_make_node(import->graph, entry, &import->objects);
    if (import->uses && check((vx_reference)node) == VX_SUCCESS)
        nnefx_note_parameters(import, entry, node);
    return add_node(node);
}

static vx_status make_rest(nnefx_vx_import import)
{
    const nnefx_blob *blob = &import->blob;
    vx_status status = VX_SUCCESS;
    uint32_t i;
    for (i = 0; i < blob->luts.count && status == VX_SUCCESS; i++)
        status = refuse(import, make_lut(import, i), "table", nnefx_blob_lut(blob, i).name,
                        place(blob, &blob->luts, i));
    for (i = 0; i < blob->scalars.count && status == VX_SUCCESS; i++)
        status = refuse(import, make_scalar(import, i), "scalar", nnefx_blob_scalar(blob, i).name,
                        place(blob, &blob->scalars, i));
    for (i = 0; i < blob->nodes.count && status == VX_SUCCESS; i++) {
        nnefx_node node = nnefx_blob_node(blob, i);
        const unsigned char *row = nnefx_record(blob, &blob->nodes, i);
        status = make_node(import, &node);
        refuse(import, status, "a node of", node.source, (uint64_t)(row - blob->data));
    }
    return status;
}

/* ---- All of it ---- */

static vx_status allocate(nnefx_vx_import import)
{
    const nnefx_blob *blob = &import->blob;
    size_t tensors = blob->tensors.count, views = blob->views.count, luts = blob->luts.count;
    size_t scalars = blob->scalars.count;
    import->objects.tensors = calloc(tensors + 1, sizeof *import->objects.tensors);
    import->objects.views = calloc(views + 1, sizeof *import->objects.views);
    import->objects.luts = calloc(luts + 1, sizeof *import->objects.luts);
    import->objects.scalars = calloc(scalars + 1, sizeof *import->objects.scalars);
    import->origin = calloc(tensors + 1, 1);
    import->items = calloc(tensors + views + luts + scalars + 1, sizeof *import->items);
    import->spans = calloc(blob->ports.count, sizeof *import->spans);
    if (import->objects.tensors && import->objects.views && import->objects.luts &&
        import->objects.scalars && import->origin && import->items && import->spans)
        return VX_SUCCESS;
    nnefx_blob_fail(&import->error, NNEFX_BLOB_NO_MEMORY, 0, "out of memory");
    return VX_ERROR_NO_MEMORY;
}

/* Refuse what the target says that it cannot hold. */
static vx_status check_limits(nnefx_vx_import import)
{
    vx_size most = 0;
    if (vxQueryContext(import->context, VX_CONTEXT_MAX_TENSOR_DIMS, &most, sizeof most) !=
            VX_SUCCESS || most < 1 || import->blob.max_rank <= most)
        return VX_SUCCESS;
    nnefx_blob_fail(&import->error, NNEFX_BLOB_TARGET, 52, "tensors have more dimensions than "
                    "the target takes");
    return VX_ERROR_NOT_SUPPORTED;
}

static vx_status build_graph(nnefx_vx_import import, const nnefx_vx_options *options)
{
    vx_status status;
    uint32_t i;
    import->graph = options->graph;
    if (!import->graph) {
        import->graph = vxCreateGraph(import->context);
        status = check((vx_reference)import->graph);
        import->owns_graph = status == VX_SUCCESS;
        if (status != VX_SUCCESS)
            return refuse(import, status, "a graph", "", 0);
    }
    status = import->flags & NNEFX_VX_PARAMETERS ? nnefx_count_places(import) : VX_SUCCESS;
    if (status == VX_SUCCESS)
        status = make_tensors(import, options);
    if (status == VX_SUCCESS)
        status = make_rest(import);
    if (status == VX_SUCCESS && import->uses)
        status = refuse(import, nnefx_add_parameters(import), "parameters of the graph", "", 0);
    if (status != VX_SUCCESS)
        return status;
    for (i = 0; i < import->blob.tensors.count; i++)
        if (import->origin[i] != GIVEN)
            nnefx_name_tensor(import, i);
    if (import->owns_graph && !(import->flags & NNEFX_VX_NO_VERIFY))
        status = refuse(import, vxVerifyGraph(import->graph), "the graph", "", 0);
    return status;
}

/* Take a handle back before its memory goes. Some targets refuse NULL, and free what they hold:
 * they get a block of their own. */
static void take_handle_back(vx_tensor tensor)
{
#ifdef HAS_HANDLES
    void *held = NULL;
    if (vxSwapTensorHandle(tensor, NULL, &held) != VX_SUCCESS)
        vxSwapTensorHandle(tensor, malloc(64), &held);
#else
    (void)tensor;
#endif
}

void nnefx_release_objects(nnefx_vx_import import)
{
    nnefx_objects *objects = &import->objects;
    uint32_t i;
    nnefx_drop_parameters(import);
    if (import->owns_graph)
        vxReleaseGraph(&import->graph);
    import->owns_graph = 0;
    for (i = import->blob.views.count; objects->views && i-- > 0;)
        if (objects->views[i])
            vxReleaseTensor(&objects->views[i]);
    for (i = import->blob.tensors.count; objects->tensors && i-- > 0;) {
        if (objects->tensors[i] && import->origin[i] == HANDLE)
            take_handle_back(objects->tensors[i]);
        if (objects->tensors[i])
            vxReleaseTensor(&objects->tensors[i]);
    }
    for (i = 0; objects->luts && i < import->blob.luts.count; i++)
        if (objects->luts[i])
            vxReleaseLUT(&objects->luts[i]);
    for (i = 0; objects->scalars && i < import->blob.scalars.count; i++)
        if (objects->scalars[i])
            vxReleaseScalar(&objects->scalars[i]);
}

vx_status nnefx_build(nnefx_vx_import import, const nnefx_vx_options *options)
{
    vx_status status = check_limits(import);
    if (status == VX_SUCCESS)
        status = allocate(import);
    if (status != VX_SUCCESS)
        return status;
    nnefx_number_items(import);
    if (nnefx_cache_read(import, options))
        return VX_SUCCESS;
    status = build_graph(import, options);
    if (status == VX_SUCCESS)
        nnefx_cache_write(import, options);
    return status;
}
