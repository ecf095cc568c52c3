"""Variables inside fragments: extension NNEFX_scoped_variables (docs/scoped-variables.md).

The standard wants every `variable` in the graph. A fragment that holds some is therefore lifted,
once for each distinct use: its body as evaluated for these arguments, with the variables as further
parameters. Each call declares them before itself, their labels prefixed with the name of the call;
inside of a fragment these are lifted in turn. So the graph that comes out conforms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnefx import types
from nnefx.diagnostics import NnefError, Note
from nnefx.ir.graph import Graph, Input, Node, Output, Scope, Value, flat_values
from nnefx.ir.unbuild import statement
from nnefx.ops import Op
from nnefx.source import Source
from nnefx.syntax import ast
from nnefx.types import Array, Tensor, Tuple, Type

if TYPE_CHECKING:
    from nnefx.ir.builder import Builder

EXTENSION = "NNEFX_scoped_variables"
_UNUSUAL = re.compile(r"\\|//|\./")  # what makes labels differ that name the same file


def scoped_fragments(fragments: Sequence[ast.Fragment]) -> frozenset[str]:
    """Return the names of the fragments that declare variables, in calls of others too."""
    called = {fragment.name: {call.op for call in calls(fragment)} for fragment in fragments}
    scoped = {"variable"}
    while found := {name for name, names in called.items() if names & scoped} - scoped:
        scoped |= found
    return frozenset(scoped - {"variable"})


def calls(fragment: ast.Fragment) -> Iterator[ast.Call]:
    """Yield the calls in the body of a fragment, those inside of others too."""
    waiting: list[ast.Expr] = [item.value for item in fragment.body or []]
    while waiting:
        expr = waiting.pop()
        if isinstance(expr, ast.Call):
            yield expr
        waiting += ast.parts(expr)


def component(names: Any, statement_name: str, op: str, count: int) -> str:
    """Return what a call is called in labels.

    A call that is the right side of an assignment has the name on the left, the first of several.
    Any other belongs to the assignment around it: `y.f` is the first call of `f` that is executed
    for `y`, `y.f.2` the second. Identifiers have no dots, so nothing else has these names.
    """
    name = first_name(names)
    if name is not None:
        return name
    return f"{statement_name}.{op}" + (f".{count}" if count > 1 else "")


def first_name(names: Any) -> str | None:
    """Return the first identifier in nested names."""
    if isinstance(names, str) or names is None:
        return names
    return next((found for item in names if (found := first_name(item))), None)


def identifier(label: str) -> str:
    """Return a label as an identifier."""
    return re.sub(r"\W", "_", label)


def file_key(label: str) -> str:
    """Return what is equal for labels of the same file: `a/b`, `A/b`, `a//b` (4.1.3, 5.1)."""
    plain = label.lower()
    if _UNUSUAL.search(plain) is None:
        return plain
    return "/".join(part for part in re.split(r"[/\\]", plain) if part not in ("", "."))


def lift(graph: Graph, op: Op, dtype: str | None) -> Scope:
    """Return the fragment that takes the variables of an instance, which it leaves as it is.

    Args:
        graph: the body as evaluated for the arguments of a call.
        op: the fragment.
        dtype: the generic data-type.

    Raises:
        NnefError: NX219 where two variables have the same label.
    """
    variables = tuple(graph.variables)
    _check_labels(variables, op)
    inputs, nodes = _parts(graph)
    results = op.signature.results
    _make_unique(inputs, nodes, {r.name for r in results if isinstance(r.type, Array)})
    params = [ast.Param(value.name, Tensor(value.dtype)) for value in inputs]
    typed = [ast.Result(result.name, _bound(result.type, dtype)) for result in results]
    body = [statement(node) for node in nodes]
    for result, value in zip(results, graph.results):
        if not (isinstance(value, Value) and value.name == result.name):
            body.append(ast.Assign(ast.Name(result.name), _names(value)))
    doc = op.signature.doc
    fragment = ast.Fragment(op.name, False, None, params, typed, body, doc, op.signature.pos)
    return Scope(Op(fragment, source=op.source or Source(op.name, "")), variables)


def lifted(graph: Graph, scope: Scope) -> Graph:
    """Return the instance of a fragment with its variables as inputs, the last ones."""
    inputs, nodes = _parts(graph)
    return replace(graph, inputs=inputs, nodes=nodes, scope=scope)


def _parts(graph: Graph) -> tuple[tuple[Value, ...], tuple[Node, ...]]:
    nodes = tuple(node for node in graph.nodes if node.name != "variable")
    return (*graph.inputs, *(node.output for node in graph.variables)), nodes


def _check_labels(variables: Iterable[Node], op: Op) -> None:
    seen: dict[str, Node] = {}
    for node in variables:
        label = node.attributes["label"]
        first = seen.setdefault(file_key(label), node)
        if first is not node:
            message = f"fragment '{op.name}': two of its variables have the label '{label}'"
            raise NnefError("NX219", message, node.at, [Note("the first is here", first.at)])


def _make_unique(inputs: tuple[Value, ...], nodes: tuple[Node, ...], taken: set[str]) -> None:
    """Give the values of a body names of their own; those in `taken` are for others."""
    produced = (value for node in nodes for value in node.values())
    values = list(dict.fromkeys((*inputs, *produced)))
    names = {value.name for value in values} | taken
    for value in values:
        if value.name in taken:
            count = 2
            while f"{value.name}_{count}" in names:
                count += 1
            value.name = f"{value.name}_{count}"
            names.add(value.name)
        taken.add(value.name)


def _bound(type_: Type, dtype: str | None) -> Type:
    match type_:
        case Tensor(types.GENERIC):
            return Tensor(dtype)
        case Array(item) if item is not None:
            return Array(_bound(item, dtype))
        case Tuple(items):
            return Tuple(tuple(_bound(item, dtype) for item in items))
        case _:
            return type_


def _names(value: Output) -> ast.Expr:
    if isinstance(value, Value):
        return ast.Name(value.name)
    return ast.ArrayExpr([_names(item) for item in value])


def written_name(node: Node) -> str:
    """Return the name of a node's operation as the document has it, where it was lifted too."""
    lifted = node.body is not None and node.body.scope is not None
    base, _, number = node.name.rpartition("_")
    return base if lifted and number.isdigit() else node.name


