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
    NNEFX_VX_NO_VERIFY = 16
};

typedef struct {
    vx_graph graph;          /* adds the nodes to this graph; NULL makes one, and verifies it */
    const vx_tensor *inputs; /* tensors to use in the order of the net's inputs; NULL, or a NULL */
    const vx_tensor *outputs; /* among them, makes one */
    void (*on_error)(void *user, const nnefx_blob_error *error);
    void *user;
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
