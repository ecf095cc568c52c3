/* An OpenVX that does next to nothing, so that only a loader is measured: objects are a counter
 * each, and what is copied to tensors is copied (COUNTING_COPY in the environment) or counted. A
 * run reads every weight once, as the least that a real one does. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE 1 /* for madvise */
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <VX/vx.h>
#include <VX/vx_khr_nn.h>

struct _vx_reference {
    int count;
    vx_size size;
    void *data, *owned;
};

static struct _vx_reference *weights_of_graph[4096];
static size_t weight_count;
static volatile unsigned long long sum_of_weights;

struct counted {
    unsigned long long objects, copied_bytes, handles;
};

struct counted counted_calls(void);
void *fresh_memory(size_t size);

/* Memory as numpy makes it, which copies for the readers of text: large blocks on huge pages. */
void *fresh_memory(size_t size)
{
    char *data = malloc(size);
    size_t skip = 4096 - (uintptr_t)data % 4096;
    if (!data)
        abort();
#ifdef MADV_HUGEPAGE
    if (size >= (size_t)1 << 22)
        madvise(data + skip, size - skip, MADV_HUGEPAGE);
#endif
    return data;
}

static struct counted counted;

struct counted counted_calls(void)
{
    return counted;
}

static void *make(vx_size size)
{
    struct _vx_reference *reference = calloc(1, sizeof *reference);
    if (!reference)
        abort();
    reference->count = 1;
    reference->size = size;
    counted.objects++;
    return reference;
}

static vx_status let_go(void *object)
{
    struct _vx_reference **handle = object, *reference = *handle;
    *handle = NULL;
    if (--reference->count)
        return VX_SUCCESS;
    free(reference->owned);
    free(reference);
    return VX_SUCCESS;
}

static vx_size volume(vx_size rank, const vx_size *dims, vx_enum type)
{
    vx_size size = type == VX_TYPE_INT8 || type == VX_TYPE_UINT8 ? 1
                   : type == VX_TYPE_INT32 || type == VX_TYPE_FLOAT32 ? 4 : 2;
    while (rank--)
        size *= dims[rank];
    return size;
}

vx_context vxCreateContext(void)
{
    return make(0);
}

vx_status vxReleaseContext(vx_context *context)
{
    return let_go(context);
}

vx_context vxGetContext(vx_reference reference)
{
    (void)reference;
    return NULL;
}

vx_status vxGetStatus(vx_reference reference)
{
    return reference ? VX_SUCCESS : VX_ERROR_INVALID_REFERENCE;
}

vx_status vxRetainReference(vx_reference reference)
{
    reference->count++;
    return VX_SUCCESS;
}

vx_status vxReleaseReference(vx_reference *reference)
{
    return let_go(reference);
}

vx_status vxSetReferenceName(vx_reference reference, const vx_char *name)
{
    (void)reference, (void)name;
    return VX_SUCCESS;
}

