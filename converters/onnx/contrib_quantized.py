"""Quantized operators of the domain com.microsoft: reals between two grids."""

from collections.abc import Sequence
from typing import Any

from nnefx.converters.broadcast import binary
from nnefx.converters.onnx.activate import softmax, softmax_flat
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import joined
from nnefx.converters.onnx.linear import gemm
from nnefx.converters.onnx.pool import average_pool
from nnefx.converters.onnx.quantize import (
    dequantize_linear,
    in_reals,
    quantized,
    unfolded_bias,
)
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import contrib
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None


def _opened(g: Importer, x: Tensor, scale: Tensor, zero: Tensor | None) -> Any:
    return dequantize_linear(g, x, scale, zero)


@contrib.on("QLinearAdd")
def qlinear_add(
    g: Importer, a: Tensor, a_scale: Tensor, a_zero: Tensor | None, b: Tensor, b_scale: Tensor,
    b_zero: Tensor | None, y_scale: Tensor, y_zero: Tensor | None = None,
) -> Any:  # fmt: skip
    total = binary(g, "add", _opened(g, a, a_scale, a_zero), _opened(g, b, b_scale, b_zero))
    return quantized(g, total, g.viewed(y_scale, ()), _item(g, y_zero), a.dtype)


@contrib.on("QLinearMul")
def qlinear_mul(
    g: Importer, a: Tensor, a_scale: Tensor, a_zero: Tensor | None, b: Tensor, b_scale: Tensor,
    b_zero: Tensor | None, y_scale: Tensor, y_zero: Tensor | None = None,
) -> Any:  # fmt: skip
    product = binary(g, "mul", _opened(g, a, a_scale, a_zero), _opened(g, b, b_scale, b_zero))
    return quantized(g, product, g.viewed(y_scale, ()), _item(g, y_zero), a.dtype)


@contrib.on("QLinearSigmoid")
def qlinear_sigmoid(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor | None, y_scale: Tensor,
    y_zero: Tensor | None = None,
) -> Any:  # fmt: skip
    y = g.sigmoid(_opened(g, x, x_scale, x_zero))
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), x.dtype)


@contrib.on("QLinearLeakyRelu")
def qlinear_leaky_relu(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor | None, y_scale: Tensor,
    y_zero: Tensor | None = None, *, alpha: float = 0.01,
) -> Any:  # fmt: skip
    y = g.leaky_relu(_opened(g, x, x_scale, x_zero), alpha=alpha)
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), x.dtype)


@contrib.on("QLinearGlobalAveragePool")
def qlinear_global_average_pool(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor, y_scale: Tensor, y_zero: Tensor, *,
    channels_last: int = 0,
) -> Any:  # fmt: skip
    axes = list(range(1, x.rank - 1) if channels_last else range(2, x.rank))
    y = g.mean_reduce(_opened(g, x, x_scale, x_zero), axes=axes)
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), x.dtype)


@contrib.on("QLinearConcat")
def qlinear_concat(
    g: Importer, y_scale: Tensor, y_zero: Tensor, *tensors: Tensor, axis: int
) -> Any:
    parts = [_opened(g, *tensors[i : i + 3]) for i in range(0, len(tensors), 3)]
    whole = joined(g, parts, axis_of(axis, parts[0].rank))
    return quantized(g, whole, g.viewed(y_scale, ()), _item(g, y_zero), y_zero.dtype)


@contrib.on("QLinearAveragePool")
def qlinear_average_pool(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor | None, y_scale: Tensor,
    y_zero: Tensor | None = None, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, channels_last: int = 0, count_include_pad: int = 0, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    if channels_last:
        raise Reject("channels_last", "pools over images with channels last", "NX703")
    y = average_pool(
        g, _opened(g, x, x_scale, x_zero), kernel_shape=kernel_shape, auto_pad=auto_pad,
        ceil_mode=ceil_mode, count_include_pad=count_include_pad, pads=pads, strides=strides,
    )  # fmt: skip
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), x.dtype)


@contrib.on("QLinearSoftmax")
def qlinear_softmax(
    g: Importer, x: Tensor, x_scale: Tensor, x_zero: Tensor | None, y_scale: Tensor,
    y_zero: Tensor, *, axis: int = -1, opset: int,
) -> Any:  # fmt: skip
    apply = softmax if opset >= 13 else softmax_flat
    y = apply(g, _opened(g, x, x_scale, x_zero), axis=axis)
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), x.dtype)


@contrib.on("QGemm")
def qgemm(
    g: Importer, a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor,
    b_zero: Tensor, c: Tensor | None = None, y_scale: Tensor | None = None,
    y_zero: Tensor | None = None, *, alpha: float = 1.0, transA: int = 0, transB: int = 0,
) -> Any:  # fmt: skip
    if not in_reals(a_scale, b_scale):
        raise Reject(None, "QGemm with scales that are computed is not supported", "NX704")
    weights = dequantize_linear(g, b, b_scale, b_zero, axis=0 if transB else 1)
    bias = None if c is None else unfolded_bias(g, c, a_scale, b_scale)
    left = _opened(g, a, a_scale, a_zero)
    y = gemm(g, left, weights, bias, alpha=alpha, transA=transA, transB=transB)
    if y_scale is None:
        return y
    return quantized(g, y, g.viewed(y_scale, ()), _item(g, y_zero), a.dtype)


def _item(g: Importer, zero: Tensor | None) -> Tensor | None:
    return None if zero is None else g.viewed(zero, ())
