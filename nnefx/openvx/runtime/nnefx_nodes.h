/* The nodes of a blob as OpenVX nodes: for nnefx_vx.c. */
#ifndef NNEFX_NODES_H
#define NNEFX_NODES_H

#include <VX/vx.h>

#include "nnefx_blob.h"

/* The objects that arguments name; views count on from the tensors. */
typedef struct {
    vx_tensor *tensors, *views;
    vx_lut *luts;
    vx_scalar *scalars;
} nnefx_objects;

vx_node nnefx_make_node(vx_graph graph, const nnefx_node *node, const nnefx_objects *objects);

#endif
