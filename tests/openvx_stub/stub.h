/* The objects of the OpenVX of the tests, for its files. */
#ifndef STUB_H
#define STUB_H

#include <stddef.h>

#include <VX/vx.h>

enum kind { CONTEXT, GRAPH, NODE, TENSOR, LUT, SCALAR, PARAMETER, IMPORT };

struct _vx_reference {
    enum kind kind;
    int count;
    vx_context context;
    char name[64];
};

struct _vx_context {
    struct _vx_reference ref;
    int live;
};

struct _vx_tensor {
    struct _vx_reference ref;
    vx_enum type;
    int position, is_virtual;
    vx_size rank, dims[6];
    ptrdiff_t strides[6]; /* in items */
    char *data;           /* of the first item */
    char *owned;
    vx_tensor parent;
};

struct _vx_lut {
    struct _vx_reference ref;
    vx_size count;
    vx_int16 *data;
};

struct _vx_scalar {
    struct _vx_reference ref;
    vx_float32 value;
};

struct _vx_node {
    struct _vx_reference ref;
    void (*run)(vx_node node);
    vx_tensor in[3], out;
    vx_lut lut;
    vx_scalar scalars[2];
    long n[8];
    vx_enum overflow, rounding, kind;
    vx_float32 a, b;
};

struct _vx_parameter {
    struct _vx_reference ref;
    vx_node node;
    vx_uint32 index;
};

struct _vx_graph {
    struct _vx_reference ref;
    vx_node *nodes;
    size_t count;
    int verified, imported;
    vx_parameter parameters[16];
    vx_uint32 parameter_count;
};

struct _vx_import {
    struct _vx_reference ref;
};

/* What nodes do, by number, so that graphs can be exported. */
typedef void (*stub_run)(vx_node node);
extern const stub_run stub_runs[];
extern const size_t stub_run_count;

void stub_die(const char *what);
void *stub_make(size_t size, enum kind kind, vx_context context);
vx_tensor *stub_operand(vx_node node, vx_uint32 index); /* 0 to 2 are read, 3 is written */
size_t stub_item(vx_enum type);

#endif
