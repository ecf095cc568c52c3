"""Means, and what only moves items."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.integer.held import Held, Integers, Part, Pending
from nnefx.execute.integer.rules import alike, rule
from nnefx.ir.graph import Node
from nnefx.ops.window import box
from nnefx.tensors.grid import aligned

Arrays = NDArray[Any]


@rule("mean_reduce", "sum_reduce")
def reduced(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Add up along axes."""
    axes = tuple(node.attributes["axes"])
    mean = node.name == "mean_reduce" or node.attributes["normalize"]
    x = held["input"]
    if not (isinstance(x, Integers) and x.grid.whole):
        return None
    items = x.centred.sum(axis=axes, keepdims=True)
    count = np.asarray(np.prod([x.items.shape[axis] for axis in axes]), np.float64)
    return _mean(x, items, count if mean else None, "mean")


@rule("avg_pool", "box")
def averaged(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Add up windows, and divide by how many items count."""
    x = held["input"]
    if not (isinstance(x, Integers) and x.grid.whole):
        return None
    attributes = {key: v for key, v in node.attributes.items() if key != "normalize"}
    items = box(x.centred, normalize=False, **attributes)
    if node.name == "box" and not node.attributes["normalize"]:
        return _mean(x, items, None, "pool")
    count = np.asarray(float(np.prod(node.attributes["size"])))
    if attributes["border"] == "ignore":
        plain = {**attributes, "border": "constant"}
        count = box(np.ones(x.items.shape, np.float64), normalize=False, **plain)
    return _mean(x, items, count, "pool")


def _mean(x: Integers, items: Arrays, count: Arrays | None, kind: str) -> Held:
    scale = x.grid.scale.reshape(())
    return Pending((Part(np.rint(items), scale, scale.astype(np.float64), count),), kind)


# ---- what only moves items

_PARTS = ("split", "unstack", "pad")


@rule(
    "copy", "reshape", "squeeze", "unsqueeze", "transpose", "slice", "tile", "nearest_downsample",
    "nearest_upsample", "split", "unstack", "pad", "max_pool", "max_reduce", "min_reduce",
)  # fmt: skip
def moved(node: Node, held: Mapping[str, Any]) -> Held | list[Held] | None:
    """Move indices; borders are the zero of the grid."""
    x = held[next(iter(node.inputs))]
    if isinstance(x, Pending) and node.name == "max_pool":
        return _picked(node, x)
    if isinstance(x, Pending) and node.name in ("max_reduce", "min_reduce", *_PARTS):
        return None
    if isinstance(x, Pending):
        return x.moved(lambda items: np.asarray(_kernel(node, items)))
    if not (isinstance(x, Integers) and x.grid.whole) or node.attributes.get("value", 0.0) != 0.0:
        return None
    result = _kernel(node, x.centred)
    if isinstance(result, list):
        return [_back(item, x) for item in result]
    return _back(result, x)


def _picked(node: Node, x: Pending) -> Held | None:
    """Take the largest sums of windows that meet one scale each."""
    part, size = x.parts[0], node.attributes["size"]
    wide = aligned(part.scale, part.items.ndim).shape or (1,) * len(size)
    one = all(window == 1 or extent == 1 for window, extent in zip(size, wide))
    if len(x.parts) > 1 or part.divisor is not None or not one:
        return None
    if node.attributes["border"] != "ignore" and not x.bounds[0] <= 0.0 <= x.bounds[1]:
        return None
    return replace(x, parts=(replace(part, items=np.asarray(_kernel(node, part.items))),))


def _kernel(node: Node, items: Arrays) -> Any:
    assert node.op.run is not None
    return node.op.run(items, **node.attributes)


def _back(centred: Arrays, like: Integers) -> Integers:
    zero = like.grid.zero.reshape(())
    return Integers(np.asarray(centred + zero).astype(like.items.dtype), like.grid)


@rule("gather")
def gather(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Pick items."""
    x = held["x"] if "x" in held else held[next(iter(node.inputs))]
    if not (isinstance(x, Integers) and x.grid.whole):
        return None
    assert node.op.run is not None
    indices = held[list(node.inputs)[1]].real()
    return Integers(np.asarray(node.op.run(x.items, indices, **node.attributes)), x.grid)


@rule("concat", "stack")
def joined(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Join indices of one grid."""
    items = held["values"]
    if not all(isinstance(item, Integers) and item.grid.whole for item in items):
        return None
    if not alike(items):
        return None
    assert node.op.run is not None
    arrays = [item.items for item in items]
    return Integers(np.asarray(node.op.run(arrays, **node.attributes)), items[0].grid)


@rule("select")
def select(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Choose between indices of one grid."""
    yes, no = held["true_value"], held["false_value"]
    if not (isinstance(yes, Integers) and isinstance(no, Integers) and alike([yes, no])):
        return None
    rank = node.output.rank
    chosen = aligned(np.asarray(held["condition"].real()), rank)
    items = np.where(chosen, aligned(yes.items, rank), aligned(no.items, rank))
    return Integers(items, yes.grid)
