"""Quantization operations (NNEF 1.0.5, section 4.9.5): rounding to what few bits can hold."""

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays, broadcast_shape
from nnefx.ops.elementwise import ieee, round_half_up, run_clamp
from nnefx.ops.registry import Reject, Shape, define

MAX_BITS = 64  # of an item of a tensor file (NNEF 1.0.5, 5.2)


def _check_bits(bits: int, least: int = 1) -> None:
    if not least <= bits <= MAX_BITS:
        raise Reject("bits", f"bits is {bits}, expected {least} to {MAX_BITS}")


def _min_max(
    x: Shape, min: Shape, max: Shape, *, bits: int, signed: bool, symmetric: bool
) -> Shape:
    _check_bits(bits, 2 if signed and symmetric else 1)
    return broadcast_shape(broadcast_shape(x, min, parameter="min"), max, parameter="max")


def _run_min_max(
    x: Tensor, min: Tensor, max: Tensor, *, bits: int, signed: bool, symmetric: bool
) -> Tensor:
    """Round on the grid; the offset of the stored integers cancels, so it is left out."""
    x, low, high = broadcast_arrays(x, min, max)
    steps = float(2**bits - 1 - (signed and symmetric))
    with ieee():
        span = high - low
        level = round_half_up(np.asarray((run_clamp(x, low, high) - low) / span * steps))
        return np.asarray(level / steps * span + low)


define("min_max_linear_quantize", shape=_min_max, run=_run_min_max)


def _linear(x: Shape, min: Shape, max: Shape, *, bits: int) -> Shape:
    return _min_max(x, min, max, bits=bits, signed=False, symmetric=False)


def _run_linear(x: Tensor, min: Tensor, max: Tensor, *, bits: int) -> Tensor:
    return _run_min_max(x, min, max, bits=bits, signed=False, symmetric=False)


define("linear_quantize", shape=_linear, run=_run_linear)


def _zero_point(
    x: Shape,
    zero_point: Shape,
    scale: Shape,
    *,
    bits: int,
    signed: bool,  # noqa: ARG001
    symmetric: bool,  # noqa: ARG001
) -> Shape:
    _check_bits(bits)
    shape = broadcast_shape(x, zero_point, parameter="zero_point")
    return broadcast_shape(shape, scale, parameter="scale")


def _run_zero_point(
    x: Tensor, zero_point: Tensor, scale: Tensor, *, bits: int, signed: bool, symmetric: bool
) -> Tensor:
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    first = 0 if not signed else -last if symmetric else -last - 1
    x, scale = broadcast_arrays(x, scale)
    x, zero, scale = broadcast_arrays(x, zero_point.astype(x.dtype), scale)
    with ieee():
        level = round_half_up(np.asarray(x / scale)) + zero
        return np.asarray((np.clip(level, float(first), float(last)) - zero) * scale)


define("zero_point_linear_quantize", shape=_zero_point, run=_run_zero_point)


def _logarithmic(x: Shape, max: Shape, *, bits: int) -> Shape:
    _check_bits(bits)
    return broadcast_shape(x, max, parameter="max")


def _run_logarithmic(x: Tensor, max: Tensor, *, bits: int) -> Tensor:
    x, limit = broadcast_arrays(x, max)
    with ieee():
        last = np.asarray(np.ceil(np.log2(limit)))
        exponent = run_clamp(np.asarray(np.log2(np.abs(x))), last - float(2**bits - 1), last)
        return np.asarray(np.sign(x) * np.exp2(round_half_up(exponent)))


define("logarithmic_quantize", shape=_logarithmic, run=_run_logarithmic)
