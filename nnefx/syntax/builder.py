# ruff: noqa: D102 - the grammar says what each method of a builder is for
"""From the reductions of the grammar to the tree: one method per rule of grammar/nnef.lark.

Lark calls these methods while it parses, so no parse tree is built. A method gets the list of its
children: tokens, nodes that other methods returned, and None for an absent optional part.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nnefx.syntax import ast
from nnefx.types import Array, Primitive, Tensor, Tuple, Type

if TYPE_CHECKING:  # to load Lark takes longer than to read a small document without it
    from lark import Token

MAX_DEPTH = 200  # of an expression; keeps every recursive walk over a tree far from Python's limit
MAX_DIGITS = 4000  # of a number; Python itself refuses to convert more than 4300

# A higher number binds tighter (NNEF 1.0.5, section 3.3.3); all operators group from the left.
PRECEDENCE = {
    "in": 1,
    "&&": 2,
    "||": 2,
    "<": 3,
    "<=": 3,
    ">": 3,
    ">=": 3,
    "==": 3,
    "!=": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "^": 6,
}


Generic = tuple[bool, str | None]
Loop = tuple[ast.Name, ast.Expr]


class Fault(Exception):
    """A syntax error found while a node is built; the parser adds the source to it."""

    def __init__(self, code: str, message: str, pos: int, end: int = -1) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pos = pos
        self.end = end


class Builder:
    """The methods that build the tree; `groups` collects where parentheses stood."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    # The whole document

    def document(self, c: list[Any]) -> ast.Document:
        document: ast.Document = c[0]
        document.graph = c[1]
        return document

    def library(self, c: list[Any]) -> ast.Document:
        return _assemble(c)

    prelude = library

    def version(self, c: list[Any]) -> tuple[int, int]:
        major, dot, minor = c[1].partition(".")
        if not dot or not minor.isdigit():
            raise Fault("NX110", f"version: expected 1.0, found {c[1]}", *_span(c[1]))
        if (int(major), int(minor)) != (1, 0):
            message = f"version: {c[1]} is not supported, expected 1.0"
            raise Fault("NX110", message, *_span(c[1]))
        return int(major), int(minor)

    def extension(self, c: list[Any]) -> list[ast.Extension]:
        words = [(str(c[1]), c[0].start_pos, True)]
        for before, word in pairwise(c[1:]):
            if word.type != "COMMA":
                words.append((str(word), word.start_pos, before.type == "COMMA"))
        return extensions(words)

    # Fragments

    def fragment(self, c: list[Any]) -> ast.Fragment:
        fragment: ast.Fragment = c[0]
        if len(c) > 1:
            fragment.body = c[1]
        return fragment

    def head(self, c: list[Any]) -> ast.Fragment:
        generic: Generic = c[2] if len(c) == 5 else (False, None)
        return ast.Fragment(str(c[1]), *generic, c[-2], c[-1], None, pos=c[0].start_pos)

    def generic(self, c: list[Any]) -> Generic:
        name = dtype_of(c[0])
        if name != "?":
            message = f"fragment: expected <?> or <? = {name}> after the name, found <{name}>"
            raise Fault("NX100", message, *_span(c[0]))
        return True, None

    def generic_default(self, c: list[Any]) -> Generic:
        return True, str(c[0])

    def params(self, c: list[Any]) -> list[Any]:
        return c

    results = names = body = params

    def param(self, c: list[Any]) -> ast.Param:
        default = c[2] if len(c) > 2 else None
        check_depth([c[1], default], c[0].start_pos)
        return ast.Param(str(c[0]), c[1], default, c[0].start_pos)

    def result(self, c: list[Any]) -> ast.Result:
        check_depth(c[1], c[0].start_pos)
        return ast.Result(str(c[0]), c[1], c[0].start_pos)

    def type_name(self, c: list[Any]) -> str:
        return str(c[0])

    def primitive_type(self, c: list[Any]) -> Type:
        return Primitive(c[0])

    def tensor_type(self, c: list[Any]) -> Type:
        return Tensor(dtype_of(c[1]) if c[1].type == "DTYPE" else None)

    def array_type(self, c: list[Any]) -> Type:
        return Array(c[0])

    def tuple_type(self, c: list[Any]) -> Type:
        return Tuple(tuple(c))

    # The graph and its assignments

    def graph(self, c: list[Any]) -> ast.GraphDef:
        graph: ast.GraphDef = c[0]
        graph.body = c[1]
        return graph

    def graph_head(self, c: list[Any]) -> ast.GraphDef:
        inputs, outputs = ([ast.Name(str(t), t.start_pos) for t in names] for names in c[2:])
        return ast.GraphDef(str(c[1]), inputs, outputs, [], c[0].start_pos)

    def assignment(self, c: list[Any]) -> ast.Assign:
        target, value, end = c
        # Fewer characters than levels allowed cannot nest too deep.
        if end.start_pos - target.pos > MAX_DEPTH:
            check_depth(target, target.pos)
            check_depth(value, value.pos)
        return ast.Assign(target, value, target.pos)

    def open_tuple(self, c: list[Any]) -> ast.Expr:
        return tuple_of(c, c[0].pos)

    def target_array(self, c: list[Any]) -> ast.ArrayExpr:
        return ast.ArrayExpr(c[1:], c[0].start_pos)

    # Expressions

    def if_else(self, c: list[Any]) -> ast.IfElse:
        return ast.IfElse(c[0], c[1], c[2], c[0].pos)

    def sequence(self, c: list[Any]) -> ast.Expr:
        return fold(c)

    def unary(self, c: list[Any]) -> ast.Expr:
        return negated(str(c[0]), c[1], c[0].start_pos)

    def name(self, c: list[Any]) -> ast.Name:
        return ast.Name(str(c[0]), c[0].start_pos)

    def number(self, c: list[Any]) -> ast.Literal:
        return ast.Literal(number(c[0], c[0].start_pos), c[0].start_pos)

    def signed(self, c: list[Any]) -> ast.Literal:
        return ast.Literal(-number(c[1], c[1].start_pos), c[0].start_pos)

    def string(self, c: list[Any]) -> ast.Literal:
        return ast.Literal(unquote(c[0]), c[0].start_pos)

    def logical(self, c: list[Any]) -> ast.Literal:
        return ast.Literal(c[0] == "true", c[0].start_pos)

    def call(self, c: list[Any]) -> ast.Call:
        op, dtype = c[0], c[1]
        args = [x if type(x) is ast.Arg else ast.Arg(None, x, x.pos) for x in c[2:]]
        return ast.Call(str(op), dtype and dtype_of(dtype), args, op.start_pos)

    def named(self, c: list[Any]) -> ast.Arg:
        return ast.Arg(str(c[0]), c[1], c[0].start_pos)

    def builtin(self, c: list[Any]) -> ast.Builtin:
        return ast.Builtin(str(c[0]), c[1], c[0].start_pos)

    def group(self, c: list[Any]) -> ast.Expr:
        self.groups.append(c[0].start_pos)
        inner: ast.Expr = c[1]
        return inner

    def tuple(self, c: list[Any]) -> ast.Expr:
        return tuple_of(c[1:], c[0].start_pos)

    def array(self, c: list[Any]) -> ast.Expr:
        items = c[1:]
        if all(type(item) is ast.Literal for item in items):
            return ast.Literal([item.value for item in items], c[0].start_pos)
        return ast.ArrayExpr(items, c[0].start_pos)

    def comprehension(self, c: list[Any]) -> ast.Comprehension:
        return ast.Comprehension(c[1:-2], c[-2], c[-1], c[0].start_pos)

    def loop(self, c: list[Any]) -> Loop:
        return ast.Name(str(c[0]), c[0].start_pos), c[2]

    def index(self, c: list[Any]) -> ast.Index:
        return ast.Index(c[0], c[1], c[0].pos)

    def slice(self, c: list[Any]) -> ast.Slice:
        return ast.Slice(c[0], c[1], c[2], c[0].pos)


