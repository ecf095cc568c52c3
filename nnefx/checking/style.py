"""Hints: what is right, and could be left out or said better."""

from collections.abc import Callable, Iterator

from nnefx.checking.bodies import reachable
from nnefx.checking.canonical import better
from nnefx.checking.selection import Selection
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ops import Op, standard_ops
from nnefx.source import At, Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.flatcall import FlatCall

_EFFECTS = ("external", "update")
_LEAVES = (ast.Literal, ast.Name)


def check_style(
    document: ast.Document,
    graph: Graph,
    source: Source,
    report: Callable[[Diagnostic], None],
    selection: Selection,
) -> None:
    """Report the hints that are selected, about a graph that is sound."""
    if selection.wants("NX801") or selection.wants("NX802"):
        for item in _unused(graph, _measured(document)):
            report(item)
    if selection.wants("NX803"):
        for fragment in _unused_fragments(document):
            message = f"fragment '{fragment.name}' is never used"
            report(_hint("NX803", message, TextAt(source, fragment.pos)))
    if selection.wants("NX804"):
        for name, arg in _defaults(document):
            message = f"{name}: '{arg.name}' has its default value"
            report(_hint("NX804", message, TextAt(source, arg.pos)))
    if selection.wants("NX805"):
        for node in graph.nodes:
            said = better(node, graph)
            if said:
                report(_hint("NX805", f"{node.name}: {said} says the same", node.at))


def _hint(code: str, message: str, at: At | None) -> Diagnostic:
    return Diagnostic(code, message, at, Severity.INFO)


def _measured(document: ast.Document) -> set[str]:
    """Return the names in the graph whose shapes are asked for; that is a use, too."""
    names: set[str] = set()
    stack = [statement.value for statement in (document.graph.body if document.graph else ())]
    while stack:
        expr = stack.pop()
        if isinstance(expr, ast.Builtin) and isinstance(expr.operand, ast.Name):
            names.add(expr.operand.id)
        if isinstance(expr, FlatCall):
            continue
        stack += [part for part in ast.parts(expr) if type(part) not in _LEAVES]
    return names


def _unused(graph: Graph, measured: set[str]) -> Iterator[Diagnostic]:
    """Yield tensors that nothing uses, and operations that only those need."""
    used = {value for name in measured if (value := graph.values.get(name))}
    used.update(graph.outputs)
    needed = set(used)
    for node in reversed(graph.nodes):
        values = list(node.values())
        operands = list(node.operands())
        used.update(operands)
        if node.name in _EFFECTS or any(value in needed for value in values):
            needed.update(operands)
    for node in graph.nodes:
        idle = [value for value in node.values() if value not in used]
        if idle and node.name != "update":
            yield _idle(node, idle)
        elif node.name not in _EFFECTS and not any(v in needed for v in node.values()):
            names = ", ".join(f"'{value.name}'" for value in node.values())
            yield _hint("NX802", f"{node.name}: no output needs {names}", node.at)


def _idle(node: Node, idle: list[Value]) -> Diagnostic:
    names = ", ".join(f"'{value.name}'" for value in idle)
    verb = "is" if len(idle) == 1 else "are"
    message = f"{node.name}: {names} {verb} never used"
    return Diagnostic("NX801", message, node.at, Severity.WARNING)


def _unused_fragments(document: ast.Document) -> Iterator[ast.Fragment]:
    called = reachable(document)
    return (fragment for fragment in document.fragments if fragment.name not in called)


def _defaults(document: ast.Document) -> Iterator[tuple[str, ast.Arg]]:
    """Yield the attributes that are written as their defaults, with the operation's name."""
    ops = {**{fragment.name: Op(fragment) for fragment in document.fragments}, **standard_ops()}
    bodies = [fragment.body or [] for fragment in document.fragments]
    bodies += [document.graph.body] if document.graph else []
    for statement in (statement for body in bodies for statement in body):
        call = statement.value
        if not isinstance(call, ast.Call) or call.op not in ops:
            continue
        for arg in call.args:
            param = ops[call.op].params.get(arg.name or "")
            if param is not None and param.default is not None and _is(param.default, arg.value):
                yield call.op, arg


def _is(default: ast.Literal, value: ast.Expr) -> bool:
    return isinstance(value, ast.Literal) and repr(default.value) == repr(value.value)
