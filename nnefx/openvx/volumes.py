"""Tensors with a depth (rank 5) as tensors of rank 4, before they are lowered.

(N, C, D, H, W) becomes (N, D C, H, W): the channels of one depth after those of another. What a
window sees at one depth is then a range of channels, and a convolution one convolution of the
plane for each depth of its result (openvx.md, 6.4). Inputs and outputs keep the order of NNEF,
with the channels outside of the depths; an exact 0/1 matrix goes between the orders.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.openvx.regions import POINTWISE
from nnefx.ops.shapes import Axis, windows
from nnefx.passes.constants import Constants, Overlay
from nnefx.passes.dead import drop_dead
from nnefx.tensors.model import Model

Array = NDArray[Any]


def fold_depth(model: Model) -> Model:
    """Return the model with operations on rank 5 replaced by such on rank 4, where there are.

    What has no replacement stays as it is, and is refused by its lowering.
    """
    if all(value.rank != 5 for value in model.graph.values.values()):
        return model
    walk = _Walk(model, Constants(model))
    graph = drop_dead(rewrite(model.graph, walk.rule))
    return replace(model, graph=graph, weights=Overlay(model.weights, walk.made))


@dataclass(slots=True)
class _Walk:
    model: Model
    constants: Constants
    made: dict[str, Callable[[], Array]] = field(default_factory=dict)
    folded: dict[Value, Value] = field(default_factory=dict)

    def rule(self, node: Node, g: Rewriter) -> Any:
        """Replace an operation whose operands or results have rank 5."""
        values = [value for value in (*node.operands(), *node.values()) if value.rank == 5]
        if not values or any(value in self.constants for value in node.values()):
            return None
        if node.name == "conv":
            return self._conv(node, g)
        if node.name in ("max_pool", "avg_pool"):
            return self._pool(node, g)
        if node.name in _REDUCES:
            return self._reduce(node, g)
        if node.name == "concat":
            return self._concat(node, g)
        if node.name in POINTWISE and len(list(node.values())) == 1:
            return self._pointwise(node, g)
        return None

    # ---- Between the orders

    def fold(self, value: Value, g: Rewriter) -> Value:
        """Return a value of rank 5 as (N, D C, H, W)."""
        if value not in self.folded:
            n, c, d, h, w = value.shape
            flat = g.reshape(value, shape=[n, c * d, h, w])
            order = np.arange(c * d).reshape(c, d).T.reshape(-1)
            self.folded[value] = self._ordered(flat, order, g)
        return self.folded[value]

    def unfold(self, value: Value, shape: Sequence[int], g: Rewriter) -> Value:
        """Return (N, D C, H, W) as a value of rank 5, which is dropped where nothing reads it."""
        _, c, d, _, _ = shape
        order = np.arange(c * d).reshape(d, c).T.reshape(-1)
        result = g.reshape(self._ordered(value, order, g), shape=list(shape))
        assert isinstance(result, Value)
        self.folded[result] = value
        return result

    def _ordered(self, value: Value, order: Array, g: Rewriter) -> Value:
        if (order == np.arange(len(order))).all():
            return value
        places = [int(place) for place in order]
        indices = g.constant(shape=[len(places)], value=places, dtype="integer")
        result = g.gather(value, indices, axis=1)
        assert isinstance(result, Value)
        return result

    # ---- Operations

    def _conv(self, node: Node, g: Rewriter) -> Any:
        x, kernel, bias = (node.inputs[name] for name in ("input", "filter", "bias"))
        a = node.attributes
        known = isinstance(kernel, Value) and kernel in self.constants
        fixed = not isinstance(bias, Value) or bias in self.constants
        if a["border"] != "constant" or not known or not fixed or not isinstance(x, Value):
            return None
        assert isinstance(kernel, Value)
        axes = windows(x.shape[2:], kernel.shape[2:], a["padding"], a["stride"], a["dilation"])
        plane = {
            "stride": [axis.stride for axis in axes[1:]],
            "dilation": [axis.dilation for axis in axes[1:]],
            "padding": [axis.around for axis in axes[1:]],
            "border": "constant",
        }
        depths = list(_depths(axes[0]))
        if any(first >= last for first, last, _ in depths):
            return None
        channels, source = x.shape[1], self.fold(x, g)
        filters: dict[tuple[int, int], Value] = {}
        slices = []
        for first, last, skip in depths:
            key = (skip, last - first)
            if key not in filters:
                filters[key] = self._filter(kernel, axes[0], key, a["groups"], channels, g)
            part = _slice(g, source, first * channels, last * channels)
            slices.append(g.conv(part, filters[key], bias, **plane))
        y = slices[0] if len(slices) == 1 else g.concat(slices, axis=1)
        return self.unfold(y, node.output.shape, g)

    def _filter(
        self,
        kernel: Value,
        axis: Axis,
        key: tuple[int, int],
        groups: int,
        channels: int,
        g: Rewriter,
    ) -> Value:
        """Add a filter of rank 4: the depths that a window sees, with zeros where it has gaps."""
        skip, depth = key
        count = kernel.shape[0]
        shape = (count, depth * channels, *kernel.shape[3:])

        def make() -> Array:
            dense = _dense(self.constants.array(kernel), groups or channels)
            apart = np.zeros((count, channels, axis.reach, *shape[2:]), dense.dtype)
            apart[:, :, :: axis.dilation] = dense
            seen = apart[:, :, skip : skip + depth]
            return np.ascontiguousarray(seen.transpose(0, 2, 1, 3, 4).reshape(shape))

        label = f"{self.constants.label(kernel) or kernel.name}_{skip}_{depth}"
        while label in self.made or label in self.model.weights:
            label += "_"
        self.made[label] = make
        result = g.variable(shape=list(shape), label=label)
        assert isinstance(result, Value)
        return result

    def _pool(self, node: Node, g: Rewriter) -> Any:
        (x,) = node.operands()
        a = node.attributes
        axes = windows(x.shape, a["size"], a["padding"], a["stride"], a["dilation"], "constant")
        if any((axis.size, axis.stride, axis.around) != (1, 1, (0, 0)) for axis in axes[:2]):
            return None
        if a["border"] not in ("constant", "ignore"):
            return None
        y = _windowed(g, node.name, self.fold(x, g), (2, 3), axes[3:], a["border"])
        y = _deep(g, node.name, y, x.shape[1], axes[2], a["border"])
        return self.unfold(y, node.output.shape, g)

    def _reduce(self, node: Node, g: Rewriter) -> Any:
        (x,) = node.operands()
        axes = node.attributes["axes"]
        if not set(axes) <= {2, 3, 4}:
            return None
        y, depth = self.fold(x, g), x.shape[2]
        plane = [axis - 1 for axis in axes if axis > 2]
        if plane:
            more = {"normalize": node.attributes["normalize"]} if node.name == "sum_reduce" else {}
            y = g.add(node.name, y, axes=plane, **more)
        if 2 in axes and depth > 1:
            y = self._reduced_depth(node, y, x.shape[1], depth, g)
        return self.unfold(y, node.output.shape, g)

    def _reduced_depth(self, node: Node, y: Any, channels: int, depth: int, g: Rewriter) -> Any:
        whole = Axis(depth, 1, depth)
        kind = node.name
        if kind == "min_reduce":
            return g.neg(_deep(g, "max_pool", g.neg(y), channels, whole, "constant"))
        if kind == "max_reduce":
            return _deep(g, "max_pool", y, channels, whole, "constant")
        mean = _deep(g, "avg_pool", y, channels, whole, "constant")
        keeps = kind == "mean_reduce" or node.attributes["normalize"]
        return mean if keeps else g.mul(mean, float(depth))

    def _concat(self, node: Node, g: Rewriter) -> Any:
        values, axis = node.inputs["values"], node.attributes["axis"]
        assert isinstance(values, tuple)
        if axis > 2 or axis == 0 or any(v in self.constants for v in node.operands()):
            return None
        parts = [self.fold(value, g) for value in values if isinstance(value, Value)]
        if axis == 1:
            shapes = [value.shape for value in values if isinstance(value, Value)]
            parts = [
                _slice(g, part, d * shape[1], (d + 1) * shape[1])
                for d in range(node.output.shape[2])
                for part, shape in zip(parts, shapes, strict=True)
            ]
        return self.unfold(g.concat(parts, axis=1), node.output.shape, g)

    def _pointwise(self, node: Node, g: Rewriter) -> Any:
        shape = node.output.shape
        inputs = [self._operand(item, shape, g) for item in node.inputs.values()]
        if any(item is None for item in inputs):
            return None
        y = g.add(node.name, *inputs, **node.attributes)
        return self.unfold(y, shape, g)

    def _operand(self, item: Any, shape: Sequence[int], g: Rewriter) -> Any:
        """Return an operand as it stands beside a folded tensor; None where there is no way."""
        if not isinstance(item, Value):
            return None if isinstance(item, tuple) else item
        own = (*item.shape, *(1,) * (5 - item.rank))
        if item.volume == 1:
            return g.reshape(item, shape=[1, 1, 1, 1])
        if own[1:3] == tuple(shape[1:3]) and item.rank == 5:
            return self.fold(item, g)
        if own[2] != 1 or own[1] != shape[1]:
            return None
        flat = g.reshape(item, shape=[own[0], own[1], own[3], own[4]])
        return g.tile(flat, repeats=[1, shape[2], 1, 1])


_REDUCES = ("sum_reduce", "mean_reduce", "max_reduce", "min_reduce")


def _depths(axis: Axis) -> Iterator[tuple[int, int, int]]:
    """Yield for each depth of the result which depths it sees, and how much lies before those."""
    for place in range(axis.down):
        start = place * axis.stride - axis.before
        first, last = max(start, 0), min(start + axis.reach, axis.up)
        yield first, last, first - start


def _dense(kernel: Array, groups: int) -> Array:
    """Return the kernel of groups as one of all channels, with zeros where groups do not meet."""
    if groups == 1:
        return kernel
    each, outputs = kernel.shape[1], kernel.shape[0] // groups
    wide = np.zeros((kernel.shape[0], each * groups, *kernel.shape[2:]), kernel.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        wide[rows, group * each : (group + 1) * each] = kernel[rows]
    return wide


def _slice(g: Rewriter, value: Value, begin: int, end: int) -> Any:
    if (begin, end) == (0, value.shape[1]):
        return value
    return g.slice(value, axes=[1], begin=[begin], end=[end])


def _windowed(
    g: Rewriter, op: str, x: Any, places: Sequence[int], axes: Sequence[Axis], border: str
) -> Any:
    """Pool over some dimensions of a tensor of rank 4."""
    if all((axis.size, axis.stride, axis.around) == (1, 1, (0, 0)) for axis in axes):
        return x
    size, stride, dilation = [1] * 4, [1] * 4, [1] * 4
    padding: list[tuple[int, int]] = [(0, 0)] * 4
    for place, axis in zip(places, axes, strict=True):
        size[place], stride[place], dilation[place] = axis.size, axis.stride, axis.dilation
        padding[place] = axis.around
    return g.add(op, x, size=size, stride=stride, dilation=dilation, padding=padding, border=border)


def _deep(g: Rewriter, op: str, x: Any, channels: int, axis: Axis, border: str) -> Any:
    """Pool over depths: a window over every `channels`-th channel, then the depths that stay."""
    before, after = axis.around
    if (axis.size, axis.stride, axis.around) == (1, 1, (0, 0)):
        return x
    gap = axis.dilation * channels if axis.size > 1 else 1
    wide = Axis(
        x.shape[1],
        (before + axis.up + after - axis.reach + 1) * channels,
        axis.size,
        1,
        gap,
        before * channels,
        after * channels,
    )
    y = _windowed(g, op, x, (1,), (wide,), border)
    kept = [d * axis.stride * channels + c for d in range(axis.down) for c in range(channels)]
    if len(kept) == y.shape[1]:
        return y
    indices = g.constant(shape=[len(kept)], value=kept, dtype="integer")
    return g.gather(y, indices, axis=1)
