"""Which syntax a document may use: what is not flat needs an extension (3.2.2, 3.2.3)."""

from collections.abc import Iterator

from nnefx.diagnostics import Diagnostic, Note, Severity
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.flatcall import FlatCall

FRAGMENTS = "KHR_enable_fragment_definitions"
OPERATORS = "KHR_enable_operator_expressions"
KNOWN = frozenset({FRAGMENTS, OPERATORS})

_FLAT = (ast.Literal, ast.Name)


def check_profile(document: ast.Document, source: Source) -> list[Diagnostic]:
    """Return what a document uses without the extension that enables it, each kind once.

    Unknown extensions of Khronos are warnings; those of vendors are nobody else's business.
    """
    words = {word for extension in document.extensions for word in extension.words}
    found: list[Diagnostic] = []
    if document.fragments and FRAGMENTS not in words:
        fragment = document.fragments[0]
        message = f"fragment {fragment.name}: definitions need 'extension {FRAGMENTS};'"
        found.append(_error("NX120", message, source, fragment.pos))
    if OPERATORS not in words:
        first = min(_extended(document), default=None)
        if first:
            message = f"{first[1]}: not part of flat syntax, it needs 'extension {OPERATORS};'"
            found.append(_error("NX121", message, source, first[0]))
    return found + _unknown(document, source)


def _error(code: str, message: str, source: Source, pos: int) -> Diagnostic:
    note = Note("extensions stand between the version and the first definition")
    return Diagnostic(code, message, TextAt(source, pos), Severity.ERROR, (note,))


def _unknown(document: ast.Document, source: Source) -> list[Diagnostic]:
    found = []
    for extension in document.extensions:
        for word in extension.words:
            if word.startswith("KHR_") and word not in KNOWN:
                pos = max(source.text.find(word, extension.pos), extension.pos)
                message = f"extension {word}: NNEF 1.0.5 does not define it"
                at = TextAt(source, pos, pos + len(word))
                found.append(Diagnostic("NX122", message, at, Severity.WARNING))
    return found


def _extended(document: ast.Document) -> Iterator[tuple[int, str]]:
    """Yield offset and kind of what flat syntax lacks: the first of every body suffices."""
    if document.groups:
        yield min(document.groups), "parenthesised expression"
    bodies = [fragment.body or [] for fragment in document.fragments]
    if document.graph:
        bodies.append(document.graph.body)
    for body in bodies:
        yield from _first_extended(body)


def _first_extended(body: list[ast.Assign]) -> list[tuple[int, str]]:
    for assign in body:
        call = assign.value
        if type(call) is FlatCall:
            continue
        if type(call) is not ast.Call:
            return [(call.pos, _kind(call))]
        for arg in call.args:
            if type(arg.value) not in _FLAT:
                odd = _odd(arg.value)
                if odd:
                    return [odd]
    return []


def _odd(expr: ast.Expr) -> tuple[int, str] | None:
    """Return place and kind of the first part that an argument in flat syntax cannot have."""
    if isinstance(expr, ast.ArrayExpr | ast.TupleExpr):
        return next((odd for item in expr.items if (odd := _odd(item))), None)
    return None if isinstance(expr, _FLAT) else (expr.pos, _kind(expr))


def _kind(expr: ast.Expr) -> str:
    return KINDS[type(expr)]


KINDS: dict[type, str] = {
    ast.Literal: "literal as the right side of an assignment",
    ast.Name: "identifier as the right side of an assignment",
    ast.ArrayExpr: "array as the right side of an assignment",
    ast.TupleExpr: "tuple as the right side of an assignment",
    ast.Call: "invocation inside an argument",
    ast.Builtin: "builtin function",
    ast.Unary: "unary operator",
    ast.Binary: "binary operator",
    ast.IfElse: "if-else expression",
    ast.Index: "subscript",
    ast.Slice: "range of an array",
    ast.Comprehension: "array comprehension",
}
