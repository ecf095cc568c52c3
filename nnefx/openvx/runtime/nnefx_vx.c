/* The loader's functions: import, references, inputs and outputs. See nnefx_vx.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>

#include "nnefx_import.h"
#include "nnefx_reader.h"
#include "nnefx_target.h"

static vx_status status_of(nnefx_blob_code code)
{
    switch (code) {
    case NNEFX_BLOB_FINE: return VX_SUCCESS;
    case NNEFX_BLOB_NO_FILE: return VX_ERROR_INVALID_VALUE;
    case NNEFX_BLOB_NO_MEMORY: return VX_ERROR_NO_MEMORY;
    case NNEFX_BLOB_VERSION: return VX_ERROR_NOT_SUPPORTED;
    default: return VX_ERROR_INVALID_FORMAT;
    }
}

/* ---- The import ---- */

/* Check and build from the file that the import holds. */
static void load(nnefx_vx_import import, const nnefx_vx_options *options)
{
    static const nnefx_vx_options none = {0};
    const uint32_t one = 1;
    options = options ? options : &none;
    if (import->error.code == NNEFX_BLOB_FINE && !*(const unsigned char *)&one)
        nnefx_blob_fail(&import->error, NNEFX_BLOB_VERSION, 8, "machine is not little endian");
    if (import->error.code == NNEFX_BLOB_FINE && (uintptr_t)import->file.data % 8)
        nnefx_blob_fail(&import->error, NNEFX_BLOB_NO_BLOB, 0, "memory is not aligned to 8 bytes");
    if (import->error.code == NNEFX_BLOB_FINE)
        nnefx_blob_check(&import->blob, import->file.data, import->file.size,
                         import->flags & NNEFX_VX_CHECK_DATA ? NNEFX_BLOB_CHECK_DATA : 0,
                         &import->error);
    import->status = status_of(import->error.code);
    if (import->status == VX_SUCCESS)
        import->status = nnefx_build(import, options);
    if (import->status == VX_SUCCESS)
        return;
    nnefx_release_objects(import);
    snprintf(import->message, sizeof import->message, "byte %llu: %s",
             (unsigned long long)import->error.offset, import->error.message);
    if (options->on_error)
        options->on_error(options->user, &import->error);
}

static nnefx_vx_import new_import(vx_context context, vx_uint32 flags)
{
    nnefx_vx_import import = calloc(1, sizeof *import);
    if (import) {
        import->context = context;
        import->flags = flags;
    }
    return import;
}

/* Keep the tables of a blob whose memory is the application's: names are looked up in them. */
static vx_status keep_tables(nnefx_vx_import import)
{
    const nnefx_blob *blob = &import->blob;
    const nnefx_section *kept[] = {&blob->strings, &blob->tensors, &blob->ports, &blob->names,
                                   &blob->scales};
    uint64_t size = 0;
    void *tables;
    size_t i;
    for (i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i]->offset + kept[i]->size > size)
            size = kept[i]->offset + kept[i]->size;
    tables = malloc((size_t)size);
    if (!tables)
        return VX_ERROR_NO_MEMORY;
    memcpy(tables, blob->data, (size_t)size);
    import->blob.data = import->file.data = tables;
    import->file.size = (size_t)size;
    return VX_SUCCESS;
}

nnefx_vx_import nnefxVxImportBinary(vx_context context, const void *blob, vx_size length,
                                    vx_uint32 flags, const nnefx_vx_options *options)
{
    nnefx_vx_import import = new_import(context, flags);
    if (!import)
        return NULL;
    import->file.data = (void *)(uintptr_t)blob;
    import->file.size = length;
    load(import, options);
    memset(&import->file, 0, sizeof import->file); /* the memory is the application's */
    if (!(flags & NNEFX_VX_ZERO_COPY) && import->status == VX_SUCCESS) {
        import->status = keep_tables(import);
        if (import->status != VX_SUCCESS)
            nnefx_release_objects(import);
    }
    return import;
}

nnefx_vx_import nnefxVxImportBinaryFile(vx_context context, const char *path, vx_uint32 flags,
                                        const nnefx_vx_options *options)
{
    nnefx_vx_import import = new_import(context, flags);
    if (!import)
        return NULL;
    nnefx_file_open(&import->file, path, !(flags & NNEFX_VX_READ_FILE), &import->error);
    load(import, options);
    return import;
}

vx_status nnefxVxReleaseImport(nnefx_vx_import *handle)
{
    nnefx_vx_import import = *handle;
    *handle = NULL;
    if (!import)
        return VX_ERROR_INVALID_REFERENCE;
    nnefx_release_objects(import);
    free(import->objects.tensors);
    free(import->objects.views);
    free(import->objects.luts);
    free(import->objects.scalars);
    free(import->origin);
    free(import->items);
    free(import->spans);
    nnefx_file_close(&import->file);
    free(import);
    return VX_SUCCESS;
}

