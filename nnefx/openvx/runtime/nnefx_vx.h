/* A net from a `.nxvx` file as part of an OpenVX graph; see docs/blob.md.
 *
 * Only the public API of OpenVX 1.2 or 1.3 is used. Compile nnefx_*.c with the program. A thread
 * may use an import at a time. */
#ifndef NNEFX_VX_H
#define NNEFX_VX_H

#include <VX/vx.h>

#include "nnefx_blob.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nnefx_vx_import_s *nnefx_vx_import;

enum {
    /* Compare the checksum of the weights, which reads all of them once more. */
    NNEFX_VX_CHECK_DATA = 1,
    /* Let the target use weights where they are (vxCreateTensorFromHandle of OpenVX 1.3) where it
     * takes them; others are copied. The import, and with nnefxVxImportBinary the memory, must
     * then outlive the graph and every reference to a weight. */
    NNEFX_VX_ZERO_COPY = 2,
    /* Make virtual tensors real, so that they can be read after a run. */
    NNEFX_VX_REAL_TENSORS = 4,
    /* Read the file instead of mapping it: for files that others may change meanwhile. */
    NNEFX_VX_READ_FILE = 8,
    /* Do not verify the graph, even if it is the import's own. */
    NNEFX_VX_NO_VERIFY = 16,
    /* Make inputs and outputs parameters of the graph, so that other tensors can take their places
     * between runs: see nnefxVxReplacePort. */
    NNEFX_VX_PARAMETERS = 32
};

#ifndef VX_API_CALL
#define VX_API_CALL
#endif

struct _vx_import; /* what the extension calls vx_import */

/* The functions of the extension vx_khr_ix, where a program finds them at run time. */
typedef struct {
    vx_status (VX_API_CALL *export_objects)(vx_context context, vx_size count,
                                            const vx_reference *references, const vx_enum *uses,
                                            const vx_uint8 **data, vx_size *size);
    vx_status (VX_API_CALL *release_exported)(vx_context context, const vx_uint8 **data);
    struct _vx_import *(VX_API_CALL *import_objects)(vx_context context, vx_size count,
                                                     vx_reference *references, const vx_enum *uses,
                                                     const vx_uint8 *data, vx_size size);
    vx_status (VX_API_CALL *release_import)(struct _vx_import **import);
} nnefx_vx_exchange;

/* Keeps the target's own form of a net from one start to the next: vxExportObjectsToMemory makes it
 * after the graph was built, vxImportObjectsFromMemory makes the graph of it the next time. It is
 * used for the same net, target, flags and given tensors only. */
typedef struct {
    const char *path;  /* a file, written where it is missing or does not fit; or NULL, and */
    /* functions: `load` gives what was stored, which stays until the import is back, or 0; */
    int (*load)(void *user, const void **data, vx_size *size);
    /* `store` keeps two parts, one behind the other, and returns 0 where it cannot. */
    int (*store)(void *user, const void *head, vx_size head_size, const void *data, vx_size size);
    void *user;
    const char *build; /* what else must be the same, such as the version of a driver; or NULL */
    const nnefx_vx_exchange *functions; /* NULL: those that are linked, see docs/blob.md */
} nnefx_vx_cache;

typedef struct {
    vx_graph graph;          /* adds the nodes to this graph; NULL makes one, and verifies it */
    const vx_tensor *inputs; /* tensors to use in the order of the net's inputs; NULL, or a NULL */
    const vx_tensor *outputs; /* among them, makes one */
    void (*on_error)(void *user, const nnefx_blob_error *error);
    void *user;
    const nnefx_vx_cache *cache; /* NULL for none */
} nnefx_vx_options;

/* Import from memory, which may be freed afterwards unless NNEFX_VX_ZERO_COPY is given; it must
 * begin at a multiple of 8. `options` may be NULL. The result is NULL only where there is no memory
 * for it: ask nnefxVxImportStatus, and release it in any case. */
nnefx_vx_import nnefxVxImportBinary(vx_context context, const void *blob, vx_size length,
                                    vx_uint32 flags, const nnefx_vx_options *options);
