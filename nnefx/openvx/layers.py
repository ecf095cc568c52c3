"""The node functions of OpenVX in numpy: what `simulate` runs.

Arrays have OpenVX's extents reversed, so a tensor [W, H, C, N] is an array (N, C, H, W).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nnefx.openvx.arithmetic import (
    Floats,
    Rounding,
    clamped_sum,
    exact_matmul,
    fit,
    round_to,
    saturated_sum,
    sum_products,
)
from nnefx.openvx.plan import Arg, Enum, Int, Null
from nnefx.openvx.shapes import rounding_rule, stride

Array = NDArray[Any]

_COLUMNS = 1 << 21  # items of unfolded input at a time


@dataclass(frozen=True, slots=True)
class Operand:
    """The stored numbers of a tensor and its fixed point position."""

    raw: Array
    position: int

    @property
    def is_float(self) -> bool:
        """Whether the numbers are floating point."""
        return self.raw.dtype.kind == "f"


Named = Mapping[str, Any]
Layer = Callable[[Named, Rounding], Array]


def run(function: str, named: Named, rounding: Rounding) -> Array:
    """Run one call; tensors are Operands, tables and scalars values, the rest plan arguments."""
    layer = _LAYERS.get(function)
    if layer is None:
        raise NotImplementedError(f"{function} is not simulated")
    return layer(named, rounding)


def _int(named: Named, name: str) -> int:
    arg: Arg = named[name]
    return arg.value if isinstance(arg, Int) else 0


def _enum(named: Named, name: str) -> str:
    arg: Arg = named[name]
    return arg.name if isinstance(arg, Enum) else ""


def _unfold(x: Array, size: tuple[int, int], step: tuple[int, int], dilation: Array) -> Array:
    """Return the windows of a padded (C, H, W) array as (C, kh, kw, oh, ow), not copied."""
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    windows = sliding_window_view(x, reach, axis=(1, 2))
    windows = windows[:, :: step[0], :: step[1], :: dilation[0], :: dilation[1]]
    turned: Array = windows.transpose(0, 3, 4, 1, 2)
    return turned


def _convolution(named: Named, rounding: Rounding) -> Array:
    x, w, y = named["inputs"], named["weights"], named["outputs"]
    source = x.raw.reshape((-1, *x.raw.shape[-3:]))
    target = y.raw.reshape((-1, *y.raw.shape[-3:]))
    pads = _int(named, "padding_y"), _int(named, "padding_x")
    dilation = np.array([_int(named, f"dilation_{axis}") + 1 for axis in "yx"])
    size = w.raw.shape[2:]
    if "stride_x" in named:
        step = _int(named, "stride_y"), _int(named, "stride_x")
        after = _int(named, "padding_y_bottom"), _int(named, "padding_x_right")
        w = _dense(w, source.shape[1], _int(named, "depth_multiplier"))
    else:
        rule, after = rounding_rule(named, "down_scale_size_rounding"), pads
        reach = [(n - 1) * int(gap) + 1 for n, gap in zip(size, dilation)]
        step_y, step_x = (
            stride(source.shape[2 + i], reach[i], pads[i], target.shape[2 + i], rule)
            for i in (0, 1)
        )
        step = step_y, step_x
    padded = np.pad(source, ((0, 0), (0, 0), (pads[0], after[0]), (pads[1], after[1])))
    out = np.empty_like(target)
    for n in range(len(source)):
        windows = _unfold(padded[n], size, step, dilation)
        windows = windows[..., : out.shape[2], : out.shape[3]]
        _convolve(windows, w, named, out[n], rounding)
    result: Array = out.reshape(y.raw.shape)
    return result


def _dense(weights: Operand, channels: int, multiplier: int) -> Operand:
    """Return weights that take channels apart, where `multiplier` is not 0, as ordinary ones."""
    if not multiplier:
        return weights
    raw = weights.raw
    wide = np.zeros((len(raw), channels, *raw.shape[2:]), raw.dtype)
    places = np.arange(len(raw))
    wide[places, places // multiplier] = raw[:, 0]
    return Operand(wide, weights.position)


def _convolve(windows: Array, w: Operand, named: Named, out: Array, rounding: Rounding) -> None:
    """Fill out (O, oh, ow) some rows at a time, so that unfolded input stays small."""
    channels, kh, kw, height, width = windows.shape
    depth = channels * kh * kw
    matrix = w.raw.reshape(len(w.raw), depth)
    rows = max(_COLUMNS // max(depth * width, 1), 1)
    shared = _Bias.of(named, out.shape)
    for begin in range(0, height, rows):
        part = windows[:, :, :, begin : begin + rows]
        columns = part.reshape(depth, -1)
        bias = shared.part(begin, rows)
        result = _weigh(matrix, columns, bias, kh * kw, w.position, named, rounding)
        out[:, begin : begin + rows] = result.reshape(len(w.raw), -1, width)


@dataclass(frozen=True, slots=True)
class _Bias:
    """Biases in the position of the result: (O, 1), or (O, H, W) where they are not shared."""

    values: Floats

    @classmethod
    def of(cls, named: Named, shape: tuple[int, ...]) -> "_Bias":
        arg = named["biases"]
        if isinstance(arg, Null):
            return cls(np.zeros((shape[0], 1)))
        values = arg.raw.astype(np.float64) / 2.0 ** (arg.position - named["outputs"].position)
        return cls(values[:, None] if values.ndim == 1 else values)

    def part(self, begin: int, rows: int) -> Floats:
        if self.values.ndim == 2:
            return self.values
        return self.values[:, begin : begin + rows].reshape(len(self.values), -1)


def _weigh(
    weights: Array,
    columns: Array,
    bias: Floats,
    taps: int,
    position: int,
    named: Named,
    rounding: Rounding,
) -> Array:
    """Multiply, round and fit; `taps` items belong to one input channel, 0 clamps at the end."""
    params = named
    if columns.dtype.kind == "f":
        single: Array = (weights @ columns + bias.astype(np.float32)).astype(np.float32)
        return single
    policy, overflow = _enum(params, "rounding_policy"), _enum(params, "overflow_policy")
    dtype = named["outputs"].raw.dtype.name
    if rounding == "once" or position != 8:
        total = exact_matmul(weights, columns) / 2.0**position + bias
        return fit(round_to(total, policy), dtype, overflow)
    if not overflow.endswith("SATURATE"):
        total = sum_products(weights, columns, policy) + np.trunc(bias)
    elif taps:
        total = clamped_sum(weights, columns, np.trunc(bias), taps, policy)
    else:
        total = saturated_sum(weights, columns, policy) + np.trunc(bias)
    return fit(total, dtype, overflow)


def _fully_connected(named: Named, rounding: Rounding) -> Array:
    x, w, y = named["inputs"], named["weights"], named["outputs"]
    columns = np.ascontiguousarray(x.raw.reshape(len(x.raw), -1).T)
    bias = _Bias.of(named, (len(w.raw),)).values
    result = _weigh(w.raw, columns, bias, 0, w.position, named, rounding)
    turned: Array = result.T.reshape(y.raw.shape)
    return turned


def _pooling(named: Named, _rounding: Rounding) -> Array:
    x, y = named["inputs"].raw, named["outputs"].raw
    is_max = _enum(named, "pooling_type") == "VX_NN_POOLING_MAX"
    size = _int(named, "pooling_size_y"), _int(named, "pooling_size_x")
    pads = _int(named, "pooling_padding_y"), _int(named, "pooling_padding_x")
    rule = rounding_rule(named, "rounding")
    step = [stride(x.shape[i - 2], size[i], pads[i], y.shape[i - 2], rule) for i in (0, 1)]
    fill = _lowest(x.dtype) if is_max else 0
    # A ceiled size may reach beyond the padding: those places count as padding too.
    reach = [(y.shape[i - 2] - 1) * step[i] + size[i] for i in (0, 1)]
    after = [max(reach[i] - x.shape[i - 2] - pads[i], 0) for i in (0, 1)]
    edge = ((pads[0], after[0]), (pads[1], after[1]))
    padded = np.pad(x, ((0, 0),) * (x.ndim - 2) + edge, constant_values=fill)
    merge = np.maximum if is_max else np.add
    total: Any = None
    for i in range(size[0]):
        for j in range(size[1]):
            part = padded[
                ...,
                i : i + (y.shape[-2] - 1) * step[0] + 1 : step[0],
                j : j + (y.shape[-1] - 1) * step[1] + 1 : step[1],
            ]
            part = part if is_max else part.astype(np.float64)
            total = part if total is None else merge(total, part)
    if is_max:
        largest: Array = total
        return largest
    mean: Array = total / (size[0] * size[1])
    whole: Any = mean if y.dtype.kind == "f" else np.trunc(mean)
    result: Array = whole.astype(y.dtype)
    return result


def _lowest(dtype: Any) -> float:
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _activation(named: Named, _rounding: Rounding) -> Array:
    x, y = named["inputs"], named["outputs"]
    kind = _enum(named, "function").removeprefix("VX_NN_ACTIVATION_")
    if kind == "RELU":
        clamped: Array = np.maximum(x.raw, 0)
        return clamped
    real = _to_real(x)
    a, b = named["a"].value, named["b"].value
    with np.errstate(all="ignore"):
        return _from_real(_ACTIVATIONS[kind](real, a, b), y)


_ACTIVATIONS: dict[str, Callable[[Floats, float, float], Floats]] = {
    "LOGISTIC": lambda x, _a, _b: 1 / (1 + np.exp(-x)),
    "HYPERBOLIC_TAN": lambda x, a, b: a * np.tanh(b * x),
    "BRELU": lambda x, a, _b: np.minimum(a, np.maximum(0, x)),
    "SOFTRELU": lambda x, _a, _b: np.log1p(np.exp(x)),
    "ABS": lambda x, _a, _b: np.abs(x),
    "SQUARE": lambda x, _a, _b: x * x,
    "SQRT": lambda x, _a, _b: np.sqrt(x),
    "LINEAR": lambda x, a, b: a * x + b,
}


def _to_real(x: Operand) -> Floats:
    return x.raw.astype(np.float64) / 2.0**x.position


def _from_real(values: Floats, y: Operand, overflow: str = "SATURATE") -> Array:
    if y.is_float:
        return values.astype(np.float32)
    whole = np.trunc(np.nan_to_num(values * 2.0**y.position, nan=0.0))
    return fit(whole, y.raw.dtype.name, overflow)


def _softmax(named: Named, rounding: Rounding) -> Array:
    x, y = named["inputs"], named["outputs"]
    axis = x.raw.ndim - 3 if x.raw.ndim > 2 else x.raw.ndim - 1
    real = _to_real(x)
    if rounding == "product" and not x.is_float:
        return _softmax_unshifted(real, axis, y)
    exponent = np.exp(real - real.max(axis=axis, keepdims=True))
    return _from_real(exponent / exponent.sum(axis=axis, keepdims=True), y)


def _softmax_unshifted(real: Floats, axis: int, y: Operand) -> Array:
    """The sample's: float32 without subtraction of the maximum, so logits above 88 are lost."""
    with np.errstate(all="ignore"):
        exponent = np.exp(real.astype(np.float32))
        shares = exponent / exponent.sum(axis=axis, keepdims=True)
    whole: Array = np.trunc(np.nan_to_num(shares * np.float32(256), nan=-32768.0))
    return whole.astype(y.raw.dtype)


