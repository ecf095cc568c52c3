"""Which kinds of syntax a document uses, for targets that do not read all of them."""

import re
from collections.abc import Iterator

from nnefx.checking.inference import Env, Inference
from nnefx.ir.evaluate import names_of
from nnefx.ops import Op, standard_ops
from nnefx.source import Source
from nnefx.syntax import ast
from nnefx.types import Array, Primitive, Tensor

# Each kind and how a message calls it.
KINDS = {
    "fragments": "definition of a fragment",
    "custom-operations": "operation without a body",
    "expressions": "expression",
    "invocation-arguments": "invocation inside an argument",
    "if-else": "if-else expression",
    "comprehension": "array comprehension",
    "subscript": "subscript",
    "range": "range of an array",
    "shape_of": "shape_of",
    "length_of": "length_of",
    "range_of": "range_of",
    "casts": "cast of a value",
    "in": "operator 'in'",
    "array-sum": "concatenation of arrays",
    "array-product": "repetition of an array",
    "string-sum": "concatenation of strings",
    "string-product": "repetition of a string",
    "tensor-not": "operator '!' on a tensor",
    "tensor-logic": "operator '&&' or '||' on tensors",
    "tensor-minus": "operator '-' before a tensor",
    "unary-plus": "operator '+' before an operand",
    "escaped-quotes": "escaped quote in a string",
    "escaped-backslashes": "escaped backslash in a string",
    "open-tuples": "tuple on the right without parentheses",
    "name-equality": "argument 'name == ...', which looks like a named one",
    "logical-prefixes": "name that begins with 'true' or 'false'",
    "capital-exponents": "exponent 'E' after a whole number",
    "compound-defaults": "default value that is a tuple, or an array of arrays or tuples",
    "unbound-tensors": "parameter of type tensor<>",
    "form-feeds": "form feed in a comment",
    "extension-spaces": "several words after 'extension', without commas",
    "large-integers": "integer beyond 32 bits",
}

