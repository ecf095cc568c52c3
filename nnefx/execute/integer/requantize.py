"""How a sum of integers becomes an index of a grid again: three rules that engines share.

`onnx`: the sum in float32 times one multiplier in float32, to the nearest, the even one of two.
That is QLinearConv and QLinearMatMul of ONNX Runtime.

`tflite`: the same for products, as in the kernels of XNNPACK that TFLite uses by default; sums of
tensors have multipliers of 21 bits and a shift, pools divide integers.

`tflite-reference`: multipliers of 31 bits and a shift everywhere, rounded after each, but only once
in linear layers: the plain kernels of TFLite. Halves are rounded away from zero.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.integer.held import Held, Integers, Part, Pending
from nnefx.tensors.grid import Grid, aligned

Arrays = NDArray[Any]
Rounding = Literal["onnx", "tflite", "tflite-reference"]
ROUNDINGS: tuple[Rounding, ...] = ("onnx", "tflite", "tflite-reference")

_LIFT = 20  # bits that operands of a sum get beside
_ONE = np.int64(1)


def quantized(array: Arrays, grid: Grid, rounding: Rounding) -> Integers:
    """Return the nearest indices of reals."""
    scale, zero = grid.spread(array.ndim)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.asarray(array / scale)
        nearest = _nearest(steps, rounding)
        # a NaN has no index: engines give the zero or an end, here it is the zero
        nearest = np.where(np.isnan(nearest), 0.0, nearest)
        return _clipped(nearest.astype(np.float64) + zero, grid)


def requantized(held: Held, grid: Grid, rounding: Rounding) -> Integers:
    """Return a value in the indices of a grid."""
    if isinstance(held, Integers) and held.grid.same(grid):
        return held
    if isinstance(held, Integers):
        held = Pending((part_of(held),))
    if not isinstance(held, Pending):
        return quantized(held.items, grid, rounding)
    rank = held.parts[0].items.ndim
    scale, zero = grid.spread(rank)
    steps = _RULES[rounding](held, scale, zero)
    low, high = (_index(bound, scale, rounding) for bound in held.bounds)
    return _clipped(np.clip(steps, low, high) + zero, grid)


def part_of(held: Integers) -> Part:
    """Return indices as a part of a sum."""
    scale = aligned(held.grid.scale, held.items.ndim)
    zero = aligned(held.grid.zero, held.items.ndim)
    return Part(held.centred, scale, scale.astype(np.float64), zero=zero)


def _index(bound: float, scale: Arrays, rounding: Rounding) -> Arrays:
    """Return the index that an activation cuts to, without the zero."""
    if not np.isfinite(bound):
        return np.asarray(bound)
    steps = np.asarray(np.float32(bound) / scale)
    return _nearest(steps, rounding)


def _nearest(steps: Arrays, rounding: Rounding) -> Arrays:
    return _away(steps) if rounding == "tflite-reference" else np.asarray(np.rint(steps))


def _clipped(steps: Arrays, grid: Grid) -> Integers:
    return Integers(np.clip(steps, grid.low, grid.high).astype(grid.dtype), grid)


def _away(steps: Arrays) -> Arrays:
    """Round halves away from zero."""
    return np.asarray(np.copysign(np.floor(np.abs(steps) + 0.5), steps))


# ---- one rule each


def _onnx(held: Pending, scale: Arrays, zero: Arrays) -> Arrays:
    """Return the sum in steps of a scale, by a product of float32."""
    if len(held.parts) > 1:
        return _fused_sum(held, scale, zero)
    (part,) = held.parts
    divided = scale
    if part.divisor is not None:
        divided = np.asarray(scale * part.divisor.astype(np.float32))
    multiplier = np.asarray(part.scale / divided, np.float32)
    return np.asarray(np.rint(part.items.astype(np.float32) * multiplier))


def _fused_sum(held: Pending, scale: Arrays, zero: Arrays) -> Arrays:
    """Add two tensors of indices as they are, with fused multiply-adds; the zeros are one number.

    What else is added is exact but for one rounding.
    """
    first, second = held.parts[0], held.parts[-1]
    if first.zero is None or second.zero is None or len(held.parts) != 2:
        exact = scale.astype(np.float64)
        total = sum((part.real() for part in held.parts[1:]), held.parts[0].real())
        return np.asarray(np.rint((total / exact).astype(np.float32)))
    ratios = [np.asarray(part.scale / scale, np.float32) for part in (first, second)]
    shares = (r * part.zero for r, part in zip(ratios, (first, second)) if part.zero is not None)
    total = (zero - sum(share.astype(np.float32) for share in shares)).astype(np.float32)
    for ratio, part in zip(ratios[::-1], (second, first)):
        product = (part.items + part.zero) * ratio.astype(np.float64)
        total = (product + total).astype(np.float32)
    return np.asarray(np.rint(total) - zero)


def _tflite(held: Pending, scale: Arrays, zero: Arrays) -> Arrays:
    if len(held.parts) > 1:
        return _shifted_sum(held, scale)
    return (_reference if held.kind == "pool" else _onnx)(held, scale, zero)


def _shifted_sum(held: Pending, scale: Arrays) -> Arrays:
    """Add operands times multipliers of which the largest has 21 bits; halves are rounded up."""
    ratios = [np.asarray(part.scale / scale, np.float32) for part in held.parts]
    largest = max(float(ratio.max()) for ratio in ratios)
    shift = _LIFT - int(np.floor(np.log2(largest)))
    total: Any = np.int64(1) << np.int64(shift - 1)
    for part, ratio in zip(held.parts, ratios):
        factor = np.rint(ratio.astype(np.float64) * 2.0**shift).astype(np.int64)
        total = total + part.items.astype(np.int64) * factor
    return np.asarray(total >> np.int64(shift)).astype(np.float64)


def _reference(held: Pending, scale: Arrays, zero: Arrays) -> Arrays:
    exact = scale.astype(np.float64)
    if len(held.parts) > 1:
        return _lifted_sum(held, exact)
    (part,) = held.parts
    items, ratio = part.items.astype(np.int64), part.exact / exact
    if held.kind == "matrix":
        return _once(items, ratio).astype(np.float64)
    if part.divisor is None:
        return multiplied(items, ratio).astype(np.float64)
    count = part.divisor.astype(np.int64)
    if held.kind == "mean":
        return _multiplied_mean(items, count, ratio)
    total = items if np.all(ratio == 1.0) else multiplied(items, ratio)
    raw = total + zero * count  # pools add up the indices as they are
    quotient = (np.abs(raw) + count // 2) // count
    return np.asarray(np.sign(raw) * quotient - zero, np.float64)


def _multiplied_mean(items: Arrays, count: Arrays, ratio: Arrays) -> Arrays:
    """Divide by making the multiplier smaller, in as many bits as there are."""
    factor, exponent = _factor(ratio)
    shift = np.minimum(np.floor(np.log2(count)).astype(np.int64), 32)
    shift = np.minimum(shift, 31 + exponent)
    return _product(items, (factor << shift) // count, exponent - shift).astype(np.float64)


def _lifted_sum(held: Pending, scale: Arrays) -> Arrays:
    """Add operands that were lifted to twice the largest of their scales."""
    twice = 2.0 * np.max([float(part.exact.max()) for part in held.parts])
    total: Any = 0
    for part in held.parts:
        total = total + multiplied(part.items.astype(np.int64) << _LIFT, part.exact / twice)
    return multiplied(np.asarray(total), twice / (2.0**_LIFT * scale)).astype(np.float64)


_RULES = {"onnx": _onnx, "tflite": _tflite, "tflite-reference": _reference}


def multiplied(items: Arrays, ratio: Arrays | float) -> Arrays:
    """Return integers of 32 bits times a real, as a product of integers and a shift.

    The real is 31 bits and a power of two; the high half of the product is rounded, then what
    the shift drops.
    """
    return _product(items, *_factor(ratio))


def _once(items: Arrays, ratio: Arrays) -> Arrays:
    """Return the same for linear layers, which round after the shift only, and halves up."""
    factor, exponent = _factor(ratio)
    shift = np.minimum(31 - exponent, 62)
    return np.asarray((items * factor + (_ONE << (shift - 1))) >> shift)


def _factor(ratio: Arrays | float) -> tuple[Arrays, Arrays]:
    """Return a real as an integer of 31 bits, and the exponent of the power of two beside."""
    fraction, exponent = np.frexp(np.asarray(ratio, np.float64))
    factor = _away(fraction * 2.0**31).astype(np.int64)
    over = factor == 1 << 31
    return np.where(over, factor // 2, factor), (exponent + over).astype(np.int64)


def _product(items: Arrays, factor: Arrays, exponent: Arrays) -> Arrays:
    left, right = np.maximum(exponent, 0), np.minimum(np.maximum(-exponent, 0), 62)
    product = (items << left) * factor
    total = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(total >= 0, total >> 31, -((-total) >> 31))  # towards zero, as C divides
    mask = (_ONE << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + ((high & mask) > threshold))
