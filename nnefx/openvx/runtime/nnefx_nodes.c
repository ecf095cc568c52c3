/* One function of OpenVX for each node operation; see nnefx_nodes.h. */
#include <string.h>

#include <VX/vx.h>
#include <VX/vx_khr_nn.h>

#include "nnefx_nodes.h"

/* Targets leave functions out. With NNEFX_VX_WEAK (GCC, Clang) that is found out when a net needs
 * one, and not by the linker. */
#ifdef NNEFX_VX_WEAK
#pragma weak vxConvolutionLayer
#pragma weak vxDeconvolutionLayer
#pragma weak vxROIPoolingLayer
#pragma weak vxFullyConnectedLayer
#pragma weak vxPoolingLayer
#pragma weak vxSoftmaxLayer
#pragma weak vxLocalResponseNormalizationLayer
#pragma weak vxActivationLayer
#pragma weak vxTensorAddNode
#pragma weak vxTensorSubtractNode
#pragma weak vxTensorMultiplyNode
#pragma weak vxTensorTableLookupNode
#pragma weak vxTensorTransposeNode
#pragma weak vxTensorConvertDepthNode
#pragma weak vxTensorMatrixMultiplyNode
#define PRESENT(function) ((function) != NULL)
#else
#define PRESENT(function) 1
#endif

/* Enumerants are numbered in the file as in docs/blob.md: vendors number them differently. */
static const vx_enum overflows[] = {VX_CONVERT_POLICY_WRAP, VX_CONVERT_POLICY_SATURATE};
static const vx_enum roundings[] = {VX_ROUND_POLICY_TO_ZERO, VX_ROUND_POLICY_TO_NEAREST_EVEN};
static const vx_enum sizes[] = {VX_NN_DS_SIZE_ROUNDING_FLOOR, VX_NN_DS_SIZE_ROUNDING_CEILING};
static const vx_enum poolings[] = {VX_NN_POOLING_MAX, VX_NN_POOLING_AVG};
static const vx_enum norms[] = {VX_NN_NORMALIZATION_SAME_MAP, VX_NN_NORMALIZATION_ACROSS_MAPS};
static const vx_enum activations[] = {
    VX_NN_ACTIVATION_LOGISTIC, VX_NN_ACTIVATION_HYPERBOLIC_TAN, VX_NN_ACTIVATION_RELU,
    VX_NN_ACTIVATION_BRELU, VX_NN_ACTIVATION_SOFTRELU, VX_NN_ACTIVATION_ABS,
    VX_NN_ACTIVATION_SQUARE, VX_NN_ACTIVATION_SQRT, VX_NN_ACTIVATION_LINEAR};

/* The arguments of one node, by their place. */
struct call {
    vx_graph graph;
    const nnefx_node *node;
    const nnefx_objects *objects;
};

static vx_tensor tensor(const struct call *call, int place)
{
    const nnefx_arg *arg = &call->node->args[place];
    if (arg->kind == NNEFX_TENSOR)
        return call->objects->tensors[arg->index];
    return arg->kind == NNEFX_VIEW ? call->objects->views[arg->index] : NULL;
}

static vx_scalar scalar(const struct call *call, int place)
{
    return call->objects->scalars[call->node->args[place].index];
}

static vx_lut table(const struct call *call, int place)
{
    return call->objects->luts[call->node->args[place].index];
}

static vx_size size(const struct call *call, int place)
{
    return (vx_size)call->node->args[place].value;
}

static vx_bool truth(const struct call *call, int place)
{
    return call->node->args[place].value ? vx_true_e : vx_false_e;
}

static vx_float32 number(const struct call *call, int place)
{
    return nnefx_float_of(call->node->args[place].value);
}

static vx_enum choice(const struct call *call, int place, const vx_enum *members)
{
    return members[call->node->args[place].value];
}

static void set_convolution(const struct call *c, vx_nn_convolution_params_t *params)
{
    params->padding_x = size(c, 3);
    params->padding_y = size(c, 4);
    params->overflow_policy = choice(c, 5, overflows);
    params->rounding_policy = choice(c, 6, roundings);
    params->down_scale_size_rounding = choice(c, 7, sizes);
    params->dilation_x = size(c, 8);
    params->dilation_y = size(c, 9);
}

static vx_node convolution(const struct call *c)
{
    vx_nn_convolution_params_t params;
    memset(&params, 0, sizeof params);
    set_convolution(c, &params);
    return vxConvolutionLayer(c->graph, tensor(c, 0), tensor(c, 1), tensor(c, 2), &params,
                              sizeof params, tensor(c, 10));
}

