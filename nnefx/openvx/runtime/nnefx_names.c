/* Indices of objects, and the names that OpenVX is told. */
#include <stdio.h>
#include <string.h>

#include <VX/vx.h>

#include "nnefx_import.h"

void nnefx_number_items(nnefx_vx_import import)
{
    const nnefx_blob *blob = &import->blob;
    const uint32_t counts[] = {blob->tensors.count, blob->views.count, blob->luts.count,
                               blob->scalars.count};
    struct item *next = import->items;
    uint32_t i, kind;
    int rest;
    for (i = 0; i < blob->ports.count; i++, next++) {
        next->kind = NNEFX_TENSOR;
        next->index = nnefx_blob_port(blob, i).tensor;
    }
    for (rest = 0; rest < 2; rest++)
        for (i = 0; i < blob->tensors.count; i++) {
            uint32_t of = nnefx_blob_tensor(blob, i).kind;
            if (of > NNEFX_OUTPUT && (of != NNEFX_CONST) == rest) {
                next->kind = NNEFX_TENSOR;
                next++->index = i;
            }
        }
    for (kind = NNEFX_VIEW; kind <= NNEFX_SCALAR; kind++)
        for (i = 0; i < counts[kind]; i++) {
            next->kind = kind;
            next++->index = i;
        }
    import->count = (uint32_t)(next - import->items);
}

void nnefx_name_tensor(nnefx_vx_import import, uint32_t index)
{
    nnefx_tensor entry = nnefx_blob_tensor(&import->blob, index);
    const char *candidates[3] = {entry.label, entry.source, entry.name};
    uint32_t kind = 0, found = 0, hash = 0;
    char name[64];
    int i;
    for (i = 0; i < 2; i++)
        if (nnefx_blob_find(&import->blob, candidates[i], &kind, &found) &&
            kind == NNEFX_TENSOR && found == index)
            break;
    if (strlen(candidates[i]) < sizeof name) {
        strcpy(name, candidates[i]);
    } else {
        hash = nnefx_crc32c(candidates[i], strlen(candidates[i]), 0);
        snprintf(name, sizeof name, "%.54s~%08lx", candidates[i], (unsigned long)hash);
    }
    vxSetReferenceName((vx_reference)import->objects.tensors[index], name);
}
