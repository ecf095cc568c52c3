/* A small OpenVX of our own for tests: it counts references, checks what generated programs hand
 * over, and runs INT16 Q7.8 graphs item by item with every product rounded on its own (or once,
 * with STUB_ROUND_ONCE in the environment). Slow and plain on purpose: it is a second opinion on
 * the simulator in numpy. vxReleaseContext aborts when an object was not released. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>
#include <VX/vx_khr_nn.h>

#include "stub.h"

void stub_die(const char *what)
{
    fprintf(stderr, "openvx stub: %s\n", what);
    abort();
}

void *stub_make(size_t size, enum kind kind, vx_context context)
{
    vx_reference ref = calloc(1, size);
    if (!ref)
        stub_die("out of memory");
    ref->kind = kind;
    ref->count = 1;
    ref->context = context;
    if (context)
        context->live++;
    return ref;
}

static int let_go(vx_reference ref)
{
    if (ref->count <= 0)
        stub_die("released too often");
    if (--ref->count)
        return 0;
    ref->context->live--;
    return 1;
}

static void drop_tensor(vx_tensor t)
{
    if (t && let_go(&t->ref)) {
        if (t->parent)
            drop_tensor(t->parent);
        free(t->owned);
        free(t);
    }
}

vx_context vxCreateContext(void)
{
    return stub_make(sizeof(struct _vx_context), CONTEXT, NULL);
}

vx_status vxReleaseContext(vx_context *context)
{
    if ((*context)->live)
        stub_die("objects are left");
    free(*context);
    *context = NULL;
    return VX_SUCCESS;
}

vx_context vxGetContext(vx_reference reference)
{
    return reference->context;
}

vx_status vxGetStatus(vx_reference reference)
{
    return reference ? VX_SUCCESS : VX_ERROR_INVALID_REFERENCE;
}

vx_status vxSetReferenceName(vx_reference reference, const vx_char *name)
{
    if (strlen(name) >= sizeof reference->name)
        return VX_ERROR_INVALID_VALUE;
    strcpy(reference->name, name);
    return VX_SUCCESS;
}

vx_status vxQueryContext(vx_context context, vx_enum attribute, void *data, vx_size size)
{
    const char *name = getenv("STUB_NAME");
    (void)context;
    if (attribute == VX_CONTEXT_MAX_TENSOR_DIMS && size == sizeof(vx_size))
        *(vx_size *)data = 6;
    else if (attribute == VX_CONTEXT_IMPLEMENTATION)
        snprintf(data, size, "%s", name ? name : "stub");
    else if (attribute == VX_CONTEXT_VERSION && size == sizeof(vx_uint16))
        *(vx_uint16 *)data = VX_VERSION_1_3;
    else
        return VX_ERROR_NOT_SUPPORTED;
    return VX_SUCCESS;
}

vx_status vxRetainReference(vx_reference reference)
{
    reference->count++;
    return VX_SUCCESS;
}

/* ---- Tensors ---- */

size_t stub_item(vx_enum type)
{
    return type == VX_TYPE_INT32 || type == VX_TYPE_FLOAT32 ? 4 : 2;
}

vx_tensor vxCreateTensor(vx_context context, vx_size rank, const vx_size *dims, vx_enum type,
                         vx_int8 position)
{
    vx_tensor t;
    ptrdiff_t count = 1;
    vx_size i;
    if (rank < 1 || rank > 6)
        return NULL;
    if (type != VX_TYPE_INT16 && type != VX_TYPE_INT32 && type != VX_TYPE_FLOAT32)
        return NULL;
    t = stub_make(sizeof *t, TENSOR, context);
    t->type = type;
    t->position = position;
    t->rank = rank;
    for (i = 0; i < 6; i++) {
        t->dims[i] = i < rank ? dims[i] : 1;
        t->strides[i] = count;
        count *= (ptrdiff_t)t->dims[i];
    }
    t->owned = t->data = malloc((size_t)count * stub_item(type));
    if (!t->data)
        stub_die("out of memory");
    memset(t->data, 0x55, (size_t)count * stub_item(type));
    return t;
}

