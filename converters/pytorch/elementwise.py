"""Arithmetic of items."""

from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import (
    Item,
    converted,
    emitted,
    operand,
    scalar,
    typed,
)
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_LOGICAL = {"add": "or", "mul": "and", "max": "or", "min": "and"}


def arithmetic(g: Importer, op: str, x: Item, y: Item, dtype: Any = None) -> Tensor:
    """Emit `op`, a standard operation on scalars, in the type of the result."""
    target = np.dtype(dtype or g.dtype)
    left, right = operand(g, x, target), operand(g, y, target)
    if target.kind == "b":
        if op not in _LOGICAL:
            raise Reject(None, f"'{op}' of logical tensors is not supported", "NX704")
        return typed(g, emitted(g, _LOGICAL[op], left, right), target)
    if target.kind == "f":
        return typed(g, emitted(g, op, left, right), target)
    return wrapped(g, emitted(g, f"nnefx_integer_{op}", left, right), target)


def wrapped(g: Importer, x: Any, dtype: np.dtype[Any]) -> Tensor:
    """Return an integer result as an overflow of its type leaves it."""
    assert isinstance(x, Tensor)
    if dtype.itemsize < 4 and not x.known:
        x = g.nnefx_integer_wrap(x, bits=dtype.itemsize * 8, signed=dtype.kind == "i")
    return typed(g, x, dtype)


def _scaled(g: Importer, y: Any, alpha: Any) -> Any:
    if alpha == 1:
        return y
    if isinstance(y, Tensor):
        return arithmetic(g, "mul", y, alpha)
    return y * alpha


@rules.on("add.Tensor", "add.Scalar", "add")
def add(g: Importer, self: Any, other: Any, *, alpha: Any = 1) -> Any:
    if isinstance(self, Complex) or isinstance(other, Complex):
        return _by_part(g, "add", self, other)
    return arithmetic(g, "add", self, _scaled(g, other, alpha))


@rules.on("sub.Tensor", "sub.Scalar", "sub")
def sub(g: Importer, self: Any, other: Any, *, alpha: Any = 1) -> Any:
    if isinstance(self, Complex) or isinstance(other, Complex):
        return _by_part(g, "sub", self, other)
    return arithmetic(g, "sub", self, _scaled(g, other, alpha))


@rules.on("rsub.Tensor", "rsub.Scalar")
def rsub(g: Importer, self: Tensor, other: Any, *, alpha: Any = 1) -> Any:
    return arithmetic(g, "sub", other, _scaled(g, self, alpha))


@rules.on("mul.Tensor", "mul.Scalar", "mul")
def mul(g: Importer, self: Any, other: Any) -> Any:
    if isinstance(self, Complex) or isinstance(other, Complex):
        return _product(g, self, other)
    return arithmetic(g, "mul", self, other)


@rules.on("div.Tensor", "div.Scalar", "true_divide.Tensor", "divide.Tensor")
def div(g: Importer, self: Any, other: Any) -> Any:
    if isinstance(self, Complex) and not isinstance(other, Complex):
        return Complex(arithmetic(g, "div", self.re, other), arithmetic(g, "div", self.im, other))
    return arithmetic(g, "div", self, other)


