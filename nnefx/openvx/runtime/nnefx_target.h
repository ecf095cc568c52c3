/* What every program of ours does with OpenVX objects: the loader includes this file, and the C
 * project writer puts it into its programs. Data has natural strides, innermost extent first. */
#ifndef NNEFX_TARGET_H
#define NNEFX_TARGET_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>
#include <VX/vx_khr_nn.h>

static inline vx_status check(vx_reference reference)
{
    return reference ? vxGetStatus(reference) : VX_ERROR_INVALID_REFERENCE;
}

/* Check a node that was added, and give it back: the graph keeps it. */
static inline vx_status add_node(vx_node node)
{
    vx_status status = check((vx_reference)node);
    if (status == VX_SUCCESS)
        status = vxReleaseNode(&node);
    return status;
}

static inline size_t item_size(vx_enum type)
{
    switch (type) {
    case VX_TYPE_INT8: case VX_TYPE_UINT8: return 1;
    case VX_TYPE_INT32: case VX_TYPE_FLOAT32: return 4;
    default: return 2;
    }
}

/* Write the strides in bytes and return the size of all items. */
static inline vx_size natural_strides(vx_size rank, const vx_size *dims, vx_enum type,
                                      vx_size *strides)
{
    vx_size stride = item_size(type), i;
    for (i = 0; i < rank; i++) {
        strides[i] = stride;
        stride *= dims[i];
    }
    return stride;
}

/* Copy all of a tensor from or to memory. */
static inline vx_status copy_all(vx_tensor tensor, vx_size rank, const vx_size *dims, vx_enum type,
                                 void *data, vx_enum usage)
{
    static const vx_size start[6] = {0, 0, 0, 0, 0, 0};
    vx_size strides[6];
    natural_strides(rank, dims, type, strides);
    return vxCopyTensorPatch(tensor, rank, start, dims, strides, data, usage,
                             VX_MEMORY_TYPE_HOST);
}

static inline vx_status fill_all(vx_tensor tensor, vx_size rank, const vx_size *dims, vx_enum type,
                                 long fill)
{
    vx_size strides[6], size = natural_strides(rank, dims, type, strides), i;
    size_t step = item_size(type);
    unsigned char *data = malloc(size);
    vx_status status;
    if (!data)
        return VX_ERROR_NO_MEMORY;
    for (i = 0; i < size; i++)
        data[i] = (unsigned char)((unsigned long)fill >> (8 * (i % step)) & 0xFF);
    status = copy_all(tensor, rank, dims, type, data, VX_WRITE_ONLY);
    free(data);
    return status;
}

/* Tables start with the entry of the smallest input; turn them for a target that starts with 0. */
static inline vx_status copy_lut(vx_lut lut, vx_enum type, size_t count, void *data)
{
    vx_uint32 offset = (vx_uint32)(count / 2);
    size_t half = count / 2 * item_size(type);
    unsigned char *turned;
    vx_status status;
    if (type == VX_TYPE_UINT8 || count % 2 != 0 ||
        vxQueryLUT(lut, VX_LUT_OFFSET, &offset, sizeof offset) != VX_SUCCESS || offset != 0)
        return vxCopyLUT(lut, data, VX_WRITE_ONLY, VX_MEMORY_TYPE_HOST);
    turned = malloc(2 * half);
    if (!turned)
        return VX_ERROR_NO_MEMORY;
    memcpy(turned, (unsigned char *)data + half, half);
    memcpy(turned + half, data, half);
    status = vxCopyLUT(lut, turned, VX_WRITE_ONLY, VX_MEMORY_TYPE_HOST);
    free(turned);
    return status;
}

/* Real numbers to stored ones: rounded half away from zero, saturated; a NaN is the smallest. */
static inline long to_stored(float value, double factor, long least, long most)
{
    double scaled = (double)value * factor;
    scaled = scaled < 0 ? -floor(0.5 - scaled) : floor(scaled + 0.5);
    if (!(scaled > (double)least))
        return least;
    return scaled < (double)most ? (long)scaled : most;
}

/* A real number as the bits of a half float: rounded to the nearest, ties to even. */
static inline vx_uint16 to_half(double value)
{
    vx_uint16 sign = (vx_uint16)(signbit(value) ? 0x8000 : 0);
    double size = fabs(value);
    int exponent;
    if (size != size)
        return 0x7E00;
    if (size >= 65520.0)
        return (vx_uint16)(sign | 0x7C00); /* an infinity */
    if (size < 0x1p-14)
        return (vx_uint16)(sign | (vx_uint16)rint(size * 0x1p24));
    size = frexp(size, &exponent);
    return (vx_uint16)(sign | ((exponent + 13) * 1024 + (int)rint(size * 2048.0)));
}

static inline double from_half(vx_uint16 bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31)
        size = fraction ? NAN : INFINITY;
    return bits & 0x8000 ? -size : size;
}

/* Store real numbers as items of `type`, with stored = real * factor. */
static inline vx_status store_all(void *data, vx_enum type, size_t count, const float *values,
                                  double factor)
{
    size_t i;
    for (i = 0; i < count; i++) {
        switch (type) {
        case VX_TYPE_FLOAT32: ((vx_float32 *)data)[i] = (float)(values[i] * factor); break;
        case VX_TYPE_FLOAT16: ((vx_uint16 *)data)[i] = to_half(values[i] * factor); break;
        case VX_TYPE_INT16:
            ((vx_int16 *)data)[i] = (vx_int16)to_stored(values[i], factor, -32768, 32767);
            break;
        case VX_TYPE_UINT16:
            ((vx_uint16 *)data)[i] = (vx_uint16)to_stored(values[i], factor, 0, 65535);
            break;
        case VX_TYPE_INT8:
            ((vx_int8 *)data)[i] = (vx_int8)to_stored(values[i], factor, -128, 127);
            break;
        case VX_TYPE_UINT8:
            ((vx_uint8 *)data)[i] = (vx_uint8)to_stored(values[i], factor, 0, 255);
            break;
        case VX_TYPE_INT32:
            ((vx_int32 *)data)[i] =
                (vx_int32)to_stored(values[i], factor, -2147483647L - 1, 2147483647L);
            break;
        default: return VX_ERROR_NOT_SUPPORTED;
        }
    }
    return VX_SUCCESS;
}

/* The reverse of store_all. */
static inline vx_status load_all(const void *data, vx_enum type, size_t count, float *values,
                                 double factor)
{
    size_t i;
    for (i = 0; i < count; i++) {
        switch (type) {
        case VX_TYPE_FLOAT32: values[i] = (float)(((const vx_float32 *)data)[i] / factor); break;
        case VX_TYPE_FLOAT16:
            values[i] = (float)(from_half(((const vx_uint16 *)data)[i]) / factor);
            break;
        case VX_TYPE_INT16: values[i] = (float)(((const vx_int16 *)data)[i] / factor); break;
        case VX_TYPE_UINT16: values[i] = (float)(((const vx_uint16 *)data)[i] / factor); break;
        case VX_TYPE_INT8: values[i] = (float)(((const vx_int8 *)data)[i] / factor); break;
        case VX_TYPE_UINT8: values[i] = (float)(((const vx_uint8 *)data)[i] / factor); break;
        case VX_TYPE_INT32: values[i] = (float)(((const vx_int32 *)data)[i] / factor); break;
        default: return VX_ERROR_NOT_SUPPORTED;
        }
    }
    return VX_SUCCESS;
}

#endif
