"""Pooling, and sampling at indices that pooling has found (sections 4.3.3 and 4.9.3).

An index is the row-major position in the window. A window that meets nothing but an ignored border
has the index 0 and the maximum minus infinity.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import show
from nnefx.ops.kernels import Values, along, extend, lowest, met, narrow, taps, widen
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.shapes import FILLING, Axis, one_of, volume
from nnefx.ops.window import box, box_axes, debox_axes

Ints = Sequence[int]

_PART = 64 << 10  # items at a time: what is between the dimensions stays in the cache

# ---- maxima


def pool_shape(x: Shape, **attributes: Any) -> Shape:
    """Return the shape of a pooling operation with one result."""
    return tuple(axis.down for axis in box_axes(x, **attributes))


def max_pool(x: Values, **attributes: Any) -> Values:
    """Return the maximum of each window, one dimension after the other, some channels at a time."""
    axes, border = box_axes(x.shape, **attributes), attributes["border"]
    if x.ndim < 2 or axes[1] != Axis(x.shape[1], x.shape[1]):
        return _max(x, axes, border)
    out = np.empty_like(x, shape=[axis.down for axis in axes])
    step = max(1, _PART * x.shape[1] // x.size)
    for first in range(0, x.shape[1], step):
        out[:, first : first + step] = _max(x[:, first : first + step], axes, border)
    return out


def _max(x: Values, axes: Sequence[Axis], border: str) -> Values:
    for number, axis in enumerate(axes):
        x = _max_along(x, number, axis, border)
    return x


def _max_along(x: Values, number: int, axis: Axis, border: str) -> Values:
    if axis == Axis(axis.up, axis.up):
        return x
    if border != "ignore":
        x = extend(x, [axis.around if k == number else (0, 0) for k in range(x.ndim)], border)
        axis = Axis(axis.full, axis.down, axis.size, axis.stride, axis.dilation)
    total = np.empty_like(x, shape=(*x.shape[:number], axis.down, *x.shape[number + 1 :]))
    total[...] = lowest(x)
    before = (slice(None),) * number
    for start in range(-axis.before, axis.reach - axis.before, axis.dilation):
        to, source = met(start, axis.down, axis.up, axis.stride)
        best = total[(*before, to)]
        np.maximum(best, x[(*before, source)], out=best)
    return total


def _fill(x: Values, border: str) -> Any:
    return lowest(x) if border == "ignore" else 0


def _maxima(x: Values, attributes: dict[str, Any]) -> tuple[Values, Values]:
    """Return the maximum of each window and the first position where it is found."""
    border = attributes["border"]
    axes = box_axes(x.shape, **attributes)
    wide = extend(x, [axis.around for axis in axes], border, _fill(x, border))
    best = np.full([axis.down for axis in axes], lowest(x), x.dtype)
    index = _first_valid(axes) if border == "ignore" else np.zeros(best.shape, np.int64)
    for number, (_, at) in enumerate(taps(axes)):
        part = wide[at]
        better = part > best
        np.copyto(best, part, where=better)
        np.copyto(index, number, where=better)
    return best, index


def _first_valid(axes: Sequence[Axis]) -> Values:
    """Return the first position of each window that is inside of the input, or 0."""
    index: Values = np.zeros([axis.down for axis in axes], np.int64)
    for number, axis in enumerate(axes):
        start = np.arange(axis.down) * axis.stride - axis.before
        first = np.maximum(-(start // axis.dilation), 0)
        index = index * axis.size + along(np.where(first < axis.size, first, 0), number, len(axes))
    return index


def argmax_pool(x: Values, **attributes: Any) -> Values:
    """Return the position of the first maximum in each window."""
    return _maxima(x, attributes)[1]


def max_pool_with_index_shape(x: Shape, **attributes: Any) -> list[Shape]:
    """Return the shapes of the maxima and of their indices."""
    return [pool_shape(x, **attributes)] * 2


def max_pool_with_index(x: Values, **attributes: Any) -> list[Values]:
    """Return the maximum of each window and the position of the first one."""
    return list(_maxima(x, attributes))


# ---- sampling


def sample_shape(x: Shape, index: Shape, *, border: str, **attributes: Any) -> Shape:
    """Return the shape of `sample`, which is that of `index`."""
    one_of("border", border, FILLING)
    out = pool_shape(x, border=border, **attributes)
    if index != out:
        raise Reject("index", f"index has shape {show(index)}, expected {show(out)}")
    return out


def sample(x: Values, index: Values, *, border: str, **attributes: Any) -> Values:
    """Pick the item of each window that the index tells."""
    axes = box_axes(x.shape, border=border, **attributes)
    wide = extend(x, [axis.around for axis in axes], border)
    flat = np.zeros(index.shape, np.int64)
    for axis, place in zip(axes, _places(index, axes)):
        flat = flat * axis.full + place
    return wide.reshape(-1)[flat]


def desample_shape(x: Shape, index: Shape, *, border: str, **attributes: Any) -> Shape:
    """Return the shape of `desample`; only the border 'constant' is defined."""
    one_of("border", border, ("constant",))
    if index != x:
        raise Reject("index", f"index has shape {show(index)}, expected {show(x)} like the input")
    return tuple(axis.up for axis in debox_axes(x, border=border, **attributes))


def desample(x: Values, index: Values, **attributes: Any) -> Values:
    """Put each item back where its index tells; items that meet are summed."""
    axes = debox_axes(x.shape, **attributes)
    inside = np.ones(x.shape, np.bool_)
    flat = np.zeros(x.shape, np.int64)
    for axis, place in zip(axes, _places(index, axes)):
        at = place - axis.before
        inside &= (at >= 0) & (at < axis.up)
        flat = flat * axis.up + at
    shape = [axis.up for axis in axes]
    out = np.bincount(flat[inside], weights=x[inside], minlength=volume(shape))
    return narrow(out.reshape(shape), x)


def _places(index: Values, axes: Sequence[Axis]) -> Iterator[Values]:
    """Yield, for each dimension, where in the padded up-scaled space the indices point to."""
    count = volume([axis.size for axis in axes])
    if index.size and not (index.min() >= 0 and index.max() < count):
        raise Reject(
            "index",
            f"index has items from {index.min()} to {index.max()}, expected 0 to {count - 1}, "
            "the positions in the window",
        )
    for number, axis in enumerate(axes):
        count //= axis.size
        position = index // count % axis.size
        start = along(np.arange(axis.down) * axis.stride, number, len(axes))
        yield start + position * axis.dilation


# ---- means


def avg_pool(x: Values, **attributes: Any) -> Values:
    """Return the mean of each window."""
    return box(x, normalize=True, **attributes)


def rms_pool(x: Values, **attributes: Any) -> Values:
    """Return the root of the mean square of each window."""
    wide = widen(x)
    return narrow(np.sqrt(box(wide * wide, normalize=True, **attributes)), x)


define("argmax_pool", shape=pool_shape, run=argmax_pool)
define("sample", shape=sample_shape, run=sample)
define("desample", shape=desample_shape, run=desample)
define("max_pool_with_index", shape=max_pool_with_index_shape, run=max_pool_with_index)
define("max_pool", shape=pool_shape, run=max_pool)
define("avg_pool", shape=pool_shape, run=avg_pool)
define("rms_pool", shape=pool_shape, run=rms_pool)
