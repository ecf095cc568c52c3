"""Positions of maxima inside windows, and what samples by them: a few nodes for each place of the
window, so for small windows only (openvx.md, 6.5).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Windows
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import axis_map, running, surrounded, with_border
from nnefx.openvx.pool import larger, maxima, spatial, tap
from nnefx.openvx.rules import Operand, UnsupportedError, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import Slot
from nnefx.ops.shapes import Axis, reverse_windows

Array = NDArray[Any]
_STEP = 1 / 256  # the scale of integers: stored as they are
_MOST_PLACES = 64


def index_scales(_s: Scaling, _out: Value, *_inputs: Operand, **_: Any) -> None:
    """Positions are stored as they are."""


def sample_scales(s: Scaling, out: Value, input: Operand, _index: Operand, **_: Any) -> None:
    """Items keep their scale."""
    shared(s, out, input)


@lowers("argmax_pool", scales=index_scales)
def argmax_pool(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    border: str,
    **window: Unpack[Windows],
) -> None:
    """Rank the places where the maximum is by falling numbers, and take the largest rank."""
    value = running(input)
    axes = spatial(value, window)
    x = g.read(value)
    taps = list(_taps(g, x, axes, border, -32768 if border == "ignore" else 0))
    best = maxima(g, x, dict(enumerate(axes)), border)
    ranks = []
    for number, seen in enumerate(taps):
        difference = g.temp(seen.dims, seen.scale, "difference")
        g.subtract(seen, best, difference)
        rank = g.temp(seen.dims, _STEP, "rank")
        g.lookup(difference, rank, _rank(len(taps) - number))
        ranks.append(rank)
    highest = ranks[0]
    for rank in ranks[1:]:
        highest = larger(g, highest, rank, "highest")
    g.lookup(highest, g.create(out), lambda real: len(taps) - real)


def _rank(value: int) -> Callable[[Array], Array]:
    return lambda real: np.where(real >= 0, float(value), 0.0)


def _equals(number: int) -> Callable[[Array], Array]:
    return lambda real: (np.rint(real) == number).astype(np.float64)


def _taps(g: Emitter, x: Slot, axes: tuple[Axis, Axis], border: str, fill: int) -> Iterator[Slot]:
    """Yield what each place of the window sees, in row-major order of the places."""
    along_x, along_y = axes
    if along_x.size * along_y.size > _MOST_PLACES:
        raise UnsupportedError(f"a window has more than {_MOST_PLACES} places")
    if border not in ("constant", "ignore"):
        x, (along_x, along_y) = with_border(g, x, axes, border)
    x = surrounded(g, x, [along_x.around, along_y.around], 0.0, fill)
    for j, i in product(range(along_y.size), range(along_x.size)):
        yield tap(g, tap(g, x, 1, along_y, j), 0, along_x, i)


@lowers("sample", scales=sample_scales)
def sample(
    g: Emitter,
    out: Value,
    input: Operand,
    index: Operand,
    *,
    border: str,
    **window: Unpack[Windows],
) -> None:
    """The sum over all places of what is there where the index names the place."""
    value = running(input)
    axes = spatial(value, window)
    places = g.read(running(index))
    parts = [
        _where(g, seen, places, number)
        for number, seen in enumerate(_taps(g, g.read(value), axes, border, 0))
    ]
    _total(g, parts, g.create(out))


@lowers("desample", scales=sample_scales)
def desample(
    g: Emitter,
    out: Value,
    input: Operand,
    index: Operand,
    *,
    border: str,
    output_shape: Sequence[int],
    **window: Unpack[Windows],
) -> None:
    """The sum over all places of the items that belong there, put apart by axis maps."""
    if border != "constant":
        raise UnsupportedError(f"border '{border}' is not handled")
    value = running(input)
    axes = reverse_windows(value.shape, **window, output_shape=output_shape)
    if any(axis.size * axis.stride != 1 or axis.up != axis.down for axis in axes[:2]):
        raise UnsupportedError("a window over batch or channels is not handled")
    planes = [*axes[:1:-1], Axis(1, 1)][:2] if value.rank == 3 else [axes[3], axes[2]]
    x, places = g.read(value), g.read(running(index))
    parts = []
    order = product(range(planes[1].size), range(planes[0].size))
    for number, (j, i) in enumerate(order):
        part = _where(g, x, places, number)
        for dim, place in ((0, i), (1, j)):
            part = axis_map(g, part, dim, _spread(planes[dim], place))
        parts.append(part)
    _total(g, parts, g.create(out))


def _spread(axis: Axis, place: int) -> Array:
    """Return the matrix that puts item o at o * stride + place * dilation - before."""
    rows = np.zeros((axis.up, axis.down))
    at = np.arange(axis.down) * axis.stride + place * axis.dilation - axis.before
    inside = (at >= 0) & (at < axis.up)
    rows[at[inside], np.arange(axis.down)[inside]] = 1.0
    return rows


def _where(g: Emitter, x: Slot, index: Slot, number: int) -> Slot:
    """Return x where the index is `number`, 0 elsewhere."""
    mask = g.temp(index.dims, 1.0, "mask")
    g.lookup(index, mask, _equals(number))
    part = g.temp(x.dims, x.scale, "part")
    g.multiply(x, mask, part)
    return part


def _total(g: Emitter, parts: Sequence[Slot], out: Slot) -> None:
    total = parts[0]
    if len(parts) == 1:
        g.copy(total, out)
    for number, part in enumerate(parts[1:], 2):
        last = number == len(parts)
        so_far = out if last else g.temp(out.dims, out.scale, "total")
        g.add(total, part, so_far)
        total = so_far
