/* The nodes of a `.nxvx` file: arguments, extents, and what is read and written. See nnefx_blob.h.
 *
 * Real targets let wrong extents by and then read outside of their tensors, so they are checked
 * here. The rules are those of nnefx/openvx/shapes.py and check.py. */
#include <stdlib.h>
#include <string.h>

#include "nnefx_reader.h"

#define NONE UINT32_MAX
#define MAX_SIZE UINT32_C(0x7FFFFFFF) /* of a padding, window or dilation */
#define MAX_COMPARISONS (UINT32_C(1) << 24)

/* The parameters of an operation, one letter each: T tensor, t tensor or nothing, O result,
 * L table, S scalar, z size, b truth value, f float, a digit for an enumeration of so many members. */
static const struct {
    uint32_t op;
    const char *params;
} operations[] = {
    {NNEFX_CONVOLUTION, "TTtzz222zzO"}, {NNEFX_FULLY_CONNECTED, "TTt22O"},
    {NNEFX_POOLING, "T2zzzz2O"}, {NNEFX_SOFTMAX, "TO"}, {NNEFX_NORMALIZATION, "T2zfffO"},
    {NNEFX_ACTIVATION, "T9ffO"}, {NNEFX_ROI_POOLING, "TT2O"}, {NNEFX_DECONVOLUTION, "TTtzz22zzO"},
    {NNEFX_ADD, "TT2O"}, {NNEFX_SUBTRACT, "TT2O"}, {NNEFX_MULTIPLY, "TTS22O"},
    {NNEFX_TABLE_LOOKUP, "TLO"}, {NNEFX_TRANSPOSE, "TOzz"}, {NNEFX_CONVERT_DEPTH, "T2SSO"},
    {NNEFX_MATRIX_MULTIPLY, "TTtbbbO"}, {NNEFX_CONVOLUTION_EXT2, "TTtzz222zzzzzzzO"},
    {NNEFX_NORMALIZATION_2, "T2zfffO"}};

static const char *params_of(uint32_t op)
{
    size_t i;
    for (i = 0; i < sizeof operations / sizeof *operations; i++)
        if (operations[i].op == op)
            return operations[i].params;
    return NULL;
}

nnefx_node nnefx_blob_node(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->nodes, index);
    uint32_t first = nnefx_u32(at + 8), i;
    nnefx_node node;
    memset(&node, 0, sizeof node);
    node.op = nnefx_u32(at);
    node.source = nnefx_text(blob, nnefx_u32(at + 4));
    node.count = nnefx_u32(at + 12);
    for (i = 0; i < node.count && i < NNEFX_MAX_ARGS; i++) {
        const unsigned char *row = nnefx_record(blob, &blob->args, first + i);
        node.args[i].kind = row[0];
        node.args[i].index = nnefx_u32(row + 4);
        node.args[i].value = nnefx_u64(row + 8);
    }
    return node;
}

/* ---- Arguments ---- */

static int object_exists(const nnefx_blob *blob, uint32_t kind, uint32_t index)
{
    switch (kind) {
    case NNEFX_TENSOR: return index < blob->tensors.count;
    case NNEFX_VIEW: return index < blob->views.count;
    case NNEFX_LUT: return index < blob->luts.count;
    default: return index < blob->scalars.count;
    }
}

static int fits(char param, const nnefx_arg *arg)
{
    float number;
    switch (param) {
    case 'T': case 'O': return arg->kind == NNEFX_TENSOR || arg->kind == NNEFX_VIEW;
    case 't': return arg->kind == NNEFX_NULL || fits('T', arg);
    case 'L': return arg->kind == NNEFX_LUT;
    case 'S': return arg->kind == NNEFX_SCALAR;
    case 'z': return arg->kind == NNEFX_INT && arg->value <= MAX_SIZE;
    case 'b': return arg->kind == NNEFX_INT && arg->value <= 1;
    case 'f':
        number = nnefx_float_of(arg->value);
        return arg->kind == NNEFX_FLOAT && number - number == 0.0f;
    default: return arg->kind == NNEFX_ENUM && arg->value < (uint64_t)(param - '0');
    }
}

