"""Compositions of operations for which the standard has an operation of its own."""

from collections.abc import Callable
from typing import Any

from nnefx.ir.graph import Graph, Node, Value

Pattern = Callable[[Node, Graph], str | None]


def better(node: Node, graph: Graph) -> str | None:
    """Return the operation that says the same as `node` and what leads to it, or None."""
    pattern = _PATTERNS.get(node.name)
    return pattern(node, graph) if pattern else None


def _maker(item: Any, graph: Graph, op: str) -> Node | None:
    """Return the node that makes an operand where it is an `op` that nothing else uses."""
    node = graph.producer.get(item) if isinstance(item, Value) else None
    if node is None or node.name != op or len(graph.users.get(item, ())) != 1:
        return None
    return node


def _max(node: Node, graph: Graph) -> str | None:
    x, y = node.inputs.values()
    if 0.0 in (x, y) and not (x == 0.0 and y == 0.0):
        return "relu"
    for item in (x, y):
        if _maker(item, graph, "min"):
            return "clamp"
        scaled = _maker(item, graph, "mul")
        other = y if item is x else x
        if scaled and other in scaled.inputs.values() and _slope(scaled):
            return "leaky_relu"
    return None


def _slope(node: Node) -> bool:
    return any(isinstance(item, float) and 0 < item < 1 for item in node.inputs.values())


def _min(node: Node, graph: Graph) -> str | None:
    return "clamp" if any(_maker(item, graph, "max") for item in node.inputs.values()) else None


def _mul(node: Node, graph: Graph) -> str | None:
    x, y = node.inputs.values()
    if x is y:
        return "sqr"
    for item, other in ((x, y), (y, x)):
        gate = graph.producer.get(item) if isinstance(item, Value) else None
        if gate and gate.name == "sigmoid" and gate.inputs["x"] is other:
            return "silu"
        if _maker(item, graph, "rcp"):
            return "div"
    return None


def _add(node: Node, graph: Graph) -> str | None:
    for item in node.inputs.values():
        product = _maker(item, graph, "matmul")
        if product and product.attributes["transposeB"] and not product.attributes["transposeA"]:
            return "linear"
        for op in ("conv", "deconv", "linear"):
            filtered = _maker(item, graph, op)
            if filtered and filtered.inputs["bias"] == 0.0:
                return f"{op} with a bias"
    return None


def _pow(node: Node, _: Graph) -> str | None:
    return {2.0: "sqr", 0.5: "sqrt", -1.0: "rcp", -0.5: "rsqrt", -2.0: "rsqr"}.get(
        _number(node.inputs["y"])
    )


def _number(item: Any) -> float:
    return item if isinstance(item, float) else 0.0


def _rcp(node: Node, graph: Graph) -> str | None:
    for op, name in (("sqrt", "rsqrt"), ("sqr", "rsqr")):
        if _maker(node.inputs["x"], graph, op):
            return name
    return None


def _div(node: Node, _: Graph) -> str | None:
    return "rcp" if node.inputs["x"] == 1.0 else None


def _log(node: Node, graph: Graph) -> str | None:
    inner = _maker(node.inputs["x"], graph, "add")
    items = list(inner.inputs.values()) if inner else []
    exponential = any(_maker(item, graph, "exp") for item in items)
    return "softplus" if exponential and 1.0 in items else None


def _normalized(name: str) -> Pattern:
    def pattern(node: Node, _: Graph) -> str | None:
        return name if node.attributes["normalize"] else None

    return pattern


_PATTERNS: dict[str, Pattern] = {
    "max": _max,
    "min": _min,
    "mul": _mul,
    "add": _add,
    "pow": _pow,
    "rcp": _rcp,
    "div": _div,
    "log": _log,
    "sum_reduce": _normalized("mean_reduce"),
    "box": _normalized("avg_pool"),
}
