"""Layers that move items about."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import axis_of, positive
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int]


@rules.on("Split")
def split(g: Importer, x: Tensor) -> Any:
    return [g.copied(x) for _ in g.layer.tops]


@rules.on("Concat")
def concat(
    g: Importer, x: Tensor, *more: Tensor, axis: int | None = None, concat_dim: int = 1
) -> Any:
    along = axis_of(concat_dim if axis is None else axis, x.rank)
    if not more:
        return g.copied(x)
    return g.concat([x, *more], axis=along)


@rules.on("Slice")
def slice_layer(
    g: Importer, x: Tensor, *, axis: int | None = None, slice_dim: int = 1,
    slice_point: Ints = (),
) -> Any:  # fmt: skip
    along = axis_of(slice_dim if axis is None else axis, x.rank)
    extent, count = x.shape[along], len(g.layer.tops)
    if slice_point and len(slice_point) != count - 1:
        text = f"{len(slice_point)} slice_point for {count} tops, expected {count - 1}"
        raise Reject("slice_point", text, "NX703")
    if not slice_point and extent % count:
        text = f"{count} tops do not divide the extent {extent} of axis {along}"
        raise Reject(None, text, "NX703")
    even = [extent // count * index for index in range(1, count)]
    points = [0, *(slice_point or even), extent]
    sizes = [stop - start for start, stop in pairwise(points)]
    if min(sizes) < 1:
        text = f"points {list(slice_point)} do not rise from 0 to the extent {extent}"
        raise Reject("slice_point", text, "NX706")
    if count == 1:
        return g.copied(x)
    common = math.gcd(*sizes)
    return g.split(x, axis=along, ratios=[size // common for size in sizes])


@rules.on("Flatten")
def flatten(g: Importer, x: Tensor, *, axis: int = 1, end_axis: int = -1) -> Any:
    first, last = axis_of(axis, x.rank), axis_of(end_axis, x.rank, "end_axis")
    if last < first:
        raise Reject("end_axis", f"end_axis {end_axis} lies before axis {axis}", "NX703")
    joined = math.prod(x.shape[first : last + 1])
    return reshaped(g, x, (*x.shape[:first], joined, *x.shape[last + 1 :]))


@rules.on("Reshape")
def reshape(g: Importer, x: Tensor, *, shape: Ints = (), axis: int = 0, num_axes: int = -1) -> Any:
    first = axis if axis >= 0 else x.rank + axis + 1
    if not 0 <= first <= x.rank:
        raise Reject("axis", f"axis is {axis}, the blob has {x.rank} axes", "NX703")
    stop = x.rank if num_axes == -1 else first + num_axes
    if num_axes < -1 or stop > x.rank:
        text = f"{num_axes} axes from {first} on, the blob has {x.rank}"
        raise Reject("num_axes", text, "NX703")
    middle = _resolved(shape, x.shape[first:stop])
    return reshaped(g, x, (*x.shape[:first], *middle, *x.shape[stop:]))


def _resolved(shape: Ints, old: Ints) -> list[int]:
    """Return a shape with 0 replaced by the old extent and -1 by what is left over."""
    if min(shape, default=0) < -1 or list(shape).count(-1) > 1:
        raise Reject("shape", f"shape {list(shape)}: at most one extent may be -1", "NX703")
    if any(extent == 0 and index >= len(old) for index, extent in enumerate(shape)):
        text = f"shape {list(shape)}: there is no extent to copy, the old ones are {list(old)}"
        raise Reject("shape", text, "NX703")
    filled = [old[index] if extent == 0 else extent for index, extent in enumerate(shape)]
    known, volume = math.prod(extent for extent in filled if extent > 0), math.prod(old)
    if -1 in filled and volume % known == 0:
        filled = [volume // known if extent == -1 else extent for extent in filled]
    if math.prod(filled) != volume:
        text = f"shape {list(shape)} does not hold the {volume} items of {list(old)}"
        raise Reject("shape", text, "NX304")
    return filled


def reshaped(g: Importer, x: Tensor, shape: Ints) -> Tensor:
    """Emit a reshape, or return a second tensor on the same items."""
    return g.copied(x) if tuple(shape) == x.shape else g.viewed(x, shape)


@rules.on("Permute")
def permute(g: Importer, x: Tensor, *, order: Ints = ()) -> Any:
    axes = [axis_of(axis, x.rank, "order") for axis in order]
    if len(set(axes)) < len(axes):
        raise Reject("order", f"order {list(order)} names an axis twice", "NX703")
    axes += [axis for axis in range(x.rank) if axis not in axes]
    return g.copied(x) if axes == sorted(axes) else g.transpose(x, axes=axes)


@rules.on("Crop")
def crop(g: Importer, x: Tensor, like: Tensor, *, axis: int = 2, offset: Ints = ()) -> Any:
    first = axis_of(axis, x.rank)
    axes = list(range(first, x.rank))
    if like.rank != x.rank or len(offset) not in (0, 1, len(axes)):
        text = f"{len(offset)} offsets and a reference of {like.rank} axes, {len(axes)} are cropped"
        raise Reject("offset", text, "NX703")
    begin = list(offset or [0]) * (len(axes) if len(offset) < 2 else 1)
    end = [start + like.shape[axis] for start, axis in zip(begin, axes)]
    for axis, stop in zip(axes, end):
        if stop > x.shape[axis]:
            text = f"the crop ends at {stop} of axis {axis}, whose extent is {x.shape[axis]}"
            raise Reject("offset", text, "NX304")
    kept = [i for i, axis in enumerate(axes) if (begin[i], end[i]) != (0, x.shape[axis])]
    if not kept:
        return g.copied(x)
    return g.slice(
        x, axes=[axes[i] for i in kept], begin=[begin[i] for i in kept], end=[end[i] for i in kept]
    )


@rules.on("Tile")
def tile(g: Importer, x: Tensor, *, tiles: int, axis: int = 1) -> Any:
    positive([tiles], "tiles")
    repeats = [1] * x.rank
    repeats[axis_of(axis, x.rank)] = tiles
    return g.tile(x, repeats=repeats)


@rules.on("ShuffleChannel")
def shuffle_channel(g: Importer, x: Tensor, *, group: int = 1) -> Any:
    positive([group], "group")
    if x.rank < 2 or x.shape[1] % group:
        text = f"group {group} does not divide the channels of {list(x.shape)}"
        raise Reject("group", text, "NX703")
    batch, channels, *rest = x.shape
    parted = g.viewed(x, (batch, group, channels // group, *rest))
    return g.viewed(g.transpose(parted, axes=[0, 2, 1]), x.shape)