@rules.on("div.Tensor_mode", "div.Scalar_mode")
def div_mode(g: Importer, self: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return arithmetic(g, "div", self, other)
    if g.dtype.kind == "f":
        quotient = arithmetic(g, "div", self, other)
        return g.floor(quotient) if rounding_mode == "floor" else truncated(g, quotient)
    if rounding_mode == "trunc":
        return arithmetic(g, "div", self, other)
    return _floored(g, self, other)


@rules.on("floor_divide")
def floor_divide(g: Importer, self: Any, other: Any) -> Any:
    if g.dtype.kind == "f":
        return g.floor(arithmetic(g, "div", self, other))
    return _floored(g, self, other)


def _floored(g: Importer, x: Any, y: Any) -> Tensor:
    rest = arithmetic(g, "mod", x, y)
    return arithmetic(g, "div", arithmetic(g, "sub", x, rest), y)


def truncated(g: Importer, x: Tensor) -> Any:
    """Return scalars without their fractions."""
    return g.mul(g.sign(x), g.floor(g.abs(x)))


@rules.on("remainder")
def remainder(g: Importer, self: Any, other: Any) -> Any:
    return _rest(g, "mod", self, other)


@rules.on("fmod")
def fmod(g: Importer, self: Any, other: Any) -> Any:
    return _rest(g, "fmod", self, other)


def _rest(g: Importer, op: str, x: Any, y: Any) -> Any:
    if g.dtype.kind != "f":
        return arithmetic(g, op, x, y)
    return emitted(g, f"nnefx_{op}", operand(g, x, g.dtype), operand(g, y, g.dtype))


@rules.on("pow.Tensor_Tensor", "pow.Tensor_Scalar", "pow.Scalar")
def power(g: Importer, self: Any, exponent: Any) -> Any:
    if g.dtype.kind != "f":
        if g.dtype.kind == "b":
            raise Reject(None, "a power of logical tensors is not supported", "NX704")
        return arithmetic(g, "pow", self, exponent)
    simple = None if isinstance(exponent, Tensor) else _POWERS.get(float(exponent))
    base = operand(g, self, g.dtype)
    if simple and not base.known:
        return g.add(simple, base)
    if exponent == 3 and not base.known:
        return g.mul(g.sqr(base), base)
    return arithmetic(g, "pow", self, exponent)


_POWERS = {2.0: "sqr", 0.5: "sqrt", 1.0: "copy", -1.0: "rcp", -0.5: "rsqrt", -2.0: "rsqr"}


@rules.on("maximum", "fmax", "max.other")
def maximum(g: Importer, self: Any, other: Any) -> Any:
    return arithmetic(g, "max", self, other)


@rules.on("minimum", "fmin", "min.other")
def minimum(g: Importer, self: Any, other: Any) -> Any:
    return arithmetic(g, "min", self, other)


@rules.on("clamp", "clip")
def clamp(g: Importer, self: Tensor, *, min: Any = None, max: Any = None) -> Any:
    result = operand(g, self, g.dtype)
    if min is not None and max is not None and g.dtype.kind == "f":
        low, high = operand(g, min, g.dtype), operand(g, max, g.dtype)
        # torch lets the upper bound win where the two cross, the standard's clamp the lower one
        if _ordered(low, high):
            return emitted(g, "clamp", result, low, high)
    if min is not None:
        result = arithmetic(g, "max", result, min)
    if max is not None:
        result = arithmetic(g, "min", result, max)
    return result


def _ordered(low: Tensor, high: Tensor) -> bool:
    """Tell whether two bounds are known and nowhere cross."""
    if low.array is None or high.array is None:
        return False
    return bool((low.array <= high.array).all())


@rules.on("clamp_min")
def clamp_min(g: Importer, self: Tensor, min: Any) -> Any:
    return arithmetic(g, "max", self, min)


@rules.on("clamp_max")
def clamp_max(g: Importer, self: Tensor, max: Any) -> Any:
    return arithmetic(g, "min", self, max)


@rules.on("addcmul")
def addcmul(g: Importer, self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Any:
    product = _scaled(g, arithmetic(g, "mul", tensor1, tensor2), value)
    return arithmetic(g, "add", self, product)


@rules.on("addcdiv")
def addcdiv(g: Importer, self: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Any:
    quotient = _scaled(g, arithmetic(g, "div", tensor1, tensor2), value)
    return arithmetic(g, "add", self, quotient)


@rules.on("lerp")
def lerp(g: Importer, self: Tensor, end: Tensor, weight: Any) -> Any:
    step = arithmetic(g, "mul", arithmetic(g, "sub", end, self), weight)
    return arithmetic(g, "add", self, step)


def _simple(name: str, op: str) -> None:
    @rules.on(name)
    def rule(g: Importer, self: Tensor) -> Any:
        return g.add(op, operand(g, self, g.dtype))


for _name, _op in {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "asin": "asin", "acos": "acos", "atan": "atan",
    "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "sigmoid": "sigmoid", "sqrt": "sqrt",
    "rsqrt": "rsqrt", "reciprocal": "rcp", "log2": "log2", "erf": "nnefx_erf",
    "special_erf": "nnefx_erf", "special_expit": "sigmoid",
}.items():  # fmt: skip
    _simple(_name, _op)


@rules.on("neg", "negative")
def negative(g: Importer, self: Any) -> Any:
    if isinstance(self, Complex):
        return Complex(g.neg(self.re), g.neg(self.im))
    return _signed(g, "neg", self)


@rules.on("abs", "absolute")
def absolute(g: Importer, self: Any) -> Any:
    if isinstance(self, Complex):
        return g.sqrt(g.add("add", g.sqr(self.re), g.sqr(self.im)))
    return self if self.dtype.kind in "ub" else _signed(g, "abs", self)


@rules.on("sign", "sgn")
def sign(g: Importer, self: Tensor) -> Any:
    return self if self.kind == "logical" else _signed(g, "sign", self)


@rules.on("relu")
def relu(g: Importer, self: Tensor) -> Any:
    return g.relu(self) if self.kind == "scalar" else arithmetic(g, "max", self, 0)


@rules.on("square")
def square(g: Importer, self: Tensor) -> Any:
    return g.sqr(self) if self.kind == "scalar" else arithmetic(g, "mul", self, self)


def _signed(g: Importer, op: str, x: Tensor) -> Any:
    if x.kind == "integer":
        return wrapped(g, g.add(f"nnefx_integer_{op}", x), x.dtype)
    return g.add(op, x)


def _rounded(name: str, op: str) -> None:
    @rules.on(name)
    def rule(g: Importer, self: Tensor) -> Any:
        if self.kind != "scalar":
            return self
        return truncated(g, self) if op == "trunc" else g.add(op, self)


for _name, _op in {
    "floor": "floor", "ceil": "ceil", "trunc": "trunc", "fix": "trunc",
}.items():  # fmt: skip
    _rounded(_name, _op)


@rules.on("round")
def rounded(g: Importer, self: Tensor, *, decimals: int = 0) -> Any:
    if self.kind != "scalar":
        return self
    if not decimals:
        return g.nnefx_round_even(self)
    scale = 10.0**decimals
    return g.div(g.nnefx_round_even(g.mul(self, scale)), scale)


@rules.on("frac")
def fraction(g: Importer, self: Tensor) -> Any:
    return g.sub(self, truncated(g, self))


@rules.on("expm1", "special_expm1")
def expm1(g: Importer, self: Tensor) -> Any:
    x = scalar(g, self)  # exact near 0, where exp(x) - 1 is not
    return g.mul(g.tanh(g.mul(x, 0.5)), g.add("add", g.exp(x), 1.0))


@rules.on("log1p", "special_log1p")
def log1p(g: Importer, self: Tensor) -> Any:
    return g.log(g.add("add", scalar(g, self), 1.0))


@rules.on("log10")
def log10(g: Importer, self: Tensor) -> Any:
    return g.mul(g.log(scalar(g, self)), 1 / float(np.log(10)))


@rules.on("exp2", "special_exp2")
def exp2(g: Importer, self: Tensor) -> Any:
    return g.exp(g.mul(scalar(g, self), float(np.log(2))))


@rules.on("erfc", "special_erfc")
def erfc(g: Importer, self: Tensor) -> Any:
    return g.sub(1.0, g.nnefx_erf(scalar(g, self)))


@rules.on("atan2", "arctan2")
def atan2(g: Importer, self: Tensor, other: Tensor) -> Any:
    return angle_of(g, scalar(g, self), scalar(g, other))


def angle_of(g: Importer, y: Tensor, x: Tensor) -> Any:
    """Return the angle of the points (x, y), in all four quadrants."""
    return emitted(g, "nnefx_atan2", y, x)


@rules.on("logaddexp")
def logaddexp(g: Importer, self: Tensor, other: Tensor) -> Any:
    top = arithmetic(g, "max", self, other)
    gap = g.neg(g.abs(arithmetic(g, "sub", self, other)))
    return g.add("add", top, g.log(g.add("add", g.exp(gap), 1.0)))


@rules.on("hypot")
def hypot(g: Importer, self: Tensor, other: Tensor) -> Any:
    x, y = operand(g, self, g.dtype), operand(g, other, g.dtype)
    return g.sqrt(arithmetic(g, "add", g.sqr(x), g.sqr(y)))


def _to(g: Importer, self: Any) -> Any:
    """Return `self` in the type of the result, which the export knows."""
    if isinstance(self, Complex):
        return self
    result = converted(g, self, g.dtype)
    if not g.metas[0].dtype.is_complex:
        return result
    return Complex(result, g.known(np.zeros(result.shape, result.dtype)))


@rules.on("to.dtype", "to.dtype_layout", "_to_copy")
def to_dtype(g: Importer, self: Any, *, dtype: Any = None) -> Any:
    return _to(g, self)


@rules.on("to.device")
def to_device(g: Importer, self: Any, *, dtype: Any = None) -> Any:
    return _to(g, self)


@rules.on("to.other", "type_as")
def to_other(g: Importer, self: Any, other: Any) -> Any:
    return _to(g, self)


@rules.on("isnan")
def is_nan(g: Importer, self: Tensor) -> Any:
    return g.ne(self, self) if self.kind == "scalar" else _all_false(g, self)


@rules.on("isinf")
def is_infinite(g: Importer, self: Tensor) -> Any:
    if self.kind != "scalar":
        return _all_false(g, self)
    return g.gt(g.abs(self), _largest(self))


@rules.on("isfinite")
def is_finite(g: Importer, self: Tensor) -> Any:
    if self.kind != "scalar":
        return g.add("not", _all_false(g, self))
    return g.le(g.abs(self), _largest(self))


@rules.on("isposinf")
def is_positive_infinite(g: Importer, self: Tensor) -> Any:
    return g.gt(self, _largest(self)) if self.kind == "scalar" else _all_false(g, self)


@rules.on("isneginf")
def is_negative_infinite(g: Importer, self: Tensor) -> Any:
    return g.lt(self, -_largest(self)) if self.kind == "scalar" else _all_false(g, self)


def _largest(x: Tensor) -> float:
    return float(np.finfo(np.float64 if x.dtype == np.float64 else np.float32).max)


def _all_false(g: Importer, x: Tensor) -> Tensor:
    return g.known(np.zeros(x.shape, np.bool_))


@rules.on("nan_to_num")
def nan_to_num(
    g: Importer, self: Tensor, *, nan: Any = None, posinf: Any = None, neginf: Any = None
) -> Any:
    if self.kind != "scalar":
        return self
    largest = float(np.finfo(self.dtype).max)
    x = g.select(g.ne(self, self), float(nan or 0.0), self)
    high = largest if posinf is None else float(posinf)
    low = -largest if neginf is None else float(neginf)
    x = g.select(g.gt(x, _largest(self)), high, x)
    return g.select(g.lt(x, -_largest(self)), low, x)


def _by_part(g: Importer, op: str, x: Any, y: Any) -> Complex:
    left, right = _parts(g, x), _parts(g, y)
    return Complex(arithmetic(g, op, left[0], right[0]), arithmetic(g, op, left[1], right[1]))


def _parts(g: Importer, x: Any) -> tuple[Any, Any]:
    if isinstance(x, Complex):
        return x.re, x.im
    if isinstance(x, complex):
        return x.real, x.imag
    return x, 0.0


def _product(g: Importer, x: Any, y: Any) -> Complex:
    if not isinstance(x, (Complex, complex)):
        x, y = y, x
    re, im = _parts(g, x)
    if not isinstance(y, (Complex, complex)):
        return Complex(arithmetic(g, "mul", re, y), arithmetic(g, "mul", im, y))
    other_re, other_im = _parts(g, y)
    straight = arithmetic(g, "mul", re, other_re), arithmetic(g, "mul", im, other_im)
    crossed = arithmetic(g, "mul", re, other_im), arithmetic(g, "mul", im, other_re)
    return Complex(arithmetic(g, "sub", *straight), arithmetic(g, "add", *crossed))
