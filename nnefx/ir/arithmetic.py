"""Compile-time arithmetic: operators, subscripts and built-in functions (NNEF 1.0.5, 3.3.3)."""

import re
from typing import Any

from nnefx.ir.binding import type_of
from nnefx.ir.graph import UNKNOWN, Value

_INTEGER = re.compile(r"-?[0-9]+\Z")
_SCALAR = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_NUMBERS = (int, float)
_ORDERED = {"<", "<=", ">", ">="}
_MAX_BITS = 4096  # of an integer; beyond it only a hostile file goes


class ArithmeticFault(Exception):
    """Raised where an expression has no value; the evaluator adds the place."""

    def __init__(self, message: str, code: str = "NX206") -> None:
        super().__init__(message)
        self.code = code


class Poisoned(Exception):
    """Raised where a value depends on a tensor whose shape an earlier fault left unknown."""


def unary(op: str, value: Any) -> Any:
    """Return `op value`."""
    kind = type(value)
    if op == "!" and kind is bool:
        return not value
    if op != "!" and kind in _NUMBERS:
        return -value if op == "-" else value
    raise ArithmeticFault(f"'{op}' does not apply to {type_of(value)}")


def binary(op: str, left: Any, right: Any, max_items: int) -> Any:
    """Return `left op right`; arrays and strings know `+` and `*`, anything `==`, `!=`, `in`."""
    if op == "in":
        if type(right) is not list:
            raise ArithmeticFault(f"'in' looks into an array, not {type_of(right)}")
        return any(_equal(left, item) for item in right)
    if op in ("&&", "||"):
        if type(left) is not bool or type(right) is not bool:
            raise _mixed(op, left, right)
        return (left and right) if op == "&&" else (left or right)
    if op in ("==", "!="):
        if type(left) is not type(right):
            raise _mixed(op, left, right)
        return _equal(left, right) == (op == "==")
    if type(left) in (list, str):
        return _sequence(op, left, right, max_items)
    if type(left) is not type(right) or type(left) not in _NUMBERS:
        raise _mixed(op, left, right)
    if op in _ORDERED:
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]
    return _number(op, left, right)


def _mixed(op: str, left: Any, right: Any) -> ArithmeticFault:
    return ArithmeticFault(f"'{op}' does not apply to {type_of(left)} and {type_of(right)}")


def _equal(left: Any, right: Any) -> bool:
    if type(left) in (list, tuple):
        return (
            type(left) is type(right) and len(left) == len(right) and all(map(_equal, left, right))
        )
    return type(left) is type(right) and bool(left == right)


def _sequence(op: str, left: Any, right: Any, max_items: int) -> Any:
    if op == "+" and type(left) is type(right):
        return left + right
    if op == "*" and type(right) is int:
        if right < 0:
            raise ArithmeticFault(f"an array is repeated {right} times", "NX209")
        if len(left) * right > max_items:
            raise ArithmeticFault(
                f"an array of {len(left) * right} items is beyond the limit of {max_items}", "NX211"
            )
        return left * right
    raise _mixed(op, left, right)


def _number(op: str, left: Any, right: Any) -> Any:
    try:
        match op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return _bounded(left * right)
            case "/" if type(left) is int:
                quotient = abs(left) // abs(right)  # towards zero, as the fragments' languages do
                return quotient if (left < 0) == (right < 0) else -quotient
            case "/":
                return left / right
            case _:
                return _power(left, right)
    except ZeroDivisionError:
        raise ArithmeticFault("division by zero", "NX209") from None
    except OverflowError:
        raise ArithmeticFault(f"the result of '{op}' is too large", "NX209") from None


def _power(left: Any, right: Any) -> Any:
    if type(left) is int:
        if right < 0:
            raise ArithmeticFault(f"an integer to the power {right} is no integer", "NX209")
        if left.bit_length() * right > _MAX_BITS:
            raise ArithmeticFault("the result of '^' is too large", "NX209")
        return left**right
    result = left**right
    if type(result) is complex:
        raise ArithmeticFault(f"{left} to the power {right} is not real", "NX209")
    return result


def _bounded(value: Any) -> Any:
    if type(value) is int and value.bit_length() > _MAX_BITS:
        raise OverflowError
    return value


def index(base: Any, position: Any) -> Any:
    """Return `base[position]`."""
    _subscriptable(base)
    if type(position) is not int:
        raise ArithmeticFault(f"a subscript must be integer, not {type_of(position)}")
    if not 0 <= position < len(base):
        raise ArithmeticFault(f"subscript {position} is outside 0..{len(base) - 1}", "NX209")
    return base[position]


def slice_(base: Any, start: Any, stop: Any) -> Any:
    """Return `base[start:stop]`; an open end is None."""
    if type(base) is tuple:
        raise ArithmeticFault("a tuple has no ranges")
    _subscriptable(base)
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise ArithmeticFault(f"a subscript must be integer, not {type_of(bound)}")
    first, last = start or 0, len(base) if stop is None else stop
    if first < 0 or last < 0 or (first < last and last > len(base)):
        message = f"range {first}:{last} is outside an array of {len(base)} items"
        raise ArithmeticFault(message, "NX209")
    return base[first:last]


def _subscriptable(base: Any) -> None:
    if type(base) not in (list, tuple, str):
        raise ArithmeticFault(f"{type_of(base)} has no items to subscript")


def builtin(function: str, value: Any) -> Any:
    """Return the value of a built-in function or a cast."""
    match function:
        case "shape_of":
            if type(value) is not Value:
                return []
            if value.shape is UNKNOWN:
                raise Poisoned
            return list(value.shape)
        case "length_of" | "range_of":
            if type(value) not in (list, str):
                raise ArithmeticFault(
                    f"{function} takes an array or a string, not {type_of(value)}"
                )
            return len(value) if function == "length_of" else list(range(len(value)))
        case _:
            return _cast(function, value)


def _cast(wanted: str, value: Any) -> Any:
    kind = type(value)
    if kind not in (int, float, bool, str):
        raise ArithmeticFault(f"{wanted}() takes a primitive value, not {type_of(value)}")
    match wanted:
        case "logical":
            return bool(value)
        case "string":
            return _literal(value)
        case "integer":
            return _to_integer(value)
        case _:
            return _to_scalar(value)


def _literal(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    return value if type(value) is str else repr(value)


def _to_integer(value: Any) -> int:
    if type(value) is str:
        if not _INTEGER.match(value):
            raise ArithmeticFault(f"'{value}' is no integer literal")
        return int(value)
    try:
        return int(value // 1) if type(value) is float else int(value)
    except (OverflowError, ValueError):
        raise ArithmeticFault(f"{value} has no integer value", "NX209") from None


def _to_scalar(value: Any) -> float:
    if type(value) is str and not _SCALAR.match(value):
        raise ArithmeticFault(f"'{value}' is no scalar literal")
    return float(value)
