"""Custom operations that read an image between its items: grids, regions, deformed windows."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor
from nnefx.ops.registry import Reject, Shape, define

Ints = Sequence[int]
Padding = Sequence[tuple[int, int]]

_MODES = ("nearest", "linear", "cubic")
_BORDERS = ("zeros", "border", "reflection")


def _reflected(x: Tensor, low: float, high: float) -> Tensor:
    """Return coordinates folded at both ends until they lie between them."""
    span = high - low
    if span <= 0:
        return np.full_like(x, low)
    distance = np.mod(x - low, 2 * span)
    return low + np.minimum(distance, 2 * span - distance)


def _linear(part: Tensor) -> list[Tensor]:
    return [1 - part, part]


def _cubic(part: Tensor) -> list[Tensor]:
    a = -0.75

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    return [far(part + 1), near(part), near(1 - part), far(2 - part)]


_TAPS: dict[str, tuple[int, Callable[[Tensor], list[Tensor]]]] = {
    "nearest": (0, lambda part: [np.ones_like(part)]),
    "linear": (0, _linear),
    "cubic": (-1, _cubic),
}


def sample(image: Tensor, where: Sequence[Tensor], mode: str, border: str, corners: bool) -> Tensor:
    """Return the items of `image` (C, ...) at coordinates, as (C, *places).

    Coordinates count items; `corners` says whether reflection happens at the outer items or half
    an item beyond them.
    """
    first, weigh = _TAPS[mode]
    starts = [np.floor(x).astype(np.int64) for x in where]
    weights = [weigh((x - start).astype(image.dtype)) for x, start in zip(where, starts)]
    total = np.zeros((image.shape[0], *where[0].shape), image.dtype)
    for tap in product(*(range(len(items)) for items in weights)):
        places = [start + first + t for start, t in zip(starts, tap)]
        weight = np.prod([items[t] for items, t in zip(weights, tap)], axis=0)
        total += weight * _taken(image, places, border, corners)
    return total


def _taken(image: Tensor, places: Sequence[Tensor], border: str, corners: bool) -> Tensor:
    inside = np.ones(places[0].shape, np.bool_)
    index = []
    for place, extent in zip(places, image.shape[1:]):
        if border == "reflection":
            low, high = (0.0, extent - 1.0) if corners else (-0.5, extent - 0.5)
            outside = (place < 0) | (place > extent - 1)
            folded = np.trunc(_reflected(place.astype(np.float64), low, high)).astype(np.int64)
            place = np.where(outside, folded, place)
        elif border == "zeros":
            inside &= (place >= 0) & (place < extent)
        index.append(np.clip(place, 0, extent - 1))
    at: Any = (slice(None), *index)
    return np.where(inside, image[at], 0)


def _grid_shape(
    input: Shape,
    grid: Shape,
    *,
    mode: str,
    border: str,
    align_corners: bool,  # noqa: ARG001
) -> Shape:
    if mode not in _MODES:
        raise Reject("mode", f"mode is '{mode}', expected one of {', '.join(_MODES)}")
    if border not in _BORDERS:
        raise Reject("border", f"border is '{border}', expected one of {', '.join(_BORDERS)}")
    if len(grid) != len(input) or grid[0] != input[0] or grid[-1] != len(input) - 2:
        raise Reject("grid", f"grid has shape {list(grid)}, the input {list(input)}")
    return (*input[:2], *grid[1:-1])


def _grid_sample(
    input: Tensor, grid: Tensor, *, mode: str, border: str, align_corners: bool
) -> Tensor:
    output = np.empty((*input.shape[:2], *grid.shape[1:-1]), input.dtype)
    for number, image in enumerate(input):
        where = []
        for axis, extent in enumerate(image.shape[1:]):
            item = grid[number, ..., image.ndim - 2 - axis]
            x = (item + 1) / 2 * (extent - 1) if align_corners else ((item + 1) * extent - 1) / 2
            if mode == "nearest":
                x = np.rint(x)
            where.append(_bounded(x, extent, border, align_corners))
        output[number] = sample(image, where, mode, border, align_corners)
    return output


def _bounded(x: Tensor, extent: int, border: str, corners: bool) -> Tensor:
    if border == "border":
        return np.clip(x, 0, extent - 1)
    if border == "reflection":
        low, high = (0.0, extent - 1.0) if corners else (-0.5, extent - 0.5)
        return np.where((x < low) | (x > high), _reflected(x, low, high), x)
    return np.clip(x, -(2**31), 2**31)  # far outside is as good as infinitely far


define("nnefx_grid_sample", shape=_grid_shape, run=_grid_sample)


def _deform_shape(
    input: Shape,
    filter: Shape,
    offset: Shape,
    mask: Shape,
    *,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
    groups: int,
    offset_groups: int,
) -> Shape:
    if len(input) != 4 or len(filter) != 4:
        raise Reject("input", f"the input has rank {len(input)}, expected 4")
    if input[1] != filter[1] * groups or filter[0] % groups or input[1] % offset_groups:
        raise Reject("filter", f"filter {list(filter)} in {groups} groups does not fit the input")
    extents = [
        (extent + before + after - (size - 1) * spread - 1) // step + 1
        for extent, (before, after), size, step, spread in zip(
            input[2:], padding, filter[2:], stride, dilation, strict=True
        )
    ]
    taps = filter[2] * filter[3] * offset_groups
    if offset != (input[0], 2 * taps, *extents):
        raise Reject("offset", f"offset has shape {list(offset)}, expected {2 * taps} channels")
    if mask not in ((), (input[0], taps, *extents)):
        raise Reject("mask", f"mask has shape {list(mask)}, expected {taps} channels")
    return (input[0], filter[0], *extents)


def _deform_conv(
    input: Tensor,
    filter: Tensor,
    offset: Tensor,
    mask: Tensor,
    *,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
    groups: int,
    offset_groups: int,
) -> Tensor:
    batch, channels = input.shape[:2]
    kh, kw = filter.shape[2:]
    oh, ow = offset.shape[2:]
    shifts = offset.reshape(batch, offset_groups, kh, kw, 2, oh, ow)
    gains = np.broadcast_to(mask, (batch, offset_groups * kh * kw, oh, ow)) if mask.ndim else None
    columns = np.empty((batch, channels, kh, kw, oh, ow), input.dtype)
    each = channels // offset_groups
    rows = np.arange(oh)[:, None] * stride[0] - padding[0][0]
    cols = np.arange(ow)[None, :] * stride[1] - padding[1][0]
    for n, group, i, j in product(range(batch), range(offset_groups), range(kh), range(kw)):
        part = slice(group * each, (group + 1) * each)
        where = [
            rows + i * dilation[0] + shifts[n, group, i, j, 0],
            cols + j * dilation[1] + shifts[n, group, i, j, 1],
        ]
        found = sample(input[n, part], where, "linear", "zeros", True)
        if gains is not None:
            found = found * gains[n, (group * kh + i) * kw + j]
        columns[n, part, i, j] = found
    blocks = columns.reshape(batch, groups, -1, oh * ow)
    kernels = filter.reshape(groups, filter.shape[0] // groups, -1)
    result = np.einsum("gok,bgkp->bgop", kernels, blocks, optimize=True)
    return np.asarray(result.reshape(batch, filter.shape[0], oh, ow), input.dtype)


define("nnefx_deform_conv", shape=_deform_shape, run=_deform_conv)


def _roi_shape(
    input: Shape,
    rois: Shape,
    batch_index: Shape,
    *,
    output_size: Ints,
    sampling: int,  # noqa: ARG001
    scale: float,  # noqa: ARG001
    half_pixel: bool,  # noqa: ARG001
    maximum: bool,  # noqa: ARG001
) -> Shape:
    if len(input) != 4 or len(rois) != 2 or rois[1] != 4 or batch_index != rois[:1]:
        raise Reject("rois", f"rois has shape {list(rois)}, batch_index {list(batch_index)}")
    return (rois[0], input[1], *output_size)


def _roi_align(
    input: Tensor,
    rois: Tensor,
    batch_index: Tensor,
    *,
    output_size: Ints,
    sampling: int,
    scale: float,
    half_pixel: bool,
    maximum: bool,
) -> Tensor:
    output = np.empty((len(rois), input.shape[1], *output_size), input.dtype)
    for number, (roi, image) in enumerate(zip(rois * scale - 0.5 * half_pixel, batch_index)):
        lengths = [roi[3] - roi[1], roi[2] - roi[0]]
        if not half_pixel:
            lengths = [max(length, 1.0) for length in lengths]
        where, inside = [], []
        for start, length, count, extent in zip(
            (roi[1], roi[0]), lengths, output_size, input.shape[2:]
        ):
            taps = sampling if sampling > 0 else int(np.ceil(length / count))
            x = start + (np.arange(count * taps) + 0.5) * length / (count * taps)
            inside.append((x >= -1) & (x <= extent))
            where.append(np.clip(x, 0, extent - 1))
        output[number] = _pooled(input[int(image)], where, inside, output_size, maximum)
    return output


def _pooled(
    image: Tensor, where: list[Tensor], inside: list[Tensor], size: Ints, maximum: bool
) -> Tensor:
    valid = inside[0][:, None] & inside[1][None, :]
    if not valid.size:
        return np.zeros((image.shape[0], *size), image.dtype)
    taps = [len(where[0]) // size[0], len(where[1]) // size[1]]
    split = (image.shape[0], size[0], taps[0], size[1], taps[1])
    rows, cols = np.meshgrid(where[0], where[1], indexing="ij")
    if not maximum:
        found = np.where(valid, sample(image, [rows, cols], "linear", "border", True), 0)
        return np.asarray(found.reshape(split).mean(axis=(2, 4)))
    # The maximum is taken over the four weighted neighbours of each point, not over points.
    best = np.full(split, -np.inf)
    for i, j in product((0, 1), repeat=2):
        found = np.where(valid, _corner(image, rows, cols, i, j), 0)
        best = np.maximum(best, found.reshape(split))
    return np.asarray(best.max(axis=(2, 4)).astype(image.dtype))


def _corner(image: Tensor, rows: Tensor, cols: Tensor, i: int, j: int) -> Tensor:
    weight = np.ones(rows.shape, image.dtype)
    index = []
    for x, side, extent in zip((rows, cols), (i, j), image.shape[1:]):
        low = np.minimum(np.floor(x).astype(np.int64), extent - 1)
        part = x - low
        weight = weight * (part if side else 1 - part)
        index.append(np.minimum(low + side, extent - 1))
    at: Any = (slice(None), *index)
    return np.asarray(weight * image[at])


define("nnefx_roi_align", shape=_roi_shape, run=_roi_align)
