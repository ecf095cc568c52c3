"""Depth-wise convolution: every channel by filters of its own, channels side by side in memory.

A position of the window adds a row of pixels times a row of weights to a row of the result. The
rows are contiguous and long whatever the size of the image, so that planes of 7 x 7 cost per item
what planes of 112 x 112 do. The result is (B, c, *down) like any other, with channels innermost in
memory; pointwise convolutions and the operations on items keep such an order.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nnefx.ops.kernels import Index, Values, met
from nnefx.ops.shapes import Axis

_ROWS = 512 << 10  # bytes of padded input at a time: what a core caches


def depthwise(x: Values, filter: Values, axes: Sequence[Axis]) -> Values:
    """Return the correlation of `x` (B, C, *up) with `filter` (c, 1, *size), c a multiple of C.

    The result is (B, c, *down). `axes` describes one spatial dimension at least; the border is
    zero.
    """
    if len(axes) == 1:
        return depthwise(x[..., None], filter[..., None], [*axes, Axis(1, 1)])[..., 0]
    down, many, count = [axis.down for axis in axes], len(filter), len(axes)
    out = np.empty((len(x), *down[:-1], down[-1] * many), x.dtype)
    weights = filter[:, 0].transpose(*range(1, count + 1), 0)[..., None, :]
    weights = np.repeat(weights, down[-1], axis=-2).reshape(*filter.shape[2:], -1)
    last = axes[-1]
    columns = last.full if last.stride == 1 else last.size * last.down
    row = prod(axis.full for axis in axes[1:-1]) * columns * many * x.itemsize
    step = max(1, _ROWS // (row * axes[0].stride))
    places = list(range(2 * count))  # of the window, then of the result
    for image, first in product(range(len(x)), range(0, down[0], step)):
        part = out[image, first : first + step]
        pixels = _pixels(x[image], axes, first, len(part), many)
        view = _windows(pixels, axes, len(part))
        np.einsum(view, places, weights, [*places[:count], places[-1]], places[count:], out=part)
        del pixels, view  # before the next ones are made
    return out.reshape(len(x), *down, many).transpose(0, -1, *range(1, count + 1))


def _pixels(x: Values, axes: Sequence[Axis], first: int, count: int, many: int) -> Values:
    """Return what `count` rows of the result, from `first` on, meet of one image (C, *up).

    The result is (rows, ..., 1, columns, c), border included, each channel as often as it has
    filters. Where the columns are not met one after the other, it is (rows, ..., positions,
    columns, c): what each position in the window meets.
    """
    top, *middle, last = axes
    rows = (count - 1) * top.stride + top.reach
    starts, columns = [-last.before], last.full
    if last.stride > 1:
        starts = [j * last.dilation - last.before for j in range(last.size)]
        columns = last.down
    full = [axis.full for axis in middle]
    wide = np.zeros((rows, *full, len(starts), columns, many), x.dtype)
    places = [met(first * top.stride - top.before, rows, top.up)]
    places += [met(-axis.before, axis.full, axis.up) for axis in middle]
    x, times = x.transpose(*range(1, x.ndim), 0), many // len(x)
    for place, start in enumerate(starts):
        some = [*places, met(start, columns, last.up, last.stride)]
        *to, along = (target for target, _ in some)
        part: Values = x[(*(source for _, source in some),)]
        for copy in range(times):
            at: Index = (*to, place, along, slice(copy, None, times))
            wide[at] = part
    return wide


def _windows(pixels: Values, axes: Sequence[Axis], count: int) -> Values:
    """Return a view (*size, count, ..., row) of what `_pixels` returned."""
    *steps, place, column, _ = pixels.strides
    last = axes[-1]
    size, gaps = [axis.size for axis in axes], [axis.dilation for axis in axes[:-1]]
    extents = [count, *(axis.down for axis in axes[1:-1]), last.down * pixels.shape[-1]]
    strides = (
        *(step * gap for step, gap in zip(steps, gaps)),
        place if last.stride > 1 else column * last.dilation,
        *(step * axis.stride for step, axis in zip(steps, axes)),
        pixels.itemsize,
    )
    return as_strided(pixels, (*size, *extents), strides, writeable=False)