vx_tensor vxCreateVirtualTensor(vx_graph graph, vx_size rank, const vx_size *dims, vx_enum type,
                                vx_int8 position)
{
    vx_tensor t = vxCreateTensor(graph->ref.context, rank, dims, type, position);
    if (t)
        t->is_virtual = 1;
    return t;
}

vx_tensor vxCreateTensorFromView(vx_tensor parent, vx_size rank, const vx_size *start,
                                 const vx_size *end)
{
    vx_tensor t;
    vx_size i;
    if (rank != parent->rank || parent->parent)
        return NULL;
    for (i = 0; i < rank; i++)
        if (start[i] >= end[i] || end[i] > parent->dims[i])
            return NULL;
    t = stub_make(sizeof *t, TENSOR, parent->ref.context);
    t->type = parent->type;
    t->position = parent->position;
    t->rank = rank;
    t->is_virtual = parent->is_virtual;
    t->parent = parent;
    t->data = parent->data;
    parent->ref.count++;
    for (i = 0; i < 6; i++) {
        t->dims[i] = i < rank ? end[i] - start[i] : 1;
        t->strides[i] = parent->strides[i];
        if (i < rank)
            t->data += t->strides[i] * (ptrdiff_t)(start[i] * stub_item(t->type));
    }
    return t;
}

/* STUB_NO_HANDLES in the environment makes it an OpenVX that takes none; it never frees them. */
vx_tensor vxCreateTensorFromHandle(vx_context context, vx_size rank, const vx_size *dims,
                                   vx_enum type, vx_int8 position, const vx_size *strides,
                                   void *data, vx_enum memory_type)
{
    vx_size stride = stub_item(type), i;
    vx_tensor t;
    for (i = 0; i < rank; i++) {
        if (strides[i] != stride)
            return NULL;
        stride *= dims[i];
    }
    if (getenv("STUB_NO_HANDLES") || memory_type != VX_MEMORY_TYPE_HOST)
        return NULL;
    t = vxCreateTensor(context, rank, dims, type, position);
    if (t) {
        free(t->owned);
        t->owned = NULL;
        t->data = data;
    }
    return t;
}

vx_status vxSwapTensorHandle(vx_tensor t, void *data, void **previous)
{
    if (t->owned)
        return VX_ERROR_INVALID_REFERENCE;
    *previous = t->data;
    t->data = data;
    return VX_SUCCESS;
}

vx_status vxQueryTensor(vx_tensor t, vx_enum attribute, void *data, vx_size size)
{
    if (attribute == VX_TENSOR_NUMBER_OF_DIMS && size == sizeof t->rank)
        memcpy(data, &t->rank, size);
    else if (attribute == VX_TENSOR_DIMS && size == t->rank * sizeof *t->dims)
        memcpy(data, t->dims, size);
    else if (attribute == VX_TENSOR_DATA_TYPE && size == sizeof t->type)
        memcpy(data, &t->type, size);
    else
        return VX_ERROR_NOT_SUPPORTED;
    return VX_SUCCESS;
}

vx_status vxReleaseTensor(vx_tensor *tensor)
{
    drop_tensor(*tensor);
    *tensor = NULL;
    return VX_SUCCESS;
}

vx_status vxCopyTensorPatch(vx_tensor t, vx_size rank, const vx_size *start, const vx_size *end,
                            const vx_size *strides, void *data, vx_enum usage, vx_enum memory_type)
{
    vx_size count = stub_item(t->type), i;
    if (t->is_virtual)
        return VX_ERROR_OPTIMIZED_AWAY;
    if (rank != t->rank || memory_type != VX_MEMORY_TYPE_HOST || t->parent)
        return VX_ERROR_INVALID_PARAMETERS;
    for (i = 0; i < rank; i++) {
        if (start[i] != 0 || end[i] != t->dims[i] || strides[i] != count)
            return VX_ERROR_INVALID_DIMENSION;
        count *= t->dims[i];
    }
    if (usage == VX_WRITE_ONLY)
        memcpy(t->data, data, count);
    else
        memcpy(data, t->data, count);
    return VX_SUCCESS;
}

