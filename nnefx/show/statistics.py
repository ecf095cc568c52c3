"""Statistics of weights: how their values are distributed, for the panel of a page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 1 << 20  # values that are looked at; of larger tensors evenly spaced ones
BINS = 40


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of `looked` values of `count`, the finite ones: extremes, mean, deviation, a histogram.

    `zeros` and `odd` count, among those looked at, zeros and NaN or infinities.
    """

    count: int
    looked: int
    least: float
    most: float
    mean: float
    deviation: float
    zeros: int
    odd: int
    histogram: tuple[int, ...]


def statistics(array: NDArray[Any]) -> Statistics:
    """Return the statistics of an array of any type of items; of an empty one they are zero."""
    step = -(-array.size // MOST) or 1
    flat = array.reshape(-1)[::step].astype(np.float64)
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return Statistics(array.size, flat.size, 0.0, 0.0, 0.0, 0.0, 0, flat.size, ())
    least, most = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(finite.mean()), float(finite.std())
    if not np.isfinite(most - least) or not np.isfinite(deviation):
        bins: tuple[int, ...] = ()  # the range itself is beyond float64
        mean, deviation = (value if np.isfinite(value) else 0.0 for value in (mean, deviation))
    elif least == most:
        bins = (int(finite.size),)
    else:
        bins = tuple(int(n) for n in np.histogram(finite, BINS, (least, most))[0])
    zeros = int(np.count_nonzero(finite == 0))
    odd = flat.size - finite.size
    return Statistics(array.size, flat.size, least, most, mean, deviation, zeros, odd, bins)
