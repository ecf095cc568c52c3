"""What values a network's tensors take on sample inputs: the ranges that fixed point is cut to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.executor import Executor
from nnefx.ir.graph import Value
from nnefx.openvx.state import State
from nnefx.tensors.model import Model

Array = NDArray[Any]
Samples = Mapping[str, Array] | Iterable[Mapping[str, Array]]
Clip = Literal["max", "percentile", "mse"]

_BINS = 2048
_PERCENTILE = 0.9999


@dataclass(slots=True)
class Observed:
    """Magnitudes of one tensor over all samples; bins are equal parts of 0 to `reach`."""

    largest: float = 0.0
    smallest: float = float("inf")  # of the magnitudes that are not 0
    square: float = 0.0  # sum of squares
    count: int = 0
    reach: float = 0.0
    bins: Array = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    @property
    def mean_square(self) -> float:
        """The mean of the squares, never quite 0."""
        return max(self.square / max(self.count, 1), 1e-30)

    def clipped_square(self, limit: float) -> float:
        """Return the mean square of the magnitudes when those above `limit` count as it."""
        if not self.reach or limit >= self.largest:
            return self.mean_square
        middles = (np.arange(_BINS) + 0.5) * (self.reach / _BINS)
        squares = np.square(np.minimum(middles, limit))
        return max(float((self.bins * squares).sum() / max(self.bins.sum(), 1)), 1e-30)

    def add(self, array: Array) -> None:
        """Take in the values of one run; what is not finite is left out."""
        values = np.abs(array.reshape(-1).astype(np.float64))
        values = values[np.isfinite(values)]
        if not values.size:
            return
        peak = float(values.max())
        nonzero = values[values > 0]
        self.smallest = min(self.smallest, float(nonzero.min())) if nonzero.size else self.smallest
        self.largest = max(self.largest, peak)
        self.square += float(np.square(values).sum())
        self.count += values.size
        self._widen(peak)
        if self.reach:
            self.bins += np.histogram(values, _BINS, (0.0, self.reach))[0]

    def _widen(self, peak: float) -> None:
        if not self.reach:
            self.reach = peak
        while peak > self.reach:
            pairs = self.bins.reshape(-1, 2).sum(axis=1)
            self.bins = np.concatenate([pairs, np.zeros(_BINS // 2, np.int64)])
            self.reach *= 2

    def limit(self, clip: Clip) -> float:
        """Return the magnitude that must be representable by a clipping policy."""
        if clip == "max" or not self.reach:
            return self.largest
        edges = np.arange(1, _BINS + 1) * (self.reach / _BINS)
        if clip == "percentile":
            share = np.cumsum(self.bins) / max(self.bins.sum(), 1)
            return min(float(edges[np.searchsorted(share, _PERCENTILE)]), self.largest)
        return min(self._least_error(edges), self.largest)

    def _least_error(self, edges: Array) -> float:
        """Return the power of two of the largest that costs the least rounding and clipping."""
        middles = edges - edges[0] / 2
        errors = []
        for halvings in range(8):
            top = self.largest / 2**halvings
            clipped = float((self.bins * np.square(np.maximum(middles - top, 0))).sum())
            rounded = (top / 32768) ** 2 / 12 * float(self.bins.sum())
            errors.append((clipped + rounded, top))
        return float(min(errors)[1])


def observe(model: Model, samples: Samples, states: Sequence[State] = ()) -> dict[Value, Observed]:
    """Run the model on every sample and return what each of its values was.

    `states` go from one sample to the next.
    """
    held = {state.input: state.initial for state in states}
    carried = {state.output: state.input for state in states}
    executor = Executor(model)
    found: dict[Value, Observed] = {}
    for sample in [samples] if isinstance(samples, Mapping) else samples:
        for value, array in executor.trace({**held, **sample}):
            if value.name in carried:
                held[carried[value.name]] = np.asarray(array)
            if value.dtype == "scalar":
                found.setdefault(value, Observed()).add(np.asarray(array))
    return found
