"""Entries of graph.quant for ranges, and integers for reals (NNEF 1.0.5, sections 4.9.5 and 5.3).

Integers are signed. Rounding is that of NNEF, halves upwards, so that a file of integers and the
operation in a graph give the same reals.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.quantization.options import Algorithm
from nnefx.tensors.grid import Grid, grid_of, shortest
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]


def entry_of(
    low: Array, high: Array, bits: int, *, symmetric: bool, algorithm: Algorithm = "zero-point"
) -> Quantization:
    """Return the entry for a range, or for one range per channel.

    Args:
        low: the least value, at most 0; of a shape that broadcasts from the left to the tensor.
        high: the largest, at least 0, of the same shape.
        bits: of the integers.
        symmetric: whether the integer 0 stands for 0, and as many integers are below as above it.
        algorithm: the operation that is named.
    """
    last = 2 ** (bits - 1) - 1
    first = -last if symmetric else -last - 1
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    span = np.asarray(high, np.float64) - np.asarray(low, np.float64)
    scale = shortened(np.where(span > 0, span / (last - first), 1.0))
    zero = np.zeros(scale.shape) if symmetric else np.rint(first - low / scale)
    return with_steps(scale, zero.astype(np.int64), bits, symmetric=symmetric, algorithm=algorithm)


def with_steps(
    scale: Array, zero: Array, bits: int, *, symmetric: bool, algorithm: Algorithm = "zero-point"
) -> Quantization:
    """Return the entry for given steps: real = (integer - zero) * scale."""
    kind: dict[str, Any] = {"bits": bits, "signed": True, "symmetric": symmetric}
    if algorithm == "zero-point":
        whole = zero.size and bool((zero == zero.flat[0]).all())
        given = int(zero.flat[0]) if whole else zero.tolist()
        values = {"zero_point": given, "scale": scale.tolist()}
        return Quantization("zero_point_linear_quantize", values | kind)
    last = 2 ** (bits - 1) - 1
    first = -last if symmetric else -last - 1
    ends = {"min": ((first - zero) * scale).tolist(), "max": ((last - zero) * scale).tolist()}
    return Quantization("min_max_linear_quantize", ends | kind)


def shortened(scale: Array) -> Array:
    """Return numbers that 32 bits hold in the fewest digits that say which."""
    narrow = np.maximum(np.asarray(scale, np.float32), np.finfo(np.float32).tiny)
    return np.asarray(shortest(narrow), np.float64)


def grid(entry: Quantization) -> Grid:
    """Return the grid of an entry that `entry_of` or `with_steps` has made."""
    found = grid_of(entry)
    assert found is not None
    return found


def integers(array: Array, entry: Quantization) -> Array:
    """Return the integers that stand for reals; what is beyond the ends becomes the ends."""
    return grid(entry).indices(array)


def reals(array: Array, entry: Quantization) -> Array:
    """Return what is left of reals when they are quantized, in 32 bits."""
    return grid(entry).reals(integers(array, entry))
