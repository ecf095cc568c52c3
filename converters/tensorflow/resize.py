"""Resizing of images in TensorFlow's three conventions, on channels-first tensors.

`asymmetric` is the oldest: pixel i lies at i * scale; `aligned` lets the corner pixels meet;
`symmetric` takes pixels as areas, with centres at half coordinates.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.scope import Scope, Tensor
from nnefx.converters.tensorflow.axes import tensor
from nnefx.ops import Reject

Array = NDArray[Any]


def convention(align_corners: bool, half_pixel_centers: bool) -> str:
    """Return the name of the convention that the two attributes say."""
    if align_corners and half_pixel_centers:
        raise Reject("align_corners", "align_corners excludes half_pixel_centers", "NX702")
    return "aligned" if align_corners else "symmetric" if half_pixel_centers else "asymmetric"


def positions(extent: int, target: int, method: str) -> Array:
    """Return where in the input each output item lies, in the precision of the framework."""
    index = np.arange(target, dtype=np.float32)
    if method == "aligned":
        scale = np.float32(extent - 1) / np.float32(target - 1) if target > 1 else np.float32(0)
        return np.asarray(index * scale)
    scale = np.float32(extent) / np.float32(target)
    if method == "symmetric":
        return np.asarray((index + np.float32(0.5)) * scale - np.float32(0.5))
    return np.asarray(index * scale)


def bilinear(g: Scope, x: Tensor, size: Sequence[int], method: str) -> Tensor:
    """Interpolate linearly; by `multilinear_upsample` for whole factors, else by two products."""
    extents = x.shape[2:]
    if tuple(size) == extents:
        return x
    factors = [target // extent for extent, target in zip(extents, size)]
    if all(extent * f == target for extent, f, target in zip(extents, factors, size)):
        return tensor(g.multilinear_upsample(x, factor=factors, method=method, border="replicate"))
    rows, columns = (weights(e, t, method) for e, t in zip(extents, size))
    y = x
    if extents[0] != size[0]:
        y = tensor(g.matmul(g.known(rows[None, None], f"{g.site.hint}_rows"), y))
    if extents[1] != size[1]:
        filter_ = g.known(columns[None, None], f"{g.site.hint}_columns")
        y = tensor(g.matmul(y, filter_, transposeB=True))
    return y


def weights(extent: int, target: int, method: str) -> Array:
    """Return the (target, extent) matrix that interpolates along one dimension."""
    place = positions(extent, target, method)
    low = np.floor(place)
    part = place - low
    first = np.clip(low, 0, extent - 1).astype(np.int64)
    second = np.clip(low + 1, 0, extent - 1).astype(np.int64)
    matrix = np.zeros((target, extent), np.float32)
    row = np.arange(target)
    np.add.at(matrix, (row, first), 1 - part)
    np.add.at(matrix, (row, second), part)
    return matrix


def nearest(g: Scope, x: Tensor, size: Sequence[int], method: str) -> Tensor:
    """Take the nearest item; by `nearest_upsample` or `nearest_downsample` where that is it."""
    extents = x.shape[2:]
    if tuple(size) == extents:
        return x
    picked = [_picked(e, t, method) for e, t in zip(extents, size)]
    factors = [target // extent for extent, target in zip(extents, size)]
    if all(factors) and all(
        e * f == t and (p == np.arange(t) // f).all()
        for e, f, t, p in zip(extents, factors, size, picked)
    ):
        return tensor(g.nearest_upsample(x, factor=factors))
    steps = [extent // target for extent, target in zip(extents, size)]
    if all(steps) and all(
        t * f == e and (p == np.arange(t) * f).all()
        for e, f, t, p in zip(extents, steps, size, picked)
    ):
        return tensor(g.nearest_downsample(x, factor=steps))
    y = x
    for axis, (extent, index) in enumerate(zip(extents, picked), start=2):
        if index.size != extent or (index != np.arange(extent)).any():
            y = tensor(g.gather(y, g.known(index, f"{g.site.hint}_index"), axis=axis))
    return y


def _picked(extent: int, target: int, method: str) -> Array:
    place = positions(extent, target, method)
    if method == "aligned":
        place = np.floor(place + np.float32(0.5))  # round half away from zero
    elif method == "symmetric":
        scale = np.float32(extent) / np.float32(target)
        place = np.floor((np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale)
    else:
        place = np.floor(place)
    return np.asarray(np.clip(place, 0, extent - 1).astype(np.int64))


def bicubic(g: Scope, x: Tensor, size: Sequence[int], method: str) -> Tensor:
    """Interpolate with cubic polynomials, by two products.

    The old conventions take Keys' kernel with a = -0.75, half pixels a = -0.5 and leave out what
    lies beside the image.
    """
    extents = x.shape[2:]
    rows, columns = (_cubic(e, t, method) for e, t in zip(extents, size))
    y = tensor(g.matmul(g.known(rows[None, None], f"{g.site.hint}_rows"), x))
    return tensor(
        g.matmul(y, g.known(columns[None, None], f"{g.site.hint}_columns"), transposeB=True)
    )


def _cubic(extent: int, target: int, method: str) -> Array:
    a = -0.5 if method == "symmetric" else -0.75
    place = positions(extent, target, method).astype(np.float64)
    low = np.floor(place)
    matrix = np.zeros((target, extent), np.float64)
    # the kernel comes from a table of 1024 steps
    part = np.rint((place - low) * 1024) / 1024
    for offset in range(-1, 3):
        distance = np.abs(part - offset)
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        weight = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
        index = low.astype(np.int64) + offset
        inside = (index >= 0) & (index < extent)
        if method == "symmetric":
            weight = np.where(inside, weight, 0.0)
        np.add.at(matrix, (np.arange(target), np.clip(index, 0, extent - 1)), weight)
    if method == "symmetric":
        matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix.astype(np.float32)
