"""Makes a graph flat: what the specification calls a document processor (NNEF 1.0.5, 3.2)."""

from collections.abc import Collection
from dataclasses import replace

from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.scoped import written_name
from nnefx.passes.expand import expand


def flatten(graph: Graph, keep: Collection[str] = ()) -> Graph:
    """Replace the calls of fragments that the document declares by their bodies.

    Standard operations stay, composites too. Variables that were arguments of such a call move to
    where they are first used.

    Args:
        graph: the graph.
        keep: names of declared fragments whose calls stay.
    """

    def stays(node: Node) -> bool:
        return node.name not in graph.ops or written_name(node) in keep

    replaced = [node for node in graph.nodes if not stays(node) and node.op.signature.body]
    flat = expand(graph, stays)
    return _settle(flat, {value for node in replaced for value in node.operands()})


def _settle(graph: Graph, candidates: Collection[Value]) -> Graph:
    """Move the variables among the candidates to right before their first uses."""
    moving = {
        node.output: node
        for node in graph.nodes
        if node.name == "variable" and node.output in candidates
    }
    if not moving:
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.output in moving and node.name == "variable":
            continue
        operands = dict.fromkeys(node.operands())
        nodes += [moving.pop(value) for value in operands if value in moving]
        nodes.append(node)
    return replace(graph, nodes=(*nodes, *moving.values()))
