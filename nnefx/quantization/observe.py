"""What values a network's tensors take on sample inputs: the ranges that integers are cut to."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.executor import Executor
from nnefx.ir.graph import Value
from nnefx.tensors.model import Model

Array = NDArray[Any]
Samples = Mapping[str, Array] | Iterable[Mapping[str, Array]]
Clip = Literal["max", "percentile", "mse"]

_BINS = 2048
_PERCENTILE = 0.9999


class Carried(Protocol):
    """A state: the names of the input and output that hold it, and what it starts with."""

    @property
    def input(self) -> str: ...  # noqa: D102
    @property
    def output(self) -> str: ...  # noqa: D102
    @property
    def initial(self) -> Array: ...  # noqa: D102


@dataclass(slots=True)
class Observed:
    """Values of one tensor over all samples; memory does not grow with their number.

    Attributes:
        largest: the largest magnitude.
        smallest: the least magnitude that is not 0.
        low: the least value.
        high: the largest.
        square: sum of squares.
        count: how many values there were.
        reach: `parts` are equal parts of -reach to reach.
        parts: how many values fell into each.
    """

    largest: float = 0.0
    smallest: float = float("inf")
    low: float = float("inf")
    high: float = float("-inf")
    square: float = 0.0
    count: int = 0
    reach: float = 0.0
    parts: Array = field(default_factory=lambda: np.zeros(2 * _BINS, np.int64))

    @property
    def bins(self) -> Array:
        """How many magnitudes fell into each of equal parts of 0 to `reach`."""
        folded: Array = self.parts[_BINS:] + self.parts[:_BINS][::-1]
        return folded

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
        values = array.reshape(-1)
        if values.dtype != np.float32:
            values = values.astype(np.float64)
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(low + high):
            self.add(values[np.isfinite(values)])
            return
        self.low, self.high = min(self.low, low), max(self.high, high)
        peak = max(-low, high)
        self.largest = max(self.largest, peak)
        nonzero = np.abs(values[values != 0])
        self.smallest = min(self.smallest, float(nonzero.min())) if nonzero.size else self.smallest
        self.square += float(np.square(values, dtype=np.float64).sum())
        self.count += values.size
        self._widen(peak)
        if self.reach:
            if not 1e-30 < self.reach < 1e30:  # 32 bits would overflow on the way
                values = values.astype(np.float64)
            places = ((values + self.reach) * (_BINS / self.reach)).astype(np.int64)
            places = np.clip(places, 0, 2 * _BINS - 1)
            self.parts += np.bincount(places, minlength=2 * _BINS)

    def _widen(self, peak: float) -> None:
        if not self.reach:
            self.reach = peak
        while peak > self.reach:
            pairs = self.parts.reshape(-1, 2).sum(axis=1)
            empty = np.zeros(_BINS // 2, np.int64)
            self.parts = np.concatenate([empty, pairs, empty])
            self.reach *= 2

    def limit(self, clip: Clip) -> float:
        """Return the magnitude that 16 bits of fixed point must hold by a clipping policy."""
        if clip == "max" or not self.reach:
            return self.largest
        edges = np.arange(1, _BINS + 1) * (self.reach / _BINS)
        if clip == "percentile":
            share = np.cumsum(self.bins) / max(self.bins.sum(), 1)
            return min(float(edges[np.searchsorted(share, _PERCENTILE)]), self.largest)
        return min(self._least_error(edges), self.largest)

    def _least_error(self, edges: Array) -> float:
        """Return the power of two of the largest that costs the least rounding and clipping."""
        middles, bins = edges - edges[0] / 2, self.bins
        errors = []
        for halvings in range(8):
            top = self.largest / 2**halvings
            clipped = float((bins * np.square(np.maximum(middles - top, 0))).sum())
            rounded = (top / 32768) ** 2 / 12 * float(bins.sum())
            errors.append((clipped + rounded, top))
        return float(min(errors)[1])


def each(samples: Samples) -> Iterable[Mapping[str, Array]]:
    """Return several samples, where one or several were given."""
    return [samples] if isinstance(samples, Mapping) else samples


def observe(
    model: Model,
    samples: Samples,
    states: Sequence[Carried] = (),
    values: Collection[Value] | None = None,
    watch: Callable[[Value, Array], None] | None = None,
) -> dict[Value, Observed]:
    """Run the model on every sample and return what each of its values was.

    Args:
        model: the model.
        samples: inputs by name, or several of those.
        states: what goes from one sample to the next beside variables.
        values: which values are wanted; all without it.
        watch: is shown every value of every sample.
    """
    held = {state.input: state.initial for state in states}
    carried = {state.output: state.input for state in states}
    executor = Executor(model)
    found: dict[Value, Observed] = {}
    for sample in each(samples):
        for value, array in executor.trace({**held, **sample}):
            if value.name in carried:
                held[carried[value.name]] = np.asarray(array)
            if watch is not None:
                watch(value, array)
            if value.dtype == "scalar" and (values is None or value in values):
                found.setdefault(value, Observed()).add(np.asarray(array))
    return found
