"""Computes at compile time what depends on constants only."""

from typing import Any

import numpy as np

from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite

_NEVER = {"external", "variable", "update", "constant"}


def fold(graph: Graph, limit: int = 1 << 16) -> Graph:
    """Replace a node whose inputs are `constant`s by a `constant` of its value.

    Variables are left alone: they are data, which may be exchanged. A value of more than `limit`
    items stays computed, so that the text does not swell.
    """
    known: dict[Value, np.ndarray[Any, Any]] = {}

    def rule(node: Node, g: Rewriter) -> Any:
        if node.name == "constant":
            known[node.output] = compute(node, {})[0]
            return None
        if node.name in _NEVER or not all(value in known for value in node.operands()):
            return None
        if any(value.volume > limit or value.dtype == "string" for value in node.values()):
            return None
        arrays = compute(node, known)
        flat = iter(arrays)
        return _constants(node.outputs, flat, g, known)

    return rewrite(graph, rule)


def _constants(outputs: Any, arrays: Any, g: Rewriter, known: dict[Value, Any]) -> Any:
    results = tuple(
        _constant(output, next(arrays), g, known)
        if type(output) is Value
        else tuple(_constant(item, next(arrays), g, known) for item in output)
        for output in outputs
    )
    return results if len(results) != 1 else results[0]


def _constant(value: Value, array: Any, g: Rewriter, known: dict[Value, Any]) -> Value:
    items = np.ravel(array).tolist()
    if len(set(items)) == 1:
        items = items[:1]
    result = g.constant(shape=list(value.shape), value=items, dtype=value.dtype, name=value.name)
    known[result] = array
    assert isinstance(result, Value)
    return result
