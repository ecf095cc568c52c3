"""Graph -> Document, for saving: defaults are left out, declarations are carried along."""

from typing import Any

from nnefx.ir.graph import Graph, Node, Value
from nnefx.syntax import ast

FRAGMENTS = "KHR_enable_fragment_definitions"
EXPRESSIONS = "KHR_enable_operator_expressions"


def unbuild(graph: Graph) -> ast.Document:
    """Return the document of a graph: flat, but for the fragments that its nodes use."""
    fragments = _used_fragments(graph)
    words = [word for word in graph.extensions if word not in (FRAGMENTS, EXPRESSIONS)]
    words += [FRAGMENTS] if fragments else []
    words += [EXPRESSIONS] if any(map(_has_expressions, fragments)) else []
    definition = ast.GraphDef(
        graph.name,
        [ast.Name(value.name) for value in graph.inputs],
        [ast.Name(value.name) for value in graph.outputs],
        [statement(node) for node in graph.nodes],
    )
    return ast.Document((1, 0), [ast.Extension([word]) for word in words], fragments, definition)


def statement(node: Node) -> ast.Assign:
    """Return the assignment of a node; arguments that equal their defaults are left out."""
    targets = [_target(output) for output in node.outputs]
    target: Any = targets[0] if len(targets) == 1 else ast.TupleExpr(targets)
    args = [ast.Arg(None, _expression(item)) for item in _without_defaults(node)]
    for param in node.op.attributes:
        value = node.attributes[param.name]
        if param.default is None or not _same(param.default.value, value):
            args.append(ast.Arg(param.name, ast.Literal(value)))
    dtype = node.dtype if _needs_dtype(node) else None
    return ast.Assign(target, ast.Call(node.op.name, dtype, args))


def _without_defaults(node: Node) -> list[Any]:
    """Return the tensor arguments without those at the end that equal their defaults."""
    items = list(node.inputs.values())
    for param in reversed(node.op.tensors):
        if param.default is None or not _same(param.default.value, items[-1]):
            break
        items.pop()
    return items


def _needs_dtype(node: Node) -> bool:
    """Tell whether `<dtype>` must be written: it is not the default and cannot be deduced."""
    signature = node.op.signature
    if not signature.generic or node.dtype is None:
        return False
    if signature.generic_default is not None:
        return node.dtype != signature.generic_default
    return not any("?" in str(param.type) for param in signature.params)


def _same(default: Any, value: Any) -> bool:
    return type(default) is type(value) and bool(default == value)


def _target(output: Any) -> Any:
    if isinstance(output, Value):
        return ast.Name(output.name)
    return ast.ArrayExpr([ast.Name(value.name) for value in output])


def _expression(item: Any) -> ast.Expr:
    if isinstance(item, Value):
        return ast.Name(item.name)
    if isinstance(item, tuple):
        parts = [_expression(part) for part in item]
        if all(isinstance(part, ast.Literal) for part in parts):
            return ast.Literal([part.value for part in parts])  # type: ignore[union-attr]
        return ast.ArrayExpr(parts)
    return ast.Literal(item)


def _used_fragments(graph: Graph) -> list[ast.Fragment]:
    """Return the declarations that nodes use, and those that these use, in order."""
    used: set[str] = set()
    waiting = [node.op.name for node in graph.nodes if node.op.name in graph.ops]
    while waiting:
        name = waiting.pop()
        if name in used:
            continue
        used.add(name)
        body = graph.ops[name].signature.body or []
        called = {call for statement in body for call in _calls(statement.value)}
        waiting += [call for call in called if call in graph.ops]
    return [op.signature for name, op in graph.ops.items() if name in used]


def _calls(expr: Any) -> set[str]:
    found: set[str] = set()
    stack = [expr]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Call):
            found.add(item.op)
        if isinstance(item, list | tuple):
            stack += item
        elif hasattr(item, "__slots__") and type(item).__module__ == ast.__name__:
            stack += [getattr(item, name) for name in item.__slots__]
    return found


def _has_expressions(fragment: ast.Fragment) -> bool:
    return any(
        not isinstance(statement.value, ast.Call)
        or any(not _is_flat(arg.value) for arg in statement.value.args)
        for statement in fragment.body or []
    )


def _is_flat(expr: ast.Expr) -> bool:
    if isinstance(expr, ast.ArrayExpr | ast.TupleExpr):
        return all(map(_is_flat, expr.items))
    return isinstance(expr, ast.Literal | ast.Name)
