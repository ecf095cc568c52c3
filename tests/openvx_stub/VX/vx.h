/* The part of OpenVX 1.3 that generated programs use, declared from its facts: names, types and
 * numbers. It lets tests compile, link and run them where no OpenVX is installed. */
#ifndef STUB_VX_H
#define STUB_VX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VX_VERSION_1_3 0x103

typedef char vx_char;
typedef int32_t vx_status;
typedef int32_t vx_enum;
typedef size_t vx_size;
typedef int8_t vx_int8;
typedef uint8_t vx_uint8;
typedef int16_t vx_int16;
typedef uint16_t vx_uint16;
typedef int32_t vx_int32;
typedef uint32_t vx_uint32;
typedef float vx_float32;
typedef enum { vx_false_e = 0, vx_true_e = 1 } vx_bool;

typedef struct _vx_reference *vx_reference;
typedef struct _vx_context *vx_context;
typedef struct _vx_graph *vx_graph;
typedef struct _vx_node *vx_node;
typedef struct _vx_tensor *vx_tensor;
typedef struct _vx_lut *vx_lut;
typedef struct _vx_scalar *vx_scalar;
typedef struct _vx_parameter *vx_parameter;

enum {
    VX_SUCCESS = 0,
    VX_FAILURE = -1,
    VX_ERROR_NOT_IMPLEMENTED = -2,
    VX_ERROR_NOT_SUPPORTED = -3,
    VX_ERROR_NO_RESOURCES = -7,
    VX_ERROR_NO_MEMORY = -8,
    VX_ERROR_OPTIMIZED_AWAY = -9,
    VX_ERROR_INVALID_PARAMETERS = -10,
    VX_ERROR_INVALID_REFERENCE = -12,
    VX_ERROR_INVALID_FORMAT = -14,
    VX_ERROR_INVALID_DIMENSION = -15,
    VX_ERROR_INVALID_VALUE = -16,
    VX_ERROR_INVALID_TYPE = -17,
    VX_ERROR_INVALID_GRAPH = -18
};

enum {
    VX_TYPE_INT8 = 0x2,
    VX_TYPE_UINT8 = 0x3,
    VX_TYPE_INT16 = 0x4,
    VX_TYPE_UINT16 = 0x5,
    VX_TYPE_INT32 = 0x6,
    VX_TYPE_FLOAT32 = 0xA,
    VX_TYPE_FLOAT16 = 0xF
};

enum { VX_CONVERT_POLICY_WRAP = 0xA000, VX_CONVERT_POLICY_SATURATE = 0xA001 };
enum { VX_ROUND_POLICY_TO_ZERO = 0x12001, VX_ROUND_POLICY_TO_NEAREST_EVEN = 0x12002 };
enum { VX_READ_ONLY = 0x11001, VX_WRITE_ONLY = 0x11002, VX_READ_AND_WRITE = 0x11003 };
enum { VX_MEMORY_TYPE_NONE = 0xE000, VX_MEMORY_TYPE_HOST = 0xE001 };
enum { VX_LUT_TYPE = 0x80700, VX_LUT_COUNT, VX_LUT_SIZE, VX_LUT_OFFSET };
enum {
    VX_CONTEXT_VENDOR_ID = 0x80100,
    VX_CONTEXT_VERSION = 0x80101,
    VX_CONTEXT_UNIQUE_KERNELS = 0x80102,
    VX_CONTEXT_IMPLEMENTATION = 0x80105,
    VX_CONTEXT_EXTENSIONS_SIZE = 0x80106,
    VX_CONTEXT_EXTENSIONS = 0x80107,
    VX_CONTEXT_MAX_TENSOR_DIMS = 0x8010E
};
enum { VX_GRAPH_NUMPARAMETERS = 0x80203 };
enum { VX_NODE_PARAMETERS = 0x80305 };
enum { VX_PARAMETER_TYPE = 0x80502, VX_PARAMETER_REF = 0x80504 };
enum { VX_REFERENCE_COUNT = 0x80000 };
enum { VX_TENSOR_NUMBER_OF_DIMS = 0x81500, VX_TENSOR_DIMS, VX_TENSOR_DATA_TYPE };

typedef struct {
    vx_bool transpose_input1, transpose_input2, transpose_input3;
} vx_tensor_matrix_multiply_params_t;

vx_context vxCreateContext(void);
vx_status vxReleaseContext(vx_context *context);
vx_context vxGetContext(vx_reference reference);
vx_status vxGetStatus(vx_reference reference);
vx_status vxRetainReference(vx_reference reference);
vx_status vxReleaseReference(vx_reference *reference);
vx_status vxSetReferenceName(vx_reference reference, const vx_char *name);
vx_status vxQueryContext(vx_context context, vx_enum attribute, void *data, vx_size size);
vx_graph vxCreateGraph(vx_context context);
vx_status vxReleaseGraph(vx_graph *graph);
vx_status vxVerifyGraph(vx_graph graph);
vx_status vxProcessGraph(vx_graph graph);
vx_status vxReleaseNode(vx_node *node);
vx_status vxQueryNode(vx_node node, vx_enum attribute, void *data, vx_size size);
vx_status vxQueryGraph(vx_graph graph, vx_enum attribute, void *data, vx_size size);
vx_status vxQueryReference(vx_reference reference, vx_enum attribute, void *data, vx_size size);
vx_parameter vxGetParameterByIndex(vx_node node, vx_uint32 index);
vx_status vxQueryParameter(vx_parameter parameter, vx_enum attribute, void *data, vx_size size);
vx_status vxReleaseParameter(vx_parameter *parameter);
vx_status vxAddParameterToGraph(vx_graph graph, vx_parameter parameter);
vx_status vxSetGraphParameterByIndex(vx_graph graph, vx_uint32 index, vx_reference value);

