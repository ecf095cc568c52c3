"""Ranges that graph.quant tells, in the place of those that samples show.

A value on a grid reaches from the grid's first to its last real. What stands between two of those,
such as a convolution before its rectifier, is bounded by what it can be at most.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nnefx.ir.compute import compute
from nnefx.ir.graph import Node, Value
from nnefx.openvx.regions import POINTWISE
from nnefx.passes.constants import Constants
from nnefx.quantization.observe import Observed
from nnefx.tensors.grid import grid_of
from nnefx.tensors.model import Model

_USUAL = 1 / 3  # the root of the mean square of a value, over the largest one
_FINEST = 1 / 128  # the least magnitude that is not 0 where a range spans 0, over the largest one
_WEIGHTED = {"conv": "input", "deconv": "input", "linear": "input", "matmul": "A"}
_SUMS = frozenset({"box", "debox"})  # of windows
_GAPS = frozenset({"debox", "desample"})  # 0 is where no window is
_PLACES = {1: 257, 2: 33, 3: 17}  # of operands at which functions are sampled: odd, 0 is among them
_MOST_OPERANDS = 7

Range = tuple[float, float]


def told(model: Model, observed: Mapping[Value, Observed]) -> dict[Value, Observed]:
    """Return what is known of the values of a model whose graph.quant speaks of some.

    Args:
        model: the model, ready to be lowered.
        observed: what samples showed; ranges of graph.quant take the place of theirs.
    """
    by_name = {name: grid_of(entry) for name, entry in model.quantization.items()}
    variables = {node.output for node in model.graph.variables}
    known = [value for value in model.graph.values.values() if value not in variables]
    if not any(by_name.get(value.name) for value in known):
        return dict(observed)
    found: dict[Value, Observed] = {}
    constants = Constants(model)
    for node in model.graph.nodes:
        for value in node.values():
            grid = by_name.get(value.name)
            if value in constants or value.dtype != "scalar":
                continue
            if grid is not None:
                low, high = (float(end) for end in _ends(grid.limits()))
                before = observed.get(value) or _supposed((low, high), float(grid.scale.min()))
                found[value] = replace(before, largest=max(-low, high), low=low, high=high)
            elif value in observed:
                found[value] = observed[value]
            elif (reach := _range(node, found, constants)) is not None:
                found[value] = _supposed(reach)
    return found


def _ends(limits: tuple[Any, Any]) -> tuple[float, float]:
    low, high = limits
    return float(np.min(low)), float(np.max(high))


def _supposed(reach: Range, step: float = 0.0) -> Observed:
    """Return what a value is like of which only the range, and perhaps a grid's step, is known."""
    low, high = reach
    largest = max(-low, high)
    nearest = min(abs(low), abs(high)) if low > 0 or high < 0 else largest * _FINEST
    return Observed(
        largest=largest, smallest=step or nearest or float("inf"), low=low, high=high,
        square=(largest * _USUAL) ** 2, count=1,
    )  # fmt: skip


def _range(node: Node, found: Mapping[Value, Observed], constants: Constants) -> Range | None:
    """Return the range that no item of a result leaves, None where that is unknown."""
    if node.name == "softmax":
        return 0.0, 1.0
    if node.name in _WEIGHTED:
        most = _sum_bound(node, found, constants)
        return None if most is None else (-most, most)
    if node.name in POINTWISE:
        return _sampled(node, found, constants)
    known = [found[value] for value in node.operands() if value in found]
    if not known:
        return None
    times = _terms(node)
    ends = [times * end for item in known for end in (item.low, item.high)]
    if node.attributes.get("border") == "constant":
        ends.append(float(node.attributes.get("value", 0.0)))
    elif node.name in _GAPS:
        ends.append(0.0)
    return min(ends), max(ends)


def _terms(node: Node) -> int:
    """Return how many items a result sums; operations that only choose and move them sum one."""
    a = node.attributes
    if node.name in _SUMS:
        return 1 if a["normalize"] else prod(a["size"])
    if node.name == "sum_reduce" and not a["normalize"]:
        return next(node.operands()).volume // node.output.volume
    return prod(a["size"]) if node.name == "desample" else 1


def _sampled(node: Node, found: Mapping[Value, Observed], constants: Constants) -> Range | None:
    """Return the range of a function of items, from places all over the ranges of its operands."""
    operands = list(dict.fromkeys(node.operands()))
    if len(operands) > _MOST_OPERANDS:
        return None
    count = _PLACES.get(sum(value not in constants for value in operands), 3)
    axes: list[Any] = []
    for value in operands:
        if value in constants:
            array = constants.array(value)
            axes.append(np.unique([array.min(), array.max()]))
        elif value.dtype == "logical":
            axes.append(np.array([False, True]))
        elif value in found:
            axes.append(np.linspace(found[value].low, found[value].high, count))
        else:
            return None
    places = [grid.reshape(-1) for grid in np.meshgrid(*axes, indexing="ij")]
    with np.errstate(all="ignore"):
        results = compute(node, dict(zip(operands, places, strict=True)))[0]
    finite = results[np.isfinite(results)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def _sum_bound(node: Node, found: Mapping[Value, Observed], constants: Constants) -> float | None:
    """Return the input's reach times the sum of a channel's weights, and the bias."""
    x, w = list(node.inputs.values())[:2]
    if x not in found or w not in constants:
        return None
    assert isinstance(w, Value)
    weights = np.abs(constants.array(w).astype(np.float64))
    axis = 0
    if node.name == "deconv":
        axis = 1
    elif node.name == "matmul":
        axis = -2 if node.attributes["transposeB"] else -1
    sums = weights.sum(axis=tuple(a for a in range(w.rank) if a != axis % w.rank))
    bias = node.inputs.get("bias", 0.0)
    if isinstance(bias, Value):
        extra = float(np.abs(constants.array(bias)).max()) if bias in constants else 0.0
    else:
        extra = abs(float(bias)) if isinstance(bias, (int, float)) else 0.0
    return float(sums.max()) * found[x].largest + extra  # type: ignore[index]
