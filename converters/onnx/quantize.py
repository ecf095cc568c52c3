"""Quantized operators: integers stay integers, every product and sum is exact."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.grids import Grid
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import unsqueezed
from nnefx.converters.onnx.proto import dtype_of
from nnefx.converters.onnx.shapes import axis_of, per_axis, unless_ones, window_padding
from nnefx.converters.onnx.tables import rules
from nnefx.converters.onnx.window import check_kernel, conv
from nnefx.converters.scope import Tensor
from nnefx.converters.stored import Stored
from nnefx.ops import Reject

Ints = Sequence[int] | None


@rules.on("QuantizeLinear")
def quantize_linear(
    g: Importer, x: Tensor, scale: Tensor, zero_point: Tensor | None = None, *, axis: int = 1,
    saturate: int = 1, block_size: int = 0, output_dtype: int = 0, precision: int = 0,
) -> Any:  # fmt: skip
    dtype = np.dtype(np.uint8) if not output_dtype else dtype_of(output_dtype)
    if zero_point is not None:
        dtype = zero_point.dtype
    return quantized(
        g, x, spread(g, scale, x, axis, block_size),
        None if zero_point is None else spread(g, zero_point, x, axis, block_size), dtype,
    )  # fmt: skip


def quantized(
    g: Importer, x: Tensor, scale: Tensor, zero_point: Tensor | None, dtype: np.dtype[Any]
) -> Tensor:
    """Return `x` as integers of `dtype`."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        raise Reject("output_dtype", f"quantization to {dtype.name} is not supported", "NX704")
    scalars = x if x.kind == "scalar" else g.cast(x, dtype="scalar")
    zero: Any = 0 if zero_point is None else zero_point
    bits = dtype.itemsize * 8
    result = g.nnefx_quantize(scalars, scale, zero, bits=bits, signed=dtype.kind == "i")
    note_grid(g, result, scale, zero_point, dtype)
    return g.typed(result, dtype)


def note_grid(
    g: Importer, result: Tensor, scale: Tensor, zero: Tensor | None, dtype: np.dtype[Any]
) -> None:
    """Note how integers stand for reals, where that is known now."""
    point = np.zeros((), np.int64) if zero is None else zero.array
    if scale.array is None or point is None or result.value is None:
        return
    if scale.dtype == np.float32 and dtype.kind in "iu":
        g.grids[result.value] = Grid(scale.array, point, dtype)


def spread(g: Importer, t: Tensor, x: Tensor, axis: int, block: int) -> Tensor:
    """Return a parameter of quantization in a shape that meets `x`: one, per axis, or per block."""
    if t.volume == 1 and t.rank <= 1:
        return g.viewed(t, ())
    at = axis_of(axis, x.rank)
    if t.rank == 1 and not block:
        return g.viewed(t, [t.volume if i == at else 1 for i in range(x.rank)])
    if not block or t.rank != x.rank:
        raise Reject("axis", f"shape {list(t.shape)} does not meet {list(x.shape)}", "NX304")
    repeated = g.tile(
        unsqueezed(g, t, [at + 1]), repeats=[block if i == at + 1 else 1 for i in range(t.rank + 1)]
    )
    return g.viewed(repeated, [e * block if i == at else e for i, e in enumerate(t.shape)])


@rules.on("DequantizeLinear")
def dequantize_linear(
    g: Importer, x: Tensor, scale: Tensor, zero_point: Tensor | None = None, *, axis: int = 1,
    block_size: int = 0, output_dtype: int = 0,
) -> Any:  # fmt: skip
    factor = spread(g, scale, x, axis, block_size)
    offset = None if zero_point is None else spread(g, zero_point, x, axis, block_size)
    dtype = dtype_of(output_dtype) if output_dtype else scale.dtype
    result = g.nnefx_dequantize(x, factor, 0 if offset is None else offset)
    note_grid(g, result, factor, offset, x.dtype)
    zero = np.zeros((), np.int64) if offset is None else offset.array
    if x.array is not None and factor.array is not None and zero is not None and x.volume > 1:
        result.name, result.kept = x.name, True
        g.stored_integers[x.name] = Stored(x.array, factor.array, zero)
    return g.typed(result, dtype)


def _centred(g: Importer, x: Tensor, zero_point: Tensor | None) -> Tensor:
    """Return the integers less their zero point."""
    if zero_point is None or (zero_point.array is not None and not zero_point.array.any()):
        return g.typed(x, np.int32)
    result = binary(g, "nnefx_integer_sub", x, zero_point)
    assert isinstance(result, Tensor)
    return g.typed(result, np.int32)