class QuantBuilder(Builder):
    """The rules that grammar/quant.lark adds."""

    quantization = Builder.params

    def entry(self, c: list[Any]) -> ast.QuantEntry:
        return ast.QuantEntry(unquote(c[0]), c[1], c[0].start_pos)

    def algorithm(self, c: list[Any]) -> ast.Call:
        check_depth(c[1:], c[0].start_pos)
        return ast.Call(str(c[0]), None, c[1:], c[0].start_pos)


def fold(items: list[Any]) -> ast.Expr:
    """Return the tree of `operand operator operand ...` by precedence, grouping from the left."""
    operands: list[ast.Expr] = [items[0]]
    operators: list[Token] = []

    def reduce() -> None:
        right = operands.pop()
        operator = operators.pop()
        operands[-1] = ast.Binary(str(operator), operands[-1], right, operator.start_pos or 0)

    for index in range(1, len(items), 2):
        operator = items[index]
        while operators and PRECEDENCE[operators[-1]] >= PRECEDENCE[operator]:
            reduce()
        operators.append(operator)
        operands.append(items[index + 1])
    while operators:
        reduce()
    return operands[0]


def extensions(words: Sequence[tuple[str, int, bool]]) -> list[ast.Extension]:
    """Return one record per extension: words of one belong together, commas part them.

    `extension KHR_a KHR_b;` names two extensions by the specification, while engines write
    `extension vendor_symbol N;` for one with an argument. `words` are the texts, their offsets,
    and whether each is the first or stands behind a comma.
    """
    found: list[ast.Extension] = []
    for word, pos, apart in words:
        if apart or word.startswith("KHR_"):
            found.append(ast.Extension([word], pos))
        else:
            found[-1].words.append(word)
    return found


