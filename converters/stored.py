"""Quantized weights: computed as reals, written as the integers that they are in the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.grids import Grid
from nnefx.ir.graph import Graph
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Integers of a model; `scale` and `zero` broadcast to them as numpy has it."""

    items: Array
    scale: Array
    zero: Array


def as_integers(
    graph: Graph,
    weights: Mapping[str, Array],
    stored: Mapping[str, Stored],
    names: Mapping[str, str],
) -> tuple[dict[str, Array], dict[str, Quantization]]:
    """Return the weights with integers where the model had them, and their entries for graph.quant.

    Args:
        graph: the graph.
        weights: arrays by label.
        stored: what was quantized, by the name of the tensor that holds the integers.
        names: that name by label.

    A variable stays real where its items are not exactly what the integers stand for.
    """
    found, entries = dict(weights), {}
    for node in graph.variables:
        label = node.attributes["label"]
        tensor = stored.get(names.get(label, ""))
        if tensor is None:
            continue
        for candidate in _arranged(tensor, weights[label].shape):
            entry = _matching(candidate, weights[label])
            if entry is not None:
                found[label], entries[node.output.name] = candidate.items, entry
                break
    return found, entries


def _arranged(tensor: Stored, shape: tuple[int, ...]) -> Iterator[Stored]:
    """Yield the integers in the orders that may have become a variable of `shape`."""
    if tensor.items.shape == shape:
        yield tensor
    if tensor.items.T.shape == shape and tensor.items.ndim == 2:
        yield Stored(tensor.items.T, tensor.scale.T, tensor.zero.T)
    if tensor.items.size == np.prod(shape) and tensor.items.ndim <= 1:
        spread = [part if part.ndim == 0 else part.reshape(shape) for part in tensor_parts(tensor)]
        yield Stored(tensor.items.reshape(shape), *spread)


def tensor_parts(tensor: Stored) -> tuple[Array, Array]:
    """Return scale and zero point, as one number each where they have one item."""
    scale, zero = (
        part.reshape(()) if part.size == 1 else part for part in (tensor.scale, tensor.zero)
    )
    return scale, zero


def _matching(tensor: Stored, array: Array) -> Quantization | None:
    for short in (True, False):  # short numbers where they say the same
        entry = Grid(tensor.scale, tensor.zero, tensor.items.dtype).entry(short)
        if np.array_equal(dequantize(tensor.items, entry), array):
            return entry
    return None