static char *at(vx_tensor t, long x, long y, long c, long n)
{
    ptrdiff_t place = x * t->strides[0] + y * t->strides[1] + c * t->strides[2] + n * t->strides[3];
    if (x < 0 || y < 0 || c < 0 || n < 0 || (vx_size)x >= t->dims[0] || (vx_size)y >= t->dims[1] ||
        (vx_size)c >= t->dims[2] || (vx_size)n >= t->dims[3])
        stub_die("index outside of a tensor");
    return t->data + place * (ptrdiff_t)stub_item(t->type);
}

static long get(vx_tensor t, long x, long y, long c, long n)
{
    char *place = at(t, x, y, c, n);
    if (t->type == VX_TYPE_INT16)
        return *(vx_int16 *)place;
    if (t->type == VX_TYPE_INT32)
        return *(vx_int32 *)place;
    stub_die("floating point graphs are not run");
    return 0;
}

static long fit(long value, vx_enum overflow)
{
    if (overflow == VX_CONVERT_POLICY_WRAP)
        return (vx_int16)(vx_uint16)((unsigned long)value & 0xFFFF);
    return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}

static void put(vx_tensor t, long x, long y, long c, long n, long value)
{
    *(vx_int16 *)at(t, x, y, c, n) = (vx_int16)value;
}

/* ---- Tables and scalars ---- */

vx_lut vxCreateLUT(vx_context context, vx_enum type, vx_size count)
{
    vx_lut lut;
    if (type != VX_TYPE_INT16 || count > 65536)
        return NULL;
    lut = stub_make(sizeof *lut, LUT, context);
    lut->count = count;
    lut->data = calloc(count, sizeof *lut->data);
    return lut;
}

static void drop_lut(vx_lut lut)
{
    if (lut && let_go(&lut->ref)) {
        free(lut->data);
        free(lut);
    }
}

vx_status vxReleaseLUT(vx_lut *lut)
{
    drop_lut(*lut);
    *lut = NULL;
    return VX_SUCCESS;
}

vx_status vxCopyLUT(vx_lut lut, void *data, vx_enum usage, vx_enum memory_type)
{
    (void)memory_type;
    if (usage != VX_WRITE_ONLY)
        return VX_ERROR_NOT_IMPLEMENTED;
    memcpy(lut->data, data, lut->count * sizeof *lut->data);
    return VX_SUCCESS;
}

vx_status vxQueryLUT(vx_lut lut, vx_enum attribute, void *data, vx_size size)
{
    if (attribute != VX_LUT_OFFSET || size != sizeof(vx_uint32))
        return VX_ERROR_NOT_SUPPORTED;
    *(vx_uint32 *)data = (vx_uint32)(lut->count / 2);
    return VX_SUCCESS;
}

vx_scalar vxCreateScalar(vx_context context, vx_enum type, const void *data)
{
    vx_scalar scalar;
    if (type != VX_TYPE_FLOAT32)
        return NULL;
    scalar = stub_make(sizeof *scalar, SCALAR, context);
    scalar->value = *(const vx_float32 *)data;
    return scalar;
}

static void drop_scalar(vx_scalar scalar)
{
    if (scalar && let_go(&scalar->ref))
        free(scalar);
}

vx_status vxReleaseScalar(vx_scalar *scalar)
{
    drop_scalar(*scalar);
    *scalar = NULL;
    return VX_SUCCESS;
}

/* ---- Graphs and nodes ---- */

static void drop_parameter(vx_parameter parameter)
{
    if (let_go(&parameter->ref)) {
        vxReleaseNode(&parameter->node);
        free(parameter);
    }
}

vx_graph vxCreateGraph(vx_context context)
{
    return stub_make(sizeof(struct _vx_graph), GRAPH, context);
}

static void drop_node(vx_node node)
{
    int i;
    if (!let_go(&node->ref))
        return;
    for (i = 0; i < 3; i++)
        drop_tensor(node->in[i]);
    drop_tensor(node->out);
    drop_lut(node->lut);
    drop_scalar(node->scalars[0]);
    drop_scalar(node->scalars[1]);
    free(node);
}

vx_status vxReleaseNode(vx_node *node)
{
    drop_node(*node);
    *node = NULL;
    return VX_SUCCESS;
}

