"""The arithmetic of convolutions: arrays in, arrays out, geometry already worked out.

Filters are matrices wherever that is possible, so that the time goes into BLAS. Memory beside
input and output stays near `_COLUMNS` bytes whatever the size of the image.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nnefx.ops.depthwise import depthwise
from nnefx.ops.kernels import Index, Values, at_tap, extend, taps
from nnefx.ops.shapes import Axis

_COLUMNS = 1 << 20  # bytes of unfolded input at a time: more only costs memory


def correlate(x: Values, filter: Values, axes: Sequence[Axis], groups: int) -> Values:
    """Return the correlation of `x` (B, C, *up) with `filter` (c, C/groups, *size).

    The result is (B, c, *down); `axes` describes the spatial dimensions. The border is zero.
    """
    if axes and filter.shape[1] == 1 and groups > 1:
        return depthwise(x, filter, axes)
    if all(axis.size == 1 for axis in axes):
        x = extend(x, [(0, 0), (0, 0), *(axis.around for axis in axes)])
        return _pointwise(x, filter, axes, groups)
    return _unfolded(x, filter, axes, groups)


def _pointwise(x: Values, filter: Values, axes: Sequence[Axis], groups: int) -> Values:
    batch, down = len(x), [axis.down for axis in axes]
    steps: Index = (..., *(slice(None, None, axis.stride) for axis in axes))
    picked = x[steps]
    if groups == 1 and picked.strides[1] == x.itemsize:  # channels are innermost, and remain so
        pixels = picked.transpose(0, *range(2, x.ndim), 1).reshape(-1, x.shape[1])
        rows: Values = np.matmul(pixels, filter.reshape(filter.shape[:2]).T)
        return rows.reshape(batch, *down, len(filter)).transpose(0, -1, *range(1, x.ndim - 1))
    columns = picked.reshape(batch, groups, filter.shape[1], prod(down))
    matrix = filter.reshape(groups, -1, filter.shape[1])
    out: Values = np.matmul(matrix, columns)
    return out.reshape(batch, len(filter), *down)


def _unfolded(x: Values, filter: Values, axes: Sequence[Axis], groups: int) -> Values:
    batch, down = len(x), [axis.down for axis in axes]
    matrix = filter.reshape(groups, len(filter) // groups, -1)
    out = np.empty((batch, groups, matrix.shape[1], prod(down)), x.dtype)
    top, row = axes[0], prod(down[1:])
    row_bytes = groups * matrix.shape[2] * row * x.itemsize
    rows = min(max(_COLUMNS // max(row_bytes, 1), 1), top.down)
    images = max(_COLUMNS // max(row_bytes * top.down, 1), 1)
    for image in range(0, batch, images):
        some = slice(image, image + images)
        for first in range(0, top.down, rows):
            count = min(rows, top.down - first)
            target = out[some, ..., first * row : (first + count) * row]
            columns = _columns(_rows(x[some], axes, first, count), axes, [count, *down[1:]])
            columns = columns.reshape(len(columns), groups, matrix.shape[2], count * row)
            np.matmul(matrix, columns, out=target)
            del columns  # before the next ones are made
    return out.reshape(batch, len(filter), *down)


def _rows(x: Values, axes: Sequence[Axis], first: int, count: int) -> Values:
    """Return what `count` rows of the result, from `first` on, meet of `x` and its border."""
    top, *rest = axes
    begin = first * top.stride - top.before
    end = begin + (count - 1) * top.stride + top.reach
    low = min(max(begin, 0), top.up)
    high = min(max(end, low), top.up)
    around = [(low - begin, end - high), *(axis.around for axis in rest)]
    return extend(x[:, :, low:high], [(0, 0), (0, 0), *around])


def _columns(x: Values, axes: Sequence[Axis], down: Sequence[int]) -> Values:
    """Return a copy of `x` (B, C, ...) unfolded to (B, C, *size, *down)."""
    steps = x.strides[2:]
    shape = (*x.shape[:2], *(axis.size for axis in axes), *down)
    strides = (
        *x.strides[:2],
        *(step * axis.dilation for step, axis in zip(steps, axes)),
        *(step * axis.stride for step, axis in zip(steps, axes)),
    )
    return np.ascontiguousarray(as_strided(x, shape, strides, writeable=False))


def spread(x: Values, filter: Values, axes: Sequence[Axis], groups: int) -> Values:
    """Return the reverse of `correlate`: `x` (B, c, *down) spread to (B, C, *full).

    `filter` is (c, C/groups, *size). One matrix product per position of the window is added up,
    so that nothing larger than the result is ever built.
    """
    batch, many, down = len(x), filter.shape[1], [axis.down for axis in axes]
    full = np.zeros((batch, groups, many, *(axis.full for axis in axes)), x.dtype)
    weights = filter.reshape(groups, -1, *filter.shape[1:]).swapaxes(1, 2)
    columns = x.reshape(batch, groups, weights.shape[2], prod(down))
    for tap, at in taps(axes):
        matrix = np.ascontiguousarray(at_tap(weights, tap))
        # a matrix with an inner extent of one is a product of vectors, which BLAS is slow at
        product = np.multiply if weights.shape[2] == 1 else np.matmul
        full[at] += product(matrix, columns).reshape(batch, groups, many, *down)
    return full.reshape(batch, groups * many, *full.shape[3:])
