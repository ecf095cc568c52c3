"""What an operation is: a fragment of the standard library bound to its rules.

Two conventions hold for every rule of every family:

* A shape rule is called as `rule(*inputs, **attributes)`. Each tensor parameter of the fragment
  is passed by position as its shape, a tuple of int (`()` for a literal given to a tensor
  parameter); a parameter that is an array of tensors is passed as a list of shapes. Attributes
  are passed by keyword, all of them, defaults filled in: NNEF arrays are lists, NNEF tuples are
  tuples. It returns the shape of the single result as a tuple of int, or a list of shapes: one per
  item where the only result is an array of tensors, one per result where there are several.
* A kernel is called as `kernel(*inputs, **attributes)` with numpy arrays in place of shapes and
  returns one array, or a list of arrays likewise. Scalars arrive as float16, float32 or float64,
  integers as int64, logical values as bool; literals as 0-dimensional arrays of those types.

Neither may change what it is given, lists included. A rule or kernel of a generic operation that
names a parameter `dtype` gets the bound data-type ("scalar", "integer", "logical") with it. A
kernel that names a parameter `out` may get an array in it, one of its inputs that nobody needs
any more and that has the shape of the result: it may write the result there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, signature
from typing import Any

from nnefx.source import Source
from nnefx.syntax.ast import Fragment, Param
from nnefx.types import Array, Tensor, Tuple, Type

Shape = tuple[int, ...]
ShapeRule = Callable[..., Shape | list[Shape]]
Kernel = Callable[..., Any]

MAX_EXTENT = 2**31 - 1
MAX_RESULTS = 1 << 16  # of one operation; the grammar wants a name for each


class Reject(Exception):
    """Raised by a rule that refuses its arguments; `parameter` is the name of the one at fault.

    The Builder knows where that argument was written and puts the caret there. `parameter` is
    None when the fault is not of one argument alone.
    """

    def __init__(self, parameter: str | None, message: str, code: str = "NX304") -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one operation, before they are bound to its fragment."""

    shape: ShapeRule
    run: Kernel | None
    itemwise: bool = False


RULES: dict[str, Rules] = {}


def define(
    name: str, *, shape: ShapeRule, run: Kernel | None = None, itemwise: bool = False
) -> None:
    """Give operation `name` its shape rule, and its kernel unless its NNEF body is its meaning.

    `itemwise`: an item of the result depends on the items of the operands at its place alone.
    """
    if name in RULES:
        raise ValueError(f"operation '{name}' is defined twice")
    RULES[name] = Rules(shape, run, itemwise)


def is_tensor(type_: Type) -> bool:
    """Tell whether `type_` contains a tensor, that is, whether it is no attribute type."""
    match type_:
        case Tensor():
            return True
        case Array(item):
            return item is not None and is_tensor(item)
        case Tuple(items):
            return any(map(is_tensor, items))
        case _:
            return False


@dataclass(frozen=True, eq=False)
class Op:
    """An operation: its NNEF declaration, and its rules where it has any.

    `source` is the text that declares it.
    A fragment of a user's document has no rules: its shapes and values come from its body, or are
    unknown where it has none (a custom operation).
    """

    signature: Fragment
    shape: ShapeRule | None = None
    run: Kernel | None = None
    source: Source | None = None
    itemwise: bool = False

    @property
    def name(self) -> str:
        """The name that invocations use."""
        return self.signature.name

    @cached_property
    def params(self) -> Mapping[str, Param]:
        """All parameters by name, in order of declaration."""
        return {param.name: param for param in self.signature.params}

    @cached_property
    def tensors(self) -> tuple[Param, ...]:
        """The parameters that take tensors."""
        return tuple(param for param in self.signature.params if is_tensor(param.type))

    @cached_property
    def attributes(self) -> tuple[Param, ...]:
        """The parameters that take values known at compile time."""
        return tuple(param for param in self.signature.params if not is_tensor(param.type))

    @cached_property
    def shape_takes_dtype(self) -> bool:
        """Whether the shape rule asks for the generic data-type."""
        return self.shape is not None and "dtype" in signature(self.shape).parameters

    @cached_property
    def run_takes_dtype(self) -> bool:
        """Whether the kernel asks for the generic data-type."""
        return self.run is not None and "dtype" in signature(self.run).parameters

    @cached_property
    def run_takes_out(self) -> bool:
        """Whether the kernel can write its result over an operand."""
        return self.run is not None and "out" in signature(self.run).parameters


def bind(fragment: Fragment, rules: Rules, source: Source | None = None) -> Op:
    """Bind rules to a fragment; refuse (ValueError) a rule that does not fit its parameters."""
    op = Op(fragment, rules.shape, rules.run, source, rules.itemwise)
    for rule in filter(None, (rules.shape, rules.run)):
        _check_fit(op, rule)
    return op


def _check_fit(op: Op, rule: Callable[..., Any]) -> None:
    parameters = signature(rule).parameters.values()
    keywords = {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    offered = {"dtype", "out"}
    known = {param.name for param in op.attributes} | offered
    if unknown := keywords - known:
        raise ValueError(f"rule of '{op.name}' names {sorted(unknown)}, the fragment does not")
    takes_rest = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    if not takes_rest and (missing := known - offered - keywords):
        raise ValueError(f"rule of '{op.name}' does not take {sorted(missing)}")
    required = [p for p in parameters if p.kind in _POSITIONAL and p.default is Parameter.empty]
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    takes_any = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    count = len(op.tensors)
    if len(required) > count or (len(positional) < count and not takes_any):
        raise ValueError(f"rule of '{op.name}' takes {len(positional)} tensors, not {count}")


_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
