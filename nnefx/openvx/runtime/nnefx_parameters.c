/* Inputs and outputs as parameters of the graph; see nnefx_vx.h.
 *
 * Targets number the parameters of their nodes as they like, so each node is asked which of them is
 * the tensor. */
#include <stdlib.h>

#include <VX/vx.h>

#include "nnefx_import.h"
#include "nnefx_reader.h"
#include "nnefx_target.h"

#define NONE UINT32_MAX

/* Return which port an argument of a node is, or is a part of. */
static uint32_t port_of(const nnefx_blob *blob, const nnefx_arg *arg)
{
    uint32_t index = arg->index, i;
    if (arg->kind > NNEFX_VIEW)
        return NONE;
    if (arg->kind == NNEFX_VIEW)
        index = nnefx_blob_view(blob, index).parent;
    if (nnefx_blob_tensor(blob, index).kind > NNEFX_OUTPUT)
        return NONE;
    for (i = 0; i < blob->ports.count; i++)
        if (nnefx_u32(nnefx_record(blob, &blob->ports, i)) == index)
            return i;
    return NONE;
}

vx_status nnefx_count_places(nnefx_vx_import import)
{
    const nnefx_blob *blob = &import->blob;
    uint32_t total = 0, i, j;
    for (i = 0; i < blob->nodes.count; i++) {
        nnefx_node node = nnefx_blob_node(blob, i);
        for (j = 0; j < node.count; j++) {
            uint32_t port = port_of(blob, &node.args[j]);
            if (port != NONE) {
                import->spans[port].places++;
                total++;
            }
        }
    }
    import->uses = calloc(total + (size_t)1, sizeof *import->uses);
    return import->uses ? VX_SUCCESS : VX_ERROR_NO_MEMORY;
}

static vx_reference asked(vx_parameter parameter)
{
    vx_reference reference = NULL;
    if (vxQueryParameter(parameter, VX_PARAMETER_REF, &reference, sizeof reference) != VX_SUCCESS)
        return NULL;
    return reference;
}

static vx_uint32 count_of(vx_reference reference)
{
    vx_uint32 count = 0;
    if (vxQueryReference(reference, VX_REFERENCE_COUNT, &count, sizeof count) != VX_SUCCESS)
        return 0;
    return count;
}

/* Return the tensor of a parameter without a reference to it. The question retains the tensor by
 * the specification, but not on every target: a second question shows it. */
static vx_tensor tensor_of(vx_parameter parameter)
{
    vx_reference first = asked(parameter), second;
    vx_uint32 before;
    if (!first)
        return NULL;
    before = count_of(first);
    second = asked(parameter);
    if (second && (!before || count_of(second) > before)) {
        vxReleaseReference(&second);
        second = first;
        vxReleaseReference(&second);
    }
    return (vx_tensor)first;
}

static int is_tensor(vx_parameter parameter)
{
    vx_enum type = 0;
    return check((vx_reference)parameter) == VX_SUCCESS &&
           vxQueryParameter(parameter, VX_PARAMETER_TYPE, &type, sizeof type) == VX_SUCCESS &&
           type == VX_TYPE_TENSOR;
}

/* Keep a parameter if it is one of the ports that the node names; else give it back. */
static void note(nnefx_vx_import import, const nnefx_node *entry, vx_parameter parameter)
{
    vx_tensor tensor = is_tensor(parameter) ? tensor_of(parameter) : NULL;
    uint32_t i;
    for (i = 0; tensor && i < entry->count; i++) {
        const nnefx_arg *arg = &entry->args[i];
        uint32_t port = port_of(&import->blob, arg);
        if (port == NONE || arg->kind != NNEFX_TENSOR ||
            import->objects.tensors[arg->index] != tensor)
            continue;
        if (import->spans[port].count == import->spans[port].places)
            break;
        import->spans[port].count++;
        import->uses[import->use_count].port = port;
        import->uses[import->use_count++].parameter = parameter;
        return;
    }
    if (parameter)
        vxReleaseParameter(&parameter);
}

void nnefx_note_parameters(nnefx_vx_import import, const nnefx_node *entry, vx_node node)
{
    vx_uint32 count = 0, i;
    int has_port = 0;
    for (i = 0; i < entry->count; i++)
        has_port |= port_of(&import->blob, &entry->args[i]) != NONE;
    if (!has_port ||
        vxQueryNode(node, VX_NODE_PARAMETERS, &count, sizeof count) != VX_SUCCESS)
        return;
    for (i = 0; i < count; i++)
        note(import, entry, vxGetParameterByIndex(node, i));
}

vx_status nnefx_add_parameters(nnefx_vx_import import)
{
    vx_uint32 next = 0;
    vx_status status = VX_SUCCESS;
    uint32_t port, i;
    if (vxQueryGraph(import->graph, VX_GRAPH_NUMPARAMETERS, &next, sizeof next) != VX_SUCCESS)
        next = 0;
    for (port = 0; port < import->blob.ports.count; port++) {
        struct span *span = &import->spans[port];
        if (span->count != span->places)
            span->count = 0; /* some place is not to be had: none is */
        span->first = next;
        next += span->count;
        for (i = 0; span->count && i < import->use_count && status == VX_SUCCESS; i++)
            if (import->uses[i].port == port)
                status = vxAddParameterToGraph(import->graph, import->uses[i].parameter);
    }
    nnefx_drop_parameters(import);
    return status;
}

void nnefx_drop_parameters(nnefx_vx_import import)
{
    uint32_t i;
    for (i = 0; i < import->use_count; i++)
        vxReleaseParameter(&import->uses[i].parameter);
    free(import->uses);
    import->uses = NULL;
    import->use_count = 0;
}

vx_status nnefxVxImportParameter(nnefx_vx_import import, vx_uint32 index, vx_uint32 *first,
                                 vx_uint32 *count)
{
    if (import->status != VX_SUCCESS || index >= import->blob.ports.count)
        return VX_ERROR_INVALID_VALUE;
    *first = import->spans[index].first;
    *count = import->spans[index].count;
    return VX_SUCCESS;
}

vx_status nnefxVxReplacePort(nnefx_vx_import import, vx_uint32 index, vx_tensor tensor)
{
    vx_uint32 first, count, i, place;
    vx_status status = nnefxVxImportParameter(import, index, &first, &count);
    vx_tensor before;
    if (status != VX_SUCCESS)
        return status;
    if (!count)
        return VX_ERROR_NOT_SUPPORTED;
    place = nnefx_blob_port(&import->blob, index).tensor;
    before = import->objects.tensors[place];
    status = nnefx_take_tensor(import, place, tensor);
    if (status != VX_SUCCESS)
        return status;
    for (i = 0; i < count && status == VX_SUCCESS; i++)
        status = vxSetGraphParameterByIndex(import->graph, first + i, (vx_reference)tensor);
    if (status == VX_SUCCESS) {
        vxReleaseTensor(&before);
        return status;
    }
    while (i-- > 0) /* all or nothing */
        vxSetGraphParameterByIndex(import->graph, first + i, (vx_reference)before);
    vxReleaseTensor(&import->objects.tensors[place]);
    import->objects.tensors[place] = before;
    return status;
}
