"""Which arguments fit which parameters (NNEF 1.0.5, section 3.3.1): implicit casts and generics.

A compiled checker takes an argument and the generic data-type bound so far (a list of one item,
None while unbound) and returns what the node stores, or raises `Mismatch`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from nnefx import types
from nnefx.ir.graph import Value
from nnefx.types import Array, Primitive, Tensor, Tuple, Type

Generic = list[str | None]
Checker = Callable[[Any, Generic], Any]

_NAMES: dict[type, str] = {
    bool: types.LOGICAL,
    int: types.INTEGER,
    float: types.SCALAR,
    str: types.STRING,
}


class Mismatch(Exception):
    """Raised by a checker: the argument does not fit; the text says what was wanted."""


def type_of(value: Any) -> str:
    """Return the NNEF type of a compile-time value or tensor, as a reader would write it."""
    if isinstance(value, Value):
        return f"tensor<{value.dtype}>"
    if isinstance(value, list):
        kinds = list(dict.fromkeys(map(type_of, value)))
        return f"{kinds[0]}[]" if len(kinds) == 1 else f"[{', '.join(kinds)}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(type_of, value))})"
    return _NAMES[type(value)]


@cache
def checker(type_: Type) -> Checker:
    """Return the checker of `type_`."""
    match type_:
        case Primitive(types.GENERIC):
            return _generic_primitive
        case Primitive(name):
            return _primitive(name)
        case Tensor(None):
            return _any_tensor
        case Tensor(types.GENERIC):
            return _generic_tensor
        case Tensor(item):
            return _tensor(str(item))
        case Array(item):
            return _array(type_, item)
        case Tuple(items):
            return _tuple(type_, items)


def _primitive(name: str) -> Checker:
    wanted = next(python for python, nnef in _NAMES.items() if nnef == name)

    def check(value: Any, _: Generic) -> Any:
        if type(value) is not wanted:
            raise Mismatch(f"{name} is expected, not {_describe(value)}{_hint(value, name)}")
        return value

    return check


def _tensor(item: str) -> Checker:
    wanted = next(python for python, nnef in _NAMES.items() if nnef == item)

    def check(value: Any, _: Generic) -> Any:
        if type(value) is Value:
            if value.dtype == item or value.dtype == types.GENERIC:
                return value
        elif type(value) is wanted:
            return value
        raise Mismatch(f"tensor<{item}> is expected, not {_describe(value)}{_hint(value, item)}")

    return check


def _any_tensor(value: Any, _: Generic) -> Any:
    if type(value) is Value or type(value) in _NAMES:
        return value
    raise Mismatch(f"a tensor is expected, not {_describe(value)}")


def _generic_tensor(value: Any, generic: Generic) -> Any:
    if type(value) is Value:
        if value.dtype != types.GENERIC:
            _unify(value.dtype, value, generic)
        return value
    return _generic_primitive(value, generic)


def _generic_primitive(value: Any, generic: Generic) -> Any:
    name = _NAMES.get(type(value))
    if name is None:
        raise Mismatch(f"a primitive value is expected, not {_describe(value)}")
    _unify(name, value, generic)
    return value


def _unify(name: str, value: Any, generic: Generic) -> None:
    if generic[0] is None:
        generic[0] = name
    elif generic[0] != name:
        raise Mismatch(
            f"{_describe(value)} does not agree with the data-type {generic[0]}"
            f"{_hint(value, generic[0])}"
        )


def _array(type_: Array, item: Type | None) -> Checker:
    check_item = checker(item) if item else None
    holds_tensors = "tensor" in str(type_)
    exact = {
        types.INTEGER: int,
        types.SCALAR: float,
        types.LOGICAL: bool,
        types.STRING: str,
    }.get(str(item))

    def check(value: Any, generic: Generic) -> Any:
        if type(value) is not list and type(value) is not tuple:
            raise Mismatch(f"an array {type_} is expected, not {_describe(value)}")
        if type(value) is tuple and not holds_tensors:
            raise Mismatch(f"an array {type_} is expected, not the tuple {type_of(value)}")
        if exact is not None and set(map(type, value)) <= {exact}:
            return value
        if check_item is None:
            return value
        if item == Primitive(types.GENERIC) and len(kinds := set(map(type, value))) == 1:
            check_item(value[0], generic)  # one item stands for all: a long constant stays quick
            if kinds <= _NAMES.keys():
                return value
        items = [check_item(entry, generic) for entry in value]
        return tuple(items) if holds_tensors else items

    return check


def _tuple(type_: Tuple, items: tuple[Type, ...]) -> Checker:
    checks = tuple(map(checker, items))

    def check(value: Any, generic: Generic) -> Any:
        if type(value) is not tuple or len(value) != len(checks):
            raise Mismatch(f"a tuple {type_} is expected, not {_describe(value)}")
        return tuple(check_item(item, generic) for check_item, item in zip(checks, value))

    return check


def _describe(value: Any) -> str:
    if isinstance(value, Value):
        return f"'{value.name}' of type {type_of(value)}"
    text = type_of(value)
    if type(value) in (int, float, str):
        return f"the {text} {value!r}"
    return "the empty array" if value == [] else text


def _hint(value: Any, wanted: str) -> str:
    if type(value) is int and wanted == types.SCALAR:
        return f" (write {value}.0)"
    return ""