vx_status nnefxVxImportStatus(nnefx_vx_import import)
{
    return import ? import->status : VX_ERROR_NO_MEMORY;
}

const char *nnefxVxImportError(nnefx_vx_import import)
{
    return import ? import->message : "out of memory";
}

const nnefx_blob_error *nnefxVxImportFault(nnefx_vx_import import)
{
    return &import->error;
}

vx_graph nnefxVxImportGraph(nnefx_vx_import import)
{
    return import->graph;
}

vx_uint32 nnefxVxImportCount(nnefx_vx_import import)
{
    return import->status == VX_SUCCESS ? import->count + 1 : 0;
}

static vx_reference reference_of(nnefx_vx_import import, uint32_t kind, uint32_t index)
{
    switch (kind) {
    case NNEFX_TENSOR: return (vx_reference)import->objects.tensors[index];
    case NNEFX_VIEW: return (vx_reference)import->objects.views[index];
    case NNEFX_LUT: return (vx_reference)import->objects.luts[index];
    default: return (vx_reference)import->objects.scalars[index];
    }
}

static vx_reference retained(vx_reference reference)
{
    return reference && vxRetainReference(reference) == VX_SUCCESS ? reference : NULL;
}

vx_reference nnefxVxGetImportReferenceByIndex(nnefx_vx_import import, vx_uint32 index)
{
    if (index >= nnefxVxImportCount(import))
        return NULL;
    if (index == 0)
        return retained((vx_reference)import->graph);
    return retained(reference_of(import, import->items[index - 1].kind,
                                 import->items[index - 1].index));
}

vx_reference nnefxVxGetImportReferenceByName(nnefx_vx_import import, const vx_char *name)
{
    uint32_t kind, index;
    if (import->status != VX_SUCCESS || !nnefx_blob_find(&import->blob, name, &kind, &index))
        return NULL;
    return retained(reference_of(import, kind, index));
}

nnefx_vx_cache_use nnefxVxImportCacheUse(nnefx_vx_import import)
{
    return import->cache_use;
}

const char *nnefxVxImportCacheNote(nnefx_vx_import import)
{
    return import->cache_note;
}

/* ---- Inputs and outputs ---- */

vx_uint32 nnefxVxImportInputs(nnefx_vx_import import)
{
    return import->status == VX_SUCCESS ? import->blob.inputs : 0;
}

vx_uint32 nnefxVxImportOutputs(nnefx_vx_import import)
{
    return import->status == VX_SUCCESS ? import->blob.outputs : 0;
}

vx_status nnefxVxImportPort(nnefx_vx_import import, vx_uint32 index, nnefx_port *port)
{
    if (import->status != VX_SUCCESS || index >= import->blob.ports.count)
        return VX_ERROR_INVALID_VALUE;
    *port = nnefx_blob_port(&import->blob, index);
    return VX_SUCCESS;
}

/* Copy real numbers to (`from`) or from (`to`) the tensor of a port. */
static vx_status copy_port(nnefx_vx_import import, vx_uint32 index, const float *from, float *to)
{
    nnefx_port port;
    nnefx_tensor entry;
    struct nnefx_shape shape;
    double factor;
    void *data;
    vx_status status = nnefxVxImportPort(import, index, &port);
    if (status != VX_SUCCESS)
        return status;
    entry = nnefx_blob_tensor(&import->blob, port.tensor);
    shape = nnefx_shape_of(&entry);
    factor = entry.scale * pow(2.0, entry.position);
    data = malloc((size_t)port.count * item_size(shape.type));
    if (!data)
        return VX_ERROR_NO_MEMORY;
    if (from)
        status = store_all(data, shape.type, (size_t)port.count, from, factor);
    if (status == VX_SUCCESS)
        status = copy_all(import->objects.tensors[port.tensor], shape.rank, shape.dims, shape.type,
                          data, from ? VX_WRITE_ONLY : VX_READ_ONLY);
    if (to && status == VX_SUCCESS)
        status = load_all(data, shape.type, (size_t)port.count, to, factor);
    free(data);
    return status;
}

vx_status nnefxVxWriteInput(nnefx_vx_import import, vx_uint32 index, const float *values)
{
    if (index >= nnefxVxImportInputs(import))
        return VX_ERROR_INVALID_VALUE;
    return copy_port(import, index, values, NULL);
}

vx_status nnefxVxReadOutput(nnefx_vx_import import, vx_uint32 index, float *values)
{
    if (index >= nnefxVxImportOutputs(import))
        return VX_ERROR_INVALID_VALUE;
    return copy_port(import, import->blob.inputs + index, NULL, values);
}

vx_status nnefxVxProcess(nnefx_vx_import import)
{
    return import->status == VX_SUCCESS ? vxProcessGraph(import->graph) : VX_ERROR_INVALID_GRAPH;
}