static int check_args(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    const unsigned char *row = nnefx_record(blob, &blob->nodes, index);
    const char *params = params_of(nnefx_u32(row));
    uint64_t at = (uint64_t)(row - blob->data);
    uint32_t first = nnefx_u32(row + 8), count = nnefx_u32(row + 12), i;
    nnefx_node node;
    if (!params)
        return nnefx_blob_fail(error, NNEFX_BLOB_VERSION, at, "node operation is unknown");
    if (!nnefx_blob_check_text(blob, at + 4, error) ||
        !nnefx_blob_check_text(blob, at + 16, error) ||
        !nnefx_blob_check_text(blob, at + 20, error) ||
        !nnefx_blob_check_text(blob, at + 24, error))
        return 0;
    if (count != strlen(params) || count > blob->args.count || first > blob->args.count - count)
        return nnefx_blob_fail(error, NNEFX_BLOB_DAMAGED, at + 8, "arguments are missing");
    node = nnefx_blob_node(blob, index);
    for (i = 0; i < count; i++) {
        const unsigned char *entry = nnefx_record(blob, &blob->args, first + i);
        at = (uint64_t)(entry - blob->data);
        if (node.args[i].kind <= NNEFX_SCALAR &&
            !object_exists(blob, node.args[i].kind, node.args[i].index))
            return nnefx_blob_fail(error, NNEFX_BLOB_DAMAGED, at + 4, "argument is no object");
        if (!fits(params[i], &node.args[i]))
            return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, at,
                                   "argument does not fit its parameter");
    }
    return 1;
}

/* ---- Boxes: what part of which tensor an argument is ---- */

struct box {
    uint32_t tensor, kind, rank;
    uint64_t start[NNEFX_MAX_RANK], end[NNEFX_MAX_RANK];
};

static struct box box_of(const nnefx_blob *blob, const nnefx_arg *arg)
{
    struct box box;
    nnefx_tensor tensor;
    uint32_t index = arg->index, i;
    if (arg->kind == NNEFX_VIEW)
        index = nnefx_blob_view(blob, arg->index).parent;
    tensor = nnefx_blob_tensor(blob, index);
    box.tensor = index;
    box.kind = tensor.kind;
    box.rank = tensor.rank;
    for (i = 0; i < NNEFX_MAX_RANK; i++) {
        box.start[i] = 0;
        box.end[i] = i < tensor.rank ? tensor.dims[i] : 1;
    }
    if (arg->kind == NNEFX_VIEW) {
        nnefx_view view = nnefx_blob_view(blob, arg->index);
        memcpy(box.start, view.start, view.rank * sizeof *box.start);
        memcpy(box.end, view.end, view.rank * sizeof *box.end);
    }
    return box;
}

/* How many items two boxes of a tensor share. */
static uint64_t shared(const struct box *a, const struct box *b)
{
    uint64_t volume = 1;
    uint32_t i;
    for (i = 0; i < a->rank; i++) {
        uint64_t start = a->start[i] > b->start[i] ? a->start[i] : b->start[i];
        uint64_t end = a->end[i] < b->end[i] ? a->end[i] : b->end[i];
        volume *= end > start ? end - start : 0;
    }
    return volume;
}

/* ---- Extents ---- */

/* The tensors of a node by their parameters; a left out one has rank 0. */
struct extents {
    uint32_t rank;
    uint64_t d[NNEFX_MAX_RANK];
};

static int same(const struct extents *a, const struct extents *b, uint32_t from)
{
    uint32_t i;
    for (i = from; i < NNEFX_MAX_RANK; i++)
        if (a->d[i] != b->d[i])
            return 0;
    return a->rank == b->rank;
}

static int is(const struct extents *a, uint32_t rank, uint64_t first, uint64_t second)
{
    return a->rank == rank && a->d[0] == first && (rank < 2 || a->d[1] == second);
}

/* One direction of a window: it must fit, and so must the stride that targets infer. */
static int window(uint64_t in, uint64_t out, uint64_t size, uint64_t padding, uint64_t ceiling)
{
    uint64_t slack = in + 2 * padding, steps = out - 1, stride;
    if (slack < size)
        return 0;
    slack -= size;
    stride = !steps ? 1 : ceiling ? slack / steps + (slack % steps != 0) : slack / out + 1;
    return stride >= 1 && (!steps || stride <= slack / steps);
}

static int fits_convolution(const nnefx_node *node, const struct extents *e)
{
    const struct extents *x = &e[0], *w = &e[1], *b = &e[2], *y = &e[10];
    uint64_t ceiling = node->args[7].value;
    uint32_t i;
    if (x->rank < 3 || x->rank > 4 || y->rank != x->rank || w->rank != 4)
        return 0;
    if (x->d[2] != w->d[2] || y->d[2] != w->d[3] || x->d[3] != y->d[3])
        return 0;
    if (b->rank && !is(b, 1, w->d[3], 0) &&
        !(b->rank == 3 && b->d[0] == y->d[0] && b->d[1] == y->d[1] && b->d[2] == y->d[2]))
        return 0;
    for (i = 0; i < 2; i++) {
        if (w->d[i] > MAX_SIZE || !window(x->d[i], y->d[i],
                                          (w->d[i] - 1) * (node->args[8 + i].value + 1) + 1,
                                          node->args[3 + i].value, ceiling))
            return 0;
    }
    return 1;
}

