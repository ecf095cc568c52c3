"""Operations on two tensors item by item; functions of one tensor are tables (see regions)."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.emit import Emitter
from nnefx.openvx.plan import Dims
from nnefx.openvx.reshape import reshaped
from nnefx.openvx.rules import Const, Operand, UnsupportedError, free, lowers, tensors
from nnefx.openvx.scales import LIMIT, Scaling, Weights
from nnefx.openvx.storage import Slot, canonical

Array = NDArray[Any]


def sum_scales(s: Scaling, out: Value, *inputs: Operand, **_: Any) -> None:
    """Operands are brought to the scale of the result, which none of them exceeds."""
    for operand in inputs:
        if isinstance(operand, Value):
            s.at_most(out, operand)
        else:
            s.room(out, float(np.abs(operand.array()).max(initial=0.0)))
    s.stored(out)


def difference_scales(s: Scaling, out: Value, *inputs: Operand, **attributes: Any) -> None:
    """As a sum, with room for the difference of the operands."""
    sum_scales(s, out, *inputs, **attributes)
    peaks = [
        s.limits.get(operand, 0.0)
        if isinstance(operand, Value)
        else float(np.abs(operand.array()).max(initial=0.0))
        for operand in inputs
    ]
    s.room(out, sum(peaks))


def product_scales(s: Scaling, out: Value, x: Operand, y: Operand) -> None:
    """Tensors multiply their scales; a constant gets the scale that is left."""
    operands = tensors(x, y)
    if len(operands) == 2:
        s.product(out, operands[0], operands[1])
    constant = y if isinstance(y, Const) else x
    if isinstance(constant, Const) and operands:
        s.weighted(out, operands[0], Weights.of(constant.array(), 1))
    s.stored(out)


def quotient_scales(s: Scaling, out: Value, x: Operand, y: Operand) -> None:
    """As for the product with the reciprocal."""
    if isinstance(y, Const):
        product_scales(s, out, x, _reciprocal(y))
        return
    found = s.observed.get(y)
    scale = _inverse_scale(found.smallest if found else 1.0)
    if isinstance(x, Value):
        s.at_most(out, x, room=float(np.log2(scale)))
        s.coarse(out, x)
    else:
        s.room(out, LIMIT * float(np.abs(x.array()).max(initial=0.0)) / LIMIT / scale)
    s.stored(out)


def _reciprocal(constant: Const) -> Const:
    numbers = constant.array()
    if not numbers.all():
        return constant
    return Const(constant.shape, lambda: 1.0 / numbers)


@lowers("add", scales=sum_scales)
def add(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """TensorAdd at the scale of the result."""
    z = g.create(out)
    first, second = _operands(g, out, x, y, z.scale)
    if first.dims != z.dims:
        first, second = second, first
    g.add(full(g, first, z.dims), second, z)


@lowers("sub", scales=sum_scales)
def sub(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """TensorSubtract at the scale of the result."""
    z = g.create(out)
    first, second = _operands(g, out, x, y, z.scale)
    g.subtract(full(g, first, z.dims), second, z)


def _operands(g: Emitter, out: Value, x: Operand, y: Operand, scale: float) -> tuple[Slot, Slot]:
    return (
        g.rescaled(placed(g, x, out, scale), scale),
        g.rescaled(placed(g, y, out, scale), scale),
    )


def placed(g: Emitter, operand: Operand, out: Value, scale: float) -> Slot:
    """Return an operand as stored beside the result: NNEF aligns shapes on the left."""
    shape = operand.shape + (1,) * (out.rank - len(operand.shape))
    if out.rank > 4 and shape != out.shape and prod(shape) != 1:
        raise UnsupportedError(f"an operand of shape {operand.shape} beside rank {out.rank}")
    dims = shape[::-1] if out in g.matrices else canonical(shape)
    if isinstance(operand, Const):
        return g.const(operand.name or "constant", dims, operand.array, scale, operand.label)
    slot = g.read(operand)
    return slot if slot.dims == dims else reshaped(g, slot, dims)


def full(g: Emitter, x: Slot, dims: Dims) -> Slot:
    """Return x repeated to full extents: only the second operand of a node may be smaller."""
    if x.dims == dims:
        return x
    zeros = g.const("zeros", dims, lambda: np.zeros(dims[::-1]), x.scale)
    y = g.temp(dims, x.scale, "repeated")
    g.add(zeros, x, y)
    return y


@lowers("mul", scales=product_scales)
def mul(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """TensorMultiply; the result's scale is the product of both over a power of two."""
    z = g.create(out)
    if isinstance(x, Const):
        x, y = y, x
    if isinstance(x, Const):
        raise UnsupportedError("both operands are constant")
    first = placed(g, x, out, 1.0)
    second = placed(g, y, out, _constant_scale(y, z.scale / first.scale))
    if first.dims != z.dims and second.dims == z.dims:
        first, second = second, first
    g.multiply(full(g, first, z.dims), second, z)


