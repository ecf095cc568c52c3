"""Where values are stored before anything is lowered: as matrices, or in a part of another."""

from typing import Any

from nnefx.ir.graph import Graph, Node, Value
from nnefx.openvx.regions import POINTWISE
from nnefx.openvx.storage import Home, dimension
from nnefx.passes.constants import Constants


def matrices(graph: Graph, constants: Constants, multiplies: bool = True) -> frozenset[Value]:
    """Return the values of rank 2 that can be stored as [C, N]: FullyConnectedLayer writes that.

    No node raises the rank again, so all that touches such a value must be able to do with two
    dimensions: values are joined by the operations between them, and one that needs four spoils
    all that are joined.
    """
    parent: dict[Value, Value] = {}
    spoiled: set[Value] = set()
    products: set[Value] = set()

    def root(value: Value) -> Value:
        while (above := parent.setdefault(value, value)) is not value:
            value = above
        return value

    known = constants.nodes()
    for node in graph.nodes:
        if id(node) in known:
            continue
        outs = list(node.values())
        operands = [value for value in node.operands() if value not in constants]
        if node.name == "matmul" and node.inputs["A"] in constants:
            spoiled.update((*outs, *operands))  # a map of an axis, with four dimensions
        elif node.name == "linear" or (node.name == "matmul" and len(operands) == 1):
            operands = []
            products.update(outs)
        elif node.name == "matmul":
            products.update(outs)
            spoiled.update(() if multiplies else outs)
        flat = all(value.rank == 2 for value in (*outs, *operands))
        for value in (*outs, *operands):
            if not flat or not _takes_matrices(node):
                spoiled.add(value)
            parent[root(value)] = root(outs[0]) if outs else root(value)
    wanted = {root(value) for value in products} - {root(value) for value in spoiled}
    return frozenset(value for value in parent if root(value) in wanted)


def _takes_matrices(node: Node) -> bool:
    if node.name == "softmax":
        return list(node.attributes["axes"]) == [1]
    return node.name in POINTWISE or node.name in ("linear", "matmul", "external")


def homes(graph: Graph, constants: Constants, flat: frozenset[Value]) -> dict[Value, Home]:
    """Return the values whose producers may write straight into the result of a concat.

    Those that turn out to be no more than another name for something are copied there later.
    """
    found: dict[Value, Home] = {}
    fixed = {*graph.inputs, *graph.outputs, *flat}
    for node in graph.nodes:
        if node.name != "concat" or node.output.rank > 4 or node.output in constants:
            continue
        start, axis = 0, node.attributes["axis"]
        values: Any = next(iter(node.inputs.values()))
        for value in values:
            place = Home(node.output, dimension(node.output.rank, axis), start)
            start += value.shape[axis]
            if value not in fixed and value not in constants and value not in found:
                found[value] = place
    return found
