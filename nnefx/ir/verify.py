"""What must hold for a graph between passes; a fault here is a bug of nnefx, not of a model."""

from nnefx.ir.graph import UNKNOWN, Graph, Value, flat_values


class InvalidGraphError(AssertionError):
    """Raised by `verify`: a pass broke the graph."""


def verify(graph: Graph) -> None:
    """Check order, single assignment, unique names, known shapes and the graph's interface."""
    defined: set[Value] = set()
    names: set[str] = set()
    is_body = not any(node.op.name == "external" for node in graph.nodes)
    for value in graph.inputs if is_body else ():
        _define(value, defined, names)
    for node in graph.nodes:
        for operand in node.operands():
            if operand not in defined:
                raise InvalidGraphError(f"{node}: '{operand.name}' is used before its definition")
        for value in flat_values(node.outputs):
            _define(value, defined, names)
    for value in (*graph.inputs, *graph.outputs):
        if value not in defined:
            raise InvalidGraphError(f"'{value.name}' of the interface is not defined")


def _define(value: Value, defined: set[Value], names: set[str]) -> None:
    if value in defined:
        raise InvalidGraphError(f"'{value.name}' is defined twice")
    if value.name in names:
        raise InvalidGraphError(f"two values are called '{value.name}'")
    if value.shape is UNKNOWN:
        raise InvalidGraphError(f"'{value.name}' has no shape")
    defined.add(value)
    names.add(value.name)
