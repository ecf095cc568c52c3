"""Custom operations `nnefx_integer_*`: what the standard computes for scalars only, on integers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays, check_axes
from nnefx.ops.elementwise import shape_of_same, shape_of_two, unary
from nnefx.ops.kernels import extend
from nnefx.ops.layout import pad_shape
from nnefx.ops.linear import matmul_shape
from nnefx.ops.registry import Kernel, Reject, Shape, define
from nnefx.ops.window import conv, conv_shape


def _binary(function: Callable[[Tensor, Tensor], Any]) -> Kernel:
    def run(x: Tensor, y: Tensor) -> Tensor:
        with np.errstate(all="ignore"):
            return np.asarray(function(*broadcast_arrays(x, y)))

    return run


def _div(x: Tensor, y: Tensor) -> Tensor:
    quotient = np.floor_divide(x, y)
    inexact = np.not_equal(np.multiply(quotient, y), x) & (y != 0)
    return np.asarray(quotient + (inexact & ((x < 0) != (y < 0))))


def _pow(x: Tensor, y: Tensor) -> Tensor:
    positive = np.power(x, np.maximum(y, 0))
    inverse = np.where(np.abs(x) == 1, np.where(y % 2 == 0, x * x, x), 0)
    return np.where(y < 0, inverse, positive)


_BINARY: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _div,
    "mod": np.mod,
    "fmod": np.fmod,
    "pow": _pow,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
for _name, _function in _BINARY.items():
    define(f"nnefx_integer_{_name}", shape=shape_of_two, run=_binary(_function))

for _name, _unary in {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "not": np.invert,
}.items():
    define(f"nnefx_integer_{_name}", shape=shape_of_same, run=unary(_unary))


def _wrap_shape(x: Shape, *, bits: int, signed: bool) -> Shape:  # noqa: ARG001
    if not 1 <= bits <= 63:
        raise Reject("bits", f"bits is {bits}, expected 1 to 63")
    return x


def _wrap(x: Tensor, *, bits: int, signed: bool) -> Tensor:
    low = np.bitwise_and(x, (1 << bits) - 1)
    return np.asarray(low - ((low >> (bits - 1)) << bits) if signed else low)


define("nnefx_integer_wrap", shape=_wrap_shape, run=_wrap)


def _shift_shape(x: Shape, y: Shape, *, bits: int, signed: bool) -> Shape:  # noqa: ARG001
    if not 1 <= bits <= 64:
        raise Reject("bits", f"bits is {bits}, expected 1 to 64")
    return shape_of_two(x, y)


def _shift_left(x: Tensor, y: Tensor, *, bits: int, signed: bool) -> Tensor:
    x, y = broadcast_arrays(x, y)
    shifted = np.left_shift(x, np.clip(y, 0, 63))
    if bits < 64:
        shifted = _wrap(shifted, bits=bits, signed=signed)
    return np.where((y < 0) | (y >= bits), 0, shifted)


def _shift_right(x: Tensor, y: Tensor, *, bits: int, signed: bool) -> Tensor:
    x, y = broadcast_arrays(x, y)
    reach = np.where((y < 0) | (y >= bits), 63, y)
    if signed:
        return np.right_shift(x, reach)
    shifted = np.right_shift(x.astype(np.uint64), reach.astype(np.uint64)).astype(np.int64)
    return np.where((y < 0) | (y >= bits), 0, shifted)


define("nnefx_integer_shift_left", shape=_shift_shape, run=_shift_left)
define("nnefx_integer_shift_right", shape=_shift_shape, run=_shift_right)


def _reduce_shape(input: Shape, *, axes: Sequence[int]) -> Shape:
    check_axes(axes, len(input))
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(input))


def _reduce(function: Callable[..., Any]) -> Kernel:
    def run(input: Tensor, *, axes: Sequence[int]) -> Tensor:
        return np.asarray(function(input, axis=tuple(axes), keepdims=True))

    return run


def _position(function: Callable[..., Any]) -> Kernel:
    def run(input: Tensor, *, axes: Sequence[int]) -> Tensor:
        if len(axes) != 1:
            raise Reject("axes", f"one axis is expected, not {len(axes)}")
        return np.asarray(function(input, axis=axes[0], keepdims=True))

    return run


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
}
for _name, _reduction in _REDUCTIONS.items():
    define(f"nnefx_integer_{_name}_reduce", shape=_reduce_shape, run=_reduce(_reduction))
define("nnefx_integer_argmax_reduce", shape=_reduce_shape, run=_position(np.argmax))
define("nnefx_integer_argmin_reduce", shape=_reduce_shape, run=_position(np.argmin))


def _matmul_shape(A: Shape, B: Shape) -> Shape:
    return matmul_shape(A, B, transposeA=False, transposeB=False)


def _matmul(A: Tensor, B: Tensor) -> Tensor:
    return np.asarray(np.matmul(A, B))


define("nnefx_integer_matmul", shape=_matmul_shape, run=_matmul)


def _conv_shape(input: Shape, filter: Shape, **attributes: Any) -> Shape:
    return conv_shape(input, filter, (), border="constant", **attributes)


def _conv(input: Tensor, filter: Tensor, **attributes: Any) -> Tensor:
    bias = np.zeros((), np.float64)
    wide = conv(
        input.astype(np.float64), filter.astype(np.float64), bias, border="constant", **attributes
    )
    return np.asarray(np.rint(wide).astype(np.int64))


define("nnefx_integer_conv", shape=_conv_shape, run=_conv)


def _pad(input: Tensor, *, padding: Sequence[tuple[int, int]], border: str, value: int) -> Tensor:
    return extend(input, padding, border, value)


def _pad_shape(input: Shape, *, padding: Any, border: str, value: int) -> Shape:
    return pad_shape(input, padding=padding, border=border, value=float(value))


define("nnefx_integer_pad", shape=_pad_shape, run=_pad)
