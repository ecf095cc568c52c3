"""Weights as integers: their ranges, their entries, and what rounding them costs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.passes.constants import Constants
from nnefx.quantization.options import LEAST_BITS, Options
from nnefx.quantization.places import Layer
from nnefx.quantization.steps import entry_of, grid, integers, reals, shortened, with_steps
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]

_SHRINKS = np.linspace(0.5, 1.0, 26)  # of a channel's range, tried for the least error
_WIDE = 8  # bits from which on the whole range is kept


def weight_entry(array: Array, axis: int | None, bits: int, options: Options) -> Quantization:
    """Return the entry for a filter.

    Args:
        array: the weights.
        axis: the dimension that has a scale for each item, None for one scale.
        bits: of the integers.
        options: symmetry and method.
    """
    symmetric = options.symmetric != "none"
    low, high = _ends(array, axis)
    make = partial(entry_of, bits=bits, symmetric=symmetric, algorithm=options.algorithm)
    method = options.weight_method or ("max" if bits >= _WIDE else "mse")
    if method == "max":
        return make(low, high)
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    best, least = np.ones(low.shape), np.full(low.shape, np.inf)
    for shrink in _SHRINKS:
        lost = _by_channel(np.square(array - reals(array, make(low * shrink, high * shrink))), axis)
        better = lost < least
        best, least = np.where(better, shrink, best), np.where(better, lost, least)
    return make(low * best, high * best)


def bias_entry(
    bias: Array, data: Quantization, weights: Quantization, options: Options
) -> Quantization | None:
    """Return the entry of a bias that is added to sums of products, None where it has none.

    Its step is that of the input times that of the weights, so that it needs no scaling.
    """
    steps, scale = grid(data), grid(weights)
    if not steps.whole or (scale.zero != 0).any():
        return None
    product = shortened(scale.scale.astype(np.float64).reshape(-1) * float(steps.scale))
    if product.size != 1 and product.size != bias.size:
        return None
    if np.abs(bias.reshape(-1) / product).max(initial=0.0) > 2**31 - 1:
        return None
    shape = bias.shape if product.size > 1 else ()
    zero = np.zeros((), np.int64)
    return with_steps(product.reshape(shape), zero, 32, symmetric=True, algorithm=options.algorithm)


@dataclass(frozen=True, slots=True)
class Quality:
    """What rounding did to some weights."""

    low: float
    high: float
    signal: float
    noise: float


def quality(array: Array, entry: Quantization) -> Quality:
    """Return the extremes of weights, their sum of squares, and that of the error."""
    lost = np.square(array.astype(np.float64) - reals(array, entry)).sum()
    signal = np.square(array, dtype=np.float64).sum()
    return Quality(float(array.min()), float(array.max()), float(signal), float(lost))


def widths(options: Options) -> range:
    """Return the numbers of bits that a weight may have under a budget."""
    return range(LEAST_BITS, options.of_weights + 1)


def maker(constants: Constants, layer: Layer, entry: Quantization) -> Callable[[], Array]:
    """Return what makes the integers of a filter when they are read."""
    return lambda: integers(constants.array(layer.filter), entry)


def _ends(array: Array, axis: int | None) -> tuple[Array, Array]:
    """Return the least and largest weight, or of each channel, in a shape for graph.quant."""
    if axis is None:
        return np.asarray(min(array.min(), 0.0)), np.asarray(max(array.max(), 0.0))
    others = tuple(i for i in range(array.ndim) if i != axis)
    shape = (1,) * axis + (array.shape[axis],)
    low = np.minimum(array.min(axis=others), 0).astype(np.float64).reshape(shape)
    return low, np.maximum(array.max(axis=others), 0).astype(np.float64).reshape(shape)


def _by_channel(array: Array, axis: int | None) -> Array:
    if axis is None:
        return np.asarray(array.sum())
    others = tuple(i for i in range(array.ndim) if i != axis)
    return np.asarray(array.sum(axis=others).reshape((1,) * axis + (-1,)))
