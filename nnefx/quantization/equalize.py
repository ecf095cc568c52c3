"""Cross-layer equalization: channels between two layers are leveled, the network stays the same.

What relu and pools pass on may be multiplied channel by channel by anything positive: a channel of
the first layer's filter and bias by r, what the next layer does with that channel by 1 / r. The
weights of a layer then fill the digits of their one scale, whatever a depthwise layer has made of
its channels (Nagel et al., 2019: data-free quantization through weight equalization).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.constants import Constants, Overlay
from nnefx.tensors.model import Model

Array = NDArray[Any]

# What a positive factor for a channel passes through unchanged.
_PASSES = frozenset({"relu", "max_pool", "avg_pool", "mean_reduce", "max_reduce", "copy"})
_SWEEPS = 8
_MOST = 256.0  # a factor beyond this says more of a dead channel than of its weights


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two weighted layers with nothing between them that a factor does not pass."""

    first: Node
    second: Node


def equalize(model: Model) -> Model:
    """Return the model with leveled channels; it computes the same in real numbers.

    Only layers whose weights are variables that nothing else uses are changed.
    """
    constants = Constants(model)
    pairs = list(_pairs(model.graph, constants))
    if not pairs:
        return model
    walk = _Walk(model, constants)
    for pair in pairs:
        walk.measure(pair.first)
        walk.measure(pair.second)
    for _ in range(_SWEEPS):
        for pair in pairs:
            walk.level(pair)
    return replace(model, weights=Overlay(model.weights, walk.made()))


def _pairs(graph: Graph, constants: Constants) -> Iterator[_Pair]:
    uses: dict[Value, int] = {value: len(nodes) for value, nodes in graph.users.items()}
    for value in graph.outputs:
        uses[value] = uses.get(value, 0) + 1
    labels: dict[str, int] = {}
    for node in graph.variables:
        label = node.attributes["label"].lower()
        labels[label] = labels.get(label, 0) + uses.get(node.output, 0)

    def own(item: Any) -> bool:
        label = constants.label(item).lower() if item in constants else ""
        return bool(label) and labels[label] == 1

    for node in graph.nodes:
        if not _weighted(node, own):
            continue
        bias = node.inputs["bias"]
        if isinstance(bias, Value) and (not own(bias) or bias.volume == 1):
            continue
        if not isinstance(bias, Value) and bias != 0.0:
            continue
        second = _next(graph, node, uses)
        if second is not None and _weighted(second, own) and _joins(node, second):
            yield _Pair(node, second)


def _weighted(node: Node, own: Callable[[Any], bool]) -> bool:
    if node.name not in ("conv", "linear"):
        return False
    return own(node.inputs["filter"]) and node.attributes.get("border", "constant") == "constant"


def _next(graph: Graph, node: Node, uses: dict[Value, int]) -> Node | None:
    """Return the layer that alone reads a layer's result, after what factors pass through."""
    while True:
        value = node.output
        users = graph.users.get(value, ())
        if uses.get(value, 0) != 1 or len(users) != 1:
            return None
        node = users[0]
        if node.name in ("conv", "linear"):
            return node if node.inputs["input"] is value else None
        axes = node.attributes.get("axes", [])
        window = node.attributes.get("size", [1, 1])[:2]
        if node.name not in _PASSES or 1 in axes or list(window) != [1, 1]:
            return None


def _joins(first: Node, second: Node) -> bool:
    """Tell whether channel c of the first layer is input channel c of the second."""
    count = _filter(first).shape[0]
    return _inputs(second) == count


def _filter(node: Node) -> Value:
    value = node.inputs["filter"]
    assert isinstance(value, Value)
    return value


def _groups(node: Node) -> int:
    """Return the number of groups of a layer; a linear one has one."""
    groups = node.attributes.get("groups", 1)
    source = node.inputs["input"]
    assert isinstance(source, Value)
    return int(groups or source.shape[1])