vx_status vxReleaseGraph(vx_graph *graph)
{
    size_t i;
    if (let_go(&(*graph)->ref)) {
        for (i = 0; i < (*graph)->parameter_count; i++)
            drop_parameter((*graph)->parameters[i]);
        for (i = 0; i < (*graph)->count; i++)
            drop_node((*graph)->nodes[i]);
        free((*graph)->nodes);
        free(*graph);
    }
    *graph = NULL;
    return VX_SUCCESS;
}

vx_status vxReleaseReference(vx_reference *reference)
{
    vx_reference ref = *reference;
    switch (ref->kind) {
    case GRAPH: return vxReleaseGraph((vx_graph *)(void *)reference);
    case NODE: return vxReleaseNode((vx_node *)(void *)reference);
    case TENSOR: return vxReleaseTensor((vx_tensor *)(void *)reference);
    case LUT: return vxReleaseLUT((vx_lut *)(void *)reference);
    case SCALAR: return vxReleaseScalar((vx_scalar *)(void *)reference);
    case PARAMETER: return vxReleaseParameter((vx_parameter *)(void *)reference);
    default: return VX_ERROR_INVALID_REFERENCE;
    }
}

vx_status vxVerifyGraph(vx_graph graph)
{
    graph->verified = 1;
    return VX_SUCCESS;
}

vx_status vxProcessGraph(vx_graph graph)
{
    size_t i;
    if (!graph->verified)
        return VX_ERROR_INVALID_GRAPH;
    for (i = 0; i < graph->count; i++)
        graph->nodes[i]->run(graph->nodes[i]);
    return VX_SUCCESS;
}

static vx_node add(vx_graph graph, void (*run)(vx_node), vx_tensor a, vx_tensor b, vx_tensor c,
                   vx_tensor out)
{
    vx_node node = stub_make(sizeof *node, NODE, graph->ref.context);
    int i;
    node->run = run;
    node->in[0] = a;
    node->in[1] = b;
    node->in[2] = c;
    node->out = out;
    for (i = 0; i < 3; i++)
        if (node->in[i])
            node->in[i]->ref.count++;
    out->ref.count++;
    node->ref.count++; /* one for the graph, one for the caller */
    graph->nodes = realloc(graph->nodes, (graph->count + 1) * sizeof *graph->nodes);
    if (!graph->nodes)
        stub_die("out of memory");
    graph->nodes[graph->count++] = node;
    return node;
}

#define EACH(t, v, d) for (v = 0; v < (long)(t)->dims[d]; v++)
#define ALL(t) EACH(t, n, 3) EACH(t, c, 2) EACH(t, y, 1) EACH(t, x, 0)

static long rounded(long product, vx_enum rounding)
{
    if (rounding == VX_ROUND_POLICY_TO_NEAREST_EVEN)
        product += 128;
    return product / 256;
}

static long once(double value, vx_enum rounding)
{
    return (long)(rounding == VX_ROUND_POLICY_TO_ZERO ? trunc(value) : rint(value));
}

static long inferred_stride(long extent, long window, long padding, long out, long ceiling)
{
    long slack = extent + 2 * padding - window, steps = out - 1;
    if (steps == 0)
        return 1;
    return ceiling ? (slack + steps - 1) / steps : slack / out + 1;
}

/* n: padding x y, ceiling, dilation x y */
static void run_convolution(vx_node node)
{
    vx_tensor in = node->in[0], w = node->in[1], b = node->in[2], out = node->out;
    int round_once = getenv("STUB_ROUND_ONCE") != NULL;
    long kw = (long)w->dims[0], kh = (long)w->dims[1], dx = node->n[3] + 1, dy = node->n[4] + 1;
    long sx = inferred_stride((long)in->dims[0], (kw - 1) * dx + 1, node->n[0],
                              (long)out->dims[0], node->n[2]);
    long sy = inferred_stride((long)in->dims[1], (kh - 1) * dy + 1, node->n[1],
                              (long)out->dims[1], node->n[2]);
    long x, y, c, n, i, j, k;
    ALL(out) {
        long sum = b ? get(b, c, 0, 0, 0) : 0;
        double exact = b ? get(b, c, 0, 0, 0) * 256.0 : 0.0;
        for (k = 0; k < (long)in->dims[2]; k++) {
            for (j = 0; j < kh; j++)
                for (i = 0; i < kw; i++) {
                    long px = x * sx + i * dx - node->n[0], py = y * sy + j * dy - node->n[1];
                    long product;
                    if (px < 0 || py < 0 || px >= (long)in->dims[0] || py >= (long)in->dims[1])
                        continue;
                    product = get(in, px, py, k, n) * get(w, i, j, k, c);
                    exact += (double)product;
                    sum += rounded(product, node->rounding);
                }
            if (node->overflow == VX_CONVERT_POLICY_SATURATE)
                sum = fit(sum, node->overflow);
        }
        if (round_once)
            sum = once(exact / 256.0, node->rounding);
        put(out, x, y, c, n, fit(sum, node->overflow));
    }
}

