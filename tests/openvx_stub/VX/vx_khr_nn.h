/* The part of the neural network extension 1.3 that generated programs use. */
#ifndef STUB_VX_KHR_NN_H
#define STUB_VX_KHR_NN_H

#include <VX/vx.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VX_NN_DS_SIZE_ROUNDING_FLOOR = 0x1A000, VX_NN_DS_SIZE_ROUNDING_CEILING = 0x1A001 };
enum { VX_NN_POOLING_MAX = 0x1B000, VX_NN_POOLING_AVG = 0x1B001 };
enum { VX_NN_NORMALIZATION_SAME_MAP = 0x1C000, VX_NN_NORMALIZATION_ACROSS_MAPS = 0x1C001 };
enum {
    VX_NN_ACTIVATION_LOGISTIC = 0x1D000,
    VX_NN_ACTIVATION_HYPERBOLIC_TAN,
    VX_NN_ACTIVATION_RELU,
    VX_NN_ACTIVATION_BRELU,
    VX_NN_ACTIVATION_SOFTRELU,
    VX_NN_ACTIVATION_ABS,
    VX_NN_ACTIVATION_SQUARE,
    VX_NN_ACTIVATION_SQRT,
    VX_NN_ACTIVATION_LINEAR
};

typedef struct {
    vx_size padding_x, padding_y;
    vx_enum overflow_policy, rounding_policy, down_scale_size_rounding;
    vx_size dilation_x, dilation_y;
} vx_nn_convolution_params_t;

typedef struct {
    vx_size padding_x, padding_y;
    vx_enum overflow_policy, rounding_policy;
    vx_size a_x, a_y;
} vx_nn_deconvolution_params_t;

typedef struct {
    vx_enum pool_type;
} vx_nn_roi_pool_params_t;

vx_node vxConvolutionLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights, vx_tensor biases,
                           const vx_nn_convolution_params_t *params, vx_size size,
                           vx_tensor outputs);
vx_node vxFullyConnectedLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights,
                              vx_tensor biases, vx_enum overflow, vx_enum rounding,
                              vx_tensor outputs);
vx_node vxPoolingLayer(vx_graph graph, vx_tensor inputs, vx_enum type, vx_size size_x,
                       vx_size size_y, vx_size padding_x, vx_size padding_y, vx_enum rounding,
                       vx_tensor outputs);
vx_node vxSoftmaxLayer(vx_graph graph, vx_tensor inputs, vx_tensor outputs);
vx_node vxLocalResponseNormalizationLayer(vx_graph graph, vx_tensor inputs, vx_enum type,
                                          vx_size size, vx_float32 alpha, vx_float32 beta,
                                          vx_float32 bias, vx_tensor outputs);
vx_node vxActivationLayer(vx_graph graph, vx_tensor inputs, vx_enum function, vx_float32 a,
                          vx_float32 b, vx_tensor outputs);
vx_node vxROIPoolingLayer(vx_graph graph, vx_tensor data, vx_tensor rois,
                          const vx_nn_roi_pool_params_t *params, vx_size size, vx_tensor outputs);
vx_node vxDeconvolutionLayer(vx_graph graph, vx_tensor inputs, vx_tensor weights, vx_tensor biases,
                             const vx_nn_deconvolution_params_t *params, vx_size size,
                             vx_tensor outputs);

#ifdef __cplusplus
}
#endif
#endif
