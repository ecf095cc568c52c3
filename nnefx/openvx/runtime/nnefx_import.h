/* An import from within: for the files of the loader that call OpenVX. */
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

/* A parameter of a node that reads or writes an input or output. */
struct use {
    uint32_t port;
    vx_parameter parameter;
};

/* The parameters of the graph that an input or output has; fewer than its places: none count. */
struct span {
    vx_uint32 first, count, places;
};

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
    struct use *uses;         /* until they are parameters of the graph */
    uint32_t use_count;
    struct span *spans;       /* of each port */
    nnefx_vx_cache_use cache_use;
    char cache_note[100];
};

/* What OpenVX calls a tensor of the file. */
struct nnefx_shape {
    vx_enum type;
    vx_int8 position;
    vx_size rank, dims[NNEFX_MAX_RANK];
};

struct nnefx_shape nnefx_shape_of(const nnefx_tensor *entry);
/* Whether a tensor that we did not make fits; what it does not tell is taken to fit. */
vx_status nnefx_compare_tensor(vx_tensor given, const struct nnefx_shape *shape);

/* Make all objects of the checked blob and add the nodes to a graph; what fails is in `error`. */
vx_status nnefx_build(nnefx_vx_import import, const nnefx_vx_options *options);
void nnefx_release_objects(nnefx_vx_import import);

/* The application's tensors by tensor index, NULL for others; the caller frees them. */
vx_tensor *nnefx_given_tensors(nnefx_vx_import import, const nnefx_vx_options *options);
/* Use a tensor of the application for one of the file, if it fits. */
vx_status nnefx_take_tensor(nnefx_vx_import import, uint32_t index, vx_tensor given);

/* Number the objects: inputs, outputs, constants, then the rest. */
void nnefx_number_items(nnefx_vx_import import);
/* Give a tensor that we made the NNEF name or label that leads to it, cut to what OpenVX takes. */
void nnefx_name_tensor(nnefx_vx_import import, uint32_t index);

/* ---- Parameters of the graph ---- */

/* Find out how often nodes name each port; before nodes are made. */
vx_status nnefx_count_places(nnefx_vx_import import);
/* Keep the parameters of a node just made that are ports. */
void nnefx_note_parameters(nnefx_vx_import import, const nnefx_node *entry, vx_node node);
/* Make what was kept parameters of the graph. */
vx_status nnefx_add_parameters(nnefx_vx_import import);
void nnefx_drop_parameters(nnefx_vx_import import);

/* ---- The cache ---- */

/* Make the graph from what is in the cache; 0 where it has to be built. */
int nnefx_cache_read(nnefx_vx_import import, const nnefx_vx_options *options);
void nnefx_cache_write(nnefx_vx_import import, const nnefx_vx_options *options);

#endif
