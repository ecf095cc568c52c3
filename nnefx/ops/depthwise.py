"""Depth-wise convolution: every channel by filters of its own, channels side by side in memory.

A tap of the window scales a row of pixels by a row of weights, both contiguous whatever the size
of the image, and planes of 7 x 7 cost per item what planes of 112 x 112 do. The result is
(B, c, *down) like any other, with channels innermost in memory; `correlate` and the operations on
items keep such an order.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from nnefx.ops.kernels import Index, Values
from nnefx.ops.shapes import Axis

_ROWS = 256 << 10  # bytes of the result at a time: what a core caches, with what it is made of


def depthwise(x: Values, filter: Values, axes: Sequence[Axis]) -> Values:
    """Return the correlation of `x` (B, C, *up) with `filter` (c, 1, *size), c a multiple of C.

    The result is (B, c, *down). `axes` describes one spatial dimension at least; the border is
    zero.
    """
    if len(axes) == 1:
        return depthwise(x[..., None], filter[..., None], [*axes, Axis(1, 1)])[..., 0]
    down, last = [axis.down for axis in axes], axes[-1]
    out = np.empty((len(x), *down, len(filter)), x.dtype)
    weights = np.moveaxis(filter[:, 0], 0, -1)[..., None, :]
    weights = np.ascontiguousarray(np.repeat(weights, last.down, axis=-2))
    step = max(1, _ROWS // max(prod(out.shape[2:]) * x.itemsize, 1))
    taps = [(tap, *_met_by(tap, axes)) for tap in np.ndindex(*filter.shape[2:])]
    for image, first in product(range(len(x)), range(0, down[0], step)):
        total = out[image, first : first + step]
        pixels = _pixels(x[image], axes, first, len(total), len(filter))
        scaled = np.empty_like(total)
        for number, (tap, row, rest) in enumerate(taps):
            part = pixels[row : row + (len(total) - 1) * axes[0].stride + 1 : axes[0].stride][rest]
            np.multiply(part, weights[tap], out=scaled if number else total)
            if number:
                total += scaled
    return out.transpose(0, -1, *range(1, len(axes) + 1))


def _pixels(x: Values, axes: Sequence[Axis], first: int, count: int, many: int) -> Values:
    """Return what `count` rows of the result, from `first` on, meet of one image (C, *up).

    The result is (rows, ..., phases, columns, c): column `j` of the padded image is at `j //
    stride` of phase `j % stride`, so that what a tap meets is contiguous; each channel stands as
    often as it has filters. It includes the border of zeros.
    """
    top, *middle, last = axes
    rows = (count - 1) * top.stride + top.reach
    columns = (last.reach - 1) // last.stride + last.down
    full = [axis.full for axis in middle]
    wide = np.zeros((rows, *full, last.stride, columns, many), x.dtype)
    met = [_met(first * top.stride - top.before, rows, top.up)]
    met += [_met(-axis.before, axis.full, axis.up) for axis in middle]
    x, times = x.transpose(*range(1, x.ndim), 0), many // len(x)
    for phase in range(last.stride):
        some = [*met, _met(phase - last.before, columns, last.up, last.stride)]
        *to, along = (target for target, _ in some)
        part: Values = x[(*(source for _, source in some),)]
        for copy in range(times):
            at: Index = (*to, phase, along, slice(copy, None, times))
            wide[at] = part
    return wide


def _met(start: int, count: int, extent: int, step: int = 1) -> tuple[slice, slice]:
    """Tell which of the positions `start`, `start + step`, ... are in an extent, and the items."""
    low = min(max(-(start // step), 0), count)
    high = max(min((extent - 1 - start) // step + 1, count), low)
    if low == high:
        return slice(0, 0), slice(0, 0)
    return slice(low, high), slice(start + low * step, start + (high - 1) * step + 1, step)


def _met_by(tap: Sequence[int], axes: Sequence[Axis]) -> tuple[int, Index]:
    """Return the first row of pixels that a position in the window meets, and which of a row."""
    row, *middle, column = (j * axis.dilation for j, axis in zip(tap, axes))
    planes = (
        slice(start, start + (axis.down - 1) * axis.stride + 1, axis.stride)
        for start, axis in zip(middle, axes[1:-1])
    )
    column, phase = divmod(column, axes[-1].stride)
    return row, (slice(None), *planes, phase, slice(column, column + axes[-1].down))
