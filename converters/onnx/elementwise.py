"""Element-wise operators: arithmetic, comparison, logic, casts."""

from functools import reduce
from typing import Any

import numpy as np
from onnx import TensorProto

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.proto import dtype_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.scope import Tensor, kind_of
from nnefx.ops import Reject

rules.same(
    Ceil="ceil", Floor="floor", Exp="exp", Log="log", Sqrt="sqrt", Reciprocal="rcp",
    Sin="sin", Cos="cos", Tan="tan", Asin="asin", Acos="acos", Atan="atan",
    Sinh="sinh", Cosh="cosh", Asinh="asinh", Acosh="acosh", Atanh="atanh", Not="not",
    Round="nnefx_round_even", Erf="nnefx_erf",
)  # fmt: skip

_BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
_COMPARE = {
    "Less": "lt", "LessOrEqual": "le", "Greater": "gt", "GreaterOrEqual": "ge", "Equal": "eq",
}  # fmt: skip
_LOGIC = {"And": "and", "Or": "or", "Xor": "nnefx_xor"}


def arithmetic(g: Importer, op: str, x: Tensor, y: Tensor) -> Tensor:
    """Emit `op` for the data-type of its operands; narrow integers wrap around."""
    if x.kind == "integer":
        return wrapped(g, binary(g, f"nnefx_integer_{op}", x, y), x.dtype)
    if x.kind == "logical":
        raise Reject(None, f"'{op}' of logical operands is not defined", "NX704")
    result = binary(g, op, x, y)
    assert isinstance(result, Tensor)
    return result


