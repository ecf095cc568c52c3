"""Integers and entries for the weights and biases of a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.passes.constants import Constants
from nnefx.quantization.correct import Means, correction
from nnefx.quantization.options import Options
from nnefx.quantization.places import Layer
from nnefx.quantization.steps import integers, reals
from nnefx.quantization.weights import bias_entry, weight_entry
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]
Makers = dict[str, Callable[[], Array]]


@dataclass(slots=True)
class Assigned:
    """The parameters of a quantized model, made when they are read.

    Attributes:
        entries: of weights and biases, by the name of the variable.
        stored: integers by label.
        rounded: what those stand for, by label.
        corrected: biases as reals, by label, where they were corrected.
    """

    entries: dict[str, Quantization] = field(default_factory=dict)
    stored: Makers = field(default_factory=dict)
    rounded: Makers = field(default_factory=dict)
    corrected: Makers = field(default_factory=dict)


def assign(
    model: Model,
    layers: list[Layer],
    bits: Mapping[str, int],
    activations: Mapping[str, Quantization],
    means: Means,
    options: Options,
) -> Assigned:
    """Choose the entries of weights and biases.

    Args:
        model: the prepared model.
        layers: the nodes with weights to quantize.
        bits: of the weights by label, where they are not as `options` say.
        activations: the entries of activations by name.
        means: of what layers read; biases are corrected where it has any.
        options: what to do.
    """
    walk = _Walk(model, Constants(model), options)
    for layer in layers:
        entry = walk.weigh(layer, bits)
        if means.wanted and layer.bias is not None:
            walk.correct(layer, entry, means.mean(layer.data))
        data = activations.get(layer.data.name)
        if data is not None and layer.bias is not None:
            walk.add_bias(layer, entry, data)
    return walk.made


@dataclass(slots=True)
class _Walk:
    model: Model
    constants: Constants
    options: Options
    made: Assigned = field(default_factory=Assigned)

    def weigh(self, layer: Layer, bits: Mapping[str, int]) -> Quantization:
        """Choose the entry of a filter; several variables may have its label."""
        known = self.made.entries.get(layer.filter.name)
        if known is not None:
            return known
        label = self.constants.label(layer.filter)
        array = self.constants.array(layer.filter)
        axis = layer.axis if self.options.per_channel else None
        width = bits.get(label, self.options.of_weights)
        entry = weight_entry(array, axis, width, self.options)
        read = partial(self.constants.array, layer.filter)
        self._store(label, read, entry)
        for node in self.model.graph.variables:
            if node.attributes["label"].lower() == label.lower():
                self.made.entries[node.output.name] = entry
        return entry

    def _store(self, label: str, read: Callable[[], Array], entry: Quantization) -> None:
        self.made.stored[label] = lambda: integers(read(), entry)
        self.made.rounded[label] = lambda: reals(read(), entry)

    def correct(self, layer: Layer, entry: Quantization, mean: Array) -> None:
        """Take the mean error of a layer out of its bias."""
        assert layer.bias is not None
        real = self.constants.array(layer.filter)
        added = correction(layer, real, reals(real, entry), mean)
        old = self.constants.array(layer.bias)
        if old.size == added.size:
            new = (old + added.reshape(old.shape)).astype(np.float32)
            label = self.constants.label(layer.bias)
            self.made.corrected[label] = self.made.rounded[label] = lambda: new

    def add_bias(self, layer: Layer, weights: Quantization, data: Quantization) -> None:
        """Choose the entry of a bias, where integers can hold it."""
        assert layer.bias is not None
        label = self.constants.label(layer.bias)
        read = self.made.corrected.get(label) or partial(self.constants.array, layer.bias)
        entry = bias_entry(read(), data, weights, self.options)
        if entry is not None:
            self.made.entries[layer.bias.name] = entry
            self._store(label, read, entry)
