"""Operations that choose: select, logic, largest positions, gathering by constant positions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.elementwise import full, placed, sum_scales
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias, axis_map, running
from nnefx.openvx.reduce import largest
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import Slot, dimension

Array = NDArray[Any]
_ONE_STEP = 1 / 256  # the scale of integers: stored as they are


def select_scales(
    s: Scaling, out: Value, _condition: Operand, true_value: Operand, false_value: Operand
) -> None:
    """As a sum of both branches."""
    sum_scales(s, out, true_value, false_value)


@lowers("select", scales=select_scales)
def select(
    g: Emitter, out: Value, condition: Operand, true_value: Operand, false_value: Operand
) -> None:
    """Condition * true + (1 - condition) * false, exact because the condition is 0 or 1."""
    z = g.create(out)
    chosen = full(g, placed(g, condition, out, 1.0), z.dims)
    other = g.temp(z.dims, 1.0, "unchosen")
    g.lookup(chosen, other, lambda real: 1.0 - (real >= 0.5))
    parts = []
    for mask, value, hint in ((chosen, true_value, "then"), (other, false_value, "else")):
        operand = g.rescaled(placed(g, value, out, z.scale), z.scale)
        part = g.temp(z.dims, z.scale, hint)
        g.multiply(mask, operand, part)
        parts.append(part)
    g.add(parts[0], parts[1], z)


@lowers("and", "or", scales=shared)
def logic(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """The product, or the saturated sum, of 0 and 1."""
    z = g.create(out)
    first, second = placed(g, x, out, 1.0), placed(g, y, out, 1.0)
    first = full(g, first, z.dims)
    if g.origin.op == "and":
        g.multiply(first, second, z)
        return
    total = g.temp(z.dims, 1.0, "total")
    g.add(first, second, total)
    g.lookup(total, z, lambda real: np.asarray(real >= 0.5, np.float64))


def position_scales(s: Scaling, out: Value, *_inputs: Operand, **_: Any) -> None:
    """Positions are stored as they are, whatever the input's scale."""


@lowers("argmax_reduce", "argmin_reduce", scales=position_scales)
def argmax_reduce(g: Emitter, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """Mark where the maximum is, weigh the marks by falling numbers, take the largest."""
    value = running(input)
    x = g.read(value)
    if g.origin.op == "argmin_reduce":
        negated = g.temp(x.dims, x.scale, "negated")
        g.convert(x, negated, -1.0)
        x = negated
    count = int(np.prod([value.shape[axis] for axis in axes], dtype=np.int64))
    if count > 32767:
        raise UnsupportedError(f"{count} positions exceed 16 bits")
    dims = {dimension(value.rank, axis) for axis in axes}
    difference = g.temp(x.dims, x.scale, "difference")
    g.subtract(x, largest(g, x, dims), difference)
    marks = g.temp(x.dims, 1.0, "marks")
    g.lookup(difference, marks, lambda real: np.asarray(real >= 0, np.float64))
    weights = g.const(
        f"{out.name}_order",
        tuple(n if d in dims else 1 for d, n in enumerate(x.dims)),
        lambda: count - np.arange(count),
        _ONE_STEP,
    )
    ranked = g.temp(x.dims, _ONE_STEP, "ranked")
    g.multiply(marks, weights, ranked)
    best = largest(g, ranked, dims)
    g.lookup(best, g.create(out), lambda real: count - real)


@lowers("gather", scales=shared)
def gather(g: Emitter, out: Value, input: Operand, indices: Operand, *, axis: int) -> None:
    """A 0/1 matrix along the axis."""
    value = running(input)
    if not isinstance(indices, Const):
        raise UnsupportedError("the indices are computed at run time, they must be constant")
    extent = value.shape[axis]
    places = indices.array().astype(np.int64).reshape(-1)
    rows = np.zeros((len(places), extent))
    rows[np.arange(len(places)), places % extent] = 1.0
    x: Slot = axis_map(g, g.read(value), dimension(value.rank, axis), rows)
    alias(g, out, x)


@lowers("prelu", scales=sum_scales)
def prelu(g: Emitter, out: Value, x: Operand, alpha: Operand) -> None:
    """relu(x) + alpha * (x - relu(x))."""
    if not isinstance(alpha, Const):
        raise UnsupportedError("alpha is computed at run time, it must be constant")
    z = g.create(out)
    slot = g.rescaled(placed(g, x, out, z.scale), z.scale)
    positive = g.temp(z.dims, z.scale, "positive")
    negative = g.temp(z.dims, z.scale, "negative")
    scaled = g.temp(z.dims, z.scale, "scaled")
    g.relu(slot, positive)
    g.subtract(slot, positive, negative)
    peak = float(np.abs(alpha.array()).max(initial=0.0)) or 1.0
    scale = float(2.0 ** np.clip(np.floor(np.log2(127.0 / peak)), 0, 15))
    g.multiply(negative, placed(g, alpha, out, scale), scaled)
    g.add(positive, scaled, z)
