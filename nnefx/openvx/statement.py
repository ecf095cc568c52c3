"""The text of one NNEF statement, for comments in what is generated."""

from typing import Any

from nnefx.ir.graph import Node, Value
from nnefx.openvx.regions import Region
from nnefx.syntax.printer import print_literal

_LONGEST = 160


def statement(node: Node) -> str:
    """Return `y = op(x, stride = [2, 2])`: defaults left out, on one line, not too long."""
    items = [_show(item) for item in node.inputs.values()]
    for param in node.op.attributes:
        value = node.attributes[param.name]
        if param.default is None or param.default.value != value:
            items.append(f"{param.name} = {_show(value)}")
    results = ", ".join(_show(output) for output in node.outputs)
    text = f"{results} = {node.name}({', '.join(items)})"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def region_statement(region: Region) -> str:
    """Return the text of operations that became one table, the innermost first."""
    if len(region.nodes) == 1:
        return statement(region.nodes[0])
    ops = ", ".join(region.ops)
    return f"{region.result.name} = one table of {region.source.name}: {ops}"


def _show(item: Any) -> str:
    if isinstance(item, Value):
        return item.name
    if isinstance(item, tuple) and any(isinstance(part, Value) for part in item):
        return f"[{', '.join(map(_show, item))}]"
    return print_literal(item)
