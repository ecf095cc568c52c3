"""Static rules of fragment declarations and bodies (NNEF 1.0.5, section 3.3.2).

They hold for a fragment whether it is called or not; types and shapes inside a body are checked
for each instance, when it is evaluated.
"""

from collections.abc import Collection, Iterator, Mapping

from nnefx import types
from nnefx.diagnostics import Diagnostic, Note
from nnefx.ir import scoped
from nnefx.ir.binding import Generic, Mismatch, checker
from nnefx.ir.builder import unknown_operation, unknown_parameter
from nnefx.ir.evaluate import names_of
from nnefx.ops import Op
from nnefx.ops.registry import is_tensor
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.types import Array, Primitive, Tensor, Tuple, Type

GRAPH_ONLY = ("external", "variable", "update")


def check_fragment(
    fragment: ast.Fragment,
    source: Source,
    ops: Mapping[str, Op],
    graph_only: Collection[str] = GRAPH_ONLY,
) -> Iterator[Diagnostic]:
    """Yield the faults of a declaration and of the names in its body.

    `graph_only` are the operations that no fragment may use.
    """
    at = TextAt(source, fragment.pos)
    seen: set[str] = set()
    declared: list[ast.Param | ast.Result] = [*fragment.params, *fragment.results]
    for item in declared:
        if item.name in seen:
            message = f"fragment '{fragment.name}': '{item.name}' is declared twice"
            yield Diagnostic("NX203", message, TextAt(source, item.pos))
        seen.add(item.name)
    yield from _check_params(fragment, source)
    for result in fragment.results:
        if not _all_tensors(result.type):
            message = f"fragment '{fragment.name}': result '{result.name}' must be a tensor"
            yield Diagnostic("NX207", f"{message}, not {result.type}", TextAt(source, result.pos))
    if fragment.generic != any("?" in str(item.type) for item in declared):
        wrong = "has no generic parameter or result" if fragment.generic else "lacks '<?>'"
        yield Diagnostic("NX205", f"fragment '{fragment.name}' {wrong}", at)
    if fragment.body is not None:
        yield from _check_body(fragment, source, ops)
        yield from _check_placement(fragment, source, graph_only)


def _check_params(fragment: ast.Fragment, source: Source) -> Iterator[Diagnostic]:
    attribute_seen = False
    for param in fragment.params:
        at = TextAt(source, param.pos)
        if is_tensor(param.type) and attribute_seen:
            message = f"fragment '{fragment.name}': tensor '{param.name}' follows an attribute"
            yield Diagnostic("NX207", message, at)
        if _is_mixed(param.type):
            message = f"fragment '{fragment.name}': '{param.name}' mixes tensors and attributes"
            yield Diagnostic("NX207", message, at)
        attribute_seen = attribute_seen or not is_tensor(param.type)
        if param.default is None:
            continue
        generic: Generic = [fragment.generic_default]
        try:
            checker(param.type)(param.default.value, generic)
        except Mismatch as mismatch:
            message = f"fragment '{fragment.name}': default of '{param.name}': {mismatch}"
            yield Diagnostic("NX206", message, at)


def _is_mixed(type_: Type) -> bool:
    """Tell whether a tuple in `type_` has both tensors and attributes (3.3.1)."""
    match type_:
        case Array(item):
            return item is not None and _is_mixed(item)
        case Tuple(items):
            return len(set(map(is_tensor, items))) > 1 or any(map(_is_mixed, items))
        case _:
            return False


def _all_tensors(type_: Type) -> bool:
    match type_:
        case Tensor(item):
            return item is not None  # an unbound tensor cannot be a result
        case Array(item):
            return item is not None and _all_tensors(item)
        case Tuple(items):
            return all(map(_all_tensors, items))
        case Primitive():
            return False


def _check_body(
    fragment: ast.Fragment, source: Source, ops: Mapping[str, Op]
) -> Iterator[Diagnostic]:
    params = {param.name for param in fragment.params}
    defined = set(params)
    for statement in fragment.body or []:
        yield from check_expression(statement.value, defined, source, ops, fragment.generic)
        for name in names_of(statement):
            at = TextAt(source, name.pos)
            if name.id in params:
                yield Diagnostic("NX203", f"parameter '{name.id}' must not be assigned", at)
            elif name.id in defined:
                yield Diagnostic("NX203", f"'{name.id}' is assigned twice", at)
            defined.add(name.id)
    for result in fragment.results:
        if result.name not in defined:
            message = f"fragment '{fragment.name}': result '{result.name}' is not assigned"
            yield Diagnostic("NX204", message, TextAt(source, result.pos))


def _check_placement(
    fragment: ast.Fragment, source: Source, graph_only: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield the calls of operations that no fragment may use."""
    for call in scoped.calls(fragment):
        if call.op in graph_only:
            message = f"'{call.op}' must not be used in a fragment, only in the graph"
            hint = Note(f"'extension {scoped.EXTENSION};' allows it (docs/scoped-variables.md)")
            notes = (hint,) if call.op == "variable" else ()
            yield Diagnostic("NX212", message, TextAt(source, call.pos), notes=notes)


def check_expression(
    expr: ast.Expr, defined: set[str], source: Source, ops: Mapping[str, Op], generic: bool
) -> Iterator[Diagnostic]:
    """Yield names that are not defined, operations that do not exist, and misplaced ones."""
    if isinstance(expr, ast.Name):
        if expr.id not in defined:
            message = f"'{expr.id}' is not defined before this use"
            yield Diagnostic("NX202", message, TextAt(source, expr.pos))
    elif isinstance(expr, ast.Comprehension):
        for _, array in expr.loops:
            yield from check_expression(array, defined, source, ops, generic)
        inner = defined | {name.id for name, _ in expr.loops}
        for part in (expr.condition, expr.item):
            if part is not None:
                yield from check_expression(part, inner, source, ops, generic)
    else:
        if isinstance(expr, ast.Call):
            yield from _check_call(expr, source, ops, generic)
        for part in ast.parts(expr):
            yield from check_expression(part, defined, source, ops, generic)


def _check_call(
    call: ast.Call, source: Source, ops: Mapping[str, Op], generic: bool
) -> Iterator[Diagnostic]:
    at = TextAt(source, call.pos)
    op = ops.get(call.op)
    if op is None:
        yield Diagnostic("NX201", unknown_operation(call.op, ops), at)
        return
    if call.dtype == types.GENERIC and not generic:
        yield Diagnostic("NX205", f"{call.op}<?>: the fragment around it is not generic", at)
    for arg in call.args:
        if arg.name is not None and arg.name not in op.params:
            message = unknown_parameter(op, arg.name)
            yield Diagnostic("NX303", message, TextAt(source, arg.pos))