vx_node vxConvolutionLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights, vx_tensor biases,
                           const vx_nn_convolution_params_t *params, vx_size size,
                           vx_tensor outputs)
{
    vx_node node;
    if (size != sizeof *params || weights->rank != 4 || inputs->dims[2] != weights->dims[2] ||
        outputs->dims[2] != weights->dims[3] || (biases && biases->rank != 1))
        return NULL;
    node = add(graph, run_convolution, inputs, weights, biases, outputs);
    node->n[0] = (long)params->padding_x;
    node->n[1] = (long)params->padding_y;
    node->n[2] = params->down_scale_size_rounding == VX_NN_DS_SIZE_ROUNDING_CEILING;
    node->n[3] = (long)params->dilation_x;
    node->n[4] = (long)params->dilation_y;
    node->overflow = params->overflow_policy;
    node->rounding = params->rounding_policy;
    return node;
}

static void run_fully_connected(vx_node node)
{
    vx_tensor in = node->in[0], w = node->in[1], b = node->in[2], out = node->out;
    int round_once = getenv("STUB_ROUND_ONCE") != NULL;
    long o, n, x, y, c;
    EACH(out, n, 1) EACH(out, o, 0) {
        long sum = b ? get(b, o, 0, 0, 0) : 0, k = 0;
        double exact = sum * 256.0;
        if (in->rank == 2) {
            EACH(in, k, 0) {
                long product = get(in, k, n, 0, 0) * get(w, k, o, 0, 0);
                exact += (double)product;
                sum += rounded(product, node->rounding);
            }
        } else {
            EACH(in, c, 2) EACH(in, y, 1) EACH(in, x, 0) {
                long product = get(in, x, y, c, n) * get(w, k++, o, 0, 0);
                exact += (double)product;
                sum += rounded(product, node->rounding);
            }
        }
        if (round_once)
            sum = once(exact / 256.0, node->rounding);
        put(out, o, n, 0, 0, fit(sum, node->overflow));
    }
}

vx_node vxFullyConnectedLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights,
                              vx_tensor biases, vx_enum overflow, vx_enum rounding,
                              vx_tensor outputs)
{
    vx_node node = add(graph, run_fully_connected, inputs, weights, biases, outputs);
    node->overflow = overflow;
    node->rounding = rounding;
    return node;
}

/* n: size x y, padding x y, ceiling */
static void run_pooling(vx_node node)
{
    vx_tensor in = node->in[0], out = node->out;
    long sx = inferred_stride((long)in->dims[0], node->n[0], node->n[2], (long)out->dims[0],
                              node->n[4]);
    long sy = inferred_stride((long)in->dims[1], node->n[1], node->n[3], (long)out->dims[1],
                              node->n[4]);
    long x, y, c, n, i, j;
    ALL(out) {
        long sum = 0, largest = -32768;
        for (j = 0; j < node->n[1]; j++)
            for (i = 0; i < node->n[0]; i++) {
                long px = x * sx + i - node->n[2], py = y * sy + j - node->n[3], value;
                if (px < 0 || py < 0 || px >= (long)in->dims[0] || py >= (long)in->dims[1])
                    continue;
                value = get(in, px, py, c, n);
                sum += value;
                largest = value > largest ? value : largest;
            }
        put(out, x, y, c, n,
            node->kind == VX_NN_POOLING_MAX ? largest : sum / (node->n[0] * node->n[1]));
    }
}