def wrapped(g: Importer, tensor: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Return what is left of integers that overflow an item of type `dtype`.

    Signed items of 32 bits and more are taken as they are: that they overflow is undefined.
    """
    if dtype.itemsize >= (4 if dtype.kind == "i" else 8):
        return g.typed(tensor, dtype)
    bits = dtype.itemsize * 8
    result = g.add("nnefx_integer_wrap", tensor, bits=bits, signed=dtype.kind == "i")
    return g.typed(result, dtype)


def compared(g: Importer, op: str, x: Tensor, y: Tensor) -> Tensor:
    """Emit a comparison for the data-type of its operands."""
    prefix = {"integer": "nnefx_integer_", "scalar": "", "logical": "nnefx_logical_"}[x.kind]
    if x.dtype == np.uint64 and op != "eq":
        top = g.known(np.int64(-(2**63)))
        x, y = (binary(g, "nnefx_integer_add", g.typed(t, np.int64), top) for t in (x, y))
    result = binary(g, prefix + op, x, y)
    assert isinstance(result, Tensor)
    return result


def _register(name: str, op: str, emit: Any, since: int) -> None:
    @rules.on(name, since=since)
    def rule(g: Importer, x: Tensor, y: Tensor) -> Tensor:
        return _one(emit(g, op, x, y))

    @rules.on(name)
    def old(
        g: Importer, x: Tensor, y: Tensor, *, broadcast: int = 0, axis: Any = None,
        consumed_inputs: Any = None,
    ) -> Tensor:  # fmt: skip
        return _one(emit(g, op, x, led(g, x, y, broadcast, axis)))


def _one(result: Any) -> Tensor:
    assert isinstance(result, Tensor)
    return result


def led(g: Importer, x: Tensor, y: Tensor, broadcast: int, axis: int | None) -> Tensor:
    """Return `y` with trailing dimensions of 1, as broadcasting along `axis` of old versions."""
    if not broadcast and x.shape != y.shape:
        raise Reject(None, f"shapes {list(x.shape)} and {list(y.shape)} differ without broadcast")
    if not broadcast or axis is None:
        return y
    trailing = x.rank - axis % x.rank - y.rank
    return g.viewed(y, y.shape + (1,) * trailing)


for _name, _op in _BINARY.items():
    _register(_name, _op, arithmetic, since=7)
for _name, _op in _COMPARE.items():
    _register(_name, _op, compared, since=7)
for _name, _op in _LOGIC.items():
    _register(_name, _op, binary, since=7)


@rules.on("BitwiseAnd")
def bitwise_and(g: Importer, x: Tensor, y: Tensor) -> Any:
    return binary(g, "nnefx_integer_and", x, y)


@rules.on("BitwiseOr")
def bitwise_or(g: Importer, x: Tensor, y: Tensor) -> Any:
    return binary(g, "nnefx_integer_or", x, y)


@rules.on("BitwiseXor")
def bitwise_xor(g: Importer, x: Tensor, y: Tensor) -> Any:
    return binary(g, "nnefx_integer_xor", x, y)


@rules.on("BitShift")
def bit_shift(g: Importer, x: Tensor, y: Tensor, *, direction: str) -> Any:
    x_aligned, y = aligned(g, x, y)
    return g.add(
        f"nnefx_integer_shift_{direction.lower()}", x_aligned, y,
        bits=x.dtype.itemsize * 8, signed=x.dtype.kind == "i",
    )  # fmt: skip


@rules.on("Pow")
def power(g: Importer, x: Tensor, y: Tensor, *, broadcast: int = 0, axis: Any = None) -> Tensor:
    if broadcast:
        y = led(g, x, y, broadcast, axis)
    if x.kind == "integer":
        if y.kind == "integer":
            return wrapped(g, binary(g, "nnefx_integer_pow", x, y), x.dtype)
        raised = binary(g, "pow", g.cast(x, dtype="scalar"), y)
        return wrapped(g, g.cast(raised, dtype="integer"), x.dtype)
    if y.array is not None and y.volume == 1 and y.rank <= x.rank:
        exponent = float(y.array.reshape(-1)[0])
        simple = {2.0: "sqr", 0.5: "sqrt", 1.0: "copy", -1.0: "rcp"}.get(exponent)
        if simple and not x.known:
            result = g.add(simple, x)
            assert isinstance(result, Tensor)
            return result
    if y.kind == "integer":
        y = g.typed(y, x.dtype) if y.known else g.cast(y, dtype="scalar")
    result = binary(g, "pow", x, y)
    assert isinstance(result, Tensor)
    return g.typed(result, x.dtype)


@rules.on("Mod")
def modulo(g: Importer, x: Tensor, y: Tensor, *, fmod: int = 0) -> Any:
    if x.kind == "integer":
        return binary(g, "nnefx_integer_fmod" if fmod else "nnefx_integer_mod", x, y)
    return binary(g, "nnefx_fmod" if fmod else "nnefx_mod", x, y)


@rules.on("Neg")
def negative(g: Importer, x: Tensor) -> Any:
    return _signed(g, "neg", x)


@rules.on("Abs")
def absolute(g: Importer, x: Tensor) -> Any:
    return x if x.dtype.kind == "u" else _signed(g, "abs", x)


@rules.on("Sign")
def sign(g: Importer, x: Tensor) -> Any:
    return _signed(g, "sign", x)


def _signed(g: Importer, op: str, x: Tensor) -> Any:
    if x.kind == "integer":
        return wrapped(g, g.add(f"nnefx_integer_{op}", x), x.dtype)
    return g.add(op, x)


@rules.on("BitwiseNot", since=18)
def bitwise_not(g: Importer, x: Tensor) -> Any:
    return wrapped(g, g.add("nnefx_integer_not", x), x.dtype)


@rules.on("IsNaN")
def is_nan(g: Importer, x: Tensor) -> Any:
    return g.ne(x, x)


@rules.on("IsInf")
def is_infinite(
    g: Importer, x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1
) -> Any:
    largest = float(np.finfo(np.float64 if x.dtype == np.float64 else np.float32).max)
    if detect_negative and detect_positive:
        return g.gt(g.abs(x), largest)
    if detect_positive:
        return g.gt(x, largest)
    if detect_negative:
        return g.lt(x, -largest)
    return g.lt(g.abs(x), -1.0)


@rules.on("Where")
def where(g: Importer, condition: Tensor, x: Tensor, y: Tensor) -> Any:
    return g.select(*aligned(g, condition, x, y))


@rules.on("Sum")
def total(g: Importer, *tensors: Tensor, consumed_inputs: Any = None) -> Tensor:
    return reduce(lambda x, y: arithmetic(g, "add", x, y), tensors)


@rules.on("Mean")
def mean(g: Importer, *tensors: Tensor, consumed_inputs: Any = None) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    return g.div(reduce(lambda x, y: arithmetic(g, "add", x, y), tensors), float(len(tensors)))


@rules.on("Max")
def maximum(g: Importer, *tensors: Tensor, consumed_inputs: Any = None) -> Tensor:
    return reduce(lambda x, y: _chosen(g, "max", x, y), tensors)


@rules.on("Min")
def minimum(g: Importer, *tensors: Tensor, consumed_inputs: Any = None) -> Tensor:
    return reduce(lambda x, y: _chosen(g, "min", x, y), tensors)


def _chosen(g: Importer, op: str, x: Tensor, y: Tensor) -> Tensor:
    if x.dtype == np.uint64:  # moved into the order of signed integers, and back
        low = int(np.iinfo(np.int64).min)
        moved = [g.nnefx_integer_add(g.typed(t, np.int64), low) for t in (x, y)]
        result = g.nnefx_integer_add(binary(g, f"nnefx_integer_{op}", *moved), low)
        return g.typed(result, x.dtype)
    result = binary(g, f"nnefx_integer_{op}" if x.kind == "integer" else op, x, y)
    assert isinstance(result, Tensor)
    return g.typed(result, x.dtype)


@rules.on("Cast", since=6)
def cast(g: Importer, x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return converted(g, x, dtype_of(to))


@rules.on("Cast")
def cast_by_name(g: Importer, x: Tensor, *, to: str) -> Tensor:
    return converted(g, x, dtype_of(TensorProto.DataType.Value(to)))


@rules.on("CastLike")
def cast_like(
    g: Importer, x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up"
) -> Tensor:
    return converted(g, x, like.dtype)


def converted(g: Importer, x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Return `x` with its items converted to `dtype` as ONNX does."""
    if x.dtype == dtype:
        return x
    if x.array is not None:
        with np.errstate(all="ignore"):
            return g.known(x.array.astype(dtype), x.name)
    kind = kind_of(dtype)
    if kind == "logical":
        op = "nnefx_integer_ne" if x.kind == "integer" else "ne"
        result = g.add(op, x, 0 if x.kind == "integer" else 0.0)
    elif kind == "scalar" and x.kind == "scalar":
        result = _narrowed(g, x, dtype)
    elif kind == "integer" and x.kind == "integer":
        result = _refitted(g, x, dtype)
    else:
        result = g.cast(x, dtype=kind)
    assert isinstance(result, Tensor)
    return g.typed(result, dtype)


def _narrowed(g: Importer, x: Tensor, dtype: np.dtype[Any]) -> Any:
    if dtype.itemsize > 2:
        return g.copied(x)
    return g.add("nnefx_round_to", x, format=dtype.name)


def _refitted(g: Importer, x: Tensor, dtype: np.dtype[Any]) -> Any:
    old, new = np.iinfo(x.dtype), np.iinfo(dtype)
    if (old.min >= new.min and old.max <= new.max) or dtype.itemsize == 8:
        return g.copied(x)
    bits = dtype.itemsize * 8
    return g.add("nnefx_integer_wrap", x, bits=bits, signed=dtype.kind == "i")