def _inputs(node: Node) -> int:
    return _filter(node).shape[1] * _groups(node)


class _Walk:
    """The factors found so far, for the rows of each layer, and for what it reads."""

    def __init__(self, model: Model, constants: Constants) -> None:
        self.model = model
        self.constants = constants
        self.rows: dict[int, Array] = {}  # factor of each output channel
        self.columns: dict[int, Array] = {}  # factor of each input channel
        self.peaks: dict[int, Array] = {}  # largest magnitude by (group, output, input)
        self.most: dict[int, Array] = {}  # largest factor of each output channel
        self.nodes: dict[int, Node] = {}

    def measure(self, node: Node) -> None:
        """Note how large the weights are for each pair of channels."""
        if id(node) in self.nodes:
            return
        kernel = np.abs(self.constants.array(_filter(node)).astype(np.float64))
        groups = _groups(node)
        outputs, inputs = kernel.shape[0] // groups, kernel.shape[1]
        self.nodes[id(node)] = node
        peaks = kernel.reshape(groups, outputs, inputs, -1).max(axis=3)
        self.peaks[id(node)] = peaks
        self.rows[id(node)] = np.ones((groups, outputs, 1))
        self.columns[id(node)] = np.ones((groups, 1, inputs))
        self.most[id(node)] = self._most(node, peaks.max(axis=2).reshape(-1))

    def _most(self, node: Node, peaks: Array) -> Array:
        """Return how far channels may grow: none beyond what the largest gives already.

        A channel that is all but dead has small weights, and a bias: blown up, it would take the
        digits of all others.
        """
        bias = node.inputs["bias"]
        reach = peaks.copy()
        if isinstance(bias, Value) and bias in self.constants:
            reach += np.abs(self.constants.array(bias)).reshape(-1)
        return np.asarray(reach.max() / np.maximum(reach, 1e-30))

    def _current(self, node: Node) -> Array:
        key = id(node)
        current: Array = self.peaks[key] * self.rows[key] * self.columns[key]
        return current

    def level(self, pair: _Pair) -> None:
        """Bring what a channel is written and read with to the same magnitude."""
        written = self._current(pair.first).max(axis=2).reshape(-1)
        read = self._current(pair.second).max(axis=1).reshape(-1)
        alive = (written > 0) & (read > 0)
        factor = np.ones_like(written)
        factor[alive] = np.sqrt(read[alive] / written[alive])
        now = self.rows[id(pair.first)].reshape(-1)
        factor = np.clip(factor, 1 / _MOST, np.minimum(_MOST, self.most[id(pair.first)] / now))
        self.rows[id(pair.first)] *= factor.reshape(self.rows[id(pair.first)].shape)
        self.columns[id(pair.second)] /= factor.reshape(self.columns[id(pair.second)].shape)

    def made(self) -> dict[str, Callable[[], Array]]:
        """Return what makes the new filters and biases, by label."""
        found: dict[str, Callable[[], Array]] = {}
        for key, node in self.nodes.items():
            weights = _filter(node)
            found[self.constants.label(weights)] = partial(self._kernel, key, weights)
            bias = node.inputs["bias"]
            if isinstance(bias, Value) and (self.rows[key] != 1).any():
                found[self.constants.label(bias)] = partial(self._bias, key, bias)
        return found

    def _kernel(self, key: int, weights: Value) -> Array:
        kernel = self.constants.array(weights)
        factors = self.rows[key] * self.columns[key]
        flat = kernel.reshape(*factors.shape, -1) * factors[..., None]
        leveled: Array = flat.reshape(kernel.shape).astype(kernel.dtype)
        return leveled

    def _bias(self, key: int, bias: Value) -> Array:
        numbers = self.constants.array(bias)
        leveled: Array = (numbers * self.rows[key].reshape(1, -1)).astype(numbers.dtype)
        return leveled