_ESCAPE = re.compile(r"#[^\n\f]*|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_LOGICAL = re.compile(r"#[^\n\f]*|'[^'\n]*'|\"[^\"\n]*\"|\b(?:true|false)\w+")
_CAPITAL = re.compile(r"#[^\n\f]*|'[^'\n]*'|\"[^\"\n]*\"|(?<![\w.])[0-9]+E[0-9+-]")
_SPACED = re.compile(r"extension[ \t\n]+\w+[ \t\n]+\w+")
_FORM_FEED = re.compile(r"#[^\n\f]*\f")
_OPERATORS = {
    "shape_of": "shape_of",
    "length_of": "length_of",
    "range_of": "range_of",
}
_LARGEST = 2**31 - 1
_OUTER: dict[type, str] = {
    ast.IfElse: "if-else",
    ast.Comprehension: "comprehension",
    ast.Index: "subscript",
    ast.Slice: "range",
}

Use = tuple[str, int]


def uses(document: ast.Document, source: Source) -> Iterator[Use]:
    """Yield the kinds of syntax that a document uses, with the offsets of the uses."""
    yield from _lexical(document, source)
    ops = {**{fragment.name: Op(fragment) for fragment in document.fragments}, **standard_ops()}
    for fragment in document.fragments:
        kind = "custom-operations" if fragment.body is None else "fragments"
        yield kind, fragment.pos
        yield from _parameters(fragment)
        env: Env = {param.name: param.type for param in fragment.params}
        yield from _body(fragment.body or [], source, Inference(ops, env, _silent))
    if document.graph:
        names = {name.id for item in document.graph.body for name in names_of(item)}
        env = dict.fromkeys(names, Tensor("?"))
        yield from _body(document.graph.body, source, Inference(ops, env, _silent), graph=True)


def _silent(*_: object) -> None:
    """Types are inferred here to tell kinds of syntax apart; their faults are told elsewhere."""


def _lexical(document: ast.Document, source: Source) -> Iterator[Use]:
    text = source.text
    if "\\" in text:
        for match in _ESCAPE.finditer(text):
            if match.group()[0] != "#" and "\\" in match.group():
                quote = match.group()[0]
                escaped = f"\\{quote}" in match.group().replace("\\\\", "")
                yield "escaped-quotes" if escaped else "escaped-backslashes", match.start()
    if "\f" in text:
        for match in _FORM_FEED.finditer(text):
            yield "form-feeds", match.start()
    for kind, pattern in (("logical-prefixes", _LOGICAL), ("capital-exponents", _CAPITAL)):
        for match in pattern.finditer(text):
            if match.group()[0] not in "#'\"":
                yield kind, match.start()
    for extension in document.extensions:
        if _SPACED.match(text, extension.pos):
            yield "extension-spaces", extension.pos


def _parameters(fragment: ast.Fragment) -> Iterator[Use]:
    for param in fragment.params:
        if "tensor<>" in str(param.type):
            yield "unbound-tensors", param.pos
        default = param.default.value if param.default else None
        nested = isinstance(default, list) and any(isinstance(x, list | tuple) for x in default)
        if nested or isinstance(default, tuple):
            yield "compound-defaults", param.pos


def _body(
    body: list[ast.Assign], source: Source, inference: Inference, *, graph: bool = False
) -> Iterator[Use]:
    for statement in body:
        if not isinstance(statement.value, ast.Call):
            yield "expressions", statement.value.pos
        if isinstance(statement.value, ast.TupleExpr) and not _is_closed(statement, source):
            yield "open-tuples", statement.value.pos
        yield from _expression(statement.value, inference, outer=True)
        if not graph and isinstance(statement.target, ast.Name):
            inference.env[statement.target.id] = inference.infer(statement.value)


def _expression(expr: ast.Expr, inference: Inference, *, outer: bool = False) -> Iterator[Use]:
    if isinstance(expr, ast.Literal):
        if _largest(expr.value) > _LARGEST:
            yield "large-integers", expr.pos
        return
    if isinstance(expr, ast.Name):
        return
    if not outer and not isinstance(expr, ast.ArrayExpr | ast.TupleExpr):
        yield "expressions", expr.pos
    kind = _kind(expr, inference)
    if kind and not (outer and kind == "invocation-arguments"):
        yield kind, expr.pos
    for part in ast.parts(expr):
        if isinstance(expr, ast.Call) and _is_name_equality(part):
            yield "name-equality", part.pos
        yield from _expression(part, inference)


def _is_closed(statement: ast.Assign, source: Source) -> bool:
    """Tell whether a tuple on the right stands in parentheses."""
    return source.text.startswith("(", statement.value.pos)


def _is_name_equality(expr: ast.Expr) -> bool:
    return isinstance(expr, ast.Binary) and expr.op == "==" and isinstance(expr.left, ast.Name)


def _kind(expr: ast.Expr, inference: Inference) -> str | None:
    match expr:
        case ast.Call():
            return "invocation-arguments"
        case ast.Builtin():
            return _OPERATORS.get(expr.function, "casts")
        case ast.Unary():
            return _unary(expr, inference)
        case ast.Binary():
            return _binary(expr, inference)
        case _:
            return _OUTER.get(type(expr))


def _unary(expr: ast.Unary, inference: Inference) -> str | None:
    if expr.op == "+":
        return "unary-plus"
    if not isinstance(inference.infer(expr.operand), Tensor):
        return None
    return "tensor-not" if expr.op == "!" else "tensor-minus"


def _binary(expr: ast.Binary, inference: Inference) -> str | None:
    if expr.op == "in":
        return "in"
    left, right = inference.infer(expr.left), inference.infer(expr.right)
    if expr.op in ("&&", "||") and isinstance(left, Tensor) | isinstance(right, Tensor):
        return "tensor-logic"
    sort = "sum" if expr.op == "+" else "product"
    if isinstance(left, Array):
        return f"array-{sort}"
    return f"string-{sort}" if left == Primitive("string") and expr.op in "+*" else None


def _largest(value: ast.LiteralValue) -> int:
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    return abs(value) if type(value) is int else 0
