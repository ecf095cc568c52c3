"""Bias correction: what rounding the weights adds to the mean of a channel leaves its bias.

The error of a layer's result is linear in what it reads, so its mean over all samples is the layer
of the rounding errors, applied to the mean of what it reads (Nagel et al., 2019).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.compute import compute
from nnefx.ir.graph import Value
from nnefx.quantization.places import Layer

Array = NDArray[Any]


@dataclass(slots=True)
class Means:
    """The mean of some values over all samples.

    Attributes:
        wanted: the values.
        sums: the sums so far.
        counts: how many arrays they are of.
    """

    wanted: frozenset[Value]
    sums: dict[Value, Array] = field(default_factory=dict)
    counts: dict[Value, int] = field(default_factory=dict)

    def see(self, value: Value, array: Array) -> None:
        """Take in the array of a value."""
        if value not in self.wanted:
            return
        known = self.sums.get(value)
        self.sums[value] = array.astype(np.float64) if known is None else known + array
        self.counts[value] = self.counts.get(value, 0) + 1

    def mean(self, value: Value) -> Array:
        """Return the mean of a value."""
        return np.asarray(self.sums[value] / self.counts[value])


def correction(layer: Layer, real: Array, rounded: Array, mean: Array) -> Array:
    """Return what is to be added to the bias of a layer, one number for each channel.

    Args:
        layer: conv, deconv or linear, with a bias.
        real: its weights.
        rounded: what the integers stand for.
        mean: of what it reads.
    """
    bias = layer.node.inputs["bias"]
    assert isinstance(bias, Value)
    lost = real.astype(np.float64) - rounded
    values = {layer.data: mean, layer.filter: lost, bias: np.zeros(bias.shape)}
    (error,) = compute(layer.node, values)
    return np.asarray(error.mean(axis=tuple(i for i in range(error.ndim) if i != 1)))
