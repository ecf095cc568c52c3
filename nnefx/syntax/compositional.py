"""The lane for all that is not flat: fragments, expressions, the heads of documents.

Like the lane for flat statements it is optional. The grammar stays the law: what this module reads,
it reads as the grammar does, and it gives up (None) on whatever is faulty, unusual or nested deep;
Lark then reads the same piece and says what is wrong. It is a textbook parser by descent, about
ten times as fast as Lark's tables in Python, and spares small documents the loading of Lark.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from nnefx.syntax import ast
from nnefx.syntax.builder import (
    MAX_DEPTH,
    PRECEDENCE,
    Fault,
    check_depth,
    dtype_of,
    extensions,
    negated,
    number,
    tuple_of,
    unquote,
)
from nnefx.syntax.tokens import Tokens, tokens
from nnefx.types import Array, Primitive, Tensor, Tuple, Type

DEPTH = 40  # of brackets and signs; what is deeper is left to Lark, far from Python's own limit

T = TypeVar("T")


def prelude(text: str, begin: int, end: int, groups: list[int]) -> ast.Document | None:
    """Return version, extensions and fragments; `groups` gets the offsets of parentheses."""
    return _read(text, begin, end, groups, _Reader.prelude)


def library(text: str, groups: list[int]) -> ast.Document | None:
    """Return the fragments of a text, whose version may be absent."""
    return _read(text, 0, len(text), groups, _Reader.library)


def graph_head(text: str, begin: int, end: int) -> ast.GraphDef | None:
    """Return a graph without its body."""
    return _read(text, begin, end, [], _Reader.graph_head)


def assignment(text: str, begin: int, end: int, groups: list[int]) -> ast.Assign | None:
    """Return a statement."""
    return _read(text, begin, end, groups, _Reader.assignment)


def quantization(text: str) -> list[ast.QuantEntry] | None:
    """Return the entries of a quantization file."""
    return _read(text, 0, len(text), [], _Reader.quantization)


def _read(
    text: str, begin: int, end: int, groups: list[int], rule: "Callable[[_Reader], T]"
) -> T | None:
    found = tokens(text, begin, end)
    if found is None:
        return None
    reader = _Reader(found)
    try:
        result = rule(reader)
    except (_Unknown, Fault):
        return None
    if reader.kind:
        return None
    groups += reader.groups
    return result


class _Unknown(Exception):
    """The grammar has to look at this."""


class _Reader:
    """A walk over tokens: a method per rule of the grammar; `kind` is that of the next token."""

    def __init__(self, found: Tokens) -> None:
        self.kinds, self.texts, self.starts = found.kinds, found.texts, found.starts
        self.at = 0
        self.depth = 0
        self.kind = found.kinds[0]
        self.groups: list[int] = []

    # Tokens

    def step(self) -> str:
        """Move on; return the text of the token that was next."""
        text = self.texts[self.at]
        self.at += 1
        self.kind = self.kinds[self.at]
        return text

    def take(self, kind: str) -> str:
        """Move over a token of this kind; return its text."""
        if self.kind != kind:
            self.fail()
        return self.step()

    def passed(self, kind: str) -> bool:
        """Move over a token of this kind if it is the next one."""
        if self.kind != kind:
            return False
        self.step()
        return True

    @property
    def pos(self) -> int:
        """The offset of the next token."""
        return self.starts[self.at]

    def fail(self) -> NoReturn:
        """Give up."""
        raise _Unknown

    def listed(self, item: Callable[[], T]) -> list[T]:
        """Read items with commas between them."""
        items = [item()]
        while self.passed(","):
            items.append(item())
        return items

    # The whole document

    def prelude(self) -> ast.Document:
        self.take("version")
        if self.take("NUMBER") != "1.0":
            self.fail()
        self.take(";")
        return self.parts()

    def library(self) -> ast.Document:
        return self.prelude() if self.kind == "version" else self.parts()

    def parts(self) -> ast.Document:
        document = ast.Document((1, 0), [], [], None)
        while self.kind == "extension":
            document.extensions += self.extension()
        while self.kind == "fragment":
            document.fragments.append(self.fragment())
        return document

    def extension(self) -> list[ast.Extension]:
        pos = self.pos
        self.take("extension")
        words = [(self.take("IDENT"), pos, True)]
        while not self.passed(";"):
            apart = self.passed(",")
            pos = self.pos
            words.append((self.take("IDENT"), pos, apart))
        return extensions(words)

    # Fragments

    def fragment(self) -> ast.Fragment:
        pos = self.pos
        self.take("fragment")
        name = self.take("IDENT")
        generic, default = self.generic()
        self.take("(")
        params = self.listed(self.param)
        self.take(")")
        self.take("->")
        self.take("(")
        results = self.listed(self.result)
        self.take(")")
        body = None if self.passed(";") else self.body()
        return ast.Fragment(name, generic, default, params, results, body, pos=pos)

    def generic(self) -> tuple[bool, str | None]:
        if self.kind == "DTYPE":
            if dtype_of(self.step()) != "?":
                self.fail()
            return True, None
        if not self.passed("<"):
            return False, None
        self.take("?")
        self.take("=")
        default = self.type_name()
        self.take(">")
        return True, default

    def param(self) -> ast.Param:
        pos, name = self.pos, self.take("IDENT")
        self.take(":")
        type_ = self.type()
        return ast.Param(name, type_, self.constant() if self.passed("=") else None, pos)

    def result(self) -> ast.Result:
        pos, name = self.pos, self.take("IDENT")
        self.take(":")
        return ast.Result(name, self.type(), pos)

    def type_name(self) -> str:
        if self.kind not in ("TYPE", "?"):
            self.fail()
        return self.step()

    def type(self) -> Type:
        type_: Type
        if self.passed("tensor"):
            found = self.kind
            if found not in ("DTYPE", "ANY"):
                self.fail()
            item = self.step()
            type_ = Tensor(None if found == "ANY" else dtype_of(item))
        elif self.passed("("):
            type_ = Tuple(tuple(self.within(self.type, 2)))
        else:
            type_ = Primitive(self.type_name())
        depth = self.depth
        while self.passed("["):
            self.take("]")
            self.deeper()
            type_ = Array(type_)
        self.depth = depth
        return type_

    def within(self, item: Callable[[], T], least: int) -> list[T]:
        """Read what stands in parentheses, at least so many items."""
        self.deeper()
        items = self.listed(item)
        self.depth -= 1
        self.take(")")
        if len(items) < least:
            self.fail()
        return items

    def deeper(self) -> None:
        """Enter a bracket."""
        self.depth += 1
        if self.depth > DEPTH:
            self.fail()

    def constant(self) -> ast.Literal:
        pos = self.pos
        if self.passed("-"):
            return ast.Literal(-number(self.take("NUMBER"), pos), pos)
        if self.kind == "[":
            self.step()
            self.deeper()
            items = [] if self.kind == "]" else self.listed(self.constant)
            self.depth -= 1
            self.take("]")
            return ast.Literal([item.value for item in items], pos)
        if self.passed("("):
            return ast.Literal(tuple(item.value for item in self.within(self.constant, 2)), pos)
        return self.literal()

    def literal(self) -> ast.Literal:
        kind, pos, text = self.kind, self.pos, self.texts[self.at]
        value: ast.LiteralValue
        if kind == "NUMBER":
            value = number(text, pos)
        elif kind == "STRING":
            value = unquote(text)
        elif kind == "LOGICAL":
            value = text == "true"
        else:
            self.fail()
        self.step()
        return ast.Literal(value, pos)

    # The graph and its assignments

    def graph_head(self) -> ast.GraphDef:
        pos = self.pos
        self.take("graph")
        name = self.take("IDENT")
        self.take("(")
        inputs = self.listed(self.name)
        self.take(")")
        self.take("->")
        self.take("(")
        outputs = self.listed(self.name)
        self.take(")")
        return ast.GraphDef(name, inputs, outputs, [], pos)

    def body(self) -> list[ast.Assign]:
        self.take("{")
        body = [self.assignment()]
        while not self.passed("}"):
            body.append(self.assignment())
        return body

    def assignment(self) -> ast.Assign:
        targets = self.listed(self.target)
        self.take("=")
        values = self.listed(self.expr)
        target: Any = tuple_of(targets, targets[0].pos) if len(targets) > 1 else targets[0]
        value = tuple_of(values, values[0].pos) if len(values) > 1 else values[0]
        # Fewer characters than levels allowed cannot nest too deep.
        if self.pos - target.pos > MAX_DEPTH:
            check_depth(value, value.pos)
        self.take(";")
        return ast.Assign(target, value, target.pos)

    def name(self) -> ast.Name:
        pos = self.pos
        return ast.Name(self.take("IDENT"), pos)

    def target(self) -> ast.Expr:
        if self.kind == "IDENT":
            return self.name()
        pos = self.pos
        if self.passed("("):
            return tuple_of(self.within(self.target, 2), pos)
        self.take("[")
        self.deeper()
        items = [] if self.kind == "]" else self.listed(self.target)
        self.depth -= 1
        self.take("]")
        return ast.ArrayExpr(items, pos)

    # Expressions

    def expr(self) -> ast.Expr:
        then = self.operation(0)
        if not self.passed("if"):
            return then
        self.deeper()
        condition = self.expr()
        self.take("else")
        orelse = self.expr()
        self.depth -= 1
        return ast.IfElse(then, condition, orelse, then.pos)

    def operation(self, above: int) -> ast.Expr:
        """Read operands whose operators bind tighter than `above`, grouping from the left."""
        left = self.operand()
        while (binding := PRECEDENCE.get(self.kind, 0)) > above:
            pos, operator = self.pos, self.step()
            left = ast.Binary(operator, left, self.operation(binding), pos)
        return left

    def operand(self) -> ast.Expr:
        if self.kind not in ("-", "+", "!"):
            return self.postfix()
        pos, operator = self.pos, self.step()
        self.deeper()
        operand = self.operand()
        self.depth -= 1
        return negated(operator, operand, pos)

    def postfix(self) -> ast.Expr:
        base = self.primary()
        while self.passed("["):
            self.deeper()
            start = None if self.kind == ":" else self.expr()
            if self.passed(":"):
                stop = None if self.kind == "]" else self.expr()
                base = ast.Slice(base, start, stop, base.pos)
            elif start is not None:
                base = ast.Index(base, start, base.pos)
            self.depth -= 1
            self.take("]")
        return base

    def primary(self) -> ast.Expr:
        kind, pos = self.kind, self.pos
        if kind == "IDENT":
            word = self.step()
            if self.kind == "(" or self.kind == "DTYPE":
                return self.call(word, pos)
            return ast.Name(word, pos)
        if kind == "(":
            self.step()
            items = self.within(self.expr, 1)
            if len(items) > 1:
                return tuple_of(items, pos)
            self.groups.append(pos)
            return items[0]
        if kind == "[":
            return self.array()
        if kind in ("TYPE", "BUILTIN"):
            function = self.step()
            self.take("(")
            operands = self.within(self.expr, 1)
            return ast.Builtin(function, operands[0], pos) if len(operands) == 1 else self.fail()
        return self.literal()

    def call(self, op: str, pos: int) -> ast.Call:
        dtype = dtype_of(self.step()) if self.kind == "DTYPE" else None
        self.take("(")
        return ast.Call(op, dtype, self.within(self.arg, 1), pos)

    def arg(self) -> ast.Arg:
        pos = self.pos
        if self.kind == "IDENT" and self.kinds[self.at + 1] == "=":
            name = self.step()
            self.step()
            return ast.Arg(name, self.expr(), pos)
        value = self.expr()
        return ast.Arg(None, value, value.pos)

    def array(self) -> ast.Expr:
        pos = self.pos
        self.take("[")
        self.deeper()
        array = self.comprehension(pos) if self.passed("for") else self.items(pos)
        self.depth -= 1
        self.take("]")
        return array

    def items(self, pos: int) -> ast.Expr:
        items = [] if self.kind == "]" else self.listed(self.expr)
        if all(type(item) is ast.Literal for item in items):
            return ast.Literal([item.value for item in items], pos)  # type: ignore[union-attr]
        return ast.ArrayExpr(items, pos)

    def comprehension(self, pos: int) -> ast.Comprehension:
        loops = self.listed(self.loop)
        condition = self.expr() if self.passed("if") else None
        self.take("yield")
        return ast.Comprehension(loops, condition, self.expr(), pos)

    def loop(self) -> tuple[ast.Name, ast.Expr]:
        name = self.name()
        self.take("in")
        return name, self.operation(0)

    # Quantization files (section 5.3)

    def quantization(self) -> list[ast.QuantEntry]:
        entries = []
        while self.kind:
            pos, label = self.pos, unquote(self.take("STRING"))
            self.take(":")
            entries.append(ast.QuantEntry(label, self.algorithm(), pos))
            self.take(";")
        return entries

    def algorithm(self) -> ast.Call:
        pos, name = self.pos, self.take("IDENT")
        self.take("(")
        if self.passed(")"):
            return ast.Call(name, None, [], pos)
        return ast.Call(name, None, self.within(self.argument, 1), pos)

    def argument(self) -> ast.Arg:
        pos, name = self.pos, self.take("IDENT")
        self.take("=")
        return ast.Arg(name, self.constant(), pos)
