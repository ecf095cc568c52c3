"""The operations that have a form in integers.

A rule gets a node and what is held for its operands, and returns what is held for its results, or
None where these operands have no such form: then the operation is computed in float.
"""

from collections.abc import Callable, Mapping
from typing import Any

from nnefx.execute.integer.held import Held, Integers, Pending, Real
from nnefx.ir.graph import Node, Value

Rule = Callable[[Node, Mapping[str, Any]], Held | list[Held] | None]

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register how operations are computed in integers."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def literal(item: Any) -> float | None:
    """Return an operand that is one known number, None for another."""
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return float(item)
    if isinstance(item, Real) and item.items.size == 1 and item.items.ndim == 0:
        return float(item.items)
    return None


def alike(items: list[Integers]) -> bool:
    """Tell whether all are indices of one grid."""
    return all(item.grid.whole and item.grid.same(items[0].grid) for item in items)


# Functions of one item: with few bits, an engine looks them up in a table.
_POINTWISE = (
    "rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh sign floor ceil round "
    "sqrt rsqr rsqrt log2 sigmoid leaky_relu elu selu gelu silu softplus add sub mul div pow max "
    "min clamp relu"
)
POINTWISE = frozenset(_POINTWISE.split())


def tabulated(node: Node, held: Mapping[str, Any]) -> bool:
    """Tell whether a result is a function of one index of at most 16 bits."""
    if node.name not in POINTWISE:
        return False
    tensors = [item for item in held.values() if not _number(item)]
    if len(tensors) != 1:
        return False
    (one,) = tensors
    if isinstance(one, (Real, Pending)):
        return one.of_one
    return isinstance(one, Integers) and one.grid.whole and one.grid.high < 1 << 16


def _number(item: Any) -> bool:
    return not isinstance(item, (Integers, Pending)) and literal(item) is not None


def operand(item: Any, env: Mapping[Value, Held]) -> Any:
    """Return what is held for an input: lists for arrays, literals as they are."""
    if isinstance(item, Value):
        return env[item]
    if isinstance(item, tuple):
        return [operand(part, env) for part in item]
    return item


def rules() -> Mapping[str, Rule]:
    """Return all rules; the families are loaded when this is first called."""
    from nnefx.execute.integer import elementwise, moving, products  # noqa: F401

    return RULES
