"""Types in the bodies of fragments that the graph never calls.

The bodies of those that it calls are evaluated for each call, which finds more.
"""

from collections.abc import Callable, Iterator, Mapping

from nnefx.checking.inference import Env, Inference, Known, fits
from nnefx.diagnostics import Diagnostic
from nnefx.ops import Op, standard_ops
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.types import Array, Tuple


def check_bodies(
    document: ast.Document, source: Source, report: Callable[[Diagnostic], None]
) -> None:
    """Report what cannot be right in a body, whatever the arguments are."""
    if not document.fragments:
        return
    ops = {**{fragment.name: Op(fragment) for fragment in document.fragments}, **standard_ops()}
    called = reachable(document)
    for fragment in document.fragments:
        if fragment.body is not None and fragment.name not in called:
            _check(fragment, source, ops, report)


def reachable(document: ast.Document) -> set[str]:
    """Return the names of all operations that the graph calls, through fragments too."""
    bodies = {fragment.name: fragment.body or [] for fragment in document.fragments}
    waiting = [document.graph.body] if document.graph else []
    called: set[str] = set()
    while waiting:
        for name in {call.op for statement in waiting.pop() for call in _calls(statement.value)}:
            if name not in called:
                called.add(name)
                waiting.append(bodies.get(name, []))
    return called


def _calls(expr: ast.Expr) -> Iterator[ast.Call]:
    stack = [expr]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Call):
            yield item
        if type(item) is not ast.Literal and type(item) is not ast.Name:
            stack += ast.parts(item)


def _check(
    fragment: ast.Fragment,
    source: Source,
    ops: Mapping[str, Op],
    report: Callable[[Diagnostic], None],
) -> None:
    def tell(code: str, message: str, pos: int) -> None:
        report(Diagnostic(code, message, TextAt(source, pos)))

    env: Env = {param.name: param.type for param in fragment.params}
    inference = Inference(ops, env, tell)
    for statement in fragment.body or []:
        _unpack(statement.target, inference.infer(statement.value), env, tell)
    for result in fragment.results:
        found = env.get(result.name)
        if not fits(found, result.type):
            message = f"fragment '{fragment.name}': result '{result.name}': {result.type} is"
            tell("NX206", f"{message} expected, not {found}", result.pos)


def _unpack(
    target: ast.Expr, found: Known, env: Env, tell: Callable[[str, str, int], None]
) -> None:
    """Give the names on the left their types; `found` is what stands on the right."""
    if isinstance(target, ast.Name):
        env[target.id] = found
        return
    if not isinstance(target, ast.ArrayExpr | ast.TupleExpr):
        return
    items: list[Known] = [None] * len(target.items)
    if isinstance(target, ast.ArrayExpr) and isinstance(found, Array):
        items = [found.item] * len(target.items)
    elif isinstance(target, ast.TupleExpr) and isinstance(found, Tuple):
        if len(found.items) == len(target.items):
            items = list(found.items)
        else:
            message = f"the left side has {len(target.items)} items, the right side"
            tell("NX208", f"{message} {len(found.items)}", target.pos)
    elif found is not None:
        kind = "an array" if isinstance(target, ast.ArrayExpr) else "a tuple"
        tell("NX208", f"the left side is {kind}, the right side is {found}", target.pos)
    for item, type_ in zip(target.items, items):
        _unpack(item, type_, env, tell)