/* VeriSilicon's structure, which other vendors' headers do not have: it is told by its size. */
struct told_convolution {
    struct {
        vx_nn_convolution_params_t khr;
        vx_size padding_x_right, padding_y_bottom;
        vx_enum pad_mode;
        vx_scalar pad_const;
    } ext;
    vx_uint32 stride_x, stride_y;
    vx_int32 depth_multiplier;
};
enum { VIVANTE = 7, PAD_CONSTANT = 0x70C000 }; /* VX_ID_VIVANTE and VX_PAD_CONSTANT */

static vx_node convolution_ext2(const struct call *c)
{
    struct told_convolution params;
    vx_uint16 vendor = 0;
    vx_context context = vxGetContext((vx_reference)c->graph);
    if (vxQueryContext(context, VX_CONTEXT_VENDOR_ID, &vendor, sizeof vendor) != VX_SUCCESS ||
        vendor != VIVANTE)
        return NULL;
    memset(&params, 0, sizeof params);
    set_convolution(c, &params.ext.khr);
    params.ext.padding_x_right = size(c, 10);
    params.ext.padding_y_bottom = size(c, 11);
    params.ext.pad_mode = PAD_CONSTANT;
    params.stride_x = (vx_uint32)size(c, 12);
    params.stride_y = (vx_uint32)size(c, 13);
    params.depth_multiplier = (vx_int32)size(c, 14);
    return vxConvolutionLayer(c->graph, tensor(c, 0), tensor(c, 1), tensor(c, 2), &params.ext.khr,
                              sizeof params, tensor(c, 15));
}

#ifdef NNEFX_VX_WEAK
/* VeriSilicon's too: declared here, under another name than in the vendor's headers. */
struct told_normalization {
    vx_enum type;
    vx_uint32 norm_size;
    vx_float32 alpha, beta, bias;
};
extern vx_node normalization_layer_2(vx_graph, vx_tensor, const struct told_normalization *,
                                     vx_size, vx_tensor)
    __asm__("vxNormalizationLayer2") __attribute__((weak));

static vx_node normalization_2(const struct call *c)
{
    struct told_normalization params;
    if (!normalization_layer_2)
        return NULL;
    params.type = choice(c, 1, norms);
    params.norm_size = (vx_uint32)size(c, 2);
    params.alpha = number(c, 3);
    params.beta = number(c, 4);
    params.bias = number(c, 5);
    return normalization_layer_2(c->graph, tensor(c, 0), &params, sizeof params, tensor(c, 6));
}
#else
static vx_node normalization_2(const struct call *c)
{
    (void)c;
    return NULL;
}
#endif

static vx_node deconvolution(const struct call *c)
{
    vx_nn_deconvolution_params_t params;
    memset(&params, 0, sizeof params);
    params.padding_x = size(c, 3);
    params.padding_y = size(c, 4);
    params.overflow_policy = choice(c, 5, overflows);
    params.rounding_policy = choice(c, 6, roundings);
    params.a_x = size(c, 7);
    params.a_y = size(c, 8);
    return vxDeconvolutionLayer(c->graph, tensor(c, 0), tensor(c, 1), tensor(c, 2), &params,
                                sizeof params, tensor(c, 9));
}

static vx_node roi_pooling(const struct call *c)
{
    vx_nn_roi_pool_params_t params;
    memset(&params, 0, sizeof params);
    params.pool_type = choice(c, 2, poolings);
    return vxROIPoolingLayer(c->graph, tensor(c, 0), tensor(c, 1), &params, sizeof params,
                             tensor(c, 3));
}

static vx_node matrix_multiply(const struct call *c)
{
    vx_tensor_matrix_multiply_params_t params;
    memset(&params, 0, sizeof params);
    params.transpose_input1 = truth(c, 3);
    params.transpose_input2 = truth(c, 4);
    params.transpose_input3 = truth(c, 5);
    return vxTensorMatrixMultiplyNode(c->graph, tensor(c, 0), tensor(c, 1), tensor(c, 2), &params,
                                      tensor(c, 6));
}