vx_status vxQueryContext(vx_context context, vx_enum attribute, void *data, vx_size size)
{
    (void)context, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxQueryTensor(vx_tensor tensor, vx_enum attribute, void *data, vx_size size)
{
    (void)tensor, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxQueryLUT(vx_lut lut, vx_enum attribute, void *data, vx_size size)
{
    (void)lut, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxQueryReference(vx_reference reference, vx_enum attribute, void *data, vx_size size)
{
    (void)reference, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxQueryNode(vx_node node, vx_enum attribute, void *data, vx_size size)
{
    (void)node, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED; /* so that no parameter is asked for */
}

vx_status vxQueryGraph(vx_graph graph, vx_enum attribute, void *data, vx_size size)
{
    (void)graph, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxQueryParameter(vx_parameter parameter, vx_enum attribute, void *data, vx_size size)
{
    (void)parameter, (void)attribute, (void)data, (void)size;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_parameter vxGetParameterByIndex(vx_node node, vx_uint32 index)
{
    (void)node, (void)index;
    return NULL;
}

vx_status vxReleaseParameter(vx_parameter *parameter)
{
    (void)parameter;
    return VX_SUCCESS;
}

vx_status vxAddParameterToGraph(vx_graph graph, vx_parameter parameter)
{
    (void)graph, (void)parameter;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_status vxSetGraphParameterByIndex(vx_graph graph, vx_uint32 index, vx_reference value)
{
    (void)graph, (void)index, (void)value;
    return VX_ERROR_NOT_SUPPORTED;
}

vx_graph vxCreateGraph(vx_context context)
{
    (void)context;
    return make(0);
}

vx_status vxReleaseGraph(vx_graph *graph)
{
    return let_go(graph);
}

vx_status vxVerifyGraph(vx_graph graph)
{
    (void)graph;
    return VX_SUCCESS;
}

vx_status vxProcessGraph(vx_graph graph)
{
    size_t i, j;
    (void)graph;
    for (i = 0; i < weight_count; i++) {
        const unsigned long long *items = weights_of_graph[i]->data;
        unsigned long long sum = 0;
        for (j = 0; items && j < weights_of_graph[i]->size / sizeof *items; j++)
            sum += items[j];
        sum_of_weights += sum;
    }
    return VX_SUCCESS;
}

vx_status vxReleaseNode(vx_node *node)
{
    return let_go(node);
}

vx_tensor vxCreateTensor(vx_context context, vx_size rank, const vx_size *dims, vx_enum type,
                         vx_int8 position)
{
    (void)context, (void)position;
    return make(volume(rank, dims, type));
}

vx_tensor vxCreateVirtualTensor(vx_graph graph, vx_size rank, const vx_size *dims, vx_enum type,
                                vx_int8 position)
{
    (void)graph, (void)position;
    return make(volume(rank, dims, type));
}

vx_tensor vxCreateTensorFromHandle(vx_context context, vx_size rank, const vx_size *dims,
                                   vx_enum type, vx_int8 position, const vx_size *strides,
                                   void *data, vx_enum memory_type)
{
    struct _vx_reference *reference = make(volume(rank, dims, type));
    (void)context, (void)position, (void)strides, (void)memory_type;
    counted.handles++;
    reference->data = data;
    return (vx_tensor)(void *)reference;
}

vx_status vxSwapTensorHandle(vx_tensor tensor, void *data, void **previous)
{
    (void)tensor, (void)data, (void)previous;
    return VX_SUCCESS;
}

vx_tensor vxCreateTensorFromView(vx_tensor tensor, vx_size rank, const vx_size *start,
                                 const vx_size *end)
{
    (void)tensor, (void)rank, (void)start, (void)end;
    return make(0);
}

vx_status vxReleaseTensor(vx_tensor *tensor)
{
    return let_go(tensor);
}

vx_status vxCopyTensorPatch(vx_tensor tensor, vx_size rank, const vx_size *start,
                            const vx_size *end, const vx_size *strides, void *data, vx_enum usage,
                            vx_enum memory_type)
{
    struct _vx_reference *reference = (void *)tensor;
    (void)rank, (void)start, (void)end, (void)strides, (void)memory_type;
    counted.copied_bytes += reference->size;
    if (!getenv("COUNTING_COPY") || usage != VX_WRITE_ONLY)
        return VX_SUCCESS;
    if (!reference->data)
        reference->data = reference->owned = fresh_memory(reference->size);
    memcpy(reference->data, data, reference->size);
    return VX_SUCCESS;
}

vx_lut vxCreateLUT(vx_context context, vx_enum type, vx_size count)
{
    (void)context, (void)type, (void)count;
    return make(0);
}

vx_status vxReleaseLUT(vx_lut *lut)
{
    return let_go(lut);
}

vx_status vxCopyLUT(vx_lut lut, void *data, vx_enum usage, vx_enum memory_type)
{
    (void)lut, (void)data, (void)usage, (void)memory_type;
    return VX_SUCCESS;
}

vx_scalar vxCreateScalar(vx_context context, vx_enum type, const void *data)
{
    (void)context, (void)type, (void)data;
    return make(0);
}

vx_status vxReleaseScalar(vx_scalar *scalar)
{
    return let_go(scalar);
}

vx_node vxFullyConnectedLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights,
                              vx_tensor biases, vx_enum overflow, vx_enum rounding,
                              vx_tensor outputs)
{
    (void)graph, (void)inputs, (void)biases, (void)overflow, (void)rounding, (void)outputs;
    if (weight_count < sizeof weights_of_graph / sizeof *weights_of_graph)
        weights_of_graph[weight_count++] = (void *)weights;
    return make(0);
}
