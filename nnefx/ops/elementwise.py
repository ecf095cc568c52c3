"""Element-wise operations, `cast`, `copy_n` and `add_n` (NNEF 1.0.5, 4.2, 4.5.8 and 4.9.6).

Results are those of IEEE arithmetic: log(0) is -inf, 0/0 is NaN, nothing warns.
"""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays, broadcast_shape
from nnefx.ops.introduce import DTYPES
from nnefx.ops.registry import MAX_RESULTS, Kernel, Reject, Shape, define


def ieee() -> np.errstate:
    """Return a context in which overflow, division by zero and the like do not warn."""
    return np.errstate(all="ignore")


def shape_of_same(x: Shape) -> Shape:
    """Return the shape of the only operand: the rule of all unary operations."""
    return x


def shape_of_two(x: Shape, y: Shape) -> Shape:
    """Return the common shape of two operands: the rule of all binary operations."""
    return broadcast_shape(x, y, parameter="y")


def unary(function: Callable[..., Any]) -> Kernel:
    """Return the kernel that applies `function(x, out=None)` to every item."""

    def run(x: Tensor, *, out: Tensor | None = None) -> Tensor:
        with ieee():
            return np.asarray(function(x, out=out))

    return run


def binary(function: Callable[..., Any]) -> Kernel:
    """Return the kernel that applies `function(x, y, out=None)` to two broadcast operands."""

    def run(x: Tensor, y: Tensor, *, out: Tensor | None = None) -> Tensor:
        with ieee():
            x, y = broadcast_arrays(x, y)
            return np.asarray(function(x, y, out=fitting(out, x, y)))

    return run


def fitting(out: Tensor | None, *operands: Tensor) -> Tensor | None:
    """Return `out` if it has the data-type of all operands, as `broadcast_arrays` left them."""
    if out is None or any(operand.dtype != out.dtype for operand in operands):
        return None
    return out


def round_half_up(x: Tensor, out: Tensor | None = None) -> Tensor:
    """Return floor(x + 0.5) (NNEF 1.0.5, 4.2.1) without the rounding error of that sum."""
    below = np.floor(x)
    return np.asarray(np.add(below, (x - below >= 0.5).astype(x.dtype), out=out))


# The bodies of min and max choose y unless x is strictly beyond it. The same in numpy's fast
# functions: a NaN in x gives y, as fmin and fmax do, and a NaN in y stays, which they drop.


# Where y is a number, and so is all of x, np.clip does it at a third of the cost.


def lesser(x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """Return select(x < y, x, y) for operands of equal rank."""
    if _limits(x, y):
        return np.asarray(x.clip(-np.inf, y, out))
    return _keep_nan(np.fmin(x, y), y)


def greater(x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """Return select(x > y, x, y) for operands of equal rank."""
    if _limits(x, y):
        return np.asarray(x.clip(y, np.inf, out))
    return _keep_nan(np.fmax(x, y), y)


def _limits(x: Tensor, *limits: Tensor) -> bool:
    """Tell whether all limits are single numbers in order, and no item of `x` is NaN."""
    if x.size == 1 or x.dtype.kind != "f" or any(limit.size != 1 for limit in limits):
        return False
    numbers = [limit.item() for limit in limits]
    return numbers == sorted(numbers) and not isnan(x.max() + sum(numbers))


def _keep_nan(z: Tensor, y: Tensor) -> Tensor:
    lost = np.isnan(y)
    return np.where(lost, y, z) if lost.any() else z


UNARY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "rcp": lambda x, out=None: np.divide(1, x, out=out),
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "abs": np.abs,
    "sign": np.sign,
    "not": np.logical_not,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": round_half_up,
    "sqr": np.square,
    "sqrt": np.sqrt,
    "rsqr": lambda x, out=None: np.divide(1, np.square(x, out=out), out=out),
    "rsqrt": lambda x, out=None: np.divide(1, np.sqrt(x, out=out), out=out),
    "log2": np.log2,
}

BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "lt": np.less,
    "gt": np.greater,
    "le": np.less_equal,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "min": lesser,
    "max": greater,
}

for _name, _function in UNARY.items():
    define(_name, shape=shape_of_same, run=unary(_function), itemwise=True)
for _name, _operator in BINARY.items():
    define(_name, shape=shape_of_two, run=binary(_operator), itemwise=True)


def _run_copy(x: Tensor) -> Tensor:
    return x


define("copy", shape=shape_of_same, run=_run_copy)


def _select(condition: Shape, true_value: Shape, false_value: Shape) -> Shape:
    values = broadcast_shape(true_value, false_value, parameter="false_value")
    return broadcast_shape(condition, values, parameter="condition")


def _run_select(condition: Tensor, true_value: Tensor, false_value: Tensor) -> Tensor:
    return np.where(*broadcast_arrays(condition, true_value, false_value))


define("select", shape=_select, run=_run_select, itemwise=True)


def _clamp(x: Shape, a: Shape, b: Shape) -> Shape:
    return broadcast_shape(broadcast_shape(x, a, parameter="a"), b, parameter="b")


def run_clamp(x: Tensor, a: Tensor, b: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return max(min(x, b), a), as the body of `clamp` states it."""
    x, a, b = broadcast_arrays(x, a, b)
    out = fitting(out, x, a, b)
    with ieee():
        if _limits(x, a, b):
            return np.asarray(x.clip(a, b, out))
        return greater(lesser(x, b, out), a, out)


define("clamp", shape=_clamp, run=run_clamp, itemwise=True)


def _run_cast(input: Tensor, *, dtype: str) -> Tensor:
    """Convert items; a fraction is dropped, and floating-point types of all widths are scalar."""
    target = np.dtype(DTYPES[dtype])
    if input.dtype.kind == target.kind:
        return input
    with ieee():
        return input.astype(target)


define("cast", shape=shape_of_same, run=_run_cast)


def _copy_n(x: Shape, *, times: int) -> list[Shape]:
    if times < 0:
        raise Reject("times", f"times is {times}, expected 0 or more")
    if times > MAX_RESULTS:
        raise Reject("times", f"{times} results are more than {MAX_RESULTS}", "NX211")
    return [x] * times


def _run_copy_n(x: Tensor, *, times: int) -> list[Tensor]:
    return [x] * times


define("copy_n", shape=_copy_n, run=_run_copy_n)


def _add_n(x: Sequence[Shape]) -> Shape:
    return broadcast_shape(*x, parameter="x")


def _run_add_n(x: Sequence[Tensor]) -> Tensor:
    """Sum from the last one on, the order in which the body of `add_n` adds."""
    if not x:
        return np.zeros((), np.float32)
    *others, total = broadcast_arrays(*x)
    with ieee():
        for term in reversed(others):
            total = np.asarray(term + total)
    return total


define("add_n", shape=_add_n, run=_run_add_n)
