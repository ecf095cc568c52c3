"""How far a quantized network is from the real one, tensor by tensor."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.executor import Executor
from nnefx.tensors.model import Model

Array = NDArray[Any]


@dataclass(slots=True)
class Noise:
    """Sums of squares of a signal, and of what was added to it."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, real: Array, other: Array) -> None:
        """Take in a signal as it should be, and as it is."""
        exact = real.astype(np.float64)
        lost = exact - other
        known = np.isfinite(lost)
        self.signal += float(np.square(exact, where=known, out=np.zeros_like(exact)).sum())
        self.noise += float(np.square(lost, where=known, out=np.zeros_like(exact)).sum())

    @property
    def snr(self) -> float:
        """Signal to noise in dB; infinite where they are the same."""
        return decibels(self.signal, self.noise)

    @property
    def share(self) -> float:
        """The noise as a part of the signal."""
        return self.noise / max(self.signal, 1e-30)


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two powers in dB."""
    if noise <= 0.0:
        return inf
    return 10 * log10(max(signal, 1e-30) / noise)


def compare(
    real: Model, quantized: Model, samples: Iterable[Mapping[str, Array]], names: frozenset[str]
) -> dict[str, Noise]:
    """Run both models in step and return the noise of the values that both have.

    Args:
        real: the reference; its values have the names of the other's.
        quantized: what was made of it.
        samples: inputs by name.
        names: of the values to compare.
    """
    found: dict[str, Noise] = {}
    executors = Executor(real), Executor(quantized)
    for sample in samples:
        traces = [executor.trace(sample) for executor in executors]
        # strict: both run to their ends, where the state of the next sample is kept
        for (value, exact), (_, rounded) in zip(*traces, strict=True):
            if value.name in names:
                found.setdefault(value.name, Noise()).add(np.asarray(exact), np.asarray(rounded))
    return found
