"""Operators of the domain com.microsoft, which onnxruntime adds to the standard's."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.onnx.elementwise import arithmetic
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import reshaped, transposed
from nnefx.converters.onnx.linear import multiplied
from nnefx.converters.onnx.quantize import (
    dequantize_linear,
    matmul_integer,
    quantize_linear,
    quantized,
)
from nnefx.converters.onnx.recurrent import (
    State,
    Step,
    functions_of,
    layer_of,
    lstm_step,
    part,
)
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import contrib, rules
from nnefx.converters.onnx.window import conv
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None
Floats = Sequence[float] | None


@contrib.on("Gelu")
def gelu(g: Importer, x: Tensor) -> Any:
    return g.nnefx_gelu(x)


@contrib.on("BiasGelu")
def bias_gelu(g: Importer, x: Tensor, bias: Tensor) -> Any:
    return g.nnefx_gelu(binary(g, "add", x, bias))


@contrib.on("FastGelu")
def fast_gelu(g: Importer, x: Tensor, bias: Tensor | None = None) -> Any:
    return g.nnefx_gelu_tanh(x if bias is None else binary(g, "add", x, bias))


@contrib.on("QuickGelu")
def quick_gelu(g: Importer, x: Tensor, *, alpha: float = 1.702) -> Any:
    return g.gelu(x) if alpha == 1.702 else g.mul(x, g.sigmoid(g.mul(x, alpha)))


@contrib.on("FusedMatMul")
def fused_matmul(
    g: Importer, a: Tensor, b: Tensor, *, alpha: float = 1.0, transA: int = 0, transB: int = 0,
    transBatchA: int = 0, transBatchB: int = 0,
) -> Any:  # fmt: skip
    if transBatchA or transBatchB:
        raise Reject("transBatchA", "transposed batches are not supported", "NX702")
    left, right = (_turned(g, t, flag) for t, flag in ((a, transA), (b, transB)))
    product = multiplied(g, left, right)
    return product if alpha == 1 else g.mul(product, alpha)


def _turned(g: Importer, x: Tensor, flag: int) -> Tensor:
    if not flag or x.rank < 2:
        return x
    return transposed(g, x, [*range(x.rank - 2), x.rank - 1, x.rank - 2])


@contrib.on("FusedConv")
def fused_conv(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, z: Tensor | None = None, *,
    activation: str = "", activation_params: Floats = None, auto_pad: str = "NOTSET",
    dilations: Ints = None, group: int = 1, kernel_shape: Ints = None, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    y = conv(
        g, x, w, b, auto_pad=auto_pad, dilations=dilations, group=group,
        kernel_shape=kernel_shape, pads=pads, strides=strides,
    )  # fmt: skip
    y = y if z is None else g.add("add", y, z)
    given = list(activation_params or ())
    simple = {"": "copy", "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
    if activation in simple:
        return g.add(simple[activation], y) if activation else y
    if activation == "LeakyRelu" and len(given) == 1:
        return g.leaky_relu(y, alpha=given[0])
    if activation == "Clip" and len(given) == 2:
        return g.clamp(y, given[0], given[1])
    raise Reject("activation", f"activation is '{activation}' with {given}", "NX702")


@contrib.on("SkipLayerNormalization")
def skip_layer_normalization(
    g: Importer, x: Tensor, skip: Tensor, scale: Tensor, offset: Tensor | None = None,
    bias: Tensor | None = None, *, epsilon: float = 1e-12,
) -> Any:  # fmt: skip
    total = _summed(g, x, skip, bias)
    mean, variance = g.moments(total, axes=[total.rank - 1])
    rows = [g.known(np.zeros(1, x.dtype)) if offset is None else offset, scale]
    _, *rows = aligned(g, total, *rows)
    y = g.batch_normalization(total, mean, variance, *rows, epsilon=epsilon)
    return [y, mean, g.rsqrt(g.add("add", variance, epsilon)), total] if _wants_more(g) else y


@contrib.on("SkipSimplifiedLayerNormalization")
def skip_rms_normalization(
    g: Importer, x: Tensor, skip: Tensor, scale: Tensor, bias: Tensor | None = None, *,
    epsilon: float = 1e-12,
) -> Any:  # fmt: skip
    total = _summed(g, x, skip, bias)
    y, inverse = _by_rms(g, total, scale, [total.rank - 1], epsilon)
    return [y, inverse, inverse, total] if _wants_more(g) else y


@rules.on("SimplifiedLayerNormalization")
def rms_normalization(
    g: Importer, x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Any:  # fmt: skip
    axes = list(range(axis_of(axis, x.rank), x.rank))
    y, inverse = _by_rms(g, x, scale, axes, epsilon)
    return [y, inverse] if g.wants(1) else y


def _summed(g: Importer, x: Tensor, skip: Tensor, bias: Tensor | None) -> Tensor:
    total = arithmetic(g, "add", x, skip)
    return total if bias is None else arithmetic(g, "add", total, bias)


def _wants_more(g: Importer) -> bool:
    return any(g.wants(index) for index in (1, 2, 3))


def _by_rms(
    g: Importer, x: Tensor, scale: Tensor, axes: list[int], epsilon: float
) -> tuple[Any, Any]:
    inverse = g.rsqrt(g.add("add", g.mean_reduce(g.sqr(x), axes=axes), epsilon))
    return binary(g, "mul", g.mul(x, inverse), scale), inverse


contrib.on("QuantizeLinear")(quantize_linear)
contrib.on("DequantizeLinear")(dequantize_linear)


@contrib.on("MatMulIntegerToFloat")
def matmul_integer_to_float(
    g: Importer, a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor,
    a_zero: Tensor | None = None, b_zero: Tensor | None = None, bias: Tensor | None = None,
) -> Any:  # fmt: skip
    total = g.cast(matmul_integer(g, a, b, a_zero, b_zero), dtype="scalar")
    y = binary(g, "mul", total, binary(g, "mul", a_scale, b_scale))
    return y if bias is None else binary(g, "add", y, bias)


def dynamic(g: Importer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return `x` as 8-bit unsigned integers, with the scale and zero point that its range gives."""
    axes = list(range(x.rank))
    low = g.viewed(g.min(g.min_reduce(x, axes=axes), 0.0), ())
    high = g.viewed(g.max(g.max_reduce(x, axes=axes), 0.0), ())
    scale = g.div(g.sub(high, low), 255.0)
    zero = g.nnefx_quantize(g.neg(low), scale, 0, bits=8, signed=False)
    zero = g.typed(zero, np.uint8)
    return quantized(g, x, scale, zero, np.dtype(np.uint8)), scale, zero


