"""From tree to canonical text, which parses back to an equal tree.

One statement is one line whatever its length; parentheses stand only where precedence needs them.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from nnefx.diagnostics import NnefError
from nnefx.syntax import ast
from nnefx.syntax.builder import PRECEDENCE
from nnefx.syntax.flatcall import FlatCall

# How tight an expression binds, beyond the binary operators in PRECEDENCE (1 to 6).
ANY, OPERATION, UNARY, POSTFIX = 0, 1, 7, 8

_PLAIN = re.compile(r"[0-9.eE+\-\[\](), ]*")


def print_document(document: ast.Document) -> str:
    """Return the canonical text of a document, or of a file of fragments where it has no graph."""
    parts = ["version {}.{};\n".format(*document.version)]
    parts += [f"extension {' '.join(extension.words)};\n" for extension in document.extensions]
    for fragment in document.fragments:
        parts += ["\n", print_fragment(fragment)]
    if document.graph:
        graph = document.graph
        inputs, outputs = (", ".join([x.id for x in xs]) for xs in (graph.inputs, graph.outputs))
        parts += [f"\ngraph {graph.name}({inputs}) -> ({outputs})\n", _body(graph.body)]
    return "".join(parts)


def print_fragment(fragment: ast.Fragment) -> str:
    """Return the canonical text of a fragment, its documentation as comment lines above it."""
    doc = [f"# {line}".rstrip() + "\n" for line in fragment.doc.split("\n")] if fragment.doc else []
    generic = ""
    if fragment.generic:
        generic = f"<? = {fragment.generic_default}>" if fragment.generic_default else "<?>"
    params = ", ".join([_param(param) for param in fragment.params])
    results = ", ".join([f"{result.name}: {result.type}" for result in fragment.results])
    head = f"fragment {fragment.name}{generic}({params}) -> ({results})"
    body = ";\n" if fragment.body is None else "\n" + _body(fragment.body)
    return "".join([*doc, head, body])


def print_assign(assign: ast.Assign) -> str:
    """Return the text of an assignment, semicolon included."""
    return f"{_target(assign.target)} = {print_expr(assign.value)};"


def print_expr(expr: ast.Expr, level: int = ANY) -> str:
    """Return the text of an expression, in parentheses where it binds looser than `level`."""
    return _PRINTERS[type(expr)](expr, level)


def print_literal(value: Any) -> str:
    """Return the text of a literal value; scalars read back exactly and as scalars.

    Raises:
        NnefError: NX113, NNEF has no way to write the value (an infinity, a non-ASCII string).
    """
    kind = type(value)
    if kind is list or kind is tuple:
        text = repr(value)
        # Python writes nested numbers as NNEF does; all else goes item by item.
        if _PLAIN.fullmatch(text) and ",)" not in text:
            return text
        items = ", ".join([print_literal(item) for item in value])
        return f"[{items}]" if kind is list else f"({items})"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float.__repr__(value)
        raise NnefError("NX113", f"literal: {value} cannot be written in NNEF")
    return quote(value)


def quote(text: str) -> str:
    """Return `text` as a string literal, in the quotes that need fewer escapes.

    Raises:
        NnefError: NX113, the text has characters that are not printable ASCII.
    """
    for char in text:
        if not " " <= char <= "~":
            message = f"string: U+{ord(char):04X} cannot be written in NNEF, which has ASCII only"
            raise NnefError("NX113", message)
    mark = '"' if text.count("'") > text.count('"') else "'"
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


def _body(body: list[ast.Assign]) -> str:
    lines = ["{\n"]
    lines += [f"    {_target(a.target)} = {print_expr(a.value)};\n" for a in body]
    lines.append("}\n")
    return "".join(lines)


def _param(param: ast.Param) -> str:
    default = f" = {print_literal(param.default.value)}" if param.default else ""
    return f"{param.name}: {param.type}{default}"


def _target(target: ast.Expr) -> str:
    if type(target) is ast.Name:
        return target.id
    if type(target) is ast.TupleExpr:
        return _join(target.items)
    return print_expr(target)


def _join(items: Iterable[ast.Expr]) -> str:
    return ", ".join([print_expr(item) for item in items])


def _wrap(text: str, binds: int, level: int) -> str:
    return f"({text})" if binds < level else text


def _literal(expr: ast.Literal, level: int) -> str:
    text = print_literal(expr.value)
    return f"({text})" if level > UNARY and text[0] == "-" else text


def _name(expr: ast.Name, _: int) -> str:
    return expr.id


def _array(expr: ast.ArrayExpr, _: int) -> str:
    return f"[{_join(expr.items)}]"


def _tuple(expr: ast.TupleExpr, _: int) -> str:
    return f"({_join(expr.items)})"


def _call(expr: ast.Call, _: int) -> str:
    args = [
        print_expr(arg.value) if arg.name is None else f"{arg.name} = {print_expr(arg.value)}"
        for arg in expr.args
    ]
    dtype = f"<{expr.dtype}>" if expr.dtype else ""
    return f"{expr.op}{dtype}({', '.join(args)})"


def _builtin(expr: ast.Builtin, _: int) -> str:
    return f"{expr.function}({print_expr(expr.operand)})"


def _unary(expr: ast.Unary, level: int) -> str:
    return _wrap(expr.op + print_expr(expr.operand, UNARY), UNARY, level)


def _binary(expr: ast.Binary, level: int) -> str:
    binds = PRECEDENCE[expr.op]
    # Operators group from the left, so an equal one on the right needs its parentheses.
    left, right = print_expr(expr.left, binds), print_expr(expr.right, binds + 1)
    return _wrap(f"{left} {expr.op} {right}", binds, level)


def _if_else(expr: ast.IfElse, level: int) -> str:
    then, orelse = print_expr(expr.then, OPERATION), print_expr(expr.orelse)
    return _wrap(f"{then} if {print_expr(expr.condition)} else {orelse}", ANY, level)


def _index(expr: ast.Index, _: int) -> str:
    return f"{print_expr(expr.base, POSTFIX)}[{print_expr(expr.index)}]"


def _slice(expr: ast.Slice, _: int) -> str:
    start, stop = ("" if end is None else print_expr(end) for end in (expr.start, expr.stop))
    return f"{print_expr(expr.base, POSTFIX)}[{start}:{stop}]"


def _comprehension(expr: ast.Comprehension, _: int) -> str:
    loops = ", ".join([f"{name.id} in {print_expr(of, OPERATION)}" for name, of in expr.loops])
    condition = "" if expr.condition is None else f" if {print_expr(expr.condition)}"
    return f"[for {loops}{condition} yield {print_expr(expr.item)}]"


_PRINTERS: dict[type, Callable[[Any, int], str]] = {
    ast.Literal: _literal,
    ast.Name: _name,
    ast.ArrayExpr: _array,
    ast.TupleExpr: _tuple,
    ast.Call: _call,
    FlatCall: _call,
    ast.Builtin: _builtin,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.IfElse: _if_else,
    ast.Index: _index,
    ast.Slice: _slice,
    ast.Comprehension: _comprehension,
}