/* The stride and the padding of either side are told; a depth multiplier takes channels apart. */
static int fits_extended(const nnefx_node *node, const struct extents *e)
{
    const struct extents *x = &e[0], *w = &e[1], *b = &e[2], *y = &e[15];
    uint64_t multiplier = node->args[14].value;
    uint32_t i;
    if (x->rank < 3 || x->rank > 4 || y->rank != x->rank || w->rank != 4)
        return 0;
    if (w->d[2] != (multiplier ? 1 : x->d[2]) || y->d[2] != w->d[3] || x->d[3] != y->d[3])
        return 0;
    if (multiplier && (w->d[3] / multiplier != x->d[2] || w->d[3] % multiplier != 0))
        return 0;
    if (b->rank && !is(b, 1, w->d[3], 0))
        return 0;
    for (i = 0; i < 2; i++) {
        uint64_t in = x->d[i] + node->args[3 + i].value + node->args[10 + i].value;
        uint64_t reach, stride = node->args[12 + i].value;
        if (w->d[i] > MAX_SIZE || stride < 1)
            return 0;
        reach = (w->d[i] - 1) * (node->args[8 + i].value + 1) + 1;
        if (in < reach || (in - reach) / stride + 1 != y->d[i])
            return 0;
    }
    return 1;
}

static int fits_fully_connected(const struct extents *e)
{
    const struct extents *x = &e[0], *w = &e[1], *b = &e[2], *y = &e[5];
    uint64_t items = 1;
    uint32_t i;
    if (x->rank != 2 && x->rank != 4)
        return 0;
    for (i = 0; i + 1 < x->rank; i++)
        items *= x->d[i];
    return is(w, 2, items, w->d[1]) && is(y, 2, w->d[1], x->d[x->rank - 1]) &&
           (!b->rank || is(b, 1, w->d[1], 0));
}

static int fits_pooling(const nnefx_node *node, const struct extents *e)
{
    const struct extents *x = &e[0], *y = &e[7];
    uint32_t i;
    if (x->rank < 3 || x->rank > 4 || !same(x, y, 2))
        return 0;
    for (i = 0; i < 2; i++)
        if (!node->args[2 + i].value ||
            !window(x->d[i], y->d[i], node->args[2 + i].value, node->args[4 + i].value,
                    node->args[6].value))
            return 0;
    return 1;
}

/* The result is like the first operand; extents of 1 of the second are repeated. */
static int fits_pair(const struct extents *e, const struct extents *out)
{
    uint32_t i;
    for (i = 0; i < NNEFX_MAX_RANK; i++)
        if (e[1].d[i] != 1 && e[1].d[i] != e[0].d[i])
            return 0;
    return e[0].rank == e[1].rank && same(&e[0], out, 0);
}

static int fits_transpose(const nnefx_node *node, const struct extents *e)
{
    uint64_t first = node->args[2].value, second = node->args[3].value, held;
    struct extents turned = e[0];
    if (first >= turned.rank || second >= turned.rank)
        return 0;
    held = turned.d[first];
    turned.d[first] = turned.d[second];
    turned.d[second] = held;
    return same(&turned, &e[1], 0);
}

static int fits_matrices(const nnefx_node *node, const struct extents *e)
{
    const struct extents *y = &e[6];
    uint64_t wide[3], high[3];
    int i;
    for (i = 0; i < 3; i++) {
        int turned = node->args[3 + i].value != 0;
        if (e[i].rank != 2 && !(i == 2 && !e[i].rank))
            return 0;
        wide[i] = e[i].d[turned];
        high[i] = e[i].d[!turned];
    }
    return wide[0] == high[1] && is(y, 2, wide[1], high[0]) &&
           (!e[2].rank || is(y, 2, wide[2], high[2]));
}