def lift_instance(builder: "Builder", graph: Graph, op: Op, dtype: str | None) -> Graph:
    """Return the instance of a fragment with its variables as inputs; see `lift`.

    The lifted fragment is added to those of the document, unless it has the same one already.
    """
    scope = lift(graph, op, dtype)
    name, count = op.name, 1
    while True:
        signature = replace(scope.op.signature, name=name)
        known = builder.lifted.get(name)
        if known is not None and known.signature == signature:
            break
        if known is None and (count == 1 or name not in builder.ops):
            known = builder.lifted[name] = replace(scope.op, signature=signature)
            break
        count += 1
        name = f"{op.name}_{count}"
    return lifted(graph, replace(scope, op=known))


def bring(
    builder: "Builder", op: Op, scope: Scope, inputs: Mapping[str, Input], names: Any
) -> dict[str, Input]:
    """Declare the variables of a fragment for one call of it; return all inputs of that call."""
    if first_name(names) is None:
        builder.calls[builder.statement, op.name] += 1
    count = builder.calls[builder.statement, op.name]
    path = component(names, builder.statement, op.name, count)
    values: list[Value] = []
    for node in scope.variables:
        label = f"{path}/{node.attributes['label']}"
        name = builder.fresh(identifier(label))
        attributes = node.attributes | {"label": label}
        values.append(builder.invoke("variable", [], attributes, node.dtype, name, node.at))
    builder.brought.update(values)
    params = [param.name for param in scope.op.signature.params]
    return dict(zip(params, [*flat_values(inputs.values()), *values], strict=True))
