"""Ranges of activations: which values integers hold, and which are cut, by four methods."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nnefx.quantization.observe import Observed
from nnefx.quantization.options import Options

Array = NDArray[np.float64]

_SHRINKS = np.linspace(0.02, 1.0, 99)  # of the observed range that are tried for the least error
_STRIDE = 16  # bins between the thresholds that entropy tries
_TINY = 1e-12


def range_of(observed: Observed, options: Options, *, symmetric: bool) -> tuple[float, float]:
    """Return the least and the largest value that integers shall hold; 0 lies between them.

    Args:
        observed: what the values were.
        options: the method, and for percentile its share.
        symmetric: whether the range will reach as far below 0 as above.
    """
    if not observed.count or not observed.reach:
        return 0.0, 0.0
    low, high = min(observed.low, 0.0), max(observed.high, 0.0)
    bits = options.of_activations
    match options.method:
        case "percentile":
            cut = _percentile(observed, options.percentile / 100.0)
        case "mse":
            cut = _least_error(observed, low, high, bits, symmetric)
        case "entropy":
            cut = _least_divergence(observed, low, bits)
        case _:
            cut = low, high
    return max(cut[0], low), min(cut[1], high)


def _percentile(observed: Observed, share: float) -> tuple[float, float]:
    """Cut the same number of values at both ends."""
    parts = observed.parts
    sums = np.cumsum(parts) / parts.sum()
    width = 2 * observed.reach / parts.size
    first = int(np.searchsorted(sums, (1 - share) / 2, side="right"))
    last = int(np.searchsorted(sums, (1 + share) / 2))
    low, high = first * width - observed.reach, (last + 1) * width - observed.reach
    return min(low, 0.0), max(high, 0.0)


def _least_error(
    observed: Observed, low: float, high: float, bits: int, symmetric: bool
) -> tuple[float, float]:
    """Return the range with the least sum of rounding and clipping, as mean square.

    All pairs of a shrunk lower and a shrunk upper end are tried.
    """
    parts = observed.parts.astype(np.float64)
    middles = _middles(observed)
    if symmetric:
        top = max(-low, high)
        cut, outside = _cut(parts, middles, top * _SHRINKS)
        other, beyond = _cut(parts[::-1], -middles[::-1], top * _SHRINKS)
        cost = cut + other + (parts.sum() - outside - beyond) * _rounding(2 * top * _SHRINKS, bits)
        best = float(top * _SHRINKS[cost.argmin()])
        return -best, best
    highs, lows = high * _SHRINKS, low * _SHRINKS
    above, outside = _cut(parts, middles, highs)
    below, beyond = _cut(parts[::-1], -middles[::-1], -lows)
    kept = parts.sum() - outside[None, :] - beyond[:, None]
    cost = above[None, :] + below[:, None] + kept * _rounding(highs[None, :] - lows[:, None], bits)
    row, column = np.unravel_index(cost.argmin(), cost.shape)
    return float(lows[row]), float(highs[column])


def _cut(parts: Array, middles: Array, limits: Array) -> tuple[Array, Array]:
    """Return for each limit the sum of squares that what is above loses, and how much that is.

    Args:
        parts: counts.
        middles: the values that they count, ascending.
        limits: to cut at.
    """
    first = np.searchsorted(middles, limits, side="right")
    counts, sums, squares = (
        np.append(np.cumsum((parts * middles**power)[::-1])[::-1], 0.0)[first] for power in range(3)
    )
    return squares - 2 * limits * sums + limits**2 * counts, counts


def _rounding(spans: Array, bits: int) -> Array:
    """Return the mean square of rounding to so many levels over a range."""
    return np.asarray((spans / (2**bits - 1)) ** 2 / 12, np.float64)


def _middles(observed: Observed) -> Array:
    count = observed.parts.size
    width = 2 * observed.reach / count
    return np.asarray((np.arange(count) + 0.5) * width - observed.reach, np.float64)


def _least_divergence(observed: Observed, low: float, bits: int) -> tuple[float, float]:
    """Return the threshold whose quantized distribution tells the least less (Kullback-Leibler).

    The distribution of magnitudes is cut at each of many thresholds; what lies beyond is counted
    at the last bin, and compared with itself in as many levels as magnitudes have.
    """
    bins = observed.bins.astype(np.float64)
    levels = 2**bits if low >= 0 else 2 ** (bits - 1)
    if levels >= bins.size:
        return -observed.largest, observed.largest
    found = min((_divergence(bins, stop, levels), stop) for stop in _stops(levels, bins.size))
    limit = found[1] * observed.reach / bins.size
    return -limit, limit


def _stops(levels: int, count: int) -> Iterator[int]:
    yield from range(max(levels, _STRIDE), count, _STRIDE)
    yield count


def _divergence(bins: Array, stop: int, levels: int) -> float:
    inside = bins[:stop]
    reference = inside.copy()
    reference[-1] += bins[stop:].sum()
    starts = np.arange(levels) * stop // levels
    present = inside > 0
    sums = np.add.reduceat(inside, starts)
    counts = np.add.reduceat(present.astype(np.float64), starts)
    lengths = np.diff(np.append(starts, stop))
    spread = np.repeat(sums / np.maximum(counts, 1.0), lengths) * present
    if not spread.any():
        return float("inf")
    p, q = reference / reference.sum(), spread / spread.sum()
    known = p > 0
    return float((p[known] * np.log(p[known] / np.maximum(q[known], _TINY))).sum())
