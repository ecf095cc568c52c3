"""What fixed point does to the weights of a layer, and whether its sums can overflow."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.openvx.emit import SATURATE, WRAP, Emitter
from nnefx.openvx.plan import Enum, LayerReport
from nnefx.openvx.storage import to_raw

Array = NDArray[Any]


@dataclass(slots=True)
class Stored:
    """Sums over the weights of a layer; `bound` is the largest possible result over the limit."""

    zeroed: int = 0
    nonzero: int = 0
    signal: float = 0.0
    noise: float = 0.0
    bound: float = 0.0

    @property
    def overflow(self) -> Enum:
        """WRAP where no input can overflow the sum: it is exact on every implementation."""
        return WRAP if 0 < self.bound <= 1 else SATURATE

    def add(self, other: "Stored") -> None:
        """Take in another part of the same layer."""
        self.zeroed += other.zeroed
        self.nonzero += other.nonzero
        self.signal += other.signal
        self.noise += other.noise
        self.bound = max(self.bound, other.bound)

    def report(self, source: str, op: str, nodes: int, macs: int, needed: int) -> LayerReport:
        """Return the line of the plan's report."""
        zeroed = self.zeroed / max(self.nonzero, 1)
        snr = _decibel(self.signal, self.noise)
        return LayerReport(source, op, nodes, macs, needed, zeroed, snr, self.bound)


def measure(
    g: Emitter, rows: Array, biases: Array | None, scale: float, out_scale: float
) -> Stored:
    """Measure real weights, one row for each result, that are stored with `scale`.

    The bound is over all inputs of 16 bits, with every product rounded on its own.
    """
    if g.profile.dtype == "float32":
        return Stored()
    factor = scale * 256.0
    raw = to_raw(rows, factor, "int16").astype(np.float64)
    exact = rows * factor
    sums = np.abs(raw).reshape(len(raw), -1).sum(axis=1) * 128.0 + raw[0].size
    if biases is not None:
        sums = sums + np.abs(biases) * (out_scale * 256.0)
    return Stored(
        int(np.count_nonzero((raw == 0) & (rows != 0))),
        int(np.count_nonzero(rows)),
        float(np.square(exact).sum()),
        float(np.square(raw - exact).sum()),
        float(sums.max(initial=0.0)) / 32767,
    )


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal else float("-inf")
