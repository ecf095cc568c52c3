"""Quantization as PT2E writes it: integers between pairs of quantize and dequantize."""

from typing import Any

import numpy as np

from nnefx.converters.grids import Grid
from nnefx.converters.pytorch.cast import converted, operand
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.converters.stored import Stored

_S = "quantized_decomposed::"


def _along(g: Importer, x: Any, rank: int, axis: int | None, dtype: Any) -> Tensor:
    """Return a scale or zero point, one for all or one for each item of an axis."""
    item = operand(g, x, dtype)
    if axis is None or item.volume == 1:
        return g.viewed(item, ()) if item.rank else item
    return g.viewed(item, [item.volume if i == axis % rank else 1 for i in range(rank)])


# Types of integers by the range that is cut to.
_WHOLE: dict[tuple[int, int], np.dtype[Any]] = {
    (-128, 127): np.dtype(np.int8),
    (0, 255): np.dtype(np.uint8),
    (-32768, 32767): np.dtype(np.int16),
    (0, 65535): np.dtype(np.uint16),
}


def _quantized(
    g: Importer, x: Tensor, scale: Any, zero: Any, low: int, high: int, axis: int | None
) -> Any:
    step = _along(g, scale, x.rank, axis, np.float32)
    origin = _along(g, zero, x.rank, axis, np.int64)
    kind = _WHOLE.get((low, high))
    if kind is not None and step.array is not None and origin.array is not None and not x.known:
        signed = kind.kind == "i"
        result = g.nnefx_quantize(x, step, origin, bits=kind.itemsize * 8, signed=signed)
        if result.value is not None:
            g.grids[result.value] = Grid(step.array, origin.array, kind)
        return g.typed(result, kind)
    whole = g.nnefx_round_even(g.div(x, step))
    level = g.add("add", whole, converted(g, origin, np.float32))
    result = g.cast(g.clamp(level, float(low), float(high)), dtype="integer")
    if not result.known:
        return result
    narrow = low >= -128 and high <= 127  # weights often leave out the least
    result = g.typed(result, np.int8 if narrow else kind or np.int32)
    result.name = x.name
    return result


def _restored(g: Importer, x: Tensor, scale: Any, zero: Any, axis: int | None) -> Any:
    step = _along(g, scale, x.rank, axis, np.float32)
    origin = _along(g, zero, x.rank, axis, np.int64)
    if step.array is None or origin.array is None:
        wide = converted(g, origin, np.float32)
        return g.mul(g.sub(converted(g, x, np.float32), wide), step)
    result = g.nnefx_dequantize(x, step, origin)
    if result.value is not None:
        g.grids[result.value] = Grid(step.array, origin.array, x.dtype)
    elif x.array is not None and x.volume > 1:
        result.name, result.kept = x.name, True
        g.integers[x.name] = Stored(x.array, step.array, origin.array)
    return result


@rules.on(_S + "quantize_per_tensor.default", _S + "quantize_per_tensor.tensor",
          _S + "quantize_per_tensor.tensor2")  # fmt: skip
def quantize_per_tensor(
    g: Importer, input: Tensor, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any, *,
    dtype: Any,
) -> Any:  # fmt: skip
    return _quantized(g, input, scale, zero_point, quant_min, quant_max, None)


@rules.on(_S + "dequantize_per_tensor.default", _S + "dequantize_per_tensor.tensor",
          _S + "dequantize_per_tensor.tensor2")  # fmt: skip
def dequantize_per_tensor(
    g: Importer, input: Tensor, scale: Any, zero_point: Any, *, quant_min: Any = None,
    quant_max: Any = None, dtype: Any = None, out_dtype: Any = None,
) -> Any:  # fmt: skip
    return _restored(g, input, scale, zero_point, None)


@rules.on(_S + "quantize_per_channel")
def quantize_per_channel(
    g: Importer, input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, quant_min: Any,
    quant_max: Any, *, dtype: Any,
) -> Any:  # fmt: skip
    return _quantized(g, input, scales, zero_points, quant_min, quant_max, axis)


@rules.on(_S + "dequantize_per_channel")
def dequantize_per_channel(
    g: Importer, input: Tensor, scales: Tensor, zero_points: Any, axis: int, *,
    quant_min: Any = None, quant_max: Any = None, dtype: Any = None, out_dtype: Any = None,
) -> Any:  # fmt: skip
    return _restored(g, input, scales, 0 if zero_points is None else zero_points, axis)


@rules.on("fake_quantize_per_tensor_affine", "fake_quantize_per_tensor_affine.tensor_qparams")
def fake_quantize(
    g: Importer, self: Tensor, scale: Any, zero_point: Any, quant_min: Any, quant_max: Any
) -> Any:
    whole = _quantized(g, self, scale, zero_point, quant_min, quant_max, None)
    return _restored(g, whole, scale, zero_point, None)


@rules.on("fake_quantize_per_channel_affine")
def fake_quantize_by_channel(
    g: Importer, self: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: Any,
    quant_max: Any,
) -> Any:  # fmt: skip
    whole = _quantized(g, self, scale, zero_point, quant_min, quant_max, axis)
    return _restored(g, whole, scale, zero_point, axis)
