"""The end of an import: only what is needed stays, and values get their names."""

from collections.abc import Mapping, Sequence

from nnefx.converters.names import Names, identifier
from nnefx.ir.graph import Node, Value, flat_values


def live(nodes: Sequence[Node], results: Sequence[Value]) -> list[Node]:
    """Return the nodes that the results need, and all externals, in order."""
    needed = set(results)
    kept = []
    for node in reversed(nodes):
        if node.op.name in ("external", "update") or not needed.isdisjoint(node.values()):
            kept.append(node)
            needed.update(flat_values(node.inputs.values()))
    return kept[::-1]


def rename(nodes: Sequence[Node], hints: Mapping[Value, str], outputs: Mapping[Value, str]) -> None:
    """Give every value an identifier; inputs and outputs choose first."""
    names = Names()
    named: dict[Value, str] = {}
    for node in nodes:
        if node.op.name == "external":
            named[node.output] = names.unique(identifier(hints[node.output], "input"))
    for value, name in outputs.items():
        named[value] = names.unique(identifier(name, "output"))
    for node in nodes:
        for value in node.values():
            if value not in named:
                named[value] = names.unique(identifier(hints.get(value, value.name), node.op.name))
    for value, name in named.items():
        value.name = name