def negated(operator: str, operand: ast.Expr, pos: int) -> ast.Expr:
    """Return a unary expression; the minus before a number is part of the number."""
    if operator == "-" and type(operand) is ast.Literal and _is_plain_number(operand.value):
        value: Any = operand.value
        return ast.Literal(-value, pos)
    return ast.Unary(operator, operand, pos)


def number(text: str, pos: int) -> int | float:
    """Return the value of an unsigned numeric literal; one with a point or exponent is scalar.

    Raises:
        Fault: the value does not fit a double, or the literal is absurdly long.
    """
    if len(text) > MAX_DIGITS:
        message = f"number: found {len(text)} characters, at most {MAX_DIGITS} are supported"
        raise Fault("NX111", message, pos, pos + len(text))
    if text.isdigit():
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise Fault("NX112", f"number: {text} is too large for a scalar", pos, pos + len(text))
    return value


def unquote(text: str) -> str:
    """Return the value of a string literal that the grammar has accepted."""
    body = text[1:-1]
    if "\\" not in body:
        return body
    # Only the quote and the backslash itself can follow a backslash.
    return body.replace("\\" + text[0], text[0]).replace("\\\\", "\\")


def check_depth(node: object, pos: int) -> None:
    """Raise a Fault where `node`, which stands at `pos`, nests deeper than MAX_DEPTH."""
    level = [(node, pos)]
    for _ in range(MAX_DEPTH + 1):
        level = [pair for parent, at in level for pair in _children(parent, at)]
        if not level:
            return
    raise Fault("NX109", f"expression: found more than {MAX_DEPTH} nested levels", level[0][1])


def _children(node: object, pos: int) -> list[tuple[object, int]]:
    """Return what is one level below `node`, with offsets; what has none is at its parent's."""
    if isinstance(node, list | tuple):
        return [(item, getattr(item, "pos", pos)) for item in node]
    parts: list[tuple[object, int]] = []
    for name in getattr(node, "__dataclass_fields__", ()):
        part = getattr(node, name)
        if isinstance(part, list | tuple):
            parts += _children(part, pos)
        elif name != "pos" and part is not None and not isinstance(part, str | int | float):
            parts.append((part, getattr(part, "pos", pos)))
    return parts


def _assemble(parts: list[Any]) -> ast.Document:
    version = next((part for part in parts if isinstance(part, tuple)), (1, 0))
    extensions = [found for part in parts if isinstance(part, list) for found in part]
    fragments = [part for part in parts if isinstance(part, ast.Fragment)]
    return ast.Document(version, extensions, fragments, None)


def tuple_of(items: Sequence[Any], pos: int) -> ast.Expr:
    """Return a tuple; one of literals is a literal itself."""
    if all(type(item) is ast.Literal for item in items):
        return ast.Literal(tuple(item.value for item in items), pos)
    return ast.TupleExpr(list(items), pos)


def dtype_of(token: str) -> str:
    """Return `integer` of `<integer>`, where spaces and comments may stand inside."""
    if token[1:-1].isalpha():
        return token[1:-1]
    words = [line.partition("#")[0] for line in token[1:-1].replace("\f", "\n").split("\n")]
    return "".join(words).strip()


def _is_plain_number(value: object) -> bool:
    """Whether a minus before a literal is part of it: `-1` yes, `--1` and `-true` no."""
    if type(value) is float:
        return math.copysign(1, value) > 0
    return type(value) is int and value >= 0


def _span(token: "Token") -> tuple[int, int]:
    start = token.start_pos or 0
    return start, start + len(token)
