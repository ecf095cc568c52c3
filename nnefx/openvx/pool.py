"""Pools over the spatial dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Slide, Windows, plain, plane
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias, axis_map, running, surrounded, with_border
from nnefx.openvx.plan import Enum, Int, Ref
from nnefx.openvx.rules import Operand, UnsupportedError, lowers, shared
from nnefx.openvx.storage import Slot, dimension
from nnefx.ops.shapes import Axis, windows


@lowers("max_pool", scales=shared)
def max_pool(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    border: str,
    **window: Unpack[Windows],
) -> None:
    """PoolingLayer MAX; places outside of the input are filled in where targets differ."""
    value = running(input)
    every = windows(value.shape, **window, border="constant")
    if not is_spatial(every) or is_dilated(every):
        _axis_by_axis(g, out, value, every, border)
        return
    axes = plane(every[2:])
    x = g.read(value)
    if border not in ("constant", "ignore"):
        x, axes = with_border(g, x, axes, border)
    filled = x.name in g.nonnegative or g.profile.max_border == border
    lowest = 0 if border == "constant" else -32768
    x, slides, rounding = _fitted(g, x, axes, filled, lowest)
    y = g.create(out)
    if x.name in g.nonnegative:
        g.nonnegative.add(y.name)
    pooling(g, "MAX", x, y, slides, rounding)


def _axis_by_axis(g: Emitter, out: Value, value: Value, axes: Sequence[Axis], border: str) -> None:
    if value.rank > 4:
        raise UnsupportedError(f"rank {value.rank} exceeds 4")
    around = {dimension(value.rank, number): axis for number, axis in enumerate(axes)}
    alias(g, out, maxima(g, g.read(value), around, border))


def maxima(g: Emitter, x: Slot, axes: Mapping[int, Axis], border: str) -> Slot:
    """Return the maxima of windows along dimensions, one after the other.

    Each is turned to where nodes have windows, its items laid out window by window; what is
    outside becomes another item of the window, or 0 where that is the border.
    """
    for dim, axis in axes.items():
        if (axis.size, axis.stride, axis.around) == (1, 1, (0, 0)):
            continue
        x = x if dim == 0 else g.transpose(x, 0, dim)
        if border not in ("constant", "ignore"):
            x, (axis, _) = with_border(g, x, (axis, Axis(x.dims[1], x.dims[1])), border)
        wide = axis_map(g, x, 0, _laid_out(axis, border == "ignore"))
        y = g.temp((axis.down, *x.dims[1:]), x.scale, "maxima")
        pooling(g, "MAX", wide, y, [Slide(axis.size, 0), Slide(1, 0)])
        x = y if dim == 0 else g.transpose(y, 0, dim)
    return x


def _laid_out(axis: Axis, ignore: bool) -> NDArray[Any]:
    """Return the 0/1 matrix that puts the items of every window side by side."""
    starts = np.arange(axis.down) * axis.stride - axis.before
    places = starts[:, None] + np.arange(axis.size) * axis.dilation
    inside = (places >= 0) & (places < axis.up)
    first = places[np.arange(axis.down), inside.argmax(axis=1)]
    if ignore:
        places = np.where(inside, places, first[:, None])
        inside = (places >= 0) & (places < axis.up)
    rows = np.zeros((places.size, axis.up))
    flat, valid = places.reshape(-1), inside.reshape(-1)
    rows[np.flatnonzero(valid), flat[valid]] = 1.0
    return rows


def tap(g: Emitter, x: Slot, dim: int, axis: Axis, place: int) -> Slot:
    """Return what one place of a window sees along a dimension that is padded already."""
    first = place * axis.dilation
    if axis.stride == 1:
        return g.part(x, dim, first, first + axis.down)
    rows = np.zeros((axis.down, x.dims[dim]))
    rows[np.arange(axis.down), first + axis.stride * np.arange(axis.down)] = 1.0
    return axis_map(g, x, dim, rows)


def larger(g: Emitter, x: Slot, y: Slot, hint: str) -> Slot:
    """Return the maximum of two tensors of one scale."""
    difference, positive, z = (
        g.temp(x.dims, x.scale, f"{hint}_{part}") for part in ("less", "more", "so_far")
    )
    g.subtract(y, x, difference)
    g.relu(difference, positive)
    g.add(x, positive, z)
    return z


def average(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    border: str,
    **window: Unpack[Windows],
) -> None:
    """PoolingLayer AVG, corrected where places outside of the input do not count."""
    value = running(input)
    axes = spatial(value, window)
    x = g.read(value)
    if border not in ("constant", "ignore"):
        x, axes = with_border(g, x, axes, border)
    padded = any(max(axis.around) > 0 for axis in axes)
    x, slides, rounding = _fitted(g, x, axes, g.profile.average_counts_border or not padded, 0)
    y = g.create(out)
    if x.name in g.nonnegative:
        g.nonnegative.add(y.name)
    if border == "constant" or not padded:
        pooling(g, "AVG", x, y, slides, rounding)
        return
    # The divisor is the whole window: undo it where only a part of the window counts.
    ratio = np.outer(_ratios(axes[1]), _ratios(axes[0]))
    whole = g.temp(y.dims, y.scale, "whole")
    pooling(g, "AVG", x, whole, slides, rounding)
    factor = 2.0 ** np.floor(np.log2(127 / ratio.max()))
    dims = (*y.dims[:2], 1, 1)
    g.multiply(whole, g.const(f"{out.name}_ratio", dims, lambda: ratio, float(factor)), y)


def _ratios(axis: Axis) -> NDArray[Any]:
    starts = np.arange(axis.down) * axis.stride - axis.before
    places = starts[:, None] + np.arange(axis.size) * axis.dilation
    counts = ((places >= 0) & (places < axis.up)).sum(axis=1)
    ratios: NDArray[Any] = axis.size / np.maximum(counts, 1)
    return ratios


def spatial(value: Value, window: Windows) -> tuple[Axis, Axis]:
    """Return the windows along x and y; refuse windows over batch or channels."""
    axes = windows(value.shape, **window, border="constant")
    if not is_spatial(axes):
        raise UnsupportedError("a window over batch or channels is not handled")
    return plane(axes[2:])


def is_spatial(axes: Sequence[Axis]) -> bool:
    """Tell whether windows leave batch and channels alone."""
    return all((a.size, a.stride, a.before, a.down) == (1, 1, 0, a.up) for a in axes[:2])


def is_dilated(axes: Sequence[Axis]) -> bool:
    """Tell whether a window leaves out items."""
    return any(axis.dilation > 1 and axis.size > 1 for axis in axes)


def _fitted(
    g: Emitter, x: Slot, axes: tuple[Axis, Axis], native: bool, fill: int
) -> tuple[Slot, list[Slide], str]:
    """Return the input, cropped or padded so that the windows are exact, and the windows.

    `native` tells whether the node's own padding means what the operation means.
    """
    if any(axis.dilation > 1 and axis.size > 1 for axis in axes):
        raise UnsupportedError("a dilated window is not handled")
    for rounding in ("ceiling", "floor"):
        slides = [plain(g.profile, axis, rounding) for axis in axes]
        found = [slide for slide in slides if slide is not None]
        if len(found) == 2 and (native or not any(slide.padding for slide in found)):
            x = g.part(x, 0, 0, x.dims[0] - found[0].crop)
            return g.part(x, 1, 0, x.dims[1] - found[1].crop), found, rounding.upper()
    x = surrounded(g, x, [axis.around for axis in axes], 0.0, fill)
    return x, [Slide(axis.size, 0) for axis in axes], "CEILING"


def pooling(
    g: Emitter, kind: str, x: Slot, y: Slot, slides: Sequence[Slide], rounding: str = "CEILING"
) -> None:
    """Call PoolingLayer; slides are (x, y)."""
    g.call(
        "vxPoolingLayer",
        Ref(x.name),
        Enum(f"VX_NN_POOLING_{kind}"),
        *(Int(slide.size) for slide in slides),
        *(Int(slide.padding) for slide in slides),
        Enum(f"VX_NN_DS_SIZE_ROUNDING_{rounding}"),
        Ref(y.name),
    )