vx_node vxPoolingLayer(vx_graph graph, vx_tensor inputs, vx_enum type, vx_size size_x,
                       vx_size size_y, vx_size padding_x, vx_size padding_y, vx_enum rounding,
                       vx_tensor outputs)
{
    vx_node node = add(graph, run_pooling, inputs, NULL, NULL, outputs);
    node->kind = type;
    node->n[0] = (long)size_x;
    node->n[1] = (long)size_y;
    node->n[2] = (long)padding_x;
    node->n[3] = (long)padding_y;
    node->n[4] = rounding == VX_NN_DS_SIZE_ROUNDING_CEILING;
    return node;
}

static void run_softmax(vx_node node)
{
    vx_tensor in = node->in[0], out = node->out;
    int round_once = getenv("STUB_ROUND_ONCE") != NULL;
    int axis = in->rank > 2 ? 2 : 0;
    long p[4], k, extent = (long)in->dims[axis];
    EACH(in, p[3], 3) EACH(in, p[2], 2) EACH(in, p[1], 1) EACH(in, p[0], 0) {
        double sum = 0.0, largest = -1e9;
        float sum32 = 0.0f;
        long own = p[axis], value;
        if (own)
            continue;
        for (k = 0; k < extent; k++) {
            p[axis] = k;
            value = get(in, p[0], p[1], p[2], p[3]);
            largest = value > largest ? (double)value : largest;
        }
        for (k = 0; k < extent; k++) {
            p[axis] = k;
            value = get(in, p[0], p[1], p[2], p[3]);
            sum += exp(((double)value - largest) / 256.0);
            sum32 += (float)exp((double)((float)value / 256.0f));
        }
        for (k = 0; k < extent; k++) {
            double share;
            p[axis] = k;
            value = get(in, p[0], p[1], p[2], p[3]);
            share = round_once ? exp(((double)value - largest) / 256.0) / sum
                               : (float)exp((double)((float)value / 256.0f)) / sum32;
            put(out, p[0], p[1], p[2], p[3], (long)(share * 256.0));
        }
        p[axis] = own;
    }
}

vx_node vxSoftmaxLayer(vx_graph graph, vx_tensor inputs, vx_tensor outputs)
{
    return add(graph, run_softmax, inputs, NULL, NULL, outputs);
}

static void run_relu(vx_node node)
{
    long x, y, c, n;
    ALL(node->out) {
        long value = get(node->in[0], x, y, c, n);
        put(node->out, x, y, c, n, value > 0 ? value : 0);
    }
}

vx_node vxActivationLayer(vx_graph graph, vx_tensor inputs, vx_enum function, vx_float32 a,
                          vx_float32 b, vx_tensor outputs)
{
    (void)a;
    (void)b;
    if (function != VX_NN_ACTIVATION_RELU)
        return NULL;
    return add(graph, run_relu, inputs, NULL, NULL, outputs);
}

/* kind: 1 add, -1 subtract, 0 multiply; extents of 1 of the second operand repeat */
static void run_arithmetic(vx_node node)
{
    vx_tensor a = node->in[0], b = node->in[1], out = node->out;
    long x, y, c, n;
    ALL(out) {
        long first = get(a, x, y, c, n);
        long second = get(b, b->dims[0] > 1 ? x : 0, b->dims[1] > 1 ? y : 0,
                          b->dims[2] > 1 ? c : 0, b->dims[3] > 1 ? n : 0);
        long value = first + node->kind * second;
        if (node->kind == 0)
            value = once((double)first * (double)second * node->scalars[0]->value / 256.0,
                         node->rounding);
        put(out, x, y, c, n, fit(value, node->overflow));
    }
}

static vx_node arithmetic(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_enum overflow,
                          vx_tensor out, vx_enum kind)
{
    vx_node node;
    vx_size i;
    for (i = 0; i < 6; i++)
        if (in1->dims[i] != out->dims[i] || (in2->dims[i] != 1 && in2->dims[i] != in1->dims[i]))
            return NULL;
    node = add(graph, run_arithmetic, in1, in2, NULL, out);
    node->overflow = overflow;
    node->kind = kind;
    return node;
}

vx_node vxTensorAddNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_enum overflow,
                        vx_tensor out)
{
    return arithmetic(graph, in1, in2, overflow, out, 1);
}

