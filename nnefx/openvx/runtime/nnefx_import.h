/* An import from within: for nnefx_vx.c and nnefx_build.c. */
#ifndef NNEFX_IMPORT_H
#define NNEFX_IMPORT_H

#include <VX/vx.h>

#include "nnefx_nodes.h"
#include "nnefx_vx.h"

struct item {
    uint32_t kind, index;
};

/* Where a tensor comes from: made, made of the blob's memory, or given by the application. */
enum { MADE, HANDLE, GIVEN };

struct nnefx_vx_import_s {
    vx_context context;
    vx_graph graph;
    int owns_graph;
    vx_uint32 flags;
    vx_status status;
    nnefx_file file;
    nnefx_blob blob;
    nnefx_blob_error error;
    char message[200];
    nnefx_objects objects;
    unsigned char *origin;    /* of each tensor */
    struct item *items;       /* what has which index, the graph left out */
    uint32_t count;
};

/* What OpenVX calls a tensor of the file. */
struct nnefx_shape {
    vx_enum type;
    vx_int8 position;
    vx_size rank, dims[NNEFX_MAX_RANK];
};

struct nnefx_shape nnefx_shape_of(const nnefx_tensor *entry);

/* Make all objects of the checked blob and add the nodes to a graph; what fails is in `error`. */
vx_status nnefx_build(nnefx_vx_import import, const nnefx_vx_options *options);
void nnefx_release_objects(nnefx_vx_import import);

#endif
