"""Folds what follows a convolution or linear layer channel by channel into its filter and bias."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.passes.constants import Constants, Overlay
from nnefx.passes.dead import drop_dead
from nnefx.tensors.model import Model

Array = NDArray[Any]
Affine = tuple[Array, Array]  # y = x * first + second, one item for each channel


def fuse_affine(model: Model) -> Model:
    """Replaces `f(conv(x))` by `conv'(x)` when `f` is affine in each channel and conv has no other
    user; `linear`, and `matmul` with a constant matrix, likewise.

    `f` is batch_normalization, or add, sub, mul or div with a constant. The new filters and biases
    are variables whose numbers are computed when they are read; they take over names and labels of
    those whose place they take.
    """
    fusion = _Fusion(model, Constants(model))
    graph = rewrite(model.graph, fusion.rule)
    if graph is model.graph:
        return model
    graph = drop_dead(graph)
    taken = set(graph.values)
    for value, name in fusion.names:
        if name not in taken:
            value.name = name
            taken.add(name)
    weights = Overlay(model.weights, fusion.made)
    return replace(model, graph=replace(graph), weights=weights)


@dataclass(slots=True)
class _Layer:
    """A weighted layer, and what was found to follow it: y = layer(x) * scale + offset.

    `added` are the variables that make up `offset`, `made` the labels that stand for the layer now.
    """

    node: Node
    scale: Array
    offset: Array
    added: tuple[Value, ...] = ()
    made: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Fusion:
    model: Model
    constants: Constants
    made: dict[str, Callable[[], Array]] = field(default_factory=dict)
    names: list[tuple[Value, str]] = field(default_factory=list)
    layers: dict[Value, _Layer] = field(default_factory=dict)
    uses: dict[Value, int] = field(default_factory=dict)
    sharers: dict[str, int] = field(default_factory=dict)

    def rule(self, node: Node, g: Rewriter) -> Any:
        """Note the layers, replace what is affine after one."""
        if not self.uses:
            self._count(g.old)
        if (layer := self._layer(node)) is not None:
            self.layers[node.output] = layer
            return None
        found = self._follows(node)
        if found is None:
            return None
        layer, (scale, offset) = found
        added = (*layer.added, *self._added(node))
        for label in layer.made:
            del self.made[label]
        merged = _Layer(layer.node, layer.scale * scale, layer.offset * scale + offset, added)
        result = self._rebuild(merged, g, node.output)
        self.layers[result] = merged
        self.uses[result] = self.uses.get(node.output, 0)
        return result

    def _added(self, node: Node) -> list[Value]:
        """Return the variables that a node adds, after which the new bias is called."""
        if node.name == "batch_normalization":
            items = [node.inputs["offset"]]
        else:
            items = list(node.inputs.values()) if node.name in ("add", "sub") else []
        return [v for v in items if isinstance(v, Value) and v in self.constants]

    def _count(self, graph: Graph) -> None:
        self.uses = {value: len(nodes) for value, nodes in graph.users.items()}
        for value in graph.outputs:
            self.uses[value] = self.uses.get(value, 0) + 1
        for node in graph.variables:
            label = node.attributes["label"].lower()
            self.sharers[label] = self.sharers.get(label, 0) + self.uses.get(node.output, 0)

    def _layer(self, node: Node) -> _Layer | None:
        if node.name not in ("conv", "linear", "matmul") or node.output.rank < 2:
            return None
        names = list(node.inputs)[1:]
        if not all(self._known(node.inputs[name]) for name in names):
            return None
        plain = not node.attributes.get("transposeA")
        if node.name != "conv" and (node.output.rank != 2 or not plain):
            return None  # beyond rank 2 the channels are not dimension 1
        channels = node.output.shape[1]
        return _Layer(node, np.ones(channels), np.zeros(channels))

    def _known(self, item: Any) -> bool:
        if not isinstance(item, Value):
            return True
        # Integers of a quantized model stay what they are.
        return item in self.constants and item.name not in self.model.quantization

    def _follows(self, node: Node) -> tuple[_Layer, Affine] | None:
        reader = _AFFINE.get(node.name)
        if reader is None:
            return None
        operands: list[Any] = list(node.inputs.values())
        places = [i for i, item in enumerate(operands) if not self._known(item)]
        if len(places) != 1 or operands[places[0]] not in self.layers:
            return None
        value = operands[places[0]]
        if self.uses.get(value, 0) != 1 or value.shape != node.output.shape:
            return None
        if value.name in self.model.quantization:
            return None  # it is rounded between the two
        channels = value.shape[1]
        others = [
            None if i in places else self._channels(x, channels) for i, x in enumerate(operands)
        ]
        if any(others[i] is None for i in range(len(operands)) if i not in places):
            return None
        affine = reader(others, node.attributes)
        return None if affine is None else (self.layers[value], affine)

    def _channels(self, item: Any, channels: int) -> Array | None:
        """Return a constant as one number for each channel, None where it is something else."""
        if not isinstance(item, Value):
            return np.full(channels, float(item))
        if item.volume == 1:
            return np.full(channels, float(self.constants.array(item).reshape(())))
        if item.rank < 2 or item.shape[1] != channels or item.volume != channels:
            return None
        return self.constants.array(item).reshape(channels).astype(np.float64)

    def _rebuild(self, layer: _Layer, g: Rewriter, output: Value) -> Value:
        node, scale, offset, constants = layer.node, layer.scale, layer.offset, self.constants
        items: list[Any] = list(node.inputs.values())
        turned = node.name == "matmul" and not node.attributes["transposeB"]
        wide = _float_of(constants, items[1])
        channels = output.shape[1]

        def new_filter() -> Array:
            old = constants.array(items[1])
            old = old.T if turned else old
            return (old * scale.reshape((-1,) + (1,) * (old.ndim - 1))).astype(wide)

        def new_bias() -> Array:
            old = items[2] if len(items) > 2 else 0.0
            numbers = constants.array(old) if isinstance(old, Value) else np.asarray(old)
            total = numbers.reshape(-1) * scale + offset
            return np.asarray(total.reshape(1, channels), wide)

        weights = items[1]
        if turned or (scale != 1.0).any():
            shape = weights.shape[::-1] if turned else weights.shape
            name = f"{output.name}_filter"
            weights = self._variable(g, layer, [weights], name, shape, new_filter)
        origins = [item for item in (*items[2:], *layer.added) if isinstance(item, Value)]
        bias: Value | float = 0.0
        if origins or offset.any() or (len(items) > 2 and items[2] != 0.0):
            name = f"{output.name}_bias"
            bias = self._variable(g, layer, origins, name, (1, channels), new_bias)
        kind = "conv" if node.name == "conv" else "linear"
        attributes = node.attributes if kind == "conv" else {}
        result = g.add(kind, items[0], weights, bias, name=output.name, at=node.at, **attributes)
        assert isinstance(result, Value)
        return result

    def _variable(
        self,
        g: Rewriter,
        layer: _Layer,
        origins: list[Value],
        fallback: str,
        shape: tuple[int, ...],
        make: Callable[[], Array],
    ) -> Value:
        """Add a variable in the place of the first of `origins` that nothing else needs."""
        origin = next((item for item in origins if self._dies(item)), None)
        label = self.constants.label(origin) if origin else fallback
        while label in self.made or (origin is None and label.lower() in self.sharers):
            label += "_"
        self.made[label] = make
        layer.made.append(label)
        result = g.variable(shape=list(shape), label=label, name=fallback)
        assert isinstance(result, Value)
        if origin is not None:
            self.names.append((result, origin.name))
        return result

    def _dies(self, value: Value) -> bool:
        label = self.constants.label(value).lower()
        return bool(label) and self.sharers.get(label) == 1


def _float_of(constants: Constants, value: Any) -> Any:
    """Return the type in which a fused filter is stored: that of the filter."""
    dtype = constants.dtype(value) if isinstance(value, Value) else np.dtype(np.float32)
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def _batch_normalization(items: list[Any], attributes: Any) -> Affine:
    _, mean, variance, offset, scale = items
    gain = scale / np.sqrt(variance + attributes["epsilon"])
    return gain, offset - mean * gain


def _add(items: list[Any], _attributes: Any) -> Affine:
    other = items[0] if items[1] is None else items[1]
    return np.ones_like(other), other


def _subtract(items: list[Any], _attributes: Any) -> Affine:
    first, second = items
    if first is None:
        return np.ones_like(second), -second
    return -np.ones_like(first), first


def _multiply(items: list[Any], _attributes: Any) -> Affine:
    other = items[0] if items[1] is None else items[1]
    return other, np.zeros_like(other)


def _divide(items: list[Any], _attributes: Any) -> Affine | None:
    if items[0] is not None or not items[1].all():
        return None
    return 1.0 / items[1], np.zeros_like(items[1])


_AFFINE: dict[str, Callable[[list[Any], Any], Affine | None]] = {
    "batch_normalization": _batch_normalization,
    "add": _add,
    "sub": _subtract,
    "mul": _multiply,
    "div": _divide,
}