def _constant_scale(operand: Operand, least: float) -> float:
    """Return the largest scale of a constant that is a power of two times `least`."""
    if isinstance(operand, Value):
        return 1.0
    peak = float(np.abs(operand.array()).max(initial=0.0))
    room = np.floor(np.log2(LIMIT / peak / least)) if peak else 0.0
    return float(least * 2.0 ** max(min(room, 15.0), 0.0))


@lowers("div", scales=quotient_scales)
def div(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """The product with a constant's reciprocal, or with a table of reciprocals."""
    if isinstance(y, Const):
        if not y.array().all():
            raise UnsupportedError("the divisor has zeros")
        mul(g, out, x, _reciprocal(y))
        return
    z = g.create(out)
    divisor = placed(g, y, out, 1.0)
    inverse = g.temp(divisor.dims, _inverse_scale(g.smallest.get(y, 1.0)), "inverse")
    g.lookup(divisor, inverse, _inverse)
    if isinstance(x, Const):
        first = placed(g, x, out, _constant_scale(x, z.scale / inverse.scale))
    else:
        first = placed(g, x, out, 1.0)
    g.multiply(full(g, first, z.dims), inverse, z)


def _inverse(real: Array) -> Array:
    result: Array = 1.0 / np.where(real == 0, np.inf, real)
    return result


def _inverse_scale(smallest: float) -> float:
    """Return the power of two at which the reciprocal of the smallest divisor fits."""
    return float(2.0 ** np.floor(np.log2(LIMIT * min(max(smallest, 1e-4), 1e4))))


@lowers("lt", "gt", "le", "ge", "eq", "ne", scales=free)
def compare(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """The sign of the difference, by a table."""
    scales = [g.scales.get(value, 1.0) for value in tensors(x, y)]
    scale = min(scales)
    first, second = _operands(g, out, x, y, scale)
    z = g.create(out)
    difference = g.temp(z.dims, scale, "difference")
    g.subtract(full(g, first, z.dims), second, difference)
    kind = g.origin.op
    g.lookup(difference, z, lambda real: np.asarray(_COMPARE[kind](real), np.float64))


_COMPARE: dict[str, Any] = {
    "lt": lambda d: d < 0,
    "gt": lambda d: d > 0,
    "le": lambda d: d <= 0,
    "ge": lambda d: d >= 0,
    "eq": lambda d: d == 0,
    "ne": lambda d: d != 0,
}


@lowers("min", "max", scales=difference_scales)
def extreme(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """Max = x + relu(y - x), min = x - relu(x - y).

    Where x is the result it is exact in floating point too, however large y is: bounds that are
    seldom reached are constants, so a constant is y.
    """
    if isinstance(x, Const):
        x, y = y, x
    z = g.create(out)
    first, second = _operands(g, out, x, y, z.scale)
    first, second = full(g, first, z.dims), full(g, second, z.dims)
    difference = g.temp(z.dims, z.scale, "difference")
    positive = g.temp(z.dims, z.scale, "positive")
    if g.origin.op == "max":
        g.subtract(second, first, difference)
        g.relu(difference, positive)
        g.add(first, positive, z)
    else:
        g.subtract(first, second, difference)
        g.relu(difference, positive)
        g.subtract(first, positive, z)
