"""Arithmetic of values shared by the kernels: borders, window taps, interpolation.

Arrays keep their data-type, except that float16 is computed in float32 (`widen`, `narrow`).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ops.shapes import Axis

Values = NDArray[Any]
Index = Any  # of an array: numpy's types do not know tuples that begin with an ellipsis

_NUMPY_MODES: dict[str, Any] = {
    "replicate": "edge",
    "reflect": "reflect",
    "reflect-even": "symmetric",
}


def widen(x: Values) -> Values:
    """Return `x` in a type to compute with: float32 for float16, as it is otherwise."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def narrow(x: Values, like: Values) -> Values:
    """Return `x` in the data-type of `like`."""
    return x.astype(like.dtype, copy=False)


def lowest(x: Values) -> Any:
    """Return what no item of the type of `x` is less than."""
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def extend(
    x: Values, padding: Sequence[tuple[int, int]], border: str = "constant", fill: Any = 0
) -> Values:
    """Return `x` with a border of (before, after) items per dimension, of which negative ones crop.

    The border modes are those of section 4.3; 'ignore' fills like 'constant'.
    """
    grow = [(max(before, 0), max(after, 0)) for before, after in padding]
    if any(before or after for before, after in grow):
        if border in _NUMPY_MODES:
            x = np.pad(x, grow, mode=_NUMPY_MODES[border])
        else:
            x = _surround(x, grow, fill)
    if any(min(pair) < 0 for pair in padding):
        x = x[
            tuple(
                slice(max(-before, 0), extent - max(-after, 0))
                for (before, after), extent in zip(padding, x.shape)
            )
        ]
    return x


def _surround(x: Values, grow: Sequence[tuple[int, int]], fill: Any) -> Values:
    shape = [before + extent + after for extent, (before, after) in zip(x.shape, grow)]
    out = np.zeros(shape, x.dtype) if fill == 0 else np.full(shape, fill, x.dtype)
    out[tuple(slice(before, before + extent) for extent, (before, _) in zip(x.shape, grow))] = x
    return out


def taps(axes: Sequence[Axis]) -> Iterator[tuple[tuple[int, ...], Index]]:
    """Yield each position in the window, and the index of all items that it meets.

    The index applies to the last dimensions of an array of the extents `axis.full`.
    """
    for tap in np.ndindex(*(axis.size for axis in axes)):
        at = (
            slice(
                j * axis.dilation,
                j * axis.dilation + (axis.down - 1) * axis.stride + 1,
                axis.stride,
            )
            for j, axis in zip(tap, axes)
        )
        yield tap, (Ellipsis, *at)


def met(start: int, count: int, extent: int, step: int = 1) -> tuple[slice, slice]:
    """Tell which of the positions `start`, `start + step`, ... are in an extent, and the items."""
    low = min(max(-(start // step), 0), count)
    high = max(min((extent - 1 - start) // step + 1, count), low)
    if low == high:
        return slice(0, 0), slice(0, 0)
    return slice(low, high), slice(start + low * step, start + (high - 1) * step + 1, step)


def along(values: Values, axis: int, rank: int) -> Values:
    """Return a vector as an array of `rank` dimensions that extends along `axis`."""
    return values.reshape([-1 if k == axis else 1 for k in range(rank)])


def at_tap(filter: Values, tap: tuple[int, ...]) -> Values:
    """Return the part of a filter, whose last dimensions are the window, for one position in it."""
    at: Index = (..., *tap)
    part: Values = filter[at]
    return part
