"""Folds what follows a convolution or linear layer channel by channel into its filter and bias."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.openvx.constants import Constants, Overlay
from nnefx.passes.dead import drop_dead
from nnefx.tensors.model import Model

Array = NDArray[Any]
Affine = tuple[Array, Array]  # y = x * first + second, one item for each channel


def fuse_affine(model: Model) -> Model:
    """Replaces `f(conv(x))` by `conv'(x)` when `f` is affine in each channel and conv has no other
    user; `linear`, and `matmul` with a constant matrix, likewise.

    `f` is batch_normalization, or add, sub, mul or div with a constant. The new filters are
    variables whose numbers are computed when they are read.
    """
    fusion = _Fusion(model, Constants(model))
    graph = rewrite(model.graph, fusion.rule)
    if graph is model.graph:
        return model
    weights = Overlay(model.weights, fusion.made)
    return replace(model, graph=drop_dead(graph), weights=weights)


@dataclass(slots=True)
class _Layer:
    """A weighted layer, and what was found to follow it: y = layer(x) * scale + offset."""

    node: Node
    scale: Array
    offset: Array


@dataclass(slots=True)
class _Fusion:
    model: Model
    constants: Constants
    made: dict[str, Callable[[], Array]] = field(default_factory=dict)
    layers: dict[Value, _Layer] = field(default_factory=dict)
    uses: dict[Value, int] = field(default_factory=dict)

    def rule(self, node: Node, g: Rewriter) -> Any:
        """Note the layers, replace what is affine after one."""
        if not self.uses:
            self.uses = {value: len(nodes) for value, nodes in g.old.users.items()}
            for value in g.old.outputs:
                self.uses[value] = self.uses.get(value, 0) + 1
        if (layer := self._layer(node)) is not None:
            self.layers[node.output] = layer
            return None
        found = self._follows(node)
        if found is None:
            return None
        layer, (scale, offset) = found
        merged = _Layer(layer.node, layer.scale * scale, layer.offset * scale + offset)
        result = self._rebuild(merged, g, node.output)
        self.layers[result] = merged
        self.uses[result] = self.uses.get(node.output, 0)
        return result

    def _layer(self, node: Node) -> _Layer | None:
        if node.name not in ("conv", "linear", "matmul") or node.output.rank < 2:
            return None
        names = list(node.inputs)[1:]
        if not all(self._known(node.inputs[name]) for name in names):
            return None
        plain = not node.attributes.get("transposeA")
        if node.name == "matmul" and (node.output.rank != 2 or not plain):
            return None
        channels = node.output.shape[1]
        return _Layer(node, np.ones(channels), np.zeros(channels))

    def _known(self, item: Any) -> bool:
        return not isinstance(item, Value) or item in self.constants

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
        node = layer.node
        items: list[Any] = list(node.inputs.values())
        turned = node.name == "matmul" and not node.attributes["transposeB"]
        filter_shape = items[1].shape[::-1] if turned else items[1].shape
        channels = output.shape[1]
        name = output.name
        scale, offset, constants = layer.scale, layer.offset, self.constants

        def new_filter() -> Array:
            old = constants.array(items[1])
            old = old.T if turned else old
            return (old * scale.reshape((-1,) + (1,) * (old.ndim - 1))).astype(np.float32)

        def new_bias() -> Array:
            old = items[2] if len(items) > 2 else 0.0
            numbers = constants.array(old) if isinstance(old, Value) else np.asarray(old)
            total = numbers.reshape(-1) * scale + offset
            return np.asarray(total.reshape(1, channels), np.float32)

        weights = self._variable(g, f"{name}_filter", filter_shape, new_filter)
        bias = self._variable(g, f"{name}_bias", (1, channels), new_bias)
        kind = "conv" if node.name == "conv" else "linear"
        attributes = node.attributes if kind == "conv" else {}
        result = g.add(kind, items[0], weights, bias, name=name, at=node.at, **attributes)
        assert isinstance(result, Value)
        return result

    def _variable(
        self, g: Rewriter, name: str, shape: tuple[int, ...], make: Callable[[], Array]
    ) -> Value:
        label = name
        while label in self.model.weights or label in self.made:
            label += "_"
        self.made[label] = make
        result = g.variable(shape=list(shape), label=label, name=name)
        assert isinstance(result, Value)
        return result


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