vx_node vxTensorSubtractNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_enum overflow,
                             vx_tensor out)
{
    return arithmetic(graph, in1, in2, overflow, out, -1);
}

vx_node vxTensorMultiplyNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_scalar scale,
                             vx_enum overflow, vx_enum rounding, vx_tensor out)
{
    vx_node node = arithmetic(graph, in1, in2, overflow, out, 0);
    if (node) {
        node->scalars[0] = scale;
        scale->ref.count++;
        node->rounding = rounding;
    }
    return node;
}

static void run_lookup(vx_node node)
{
    long x, y, c, n;
    ALL(node->out) {
        long index = get(node->in[0], x, y, c, n) + (long)(node->lut->count / 2);
        put(node->out, x, y, c, n, node->lut->data[index]);
    }
}

vx_node vxTensorTableLookupNode(vx_graph graph, vx_tensor in, vx_lut lut, vx_tensor out)
{
    vx_node node = add(graph, run_lookup, in, NULL, NULL, out);
    node->lut = lut;
    lut->ref.count++;
    return node;
}

static void run_transpose(vx_node node)
{
    long p[4], q[4];
    vx_tensor out = node->out;
    EACH(out, p[3], 3) EACH(out, p[2], 2) EACH(out, p[1], 1) EACH(out, p[0], 0) {
        memcpy(q, p, sizeof q);
        q[node->n[0]] = p[node->n[1]];
        q[node->n[1]] = p[node->n[0]];
        put(out, p[0], p[1], p[2], p[3], get(node->in[0], q[0], q[1], q[2], q[3]));
    }
}

vx_node vxTensorTransposeNode(vx_graph graph, vx_tensor in, vx_tensor out, vx_size dimension1,
                              vx_size dimension2)
{
    vx_node node = add(graph, run_transpose, in, NULL, NULL, out);
    node->n[0] = (long)dimension1;
    node->n[1] = (long)dimension2;
    return node;
}

static void run_convert(vx_node node)
{
    long x, y, c, n;
    ALL(node->out) {
        double value = (double)get(node->in[0], x, y, c, n);
        value = (value - node->scalars[1]->value * 256.0) / node->scalars[0]->value;
        put(node->out, x, y, c, n, fit((long)value, node->overflow));
    }
}

vx_node vxTensorConvertDepthNode(vx_graph graph, vx_tensor in, vx_enum overflow, vx_scalar norm,
                                 vx_scalar offset, vx_tensor out)
{
    vx_node node = add(graph, run_convert, in, NULL, NULL, out);
    node->overflow = overflow;
    node->scalars[0] = norm;
    node->scalars[1] = offset;
    norm->ref.count++;
    offset->ref.count++;
    return node;
}

static void run_matrix(vx_node node)
{
    long x, y, k, *turned = node->n;
    vx_tensor a = node->in[0], b = node->in[1];
    long depth = (long)a->dims[turned[0] ? 1 : 0];
    int round_once = getenv("STUB_ROUND_ONCE") != NULL;
    for (y = 0; y < (long)node->out->dims[1]; y++)
        for (x = 0; x < (long)node->out->dims[0]; x++) {
            double sum = 0.0;
            for (k = 0; k < depth; k++)
                sum += (double)get(a, turned[0] ? y : k, turned[0] ? k : y, 0, 0)
                       * get(b, turned[1] ? k : x, turned[1] ? x : k, 0, 0);
            sum /= 256.0;
            put(node->out, x, y, 0, 0,
                fit((long)(round_once ? nearbyint(sum) : trunc(sum)),
                    VX_CONVERT_POLICY_SATURATE));
        }
}

vx_node vxTensorMatrixMultiplyNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_tensor in3,
                                   const vx_tensor_matrix_multiply_params_t *params,
                                   vx_tensor out)
{
    vx_node node = add(graph, run_matrix, in1, in2, in3, out);
    node->n[0] = params->transpose_input1;
    node->n[1] = params->transpose_input2;
    return in3 ? NULL : node;
}

/* ---- Parameters: the tensors of a node ---- */

vx_tensor *stub_operand(vx_node node, vx_uint32 index)
{
    return index < 3 ? &node->in[index] : &node->out;
}

