"""Operations that move items about without computing: section 4.5, except `cast`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import check_axes, show
from nnefx.ops.kernels import Values, extend
from nnefx.ops.registry import MAX_RESULTS, Reject, Shape, define
from nnefx.ops.shapes import (
    FILLING,
    Padding,
    check_axis,
    check_border,
    exact,
    one_of,
    positive,
    volume,
)

Ints = Sequence[int]

# ---- reshape, squeeze, unsqueeze, transpose: sections 4.5.1 and 4.5.2


def reshape_shape(x: Shape, *, shape: Ints, axis_start: int, axis_count: int) -> Shape:
    """Return the shape of `reshape`: an item 0 copies an extent, -1 is worked out."""
    rank = len(x)
    if not 0 <= axis_start <= rank:
        raise Reject("axis_start", f"axis_start is {axis_start}, expected 0 to {rank}")
    if not -1 <= axis_count <= rank - axis_start:
        raise Reject(
            "axis_count", f"axis_count is {axis_count}, expected -1 to {rank - axis_start}"
        )
    stop = rank if axis_count == -1 else axis_start + axis_count
    middle = _fill_in(x[axis_start:stop], list(shape))
    return (*x[:axis_start], *middle, *x[stop:])


def _fill_in(old: Shape, new: list[int]) -> list[int]:
    if min(new, default=0) < -1 or new.count(-1) > 1:
        raise Reject("shape", f"shape is {new}, expected no negative item but a single -1")
    for place, item in enumerate(new):
        if item == 0 and place >= len(old):
            raise Reject(
                "shape", f"shape has a 0 at {place}, the input has no extent there to copy"
            )
        new[place] = old[place] if item == 0 else item
    if -1 in new:
        place = new.index(-1)
        known = volume([*new[:place], *new[place + 1 :]])
        new[place] = volume(old) // known if known else 0
    if volume(new) != volume(old):
        raise Reject(
            "shape",
            f"shape {show(new)} holds {volume(new)} items, the input has {volume(old)} "
            f"in its extents {show(old)}",
        )
    return new


def reshape(x: Values, **attributes: Any) -> Values:
    """Give the items, in row-major order, another shape."""
    return x.reshape(reshape_shape(x.shape, **attributes))


def squeeze_shape(x: Shape, *, axes: Ints) -> Shape:
    """Return the shape of `squeeze`; the axes are those of the input, their extents are 1."""
    check_axes(axes, len(x))
    for axis in axes:
        if x[axis] != 1:
            raise Reject(
                "axes", f"axes has {axis}, where the input has extent {x[axis]}, expected 1"
            )
    return tuple(extent for axis, extent in enumerate(x) if axis not in axes)


def squeeze(x: Values, *, axes: Ints) -> Values:
    """Drop dimensions of extent 1."""
    return x.reshape(squeeze_shape(x.shape, axes=axes))


def unsqueeze_shape(x: Shape, *, axes: Ints) -> Shape:
    """Return the shape of `unsqueeze`; the axes are those of the output."""
    rank = len(x) + len(axes)
    check_axes(axes, rank)
    rest = iter(x)
    return tuple(1 if axis in axes else next(rest) for axis in range(rank))


def unsqueeze(x: Values, *, axes: Ints) -> Values:
    """Insert dimensions of extent 1."""
    return x.reshape(unsqueeze_shape(x.shape, axes=axes))


def transpose_shape(x: Shape, *, axes: Ints) -> Shape:
    """Return the shape of `transpose`; dimensions after the listed ones stay."""
    if len(axes) > len(x):
        raise Reject("axes", f"axes has {len(axes)} items, the input has rank {len(x)}")
    if sorted(axes) != list(range(len(axes))):
        raise Reject("axes", f"axes is {list(axes)}, expected a permutation of its positions")
    return (*(x[axis] for axis in axes), *x[len(axes) :])


def transpose(x: Values, *, axes: Ints) -> Values:
    """Permute the leading dimensions."""
    return np.transpose(x, (*axes, *range(len(axes), x.ndim)))


define("reshape", shape=reshape_shape, run=reshape)
define("squeeze", shape=squeeze_shape, run=squeeze)
define("unsqueeze", shape=unsqueeze_shape, run=unsqueeze)
define("transpose", shape=transpose_shape, run=transpose)


# ---- split, concat, stack, unstack: section 4.5.3


def split_shape(x: Shape, *, axis: int, ratios: Ints) -> list[Shape]:
    """Return the shapes of the parts of `split`."""
    check_axis(axis, len(x))
    positive("ratios", ratios)
    if not ratios or x[axis] % sum(ratios):
        raise Reject(
            "ratios",
            f"ratios has the sum {sum(ratios)}, which does not divide the extent {x[axis]} "
            f"along axis {axis}",
        )
    unit = x[axis] // sum(ratios)
    return [(*x[:axis], unit * ratio, *x[axis + 1 :]) for ratio in ratios]


def split(x: Values, *, axis: int, ratios: Ints) -> list[Values]:
    """Cut along an axis into parts of the given ratios."""
    unit = x.shape[axis] // sum(ratios)
    return np.split(x, np.cumsum(ratios[:-1], dtype=np.int64) * unit, axis)


def concat_shape(values: list[Shape], *, axis: int) -> Shape:
    """Return the shape of `concat`."""
    if not values:
        raise Reject("values", "values is empty, expected one tensor at least")
    first = values[0]
    check_axis(axis, len(first))
    for number, shape in enumerate(values):
        same = (*first[:axis], *shape[axis : axis + 1], *first[axis + 1 :])
        if shape != same:
            raise Reject(
                "values",
                f"values has item {number} of shape {show(shape)}, which does not agree with "
                f"{show(first)} outside of axis {axis}",
            )
    return (*first[:axis], sum(shape[axis] for shape in values), *first[axis + 1 :])


def concat(values: list[Values], *, axis: int) -> Values:
    """Join along an axis."""
    return np.concatenate(values, axis)


def stack_shape(values: list[Shape], *, axis: int) -> Shape:
    """Return the shape of `stack`; the axis is one of the output."""
    if not values:
        raise Reject("values", "values is empty, expected one tensor at least")
    first = values[0]
    check_axis(axis, len(first) + 1)
    for number, shape in enumerate(values):
        if shape != first:
            raise Reject(
                "values",
                f"values has item {number} of shape {show(shape)}, expected {show(first)} "
                "like the first",
            )
    return (*first[:axis], len(values), *first[axis:])


def stack(values: list[Values], *, axis: int) -> Values:
    """Join along a new axis."""
    return np.stack(values, axis)


def unstack_shape(x: Shape, *, axis: int) -> list[Shape]:
    """Return the shapes of the slices of `unstack`."""
    check_axis(axis, len(x))
    if x[axis] > MAX_RESULTS:
        raise Reject("axis", f"{x[axis]} results are more than {MAX_RESULTS}", "NX211")
    return [(*x[:axis], *x[axis + 1 :])] * x[axis]


def unstack(x: Values, *, axis: int) -> list[Values]:
    """Cut into slices along an axis, and drop the axis."""
    return list(np.moveaxis(x, axis, 0))


define("split", shape=split_shape, run=split)
define("concat", shape=concat_shape, run=concat)
define("stack", shape=stack_shape, run=stack)
define("unstack", shape=unstack_shape, run=unstack)


# ---- slice: section 4.5.4


def slice_ranges(x: Shape, *, axes: Ints, begin: Ints, end: Ints, stride: Ints) -> list[range]:
    """Return the positions that `slice` picks along each axis of `x`, after all checks."""
    check_axes(axes, len(x))
    steps = stride or [1] * len(axes)
    for name, values in (("begin", begin), ("end", end), ("stride", steps)):
        if len(values) != len(axes):
            raise Reject(name, f"{name} has {len(values)} items, expected {len(axes)} like axes")
    if 0 in steps:
        raise Reject("stride", "stride has item 0, expected a positive or negative one")
    ranges = [range(extent) for extent in x]
    # the deprecated way to write "to the end" holds only where no stride is given but ones
    to_end = all(step == 1 for step in steps)
    for axis, first, last, step in zip(axes, begin, end, steps):
        stop = x[axis] if to_end and last == 0 else _position(last, x[axis])
        ranges[axis] = _picked(_position(first, x[axis]), stop, step, x[axis])
    return ranges


def _position(value: int, extent: int) -> int:
    return max(-1, min(value + extent if value < 0 else value, extent))


def _picked(first: int, stop: int, step: int, extent: int) -> range:
    if (stop - first) * step < 0:
        order = "before its begin" if step > 0 else "after its begin, which the stride runs from"
        raise Reject("end", f"slice ends at {stop}, {order} {first}, in an extent of {extent}")
    if first != stop and not 0 <= first < extent:
        raise Reject("begin", f"slice begins at {first}, outside of the extent {extent}")
    # The text rounds the count down, but its formula input[begin:end:stride] includes a last
    # partial step, and so do other consumers.
    return range(first, stop, step)


def slice_shape(x: Shape, **attributes: Any) -> Shape:
    """Return the shape of `slice`."""
    return tuple(map(len, slice_ranges(x, **attributes)))


def slice_(x: Values, **attributes: Any) -> Values:
    """Pick a range of positions along each axis."""
    ranges = slice_ranges(x.shape, **attributes)
    # a stop of -1 is the place before the first item, which numpy writes None
    return x[
        tuple(
            slice(r.start, r.stop if r.stop >= 0 else None, r.step) if len(r) else slice(0, 0)
            for r in ranges
        )
    ]


define("slice", shape=slice_shape, run=slice_)


# ---- pad, tile, gather: sections 4.5.5 to 4.5.7


def pad_shape(x: Shape, *, padding: Padding, border: str, value: float) -> Shape:  # noqa: ARG001
    """Return the shape of `pad`; negative padding crops."""
    one_of("border", border, FILLING)
    if len(padding) != len(x):
        raise Reject("padding", f"padding has {len(padding)} items, expected {len(x)}")
    for extent, around in zip(x, padding):
        if extent + sum(around) < 1:
            raise Reject("padding", f"padding {around} leaves nothing of the extent {extent}")
        check_border(border, extent, around)
    return tuple(before + extent + after for extent, (before, after) in zip(x, padding))


def pad(x: Values, *, padding: Padding, border: str, value: float) -> Values:
    """Add a border, or crop where the padding is negative."""
    return extend(x, padding, border, value)


def tile_shape(x: Shape, *, repeats: Ints) -> Shape:
    """Return the shape of `tile`."""
    exact("repeats", repeats, len(x))
    return tuple(extent * count for extent, count in zip(x, repeats))


def tile(x: Values, *, repeats: Ints) -> Values:
    """Repeat the tensor along each dimension."""
    return np.tile(x, tuple(repeats))


def gather_shape(x: Shape, indices: Shape, *, axis: int) -> Shape:
    """Return the shape of `gather`: that of `indices` takes the place of the axis."""
    check_axis(axis, len(x))
    return (*x[:axis], *indices, *x[axis + 1 :])


def gather(x: Values, indices: Values, *, axis: int) -> Values:
    """Pick slices along an axis by index."""
    extent = x.shape[axis]
    if indices.size and not (indices.min() >= 0 and indices.max() < extent):
        raise Reject(
            "indices",
            f"indices has items from {indices.min()} to {indices.max()}, "
            f"expected 0 to {extent - 1}",
        )
    return np.take(x, indices, axis)


define("pad", shape=pad_shape, run=pad)
define("tile", shape=tile_shape, run=tile)
define("gather", shape=gather_shape, run=gather)