nnefx_vx_import nnefxVxImportBinaryFile(vx_context context, const char *path, vx_uint32 flags,
                                        const nnefx_vx_options *options);

vx_status nnefxVxImportStatus(nnefx_vx_import import);
const char *nnefxVxImportError(nnefx_vx_import import); /* "byte 4711: ..." */
const nnefx_blob_error *nnefxVxImportFault(nnefx_vx_import import);

/* The graph; it stays the import's. */
vx_graph nnefxVxImportGraph(nnefx_vx_import import);

/* References are retained, as those of vxGetImportReferenceByName: give them back with
 * vxReleaseReference. NULL where there is none. Index 0 is the graph; inputs, outputs and
 * constants follow, then all other tensors, views, tables and scalars in the order of the file.
 * Names are NNEF identifiers, labels of variables, or object names of the file. */
vx_uint32 nnefxVxImportCount(nnefx_vx_import import);
vx_reference nnefxVxGetImportReferenceByName(nnefx_vx_import import, const vx_char *name);
vx_reference nnefxVxGetImportReferenceByIndex(nnefx_vx_import import, vx_uint32 index);

/* Inputs and outputs as real numbers in the order of NNEF (outermost extent first). */
vx_uint32 nnefxVxImportInputs(nnefx_vx_import import);
vx_uint32 nnefxVxImportOutputs(nnefx_vx_import import);
/* Fill `port` for an input, or an output whose index then counts on from the inputs. */
vx_status nnefxVxImportPort(nnefx_vx_import import, vx_uint32 index, nnefx_port *port);
vx_status nnefxVxWriteInput(nnefx_vx_import import, vx_uint32 index, const float *values);
vx_status nnefxVxReadOutput(nnefx_vx_import import, vx_uint32 index, float *values);
vx_status nnefxVxProcess(nnefx_vx_import import);

/* With NNEFX_VX_PARAMETERS, an input or output (its index as in nnefxVxImportPort) is `count`
 * parameters of the graph from `first` on, one for each place where it is read or written: inputs
 * come first, then outputs. `count` is 0 where the target shows no such parameter, and for what is
 * read or written in parts. */
vx_status nnefxVxImportParameter(nnefx_vx_import import, vx_uint32 index, vx_uint32 *first,
                                 vx_uint32 *count);
/* Let another tensor of the same extents and type be that input or output from now on:
 * vxSetGraphParameterByIndex for all of its parameters. VX_ERROR_NOT_SUPPORTED where it has none.
 * Some targets compile addresses in: verify the graph anew there (docs/blob.md). */
vx_status nnefxVxReplacePort(nnefx_vx_import import, vx_uint32 index, vx_tensor tensor);

/* What became of the cache, and why: "cache is of another net". */
typedef enum {
    NNEFX_VX_CACHE_UNUSED,  /* none was asked for, or the options rule it out */
    NNEFX_VX_CACHE_READ,    /* the graph comes from it; weights and inner tensors have no names */
    NNEFX_VX_CACHE_WRITTEN, /* the graph was built, and kept for the next time */
    NNEFX_VX_CACHE_FAILED   /* the graph was built, and could not be kept */
} nnefx_vx_cache_use;

nnefx_vx_cache_use nnefxVxImportCacheUse(nnefx_vx_import import);
const char *nnefxVxImportCacheNote(nnefx_vx_import import);

/* Release the import and what it holds. The application's graph and references stay valid, but for
 * weights that were not copied. */
vx_status nnefxVxReleaseImport(nnefx_vx_import *import);

#ifdef NNEFX_VX_SEED_NAMES
/* The names that the neural network extension promised and nobody specified. */
#define vxImportBinary nnefxVxImportBinary
#define vxGetImportReferenceByName nnefxVxGetImportReferenceByName
#define vxGetImportReferenceByIndex nnefxVxGetImportReferenceByIndex
#define vxReleaseImport nnefxVxReleaseImport
#endif

#ifdef __cplusplus
}
#endif
#endif
