"""Pools over the spatial dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Slide, plain
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import prefilled, running, with_border
from nnefx.openvx.plan import Enum, Int, Ref
from nnefx.openvx.rules import Operand, UnsupportedError, lowers, shared
from nnefx.openvx.storage import Slot
from nnefx.ops.shapes import Axis, windows

Padding = Sequence[tuple[int, int]]


@lowers("max_pool", scales=shared)
def max_pool(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    size: Sequence[int],
    border: str,
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
) -> None:
    """PoolingLayer MAX; places outside of the input are filled in where targets differ."""
    value = running(input)
    axes = spatial(value, size, padding, stride, dilation)
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


def average(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    size: Sequence[int],
    border: str,
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
) -> None:
    """PoolingLayer AVG, corrected where places outside of the input do not count."""
    value = running(input)
    axes = spatial(value, size, padding, stride, dilation)
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


def spatial(
    value: Value,
    size: Sequence[int],
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[Axis, Axis]:
    """Return the windows along x and y; refuse windows over batch or channels."""
    axes = windows(value.shape, size, padding, stride, dilation, "constant")
    if any((a.size, a.stride, a.before, a.down) != (1, 1, 0, a.up) for a in axes[:2]):
        raise UnsupportedError("a window over batch or channels is not handled")
    along = axes[2:]
    if not along:
        return Axis(1, 1), Axis(1, 1)
    return (along[0], Axis(1, 1)) if len(along) == 1 else (along[1], along[0])


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
    edges: list[tuple[int, ...]] = [(0, 0)] * 4
    for dim, axis in enumerate(axes):
        before, after = axis.around
        x = g.part(x, dim, max(-before, 0), x.dims[dim] - max(-after, 0))
        edges[dim] = (max(before, 0), max(after, 0))
    x = prefilled(g, x, edges, 0.0, fill)
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
