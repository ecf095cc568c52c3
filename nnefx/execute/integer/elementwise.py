"""Operations on each item: sums, products, and what cuts to bounds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.integer.held import Held, Integers, Part, Pending, Real
from nnefx.execute.integer.products import bias_steps
from nnefx.execute.integer.requantize import part_of
from nnefx.execute.integer.rules import alike, literal, rule
from nnefx.ir.graph import Node
from nnefx.tensors.grid import aligned

Arrays = NDArray[Any]


@rule("add")
def add(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Add two tensors, each with its scale; or a constant to a sum of products."""
    x, y = held["x"], held["y"]
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Pending) and one.kind in ("product", "matrix"):
            return _with_bias(one, other)
    return _sum(x, y, 1)


@rule("sub")
def sub(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Subtract."""
    return _sum(held["x"], held["y"], -1)


def _with_bias(total: Pending, bias: Any) -> Held | None:
    """Add a constant to a sum of products before it is rounded."""
    (part,) = total.parts
    small = isinstance(bias, (Real, Integers)) and bias.real().size < part.items.size
    if not small or total.bounds != (-np.inf, np.inf) or part.divisor is not None:
        return None
    rank = part.items.ndim
    steps = bias_steps(bias, part.exact, rank)
    if steps is None or np.broadcast_shapes(steps.shape, part.items.shape) != part.items.shape:
        return None
    return replace(total, parts=(Part(part.items + steps, part.scale, part.exact),))


def _sum(x: Any, y: Any, sign: int) -> Held | None:
    if not (isinstance(x, Integers) and isinstance(y, Integers)):
        return None
    rank = max(x.items.ndim, y.items.ndim)
    first, second = (_ranked(part_of(item), rank) for item in (x, y))
    shape = np.broadcast_shapes(first.items.shape, second.items.shape)
    spread = [
        Part(
            np.broadcast_to(part.items * factor, shape),
            part.scale,
            part.exact,
            zero=part.zero if sign > 0 else None,
        )
        for part, factor in ((first, 1), (second, sign))
    ]
    return Pending(tuple(spread), "sum")


def _ranked(part: Part, rank: int) -> Part:
    items, scale, exact = (aligned(item, rank) for item in (part.items, part.scale, part.exact))
    zero = None if part.zero is None else aligned(part.zero, rank)
    return Part(items, scale, exact, zero=zero)


@rule("mul")
def mul(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Multiply two tensors, or one by a number, which changes its scale only."""
    x, y = held["x"], held["y"]
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Integers) and (factor := literal(other)) is not None:
            return _scaled(one, factor)
    if not (isinstance(x, Integers) and isinstance(y, Integers)):
        return None
    return _product(x, y)


def _product(x: Integers, y: Integers) -> Held:
    rank = max(x.items.ndim, y.items.ndim)
    first, second = (_ranked(part_of(item), rank) for item in (x, y))
    scale = np.asarray(first.scale * second.scale, np.float32)
    return Pending((Part(first.items * second.items, scale, first.exact * second.exact),))


def _scaled(x: Integers, factor: float) -> Held | None:
    if not np.isfinite(factor) or factor == 0.0:
        return None
    part = part_of(x)
    size = abs(factor)
    scale = np.asarray(part.scale * np.float32(size), np.float32)
    scaled = Part(part.items * np.sign(factor), scale, part.exact * size)
    return Pending((scaled,), of_one=x.grid.whole)


@rule("div")
def div(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Divide by a number."""
    factor = literal(held["y"])
    x = held["x"]
    return _scaled(x, 1.0 / factor) if isinstance(x, Integers) and factor else None


@rule("neg")
def neg(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Change the sign."""
    return _scaled(held["x"], -1.0) if isinstance(held["x"], Integers) else None


@rule("sqr")
def sqr(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Multiply by itself."""
    return _product(held["x"], held["x"]) if isinstance(held["x"], Integers) else None


@rule("abs")
def absolute(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Drop the sign."""
    if not isinstance(held["x"], Integers):
        return None
    part = part_of(held["x"])
    sized = Part(np.abs(part.items), part.scale, part.exact)
    return Pending((sized,), of_one=held["x"].grid.whole)


@rule("relu")
def relu(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Cut from below: an index is not less than the zero."""
    return _cut(held["x"], 0.0, np.inf)


@rule("clamp")
def clamp(_node: Node, held: Mapping[str, Any]) -> Held | None:
    """Cut to two numbers."""
    low, high = literal(held["a"]), literal(held["b"])
    return None if low is None or high is None else _cut(held["x"], low, high)


@rule("max", "min")
def larger(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Cut to a number on one side; or take one of two indices of the same grid."""
    x, y = held["x"], held["y"]
    for one, other in ((x, y), (y, x)):
        if (bound := literal(other)) is not None:
            ends = (bound, np.inf) if node.name == "max" else (-np.inf, bound)
            return _cut(one, *ends)
    if isinstance(x, Integers) and isinstance(y, Integers) and alike([x, y]):
        rank = node.output.rank
        pick = np.maximum if node.name == "max" else np.minimum
        return Integers(pick(aligned(x.items, rank), aligned(y.items, rank)), x.grid)
    return None


def _cut(x: Any, low: float, high: float) -> Held | None:
    if isinstance(x, Integers):
        x = Pending((part_of(x),), of_one=x.grid.whole)
    return x.cut(low, high) if isinstance(x, Pending) else None