def _normalization(named: Named, _rounding: Rounding) -> Array:
    x, y = named["inputs"], named["outputs"]
    vendor = "norm_size" in named  # which has another formula
    real, size = _to_real(x), _int(named, "norm_size" if vendor else "normalization_size")
    square, half = real * real, size // 2
    across = _enum(named, "type") == "VX_NN_NORMALIZATION_ACROSS_MAPS"
    axes = (real.ndim - 3,) if across else (real.ndim - 2, real.ndim - 1)
    for axis in axes:
        pads = [(half, half) if i == axis else (0, 0) for i in range(real.ndim)]
        square = sliding_window_view(np.pad(square, pads), size, axis=axis).sum(axis=-1)
    alpha, beta, bias = (named[name].value for name in ("alpha", "beta", "bias"))
    factor = alpha if vendor else alpha / size ** len(axes)
    divisor: Floats = (bias + factor * square) ** beta
    return _from_real(real / divisor, y)


def _add(named: Named, _rounding: Rounding) -> Array:
    return _sum(named, 1.0)


def _subtract(named: Named, _rounding: Rounding) -> Array:
    return _sum(named, -1.0)


def _sum(named: Named, sign: float) -> Array:
    a, b, y = named["input1"], named["input2"], named["outputs"]
    total = a.raw.astype(np.float64) + sign * b.raw.astype(np.float64)
    if y.is_float:
        single: Array = total.astype(np.float32)
        return single
    return fit(total, y.raw.dtype.name, _enum(named, "overflow_policy"))


