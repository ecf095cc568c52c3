"""Removes nodes whose values nothing needs."""

from dataclasses import replace

from nnefx.ir.graph import Graph, Node, Value


def drop_dead(graph: Graph) -> Graph:
    """Remove every node that no output, update or graph parameter needs."""
    needed: set[Value] = {*graph.outputs}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in ("external", "update") or any(v in needed for v in node.values()):
            needed.update(node.operands())
            kept.append(node)
    if len(kept) == len(graph.nodes):
        return graph
    return replace(graph, nodes=tuple(reversed(kept)))
