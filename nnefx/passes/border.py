"""Lets windows take over the zeros that a `pad` before them adds."""

from typing import Any

from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.passes.dead import drop_dead

_WINDOWS = ("conv", "max_pool", "avg_pool", "box")


def fuse_padding(graph: Graph) -> Graph:
    """Replaces `conv(pad(x))` by `conv(x, padding = ...)` where the border is zero, the window is
    not padded automatically, and nothing else needs what is padded; pools likewise.
    """
    pads = {
        node.output: node
        for node in graph.nodes
        if node.name == "pad" and _is_zero(node) and _is_single(graph, node.output)
    }
    if not pads:
        return graph

    def rule(node: Node, g: Rewriter) -> Any:
        if node.name not in _WINDOWS:
            return None
        first, *rest = node.inputs.values()
        pad = pads.get(first) if isinstance(first, Value) else None
        total = None if pad is None else _total(node, pad)
        if pad is None or total is None:
            return None
        changed = {**node.attributes, "padding": total, "border": "constant"}
        return g.add(node.name, g.mapped(next(iter(pad.inputs.values()))), *rest, **changed)

    return drop_dead(rewrite(graph, rule))


def _is_zero(pad: Node) -> bool:
    pairs = pad.attributes["padding"]
    positive = all(before >= 0 and after >= 0 for before, after in pairs)
    return positive and pad.attributes["border"] == "constant" and pad.attributes["value"] == 0.0


def _is_single(graph: Graph, value: Value) -> bool:
    return len(graph.users.get(value, ())) == 1 and value not in graph.outputs


def _total(node: Node, pad: Node) -> list[tuple[int, int]] | None:
    """Return the padding of the window with that of the pad, None where it cannot take it over."""
    own, more = node.attributes["padding"], pad.attributes["padding"]
    if not own:
        return None
    plain = not any(map(any, own))
    if node.name == "conv":
        if any(map(any, more[:2])) or not (plain or node.attributes["border"] == "constant"):
            return None
        more = more[2:]
    elif not plain:
        return None
    return [(a + c, b + d) for (a, b), (c, d) in zip(own, more)]
