"""Comparison, logic, bits and choice."""

from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import common, converted, emitted, operand, scalar
from nnefx.converters.pytorch.elementwise import wrapped
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def _compared(name: str) -> None:
    @rules.on(f"{name}.Tensor", f"{name}.Scalar")
    def rule(g: Importer, self: Any, other: Any) -> Any:
        return compared(g, name, self, other)


def compared(g: Importer, op: str, x: Any, y: Any) -> Any:
    """Emit a comparison in the type in which the operands meet."""
    dtype = common(x, y)
    if dtype.kind == "b":
        if op in ("eq", "ne"):
            name = "nnefx_logical_eq" if op == "eq" else "nnefx_xor"
            return emitted(g, name, operand(g, x, dtype), operand(g, y, dtype))
        dtype = np.dtype(np.int64)
    left, right = operand(g, x, dtype), operand(g, y, dtype)
    return emitted(g, op if dtype.kind == "f" else f"nnefx_integer_{op}", left, right)


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _compared(_name)


def truth(g: Importer, x: Any) -> Tensor:
    """Return what is not zero."""
    return operand(g, x, np.bool_) if not isinstance(x, Tensor) else converted(g, x, np.bool_)


@rules.on("logical_not")
def logical_not(g: Importer, self: Tensor) -> Any:
    return g.add("not", truth(g, self))


@rules.on("logical_and")
def logical_and(g: Importer, self: Any, other: Any) -> Any:
    return emitted(g, "and", truth(g, self), truth(g, other))


@rules.on("logical_or")
def logical_or(g: Importer, self: Any, other: Any) -> Any:
    return emitted(g, "or", truth(g, self), truth(g, other))


@rules.on("logical_xor")
def logical_xor(g: Importer, self: Any, other: Any) -> Any:
    return emitted(g, "nnefx_xor", truth(g, self), truth(g, other))


def _bits(names: tuple[str, ...], logical: str, integer: str) -> None:
    @rules.on(*names)
    def rule(g: Importer, self: Any, other: Any) -> Any:
        left, right = operand(g, self, g.dtype), operand(g, other, g.dtype)
        op = logical if g.dtype.kind == "b" else f"nnefx_integer_{integer}"
        return emitted(g, op, left, right)


_bits(("bitwise_and", "__and__"), "and", "and")
_bits(("bitwise_or", "__or__"), "or", "or")
_bits(("bitwise_xor", "__xor__"), "nnefx_xor", "xor")


@rules.on("bitwise_not")
def bitwise_not(g: Importer, self: Tensor) -> Any:
    if self.kind == "logical":
        return g.add("not", self)
    return wrapped(g, g.nnefx_integer_not(self), self.dtype)


def _shifted(direction: str, *names: str) -> None:
    @rules.on(*names)
    def rule(g: Importer, self: Any, other: Any) -> Any:
        left, right = operand(g, self, g.dtype), operand(g, other, g.dtype)
        bits, signed = g.dtype.itemsize * 8, g.dtype.kind == "i"
        op = f"nnefx_integer_shift_{direction}"
        return emitted(g, op, left, right, bits=bits, signed=signed)


_shifted("left", "bitwise_left_shift", "__lshift__")
_shifted("right", "bitwise_right_shift", "__rshift__")


@rules.on("signbit")
def signbit(g: Importer, self: Tensor) -> Any:
    return compared(g, "lt", self, 0)


@rules.on("copysign")
def copysign(g: Importer, self: Any, other: Any) -> Any:
    size, sign = (operand(g, item, g.dtype) for item in (self, other))
    return emitted(g, "select", g.lt(sign, 0.0), g.neg(g.abs(size)), g.abs(size))


@rules.on("one_hot")
def one_hot(g: Importer, self: Tensor, *, num_classes: int = -1) -> Any:
    count = g.shape[-1]
    places = g.known(np.arange(count).reshape((1,) * self.rank + (count,)))
    led = g.viewed(self, (*self.shape, 1))
    return converted(g, emitted(g, "nnefx_integer_eq", led, places), np.int64)


@rules.on("isin.Tensor_Tensor", "isin.Tensor_Scalar", "isin.Scalar_Tensor")
def is_in(
    g: Importer, *, elements: Any = None, test_elements: Any = None, element: Any = None,
    test_element: Any = None, assume_unique: bool = False, invert: bool = False,
) -> Any:  # fmt: skip
    given = element if elements is None else elements
    wanted = test_element if test_elements is None else test_elements
    x = g.viewed(given, (*given.shape, 1)) if isinstance(given, Tensor) else given
    y = g.viewed(wanted, (wanted.volume,)) if isinstance(wanted, Tensor) else wanted
    same = compared(g, "eq", x, y)
    found = same
    if isinstance(wanted, Tensor) and same.rank:
        found = g.any_reduce(same, axes=[same.rank - 1])
    found = g.viewed(found, g.shape)
    return g.add("not", found) if invert else found


@rules.on("searchsorted.Tensor", "searchsorted.Scalar")
def searchsorted(
    g: Importer, sorted_sequence: Tensor, self: Any, *, out_int32: bool = False,
    right: bool = False, side: str | None = None, sorter: Any = None,
) -> Any:  # fmt: skip
    after = right if side is None else side == "right"
    return _position(g, sorted_sequence, self, after)


@rules.on("bucketize.Tensor", "bucketize.Scalar")
def bucketize(
    g: Importer, self: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Any:
    return _position(g, boundaries, self, right)


def _position(g: Importer, bounds: Tensor, x: Any, after: bool) -> Any:
    """Return how many bounds are less than each item, or not greater."""
    item = g.viewed(x, (*x.shape, 1)) if isinstance(x, Tensor) else x
    if bounds.rank > 1:  # a row of bounds for each row of items
        bounds = g.viewed(bounds, (*bounds.shape[:-1], 1, bounds.shape[-1]))
    less = compared(g, "le" if after else "lt", bounds, item)
    count = g.sum_reduce(g.cast(less, dtype="scalar"), axes=[less.rank - 1])
    return g.viewed(converted(g, count, g.dtype), g.shape)


@rules.on("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar")
def where(g: Importer, condition: Tensor, self: Any, other: Any) -> Any:
    return chosen(g, condition, self, other)


def chosen(g: Importer, condition: Tensor, x: Any, y: Any) -> Any:
    """Return items of `x` where the condition holds, else of `y`, in the type of the result."""
    left, right = operand(g, x, g.dtype), operand(g, y, g.dtype)
    return emitted(g, "select", truth(g, condition), left, right)


@rules.on("masked_fill")
def masked_fill(g: Importer, self: Tensor, mask: Tensor, value: Any) -> Any:
    return chosen(g, mask, value, self)


@rules.on("heaviside")
def heaviside(g: Importer, self: Tensor, values: Tensor) -> Any:
    if self.kind != "scalar":
        raise Reject(None, "it is supported for scalars only", "NX704")
    step = converted(g, compared(g, "gt", self, 0.0), self.dtype)
    return chosen(g, compared(g, "eq", self, 0.0), values, step)


@rules.on("isclose")
def is_close(
    g: Importer,
    self: Tensor,
    other: Tensor,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Any:
    x, y = scalar(g, self), scalar(g, other)
    gap = g.abs(emitted(g, "sub", x, y))
    near = g.add("add", g.mul(g.abs(y), float(rtol)), float(atol))
    close = emitted(g, "or", emitted(g, "eq", x, y), emitted(g, "le", gap, near))
    if not equal_nan:
        return close
    return emitted(g, "or", close, emitted(g, "and", g.ne(x, x), g.ne(y, y)))
