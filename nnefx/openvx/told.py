"""Ranges that graph.quant tells, in the place of those that samples show.

A value on a grid reaches from the grid's first to its last real. What stands between two of those,
such as a convolution before its rectifier, is bounded by what it can be at most.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nnefx.ir.graph import Node, Value
from nnefx.passes.constants import Constants
from nnefx.quantization.observe import Observed
from nnefx.tensors.grid import grid_of
from nnefx.tensors.model import Model

_USUAL = 1 / 3  # the root of the mean square of a value, over the largest one
_UNIT = frozenset({"sigmoid", "softmax", "tanh", "sin", "cos", "sign"})
_WEIGHTED = {"conv": "input", "deconv": "input", "linear": "input", "matmul": "A"}


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
                before = observed.get(value, _supposed(max(-low, high), float(grid.scale.min())))
                found[value] = replace(before, largest=max(-low, high), low=low, high=high)
            elif value in observed:
                found[value] = observed[value]
            elif (most := _bound(node, found, constants)) is not None:
                found[value] = _supposed(most, most)
    return found


def _ends(limits: tuple[Any, Any]) -> tuple[float, float]:
    low, high = limits
    return float(np.min(low)), float(np.max(high))


def _supposed(largest: float, smallest: float) -> Observed:
    """Return what a value is like of which only the range is known."""
    return Observed(
        largest=largest, smallest=smallest, low=-largest, high=largest,
        square=(largest * _USUAL) ** 2, count=1,
    )  # fmt: skip


def _bound(node: Node, found: Mapping[Value, Observed], constants: Constants) -> float | None:
    """Return what no item of a result exceeds in magnitude, None where that is unknown."""
    if node.name in _UNIT:
        return 1.0
    if node.name in _WEIGHTED:
        return _sum_bound(node, found, constants)
    reaches = [found[v].largest for v in node.operands() if v in found]
    if not reaches:
        return None
    literals = [abs(item) for item in node.inputs.values() if isinstance(item, float)]
    if node.name == "clamp" and len(literals) == 2:
        return min(reaches[0], max(literals))
    if node.name in ("add", "sub"):
        return sum(reaches) + sum(literals)
    if node.name == "mul":
        return float(np.prod(reaches) * np.prod(literals))
    return max(reaches)


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