@rules.on("MatMulInteger")
def matmul_integer(
    g: Importer, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    from nnefx.converters.onnx.linear import multiplied

    if a_zero is not None and a_zero.rank == 1 and a_zero.volume > 1:
        a_zero = g.viewed(a_zero, (a_zero.volume, 1))
    return g.typed(multiplied(g, _centred(g, a, a_zero), _centred(g, b, b_zero)), np.int32)


def in_reals(*parameters: Tensor | None) -> bool:
    """Tell whether scales and zeros are known, so that an operator computes reals on grids.

    What is rounded stands in graph.quant then, and the operator is the one that everybody has.
    """
    return all(item is None or item.known for item in parameters)


@rules.on("QLinearMatMul")
def qlinear_matmul(
    g: Importer, a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor,
    b_zero: Tensor, y_scale: Tensor, y_zero: Tensor,
) -> Tensor:  # fmt: skip
    from nnefx.converters.onnx.linear import multiplied

    if in_reals(a_scale, a_zero, b_scale, b_zero, y_scale, y_zero) and a_scale.volume == 1:
        left = dequantize_linear(g, a, a_scale, a_zero)
        right = dequantize_linear(g, b, b_scale, b_zero, axis=b.rank - 1)
        product = multiplied(g, left, right)
        return quantized(g, product, g.viewed(y_scale, ()), g.viewed(y_zero, ()), y_zero.dtype)
    total = matmul_integer(g, a, b, a_zero, b_zero)
    if a_scale.rank == 1 and a_scale.volume > 1:
        a_scale = g.viewed(a_scale, (a_scale.volume, 1))
    factor = binary(g, "mul", a_scale, b_scale)
    return _requantized(g, total, factor, y_scale, y_zero)


def _requantized(
    g: Importer, total: Tensor, factor: Tensor, scale: Tensor, zero_point: Tensor
) -> Tensor:
    wide = binary(g, "mul", g.cast(total, dtype="scalar"), factor)
    wide, scale, zero = aligned(g, wide, scale, zero_point)
    return quantized(g, wide, scale, zero, zero_point.dtype)


@rules.on("ConvInteger")
def conv_integer(
    g: Importer, x: Tensor, w: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Ints = None, group: int = 1,
    kernel_shape: Ints = None, pads: Ints = None, strides: Ints = None,
) -> Any:  # fmt: skip
    spatial = x.rank - 2
    stride = per_axis(strides, spatial, "strides")
    dilation = per_axis(dilations, spatial, "dilations")
    check_kernel(w, kernel_shape)
    padding = window_padding(x.shape[2:], w.shape[2:], pads, auto_pad, stride, dilation)
    if w_zero is not None and w_zero.volume > 1:
        w_zero = g.viewed(w_zero, (w_zero.volume, *[1] * (w.rank - 1)))
    result = g.nnefx_integer_conv(
        _centred(g, x, x_zero), _centred(g, w, w_zero), padding=padding,
        stride=unless_ones(stride), dilation=unless_ones(dilation), groups=group,
    )  # fmt: skip
    return g.typed(result, np.int32)


def unfolded_bias(g: Importer, b: Tensor, x_scale: Tensor, w_scale: Tensor) -> Tensor:
    """Return the reals of a bias, which has the scale of the products that it is added to."""
    assert x_scale.array is not None
    assert w_scale.array is not None
    scale = np.asarray(x_scale.array.reshape(()) * w_scale.array, np.float32)
    result: Tensor = dequantize_linear(g, b, g.known(scale), axis=0)
    return result


@rules.on("QLinearConv")
def qlinear_conv(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor, w: Tensor, w_scale: Tensor,
    w_zero: Tensor, y_scale: Tensor, y_zero: Tensor, b: Tensor | None = None, *,
    auto_pad: str = "NOTSET", dilations: Ints = None, group: int = 1, kernel_shape: Ints = None,
    pads: Ints = None, strides: Ints = None,
) -> Any:  # fmt: skip
    if in_reals(x_scale, x_zero, w_scale, w_zero, y_scale, y_zero, b):
        bias = None if b is None else unfolded_bias(g, b, x_scale, w_scale)
        result = conv(
            g, dequantize_linear(g, x, x_scale, x_zero),
            dequantize_linear(g, w, w_scale, w_zero, axis=0), bias, auto_pad=auto_pad,
            dilations=dilations, group=group, kernel_shape=kernel_shape, pads=pads,
            strides=strides,
        )  # fmt: skip
        return quantized(g, result, g.viewed(y_scale, ()), g.viewed(y_zero, ()), y_zero.dtype)
    total = conv_integer(
        g, x, w, x_zero, w_zero, auto_pad=auto_pad, dilations=dilations, group=group,
        kernel_shape=kernel_shape, pads=pads, strides=strides,
    )  # fmt: skip
    per_channel = (w_scale.volume, *[1] * (x.rank - 2))
    factor = binary(g, "mul", x_scale, g.viewed(w_scale, per_channel))
    if b is not None:
        total = g.nnefx_integer_add(total, g.viewed(b, (1, b.volume)))
    return _requantized(g, total, factor, y_scale, y_zero)