vx_status vxQueryNode(vx_node node, vx_enum attribute, void *data, vx_size size)
{
    (void)node;
    if (attribute != VX_NODE_PARAMETERS || size != sizeof(vx_uint32))
        return VX_ERROR_NOT_SUPPORTED;
    *(vx_uint32 *)data = 4;
    return VX_SUCCESS;
}

vx_parameter vxGetParameterByIndex(vx_node node, vx_uint32 index)
{
    vx_parameter parameter;
    if (index >= 4)
        return NULL;
    parameter = stub_make(sizeof *parameter, PARAMETER, node->ref.context);
    parameter->node = node;
    parameter->index = index;
    node->ref.count++;
    return parameter;
}

/* STUB_KEEPS_COUNT in the environment makes it a target that retains nothing here. */
vx_status vxQueryParameter(vx_parameter parameter, vx_enum attribute, void *data, vx_size size)
{
    vx_tensor t = *stub_operand(parameter->node, parameter->index);
    if (attribute == VX_PARAMETER_TYPE && size == sizeof(vx_enum)) {
        *(vx_enum *)data = VX_TYPE_TENSOR;
    } else if (attribute == VX_PARAMETER_REF && size == sizeof(vx_reference)) {
        *(vx_reference *)data = (vx_reference)t;
        if (t && !getenv("STUB_KEEPS_COUNT"))
            t->ref.count++;
    } else {
        return VX_ERROR_NOT_SUPPORTED;
    }
    return VX_SUCCESS;
}

vx_status vxReleaseParameter(vx_parameter *parameter)
{
    drop_parameter(*parameter);
    *parameter = NULL;
    return VX_SUCCESS;
}

vx_status vxQueryReference(vx_reference reference, vx_enum attribute, void *data, vx_size size)
{
    if (attribute != VX_REFERENCE_COUNT || size != sizeof(vx_uint32))
        return VX_ERROR_NOT_SUPPORTED;
    *(vx_uint32 *)data = (vx_uint32)reference->count;
    return VX_SUCCESS;
}

vx_status vxQueryGraph(vx_graph graph, vx_enum attribute, void *data, vx_size size)
{
    if (attribute != VX_GRAPH_NUMPARAMETERS || size != sizeof(vx_uint32))
        return VX_ERROR_NOT_SUPPORTED;
    *(vx_uint32 *)data = graph->parameter_count;
    return VX_SUCCESS;
}

vx_status vxAddParameterToGraph(vx_graph graph, vx_parameter parameter)
{
    if (graph->parameter_count == sizeof graph->parameters / sizeof *graph->parameters)
        return VX_ERROR_NO_RESOURCES;
    parameter->ref.count++;
    graph->parameters[graph->parameter_count++] = parameter;
    return VX_SUCCESS;
}

vx_status vxSetGraphParameterByIndex(vx_graph graph, vx_uint32 index, vx_reference value)
{
    vx_tensor *place, t = (vx_tensor)value;
    if (index >= graph->parameter_count || value->kind != TENSOR)
        return VX_ERROR_INVALID_PARAMETERS;
    place = stub_operand(graph->parameters[index]->node, graph->parameters[index]->index);
    if ((*place)->type != t->type || memcmp((*place)->dims, t->dims, sizeof t->dims) != 0)
        return VX_ERROR_INVALID_PARAMETERS;
    t->ref.count++;
    drop_tensor(*place);
    *place = t;
    return VX_SUCCESS;
}

const stub_run stub_runs[] = {
    run_convolution, run_fully_connected, run_pooling, run_softmax, run_relu, run_arithmetic,
    run_lookup, run_transpose, run_convert, run_matrix};
const size_t stub_run_count = sizeof stub_runs / sizeof *stub_runs;

/* ---- What no generated program calls yet: it fails, so that a test notices ---- */

vx_node vxLocalResponseNormalizationLayer(vx_graph graph, vx_tensor inputs, vx_enum type,
                                          vx_size size, vx_float32 alpha, vx_float32 beta,
                                          vx_float32 bias, vx_tensor outputs)
{
    (void)graph, (void)inputs, (void)type, (void)size, (void)alpha, (void)beta, (void)bias;
    (void)outputs;
    return NULL;
}
