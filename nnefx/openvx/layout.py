"""Operations that move items: mostly aliases and views, copies where a view cannot be shared."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnefx.ir.graph import Value
from nnefx.openvx.emit import Emitter
from nnefx.openvx.plan import Role
from nnefx.openvx.reshape import reshaped
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers, shared
from nnefx.openvx.storage import Slot, dimension
from nnefx.ops.shapes import Axis


def alias(g: Emitter, out: Value, slot: Slot) -> None:
    """Let `out` be what is stored in `slot`; a network output gets its own copy."""
    if out in g.outputs:
        y = g.tensor(out.name, slot.dims, g.scales.get(out, slot.scale), Role.OUTPUT, out)
        g.copy(slot, y)
        slot = y
    g.slots[out] = slot


def running(operand: Operand) -> Value:
    """Return an operand that must be a tensor at run time."""
    if isinstance(operand, Const):
        raise UnsupportedError("its operand is constant, which is not folded")
    return operand


@lowers("reshape", "squeeze", "unsqueeze", scales=shared)
def reshape(g: Emitter, out: Value, input: Operand, **_: Any) -> None:
    """No node: the reader of the result moves the items if it has to."""
    alias(g, out, g.raw(running(input)))


@lowers("copy", "cast", scales=shared)
def copy(g: Emitter, out: Value, x: Operand) -> None:
    """No node."""
    alias(g, out, g.read(running(x)))


@lowers("copy_n", scales=shared)
def copy_n(g: Emitter, out: Sequence[Value], x: Operand, *, times: int) -> None:
    """No node."""
    for value in out[:times]:
        alias(g, value, g.read(running(x)))


@lowers("transpose", scales=shared)
def transpose(g: Emitter, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """One TensorTranspose for each exchange of two dimensions."""
    value = running(input)
    x = g.read(value)
    order = [*axes, *range(len(axes), value.rank)]
    source = list(range(4))
    for axis, origin in enumerate(order):
        source[dimension(value.rank, axis)] = dimension(value.rank, origin)
    swaps = []
    for place in range(4):
        origin = source[place]
        if origin != place:
            swaps.append((place, origin))
            source = _after_swap(source, place, origin)
    for first, second in swaps[:-1]:
        x = g.transpose(x, first, second)
    if not swaps:
        alias(g, out, x)
        return
    g.transpose(x, *swaps[-1], y=g.create(out))


def _after_swap(source: list[int], place: int, first: int) -> list[int]:
    """Return where dimensions come from once `place` and `first` of the input are exchanged."""
    exchanged = {place: first, first: place}
    return [exchanged.get(origin, origin) for origin in source]


def dense(g: Emitter, operand: Operand, dims: tuple[int, ...], scale: float) -> Slot:
    """Return an operand as a tensor of `dims`, constants stored with `scale`."""
    if isinstance(operand, Const):
        return g.const(operand.name or "constant", dims, operand.array, scale, operand.label)
    slot = g.read(operand)
    return slot if slot.dims == dims else reshaped(g, slot, dims)


@lowers("concat", scales=shared)
def concat(g: Emitter, out: Value, values: Sequence[Operand], *, axis: int) -> None:
    """Producers write into views of the result; what cannot be homed there is copied."""
    _join(g, out, values, axis, [_extent(value, axis) for value in values])


def _extent(operand: Operand, axis: int) -> int:
    return operand.shape[axis]


@lowers("stack", scales=shared)
def stack(g: Emitter, out: Value, values: Sequence[Operand], *, axis: int) -> None:
    """As concat, of slices of extent 1."""
    _join(g, out, values, axis, [1] * len(values))


def _join(
    g: Emitter, out: Value, values: Sequence[Operand], axis: int, extents: Sequence[int]
) -> None:
    y = g.create(out)
    dim, start = dimension(out.rank, axis), 0
    for value, extent in zip(values, extents, strict=True):
        part = g.part(y, dim, start, start + extent)
        if isinstance(value, Const) or g.raw(value).name != part.name:
            g.copy(dense(g, value, part.dims, part.scale), part)
        start += extent


@lowers("split", scales=shared)
def split(g: Emitter, out: Sequence[Value], value: Operand, *, axis: int, **_: Any) -> None:
    """Views of the input."""
    source = running(value)
    dim, start = dimension(source.rank, axis), 0
    for part in out:
        extent = part.shape[axis]
        alias(g, part, g.part(g.read(source), dim, start, start + extent))
        start += extent


@lowers("unstack", scales=shared)
def unstack(g: Emitter, out: Sequence[Value], value: Operand, *, axis: int) -> None:
    """Views of the input; their readers bring them into shape."""
    source = running(value)
    dim = dimension(source.rank, axis)
    for index, part in enumerate(out):
        alias(g, part, g.part(g.read(source), dim, index, index + 1))


@lowers("slice", scales=shared)
def slice_(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    axes: Sequence[int],
    begin: Sequence[int],
    stride: Sequence[int],
    **_: Any,
) -> None:
    """A view; an axis map where the stride is not 1."""
    value = running(input)
    x = g.read(value)
    for number, axis in enumerate(axes):
        step = stride[number] if stride else 1
        extent, count = value.shape[axis], out.shape[axis]
        first = _first(begin[number], extent, step)
        dim = dimension(value.rank, axis)
        if step == 1:
            x = g.part(x, dim, first, first + count)
            continue
        rows = np.zeros((count, extent))
        rows[np.arange(count), first + step * np.arange(count)] = 1.0
        x = axis_map(g, x, dim, rows)
    alias(g, out, x)


def _first(begin: int, extent: int, step: int) -> int:
    place = begin + extent if begin < 0 else begin
    return min(max(place, 0), extent if step > 0 else extent - 1)


@lowers("pad", scales=shared)
def pad(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    padding: Sequence[tuple[int, int]],
    border: str,
    value: float,
) -> None:
    """A tensor that is filled beforehand, or an axis map for each axis where borders repeat."""
    source = running(input)
    x = g.read(source)
    by_dim = {dimension(source.rank, axis): pair for axis, pair in enumerate(padding)}
    around = [by_dim.get(dim, (0, 0)) for dim in range(4)]
    if border == "constant":
        alias(g, out, surrounded(g, x, around, value))
        return
    x = _cropped(g, x, around)
    for dim, (before, after) in enumerate(around):
        x = repeated(g, x, dim, before, after, border)
    alias(g, out, x)


def _cropped(g: Emitter, x: Slot, around: Sequence[tuple[int, int]]) -> Slot:
    """Leave out the ends of dimensions whose padding is negative."""
    for dim, (before, after) in enumerate(around):
        x = g.part(x, dim, max(-before, 0), x.dims[dim] - max(-after, 0))
    return x


def surrounded(
    g: Emitter, x: Slot, around: Sequence[tuple[int, int]], value: float, raw: int | None = None
) -> Slot:
    """Return x with the first dimensions padded as `around` says, or cropped where that is < 0."""
    x = _cropped(g, x, around)
    edges = [(max(before, 0), max(after, 0)) for before, after in around]
    return prefilled(g, x, [*edges, *[(0, 0)] * (4 - len(edges))], value, raw)


def repeated(g: Emitter, x: Slot, dim: int, before: int, after: int, border: str) -> Slot:
    """Return x with more items at the ends of a dimension, which repeat its own."""
    if before <= 0 and after <= 0:
        return x
    mode: Any = _MODES.get(border)
    if mode is None:
        raise UnsupportedError(f"border '{border}' is not handled")
    rows = np.eye(x.dims[dim])
    around = (max(before, 0), max(after, 0))
    return axis_map(g, x, dim, np.pad(rows, (around, (0, 0)), mode=mode))


def with_border(
    g: Emitter, x: Slot, axes: tuple[Axis, Axis], border: str
) -> tuple[Slot, tuple[Axis, Axis]]:
    """Return x with what windows along x and y read outside of it, and the windows on that."""
    found = []
    for dim, axis in enumerate(axes):
        before, after = (max(n, 0) for n in axis.around)
        x = repeated(g, x, dim, before, after, border)
        wide, start = axis.up + before + after, axis.before - before
        found.append(replace(axis, up=wide, before=start, after=0))
    return x, (found[0], found[1])


_MODES = {"replicate": "edge", "reflect": "reflect", "reflect-even": "symmetric"}


def prefilled(
    g: Emitter, x: Slot, edges: Sequence[tuple[int, ...]], value: float, raw: int | None = None
) -> Slot:
    """Return x inside a larger tensor whose items start as `value` (or the stored number `raw`)."""
    if not any(map(any, edges)):
        return x
    dims = tuple(n + before + after for n, (before, after) in zip(x.dims, edges, strict=True))
    fill = _fill(g, x, value, raw)
    hint = f"{g.origin.source}_padded"
    y = g.tensor(hint, dims, x.scale, Role.PREFILLED, fill=fill)
    start = tuple(before for before, _ in edges)
    end = tuple(before + n for n, (before, _) in zip(x.dims, edges, strict=True))
    if x.name in g.nonnegative and fill >= 0:
        g.nonnegative.add(y.name)
    g.copy(x, g.box(y, start, end))
    return y


def _fill(g: Emitter, x: Slot, value: float, raw: int | None) -> int:
    """Return the stored number of a border: an integer, or the bits of a floating point number."""
    if g.profile.dtype == "float32":
        lowest = float(np.finfo(np.float32).min)
        real = value if raw is None else lowest if raw == -32768 else float(raw)
        return int(np.float32(real).view(np.int32))
    fill = round(value * x.scale * 256) if raw is None else raw
    return min(max(fill, -32768), 32767)


@lowers("tile", scales=shared)
def tile(g: Emitter, out: Value, input: Operand, *, repeats: Sequence[int]) -> None:
    """Copies into views of the result."""
    value = running(input)
    x, y = g.read(value), g.create(out)
    times = [1, 1, 1, 1]
    for axis, count in enumerate(repeats):
        times[dimension(value.rank, axis)] = count
    for place in np.ndindex(*times):
        start = tuple(i * n for i, n in zip(place, x.dims, strict=True))
        end = tuple(s + n for s, n in zip(start, x.dims, strict=True))
        g.copy(x, g.box(y, start, end))


def axis_map(g: Emitter, x: Slot, dim: int, rows: Any, scale: float | None = None) -> Slot:
    """Return rows @ x along one dimension: a 1x1 convolution between two transpositions.

    `rows` has one row for each item of the result (openvx.md, 6.2).
    """
    scale = x.scale if scale is None else scale
    turned = x if dim == 2 else g.transpose(x, dim, 2)
    count, extent = rows.shape
    weights = g.const(
        f"{g.origin.source}_map", (1, 1, extent, count), lambda: rows, scale / x.scale
    )
    y = g.temp((*turned.dims[:2], count, turned.dims[3]), scale, "mapped")
    g.convolve(turned, weights, None, y)
    return y if dim == 2 else g.transpose(y, dim, 2)