vx_tensor vxCreateTensor(vx_context context, vx_size rank, const vx_size *dims, vx_enum type,
                         vx_int8 position);
vx_tensor vxCreateVirtualTensor(vx_graph graph, vx_size rank, const vx_size *dims, vx_enum type,
                                vx_int8 position);
vx_tensor vxCreateTensorFromView(vx_tensor tensor, vx_size rank, const vx_size *start,
                                 const vx_size *end);
vx_tensor vxCreateTensorFromHandle(vx_context context, vx_size rank, const vx_size *dims,
                                   vx_enum type, vx_int8 position, const vx_size *strides,
                                   void *data, vx_enum memory_type);
vx_status vxSwapTensorHandle(vx_tensor tensor, void *data, void **previous);
vx_status vxQueryTensor(vx_tensor tensor, vx_enum attribute, void *data, vx_size size);
vx_status vxReleaseTensor(vx_tensor *tensor);
vx_status vxCopyTensorPatch(vx_tensor tensor, vx_size rank, const vx_size *start,
                            const vx_size *end, const vx_size *strides, void *data, vx_enum usage,
                            vx_enum memory_type);

vx_lut vxCreateLUT(vx_context context, vx_enum type, vx_size count);
vx_status vxReleaseLUT(vx_lut *lut);
vx_status vxCopyLUT(vx_lut lut, void *data, vx_enum usage, vx_enum memory_type);
vx_status vxQueryLUT(vx_lut lut, vx_enum attribute, void *data, vx_size size);
vx_scalar vxCreateScalar(vx_context context, vx_enum type, const void *data);
vx_status vxReleaseScalar(vx_scalar *scalar);

vx_node vxTensorAddNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_enum overflow,
                        vx_tensor out);
vx_node vxTensorSubtractNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_enum overflow,
                             vx_tensor out);
vx_node vxTensorMultiplyNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_scalar scale,
                             vx_enum overflow, vx_enum rounding, vx_tensor out);
vx_node vxTensorTableLookupNode(vx_graph graph, vx_tensor in, vx_lut lut, vx_tensor out);
vx_node vxTensorTransposeNode(vx_graph graph, vx_tensor in, vx_tensor out, vx_size dimension1,
                              vx_size dimension2);
vx_node vxTensorConvertDepthNode(vx_graph graph, vx_tensor in, vx_enum overflow, vx_scalar norm,
                                 vx_scalar offset, vx_tensor out);
vx_node vxTensorMatrixMultiplyNode(vx_graph graph, vx_tensor in1, vx_tensor in2, vx_tensor in3,
                                   const vx_tensor_matrix_multiply_params_t *params,
                                   vx_tensor out);

/* User kernels: declared only, the stubs that nnefx writes for them are compiled and not run. */
#define VX_CALLBACK
#define VX_ID_USER 0xFFE
#define VX_MAX_KERNEL_NAME 256
#define VX_TYPE_TENSOR 0x815
#define VX_KERNEL_BASE(vendor, library) (((vendor) << 20) | ((library) << 12))
enum { VX_INPUT = 1, VX_OUTPUT = 2, VX_PARAMETER_STATE_REQUIRED = 3 };
typedef struct _vx_kernel *vx_kernel;
typedef struct _vx_meta_format *vx_meta_format;
typedef vx_status (*vx_kernel_f)(vx_node node, const vx_reference *parameters, vx_uint32 count);
typedef vx_status (*vx_kernel_validate_f)(vx_node node, const vx_reference parameters[],
                                          vx_uint32 count, vx_meta_format metas[]);
typedef vx_status (*vx_kernel_initialize_f)(vx_node node, const vx_reference *parameters,
                                            vx_uint32 count);
typedef vx_kernel_initialize_f vx_kernel_deinitialize_f;
vx_kernel vxAddUserKernel(vx_context context, const vx_char *name, vx_enum number,
                          vx_kernel_f run, vx_uint32 count, vx_kernel_validate_f validate,
                          vx_kernel_initialize_f start, vx_kernel_deinitialize_f end);
vx_status vxAddParameterToKernel(vx_kernel kernel, vx_uint32 index, vx_enum direction,
                                 vx_enum type, vx_enum state);
vx_status vxFinalizeKernel(vx_kernel kernel);
vx_status vxSetMetaFormatFromReference(vx_meta_format meta, vx_reference exemplar);

#ifdef __cplusplus
}
#endif
#endif