@contrib.on("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(
    g: Importer, a: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor | None = None,
    bias: Tensor | None = None,
) -> Any:  # fmt: skip
    items, scale, zero = dynamic(g, a)
    return matmul_integer_to_float(g, items, b, scale, b_scale, zero, b_zero, bias)


@contrib.on("DynamicQuantizeLSTM")
def dynamic_quantize_lstm(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None,
    sequence_lens: Const | None = None, initial_h: Tensor | None = None,
    initial_c: Tensor | None = None, p: Tensor | None = None, w_scale: Tensor | None = None,
    w_zero: Tensor | None = None, r_scale: Tensor | None = None, r_zero: Tensor | None = None, *,
    activation_alpha: Floats = None, activation_beta: Floats = None,
    activations: Sequence[str] | None = None, clip: float | None = None,
    direction: str = "forward", hidden_size: int | None = None, input_forget: int = 0,
) -> Any:  # fmt: skip
    if w_scale is None or r_scale is None:
        raise Reject(None, "the scales of the weights are missing", "NX703")

    def times(items: Tensor, weights: Tensor, scale: Tensor, zero: Tensor | None, at: int) -> Any:
        zeros = None if zero is None else part(g, zero, at)
        return dynamic_quantize_matmul(g, items, part(g, weights, at), part(g, scale, at), zeros)

    layer = layer_of(
        g, 4, x, w, r, b, sequence_lens, (initial_h, initial_c), hidden_size, direction, 0,
        clip=clip, input_forget=input_forget,
    )  # fmt: skip
    layer = replace(layer, project=lambda items, at: times(items, w, w_scale, w_zero, at))
    defaults = ["sigmoid", "tanh", "tanh"]

    def make(number: int) -> Step:
        names = functions_of(activations, defaults, number, activation_alpha, activation_beta)
        peepholes = None if p is None else reshaped(g, part(g, p, number), [3, layer.hidden])

        def step(inputs: Tensor, state: State) -> State:
            h, c = state
            product = times(h, r, r_scale, r_zero, number)
            return lstm_step(g, arithmetic(g, "add", inputs, product), c, names, peepholes)

        return step

    y, states = layer.run(make)
    return [y, *states]
