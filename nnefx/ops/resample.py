"""Up- and down-sampling of the spatial dimensions by whole factors: section 4.3.4."""

from collections.abc import Sequence

import numpy as np

from nnefx.ops.kernels import Values, along, narrow, widen
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.shapes import FILLING, check_border, exact, one_of

Ints = Sequence[int]

METHODS = ("symmetric", "asymmetric", "aligned")

# ---- nearest and area


def _check_factor(x: Shape, factor: Ints) -> None:
    if len(x) < 2:
        raise Reject("input", f"input has rank {len(x)}, expected batch and channels at least")
    exact("factor", factor, len(x) - 2)


def downsample_shape(x: Shape, *, factor: Ints) -> Shape:
    """Return the shape after down-sampling; the factors must divide the extents."""
    _check_factor(x, factor)
    for extent, step in zip(x[2:], factor):
        if extent % step:
            raise Reject("factor", f"factor has item {step}, which does not divide {extent}")
    return (*x[:2], *(extent // step for extent, step in zip(x[2:], factor)))


def nearest_downsample(x: Values, *, factor: Ints) -> Values:
    """Take the first item of each block."""
    downsample_shape(x.shape, factor=factor)
    return x[(slice(None), slice(None), *(slice(None, None, step) for step in factor))]


def area_downsample(x: Values, *, factor: Ints) -> Values:
    """Average each block."""
    down = downsample_shape(x.shape, factor=factor)
    blocks = [size for pair in zip(down[2:], factor) for size in pair]
    inner = tuple(range(3, 3 + 2 * len(factor), 2))
    out: Values = np.mean(widen(x).reshape(*down[:2], *blocks), axis=inner)
    return narrow(out, x)


def upsample_shape(x: Shape, *, factor: Ints) -> Shape:
    """Return the shape after up-sampling."""
    _check_factor(x, factor)
    return (*x[:2], *(extent * step for extent, step in zip(x[2:], factor)))


def nearest_upsample(x: Values, *, factor: Ints) -> Values:
    """Repeat each item over a block."""
    shape = upsample_shape(x.shape, factor=factor)
    blocks = [size for extent in x.shape[2:] for size in (extent, 1)]
    full = [size for pair in zip(x.shape[2:], factor) for size in pair]
    repeated = np.broadcast_to(x.reshape(*x.shape[:2], *blocks), (*x.shape[:2], *full))
    return repeated.reshape(shape)


# ---- multilinear


def multilinear_shape(x: Shape, *, factor: Ints, method: str, border: str) -> Shape:
    """Return the shape of `multilinear_upsample`."""
    one_of("method", method, METHODS)
    one_of("border", border, FILLING)
    for extent, (low, high, _) in zip(x[2:], _all_sources(x, factor, method)):
        check_border(border, extent, (-int(low.min()), int(high.max()) - extent + 1))
    return upsample_shape(x, factor=factor)


def _all_sources(x: Shape, factor: Ints, method: str) -> list[tuple[Values, Values, Values]]:
    _check_factor(x, factor)
    return [sources(extent, step, method) for extent, step in zip(x[2:], factor)]


def sources(extent: int, factor: int, method: str) -> tuple[Values, Values, Values]:
    """Return for each output index the two input indices around it and the weight of the second.

    Indices are -1 or `extent` where they lie beside the input. Computed in integers, so that a
    point that meets an input item meets it exactly. An index of weight 0 is that of its neighbour.
    """
    i = np.arange(extent * factor)
    if method == "symmetric":
        above, below = 2 * i - (factor - 1), 2 * factor
    elif method == "asymmetric":
        above, below = i, factor
    else:
        above, below = i * (extent - 1), max(extent * factor - 1, 1)
    low, rest = np.divmod(above, below)
    return low, np.where(rest > 0, low + 1, low), rest / below


def multilinear_upsample(x: Values, *, factor: Ints, method: str, border: str) -> Values:
    """Interpolate linearly along one spatial dimension after the other."""
    multilinear_shape(x.shape, factor=factor, method=method, border=border)
    out = widen(x)
    for number, (low, high, weight) in enumerate(_all_sources(x.shape, factor, method), start=2):
        if factor[number - 2] == 1:
            continue
        second = along(weight.astype(out.dtype), number, out.ndim)
        first = along((1 - weight).astype(out.dtype), number, out.ndim)
        below = _taken(out, low, number, border)
        out = below * first + _taken(out, high, number, border) * second
    return narrow(out, x)


def _taken(x: Values, indices: Values, axis: int, border: str) -> Values:
    """Take slices of `x` along an axis, where an index beside it meets the border."""
    extent = x.shape[axis]
    inside = np.clip(indices, 0, extent - 1)
    if border == "reflect":  # beside the input by one item at most, which the shape rule ensures
        inside = np.where(indices < 0, -indices, indices)
        inside = np.where(inside >= extent, 2 * (extent - 1) - inside, inside)
    taken = np.take(x, inside, axis)
    if border == "constant":
        taken *= along((indices == inside).astype(x.dtype), axis, x.ndim)
    return taken


define("nearest_downsample", shape=downsample_shape, run=nearest_downsample)
define("area_downsample", shape=downsample_shape, run=area_downsample)
define("nearest_upsample", shape=upsample_shape, run=nearest_upsample)
define("multilinear_upsample", shape=multilinear_shape, run=multilinear_upsample)
