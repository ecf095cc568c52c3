"""The table of lowerings: what an NNEF operation becomes, and what it asks of scales.

A lowering is called as `rule(g, out, *inputs, **attributes)`: `g` makes tensors and calls, `out`
is the result (a Value, or a tuple of them), each input is a Value, or a Const where it is known at
compile time. A scale rule is called the same way with a Scaling in place of `g`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.scales import Scaling

Array = NDArray[Any]
Rule = Callable[..., None]


class UnsupportedError(Exception):
    """Raised by a rule for what the target cannot do; the message says why."""

    def __init__(self, message: str, code: str = "NX603") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Const:
    """An operand that is known at compile time; its numbers are made when they are asked for."""

    shape: tuple[int, ...]
    make: Callable[[], Array]
    name: str = ""
    label: str = ""

    def array(self) -> Array:
        """Return the numbers."""
        return np.asarray(self.make()).reshape(self.shape)

    @property
    def volume(self) -> int:
        """The number of items."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_zero(self) -> bool:
        """Whether it is the literal 0, the usual default of a bias."""
        return self.shape == () and not self.array()


Operand = Value | Const


@dataclass(frozen=True, slots=True)
class Lowering:
    """How one operation is lowered."""

    emit: Rule
    scales: Rule


LOWERINGS: dict[str, Lowering] = {}


def lowers(*names: str, scales: Rule) -> Callable[[Rule], Rule]:
    """Register a rule for operations; `scales` says what it asks of the scales of its tensors."""

    def register(rule: Rule) -> Rule:
        for name in names:
            if name in LOWERINGS:
                raise ValueError(f"operation '{name}' is lowered twice")
            LOWERINGS[name] = Lowering(rule, scales)
        return rule

    return register


def tensors(*operands: Any) -> list[Value]:
    """Return the operands that are tensors at run time, tuples flattened."""
    found: list[Value] = []
    for operand in operands:
        if isinstance(operand, Value):
            found.append(operand)
        elif isinstance(operand, tuple | list):
            found += tensors(*operand)
    return found


def shared(s: Scaling, out: Any, *inputs: Any, **_: Any) -> None:
    """The results are parts or copies of the inputs: one scale for all."""
    s.same(*tensors(out, *inputs))


def free(s: Scaling, out: Any, *_inputs: Any, **_: Any) -> None:
    """The results are rounded to whatever scale suits them."""
    for value in tensors(out):
        s.stored(value)
