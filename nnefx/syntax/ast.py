"""The syntax tree of a document (NNEF 1.0.5, section 3.2).

`pos` is the offset of the first character of a node in its source; it does not take part in
comparison, so that trees compare by meaning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from nnefx.types import Type

# What a literal holds: NNEF's integer, scalar, logical and string are Python's int, float, bool
# and str; an array of literals is a list, a tuple of literals a tuple.
LiteralValue = int | float | bool | str | list["LiteralValue"] | tuple["LiteralValue", ...]


@dataclass(slots=True)
class Literal:
    """A literal; arrays and tuples that hold literals only are collapsed into one."""

    value: LiteralValue
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Name:
    """An identifier in an expression or on the left of an assignment."""

    id: str
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class ArrayExpr:
    """`[a, b]` with at least one item that is not a literal."""

    items: "list[Expr]"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class TupleExpr:
    """`(a, b)` or, on the right or left of an assignment, `a, b`; at least one is no literal."""

    items: "list[Expr]"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Arg:
    """An argument of a call; `name` is None for a positional one."""

    name: str | None
    value: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Call:
    """`op<dtype>(args)`; `dtype` is None when absent."""

    op: str
    dtype: str | None
    args: list[Arg]
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Builtin:
    """`shape_of(x)`, `length_of`, `range_of`, or a cast `integer(x)`, `scalar(x)`, ..."""

    function: str
    operand: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Unary:
    """`-x`, `+x`, `!x`."""

    op: str
    operand: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Binary:
    """`x op y`; `pos` is the operator's."""

    op: str
    left: "Expr"
    right: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class IfElse:
    """`then if condition else orelse`."""

    then: "Expr"
    condition: "Expr"
    orelse: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Index:
    """`base[index]`."""

    base: "Expr"
    index: "Expr"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Slice:
    """`base[start:stop]`; an open end is None."""

    base: "Expr"
    start: "Expr | None"
    stop: "Expr | None"
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Comprehension:
    """`[for i in a, j in b if condition yield item]`."""

    loops: "list[tuple[Name, Expr]]"
    condition: "Expr | None"
    item: "Expr"
    pos: int = field(default=0, compare=False)


Expr = (
    Literal
    | Name
    | ArrayExpr
    | TupleExpr
    | Call
    | Builtin
    | Unary
    | Binary
    | IfElse
    | Index
    | Slice
    | Comprehension
)


def parts(expr: Expr) -> Iterator[Expr]:
    """Yield the expressions that `expr` is directly made of."""
    match expr:
        case ArrayExpr(items) | TupleExpr(items):
            yield from items
        case Call():
            yield from (arg.value for arg in expr.args)
        case Builtin() | Unary():
            yield expr.operand
        case Binary():
            yield from (expr.left, expr.right)
        case IfElse():
            yield from (expr.then, expr.condition, expr.orelse)
        case Index():
            yield from (expr.base, expr.index)
        case Slice():
            yield expr.base
            yield from filter(None, (expr.start, expr.stop))
        case Comprehension():
            yield from (array for _, array in expr.loops)
            yield from filter(None, (expr.condition, expr.item))
        case _:
            return


# The left side of an assignment: a name, or arrays and tuples of targets.
Target = Name | ArrayExpr | TupleExpr


@dataclass(slots=True)
class Assign:
    """`target = value;`."""

    target: Target
    value: Expr
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Param:
    """A parameter of a fragment; `default` is None when it has none."""

    name: str
    type: Type
    default: Literal | None = None
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Result:
    """A result of a fragment."""

    name: str
    type: Type
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Fragment:
    """A fragment: a declaration, and a body unless it is a primitive or custom operation.

    `generic` is True for `fragment name<?>`, and then `generic_default` holds `scalar` of
    `<? = scalar>`, or None. `doc` is the text of the `#` block directly above, without the marks.
    """

    name: str
    generic: bool
    generic_default: str | None
    params: list[Param]
    results: list[Result]
    body: list[Assign] | None
    doc: str = field(default="", compare=False)
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class GraphDef:
    """`graph name(inputs) -> (outputs) { body }`."""

    name: str
    inputs: list[Name]
    outputs: list[Name]
    body: list[Assign]
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Extension:
    """One `extension a b;` line."""

    words: list[str]
    pos: int = field(default=0, compare=False)


@dataclass(slots=True)
class Document:
    """A whole document; `version` is (major, minor). Stdlib texts have no graph.

    `groups` holds the offsets of parenthesised expressions such as `(a)`, which the tree does not
    keep but which a flat document may not use.
    """

    version: tuple[int, int]
    extensions: list[Extension]
    fragments: list[Fragment]
    graph: GraphDef | None
    pos: int = field(default=0, compare=False)
    groups: list[int] = field(default_factory=list, compare=False)


@dataclass(slots=True)
class QuantEntry:
    """One entry of graph.quant: the activation `name` and how it is quantized.

    All arguments of `call` are named, their values literals; `pos` is that of the quoted name.
    """

    name: str
    call: Call
    pos: int = field(default=0, compare=False)