static int extents_fit(const nnefx_blob *blob, const nnefx_node *node)
{
    struct extents e[NNEFX_MAX_ARGS];
    uint32_t i, j;
    memset(e, 0, sizeof e);
    for (i = 0; i < node->count; i++) {
        struct box box;
        if (node->args[i].kind > NNEFX_VIEW)
            continue;
        box = box_of(blob, &node->args[i]);
        e[i].rank = box.rank;
        for (j = 0; j < NNEFX_MAX_RANK; j++)
            e[i].d[j] = box.end[j] - box.start[j];
    }
    switch (node->op) {
    case NNEFX_CONVOLUTION: return fits_convolution(node, e);
    case NNEFX_CONVOLUTION_EXT2: return fits_extended(node, e);
    case NNEFX_FULLY_CONNECTED: return fits_fully_connected(e);
    case NNEFX_POOLING: return fits_pooling(node, e);
    case NNEFX_ADD: case NNEFX_SUBTRACT: return fits_pair(e, &e[3]);
    case NNEFX_MULTIPLY: return fits_pair(e, &e[5]);
    case NNEFX_TRANSPOSE: return fits_transpose(node, e);
    case NNEFX_MATRIX_MULTIPLY: return fits_matrices(node, e);
    case NNEFX_ROI_POOLING: case NNEFX_DECONVOLUTION: return 1;
    default: return same(&e[0], &e[node->count - 1], 0); /* the others map item to item */
    }
}

/* ---- What is read was written before, and nothing is written twice ---- */

/* The nodes that wrote a tensor so far, as a list: first[tensor], then next[node]. */
struct flow {
    const nnefx_blob *blob;
    uint32_t *first, *next, comparisons;
};

static const nnefx_arg *result_of(const nnefx_node *node)
{
    return &node->args[strchr(params_of(node->op), 'O') - params_of(node->op)];
}

/* Count the items of `box` that were written, each once. */
static uint64_t written(struct flow *flow, const struct box *box)
{
    uint64_t count = 0;
    uint32_t at = flow->first[box->tensor];
    for (; at != NONE && flow->comparisons < MAX_COMPARISONS; at = flow->next[at]) {
        nnefx_node node = nnefx_blob_node(flow->blob, at);
        struct box other = box_of(flow->blob, result_of(&node));
        count += shared(box, &other);
        flow->comparisons++;
    }
    return count;
}

static int check_flow(struct flow *flow, uint32_t index, nnefx_blob_error *error)
{
    const nnefx_blob *blob = flow->blob;
    nnefx_node node = nnefx_blob_node(blob, index);
    uint64_t at = (uint64_t)(nnefx_record(blob, &blob->nodes, index) - blob->data);
    const nnefx_arg *result = result_of(&node);
    struct box box;
    uint32_t i;
    for (i = 0; i < node.count; i++) {
        if (node.args[i].kind > NNEFX_VIEW || &node.args[i] == result)
            continue;
        box = box_of(blob, &node.args[i]);
        if ((box.kind == NNEFX_VIRTUAL || box.kind == NNEFX_OUTPUT) &&
            written(flow, &box) != shared(&box, &box))
            return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, at,
                                   "node reads what is not all written");
    }
    box = box_of(blob, result);
    if (box.kind == NNEFX_INPUT || box.kind == NNEFX_CONST)
        return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, at, "node writes a constant or input");
    if (written(flow, &box))
        return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, at, "node writes what is written");
    if (flow->comparisons >= MAX_COMPARISONS)
        return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, at, "tensor is written in many parts");
    flow->next[index] = flow->first[box.tensor];
    flow->first[box.tensor] = index;
    return 1;
}

static int check_nodes(struct flow *flow, nnefx_blob_error *error)
{
    const nnefx_blob *blob = flow->blob;
    uint32_t i;
    for (i = 0; i < blob->tensors.count; i++)
        flow->first[i] = NONE;
    for (i = 0; i < blob->nodes.count; i++) {
        nnefx_node node;
        if (!check_args(blob, i, error))
            return 0;
        node = nnefx_blob_node(blob, i);
        if (!extents_fit(blob, &node))
            return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN,
                                   (uint64_t)(nnefx_record(blob, &blob->nodes, i) - blob->data),
                                   "extents of a node's tensors do not fit");
        if (!check_flow(flow, i, error))
            return 0;
    }
    for (i = 0; i < blob->tensors.count; i++) {
        nnefx_arg arg = {NNEFX_TENSOR, i, 0};
        struct box box = box_of(blob, &arg);
        if (box.kind == NNEFX_OUTPUT && written(flow, &box) != shared(&box, &box))
            return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, blob->nodes.offset,
                                   "output is not all written");
    }
    return 1;
}

int nnefx_blob_check_calls(const nnefx_blob *blob, nnefx_blob_error *error)
{
    struct flow flow = {blob, NULL, NULL, 0};
    int fine;
    flow.first = malloc((blob->tensors.count + (size_t)1) * sizeof *flow.first);
    flow.next = malloc((blob->nodes.count + (size_t)1) * sizeof *flow.next);
    if (flow.first && flow.next)
        fine = check_nodes(&flow, error);
    else
        fine = nnefx_blob_fail(error, NNEFX_BLOB_NO_MEMORY, 0, "out of memory");
    free(flow.first);
    free(flow.next);
    return fine;
}