def _multiply(named: Named, _rounding: Rounding) -> Array:
    a, b, y = named["input1"], named["input2"], named["outputs"]
    product = a.raw.astype(np.float64) * b.raw.astype(np.float64) * named["scale"]
    if y.is_float:
        single: Array = product.astype(np.float32)
        return single
    product *= 2.0 ** (y.position - a.position - b.position)
    whole = round_to(product, _enum(named, "rounding_policy"))
    return fit(whole, y.raw.dtype.name, _enum(named, "overflow_policy"))


def _table_lookup(named: Named, _rounding: Rounding) -> Array:
    x, table = named["input1"].raw, named["lut"]
    result: Array = table[x.astype(np.int64) + len(table) // 2]
    return result


def _transpose(named: Named, _rounding: Rounding) -> Array:
    x = named["input"].raw
    first, second = (x.ndim - 1 - _int(named, f"dimension{i}") for i in (1, 2))
    return np.swapaxes(x, first, second)


def _convert_depth(named: Named, _rounding: Rounding) -> Array:
    x, y = named["input"], named["outputs"]
    if x.is_float:
        result: Array = ((x.raw - named["offset"]) / named["norm"]).astype(y.raw.dtype)
        return result
    # In units of the input's step, so that whole results stay whole.
    values = (x.raw - named["offset"] * 2.0**x.position) / named["norm"]
    whole = np.trunc(values * 2.0 ** (y.position - x.position))
    return fit(whole, y.raw.dtype.name, _enum(named, "overflow_policy"))


def _matrix_multiply(named: Named, rounding: Rounding) -> Array:
    a, b, c, y = (named[name] for name in ("input1", "input2", "input3", "outputs"))
    flags = [_int(named, f"transpose_input{i}") for i in (1, 2, 3)]
    left, right = (x.raw.T if flag else x.raw for x, flag in zip((a, b), flags))
    third = np.zeros(1) if isinstance(c, Null) else (c.raw.T if flags[2] else c.raw)
    if y.is_float:
        single: Array = (left @ right + third).astype(np.float32)
        return single
    total = exact_matmul(left, right) + third * 256.0
    if rounding == "once":
        return fit(np.rint(total / 256.0), y.raw.dtype.name, "SATURATE")
    wrapped = fit(total, "int32", "WRAP").astype(np.float64)
    return fit(np.trunc(wrapped / 256.0), y.raw.dtype.name, "SATURATE")


_LAYERS: dict[str, Layer] = {
    "vxConvolutionLayer": _convolution,
    "vxConvolutionLayer ext2": _convolution,
    "vxFullyConnectedLayer": _fully_connected,
    "vxPoolingLayer": _pooling,
    "vxActivationLayer": _activation,
    "vxSoftmaxLayer": _softmax,
    "vxLocalResponseNormalizationLayer": _normalization,
    "vxNormalizationLayer2": _normalization,
    "vxTensorAddNode": _add,
    "vxTensorSubtractNode": _subtract,
    "vxTensorMultiplyNode": _multiply,
    "vxTensorTableLookupNode": _table_lookup,
    "vxTensorTransposeNode": _transpose,
    "vxTensorConvertDepthNode": _convert_depth,
    "vxTensorMatrixMultiplyNode": _matrix_multiply,
}