static vx_node layer(const struct call *c)
{
    switch (c->node->op) {
    case NNEFX_CONVOLUTION: return convolution(c);
    case NNEFX_CONVOLUTION_EXT2: return convolution_ext2(c);
    case NNEFX_NORMALIZATION_2: return normalization_2(c);
    case NNEFX_DECONVOLUTION: return deconvolution(c);
    case NNEFX_ROI_POOLING: return roi_pooling(c);
    case NNEFX_FULLY_CONNECTED:
        return vxFullyConnectedLayer(c->graph, tensor(c, 0), tensor(c, 1), tensor(c, 2),
                                     choice(c, 3, overflows), choice(c, 4, roundings),
                                     tensor(c, 5));
    case NNEFX_POOLING:
        return vxPoolingLayer(c->graph, tensor(c, 0), choice(c, 1, poolings), size(c, 2),
                              size(c, 3), size(c, 4), size(c, 5), choice(c, 6, sizes),
                              tensor(c, 7));
    case NNEFX_SOFTMAX: return vxSoftmaxLayer(c->graph, tensor(c, 0), tensor(c, 1));
    case NNEFX_NORMALIZATION:
        return vxLocalResponseNormalizationLayer(c->graph, tensor(c, 0), choice(c, 1, norms),
                                                 size(c, 2), number(c, 3), number(c, 4),
                                                 number(c, 5), tensor(c, 6));
    case NNEFX_ACTIVATION:
        return vxActivationLayer(c->graph, tensor(c, 0), choice(c, 1, activations), number(c, 2),
                                 number(c, 3), tensor(c, 4));
    default: return NULL;
    }
}

static vx_node elementwise(const struct call *c)
{
    switch (c->node->op) {
    case NNEFX_ADD:
        return vxTensorAddNode(c->graph, tensor(c, 0), tensor(c, 1), choice(c, 2, overflows),
                               tensor(c, 3));
    case NNEFX_SUBTRACT:
        return vxTensorSubtractNode(c->graph, tensor(c, 0), tensor(c, 1), choice(c, 2, overflows),
                                    tensor(c, 3));
    case NNEFX_MULTIPLY:
        return vxTensorMultiplyNode(c->graph, tensor(c, 0), tensor(c, 1), scalar(c, 2),
                                    choice(c, 3, overflows), choice(c, 4, roundings),
                                    tensor(c, 5));
    case NNEFX_TABLE_LOOKUP:
        return vxTensorTableLookupNode(c->graph, tensor(c, 0), table(c, 1),
                                       tensor(c, 2));
    case NNEFX_TRANSPOSE:
        return vxTensorTransposeNode(c->graph, tensor(c, 0), tensor(c, 1), size(c, 2), size(c, 3));
    case NNEFX_CONVERT_DEPTH:
        return vxTensorConvertDepthNode(c->graph, tensor(c, 0), choice(c, 1, overflows),
                                        scalar(c, 2), scalar(c, 3), tensor(c, 4));
    default: return NULL;
    }
}

static int is_present(uint32_t op)
{
    switch (op) {
    case NNEFX_CONVOLUTION: case NNEFX_CONVOLUTION_EXT2: return PRESENT(vxConvolutionLayer);
    case NNEFX_FULLY_CONNECTED: return PRESENT(vxFullyConnectedLayer);
    case NNEFX_POOLING: return PRESENT(vxPoolingLayer);
    case NNEFX_SOFTMAX: return PRESENT(vxSoftmaxLayer);
    case NNEFX_NORMALIZATION: return PRESENT(vxLocalResponseNormalizationLayer);
    case NNEFX_ACTIVATION: return PRESENT(vxActivationLayer);
    case NNEFX_ROI_POOLING: return PRESENT(vxROIPoolingLayer);
    case NNEFX_DECONVOLUTION: return PRESENT(vxDeconvolutionLayer);
    case NNEFX_ADD: return PRESENT(vxTensorAddNode);
    case NNEFX_SUBTRACT: return PRESENT(vxTensorSubtractNode);
    case NNEFX_MULTIPLY: return PRESENT(vxTensorMultiplyNode);
    case NNEFX_TABLE_LOOKUP: return PRESENT(vxTensorTableLookupNode);
    case NNEFX_TRANSPOSE: return PRESENT(vxTensorTransposeNode);
    case NNEFX_CONVERT_DEPTH: return PRESENT(vxTensorConvertDepthNode);
    case NNEFX_NORMALIZATION_2: return 1; /* asked for when it is made */
    default: return PRESENT(vxTensorMatrixMultiplyNode);
    }
}

vx_node nnefx_make_node(vx_graph graph, const nnefx_node *node, const nnefx_objects *objects)
{
    const struct call call = {graph, node, objects};
    if (!is_present(node->op))
        return NULL;
    if (node->op == NNEFX_MATRIX_MULTIPLY)
        return matrix_multiply(&call);
    return node->op < NNEFX_ADD ? layer(&call) : elementwise(&call);
}
