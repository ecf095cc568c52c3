"""Integers of a quantized tensor file -> the real values that they stand for.

NNEF 1.0.5, sections 4.9.5 and 7.1: the stored integers are the quantization indices `q` of the
algorithm that graph.quant names for the variable.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.tensors.quant import Quantization

Arrays = NDArray[Any]


def dequantize(stored: Arrays, entry: Quantization) -> Arrays:
    """Return the real values (float32) of stored integers.

    Args:
        stored: quantization indices, of any integer type.
        entry: the algorithm and its arguments; array arguments broadcast from the left.

    Raises:
        NnefError: NX502 where the algorithm is unknown, NX504 where ranges do not broadcast.
    """
    decode = _DECODERS.get(entry.algorithm)
    if decode is None:
        raise NnefError("NX502", f"graph.quant: unknown algorithm '{entry.algorithm}'")
    arguments = {
        name: _aligned(np.asarray(value, np.float64), stored)
        if isinstance(value, list | float)
        else value
        for name, value in entry.attributes.items()
    }
    return np.asarray(decode(stored.astype(np.float64), **arguments), np.float32)


def _aligned(argument: Arrays, stored: Arrays) -> Arrays:
    """Append dimensions of one, so that numpy's broadcasting becomes NNEF's."""
    if argument.ndim > stored.ndim or any(
        extent not in (1, wanted) for extent, wanted in zip(argument.shape, stored.shape)
    ):
        message = f"a range of shape {list(argument.shape)} does not broadcast"
        raise NnefError("NX504", f"graph.quant: {message} to {list(stored.shape)}")
    return argument.reshape(argument.shape + (1,) * (stored.ndim - argument.ndim))


def _zero_point(q: Arrays, *, zero_point: Any, scale: Any, **_: Any) -> Arrays:
    zero = _aligned(np.asarray(zero_point, np.float64), q)
    return np.asarray((q - zero) * scale)


def _min_max(
    q: Arrays, *, min: Any, max: Any, bits: int, signed: bool = False, symmetric: bool = False
) -> Arrays:
    steps = 2.0**bits - 1 - int(signed and symmetric)
    offset = 2.0 ** (bits - 1) - int(symmetric) if signed else 0.0
    return np.asarray((q + offset) / steps * (max - min) + min)


def _logarithmic(q: Arrays, *, max: Any, bits: int) -> Arrays:
    top = np.ceil(np.log2(max))
    steps = 2.0**bits - 1
    return np.asarray(2.0 ** (q + (top - steps)))


_DECODERS: dict[str, Callable[..., Arrays]] = {
    "zero_point_linear_quantize": _zero_point,
    "min_max_linear_quantize": _min_max,
    "linear_quantize": _min_max,
    "logarithmic_quantize": _logarithmic,
}
