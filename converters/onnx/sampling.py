"""The arithmetic of Resize along one axis: coordinates, and weights of the items around them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ops import Reject

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis that is resized: `extent` items become `count`."""

    extent: int
    count: int
    scale: float
    start: float = 0.0
    end: float = 1.0


def coordinates(axis: Axis, mode: str, dtype: type[np.floating[Any]] = np.float64) -> Array:
    """Return where in the input each output item lies (ONNX, Resize).

    `dtype` is what is computed in: float32, as the scales are, for the item below or above, since
    3 / 0.6 is 5 there and 4.9999998 in float64, whose floor is another item.
    """
    y = np.arange(axis.count, dtype=dtype)
    width, extent, scale = axis.scale * axis.extent, axis.extent, dtype(axis.scale)
    if mode == "align_corners":
        return np.zeros(axis.count) if width == 1 else y * (extent - 1) / (width - 1)
    if mode == "asymmetric":
        return np.asarray(y / scale)
    if mode == "half_pixel":
        return (y + 0.5) / scale - 0.5
    if mode == "tf_half_pixel_for_nn":
        return (y + 0.5) / scale
    if mode == "pytorch_half_pixel":
        return np.full(axis.count, -0.5) if width == 1 else np.asarray((y + 0.5) / scale - 0.5)
    if mode == "half_pixel_symmetric":
        offset = extent / 2 * (1 - axis.count / width)
        return offset + (y + 0.5) / scale - 0.5
    if mode == "tf_crop_and_resize":
        reach = (axis.end - axis.start) * (extent - 1)
        inner = np.full(axis.count, reach / 2) if width == 1 else y * reach / (width - 1)
        return inner + axis.start * (extent - 1)
    raise Reject("coordinate_transformation_mode", f"it is '{mode}'", "NX702")


def nearest(where: Array, extent: int, mode: str) -> Array:
    """Return the index of the item that is taken for each coordinate."""
    rounding: dict[str, Callable[[Array], Array]] = {
        "round_prefer_floor": lambda x: np.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: np.floor(x + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    if mode not in rounding:
        raise Reject("nearest_mode", f"it is '{mode}'", "NX702")
    return np.clip(rounding[mode](where), 0, extent - 1).astype(np.int64)


def linear_kernel(distance: Array) -> Array:
    """Return the weights of linear interpolation by distance."""
    return np.asarray(np.maximum(1 - np.abs(distance), 0))


def cubic_kernel(a: float) -> Callable[[Array], Array]:
    """Return the function that gives the weights of cubic interpolation by distance."""

    def kernel(distance: Array) -> Array:
        x = np.abs(distance)
        near = (a + 2) * x**3 - (a + 3) * x**2 + 1
        far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    return kernel


def weights(
    axis: Axis,
    where: Array,
    kernel: Callable[[Array], Array],
    radius: int,
    *,
    antialias: bool,
    exclude_outside: bool,
) -> Array:
    """Return the matrix (count, extent) that interpolates along the axis."""
    squeeze = min(axis.scale, 1.0) if antialias else 1.0
    reach = int(np.ceil(radius / squeeze)) + 1
    taps = np.floor(where)[:, None] + np.arange(-reach, reach + 1)
    parts = kernel((taps - where[:, None]) * squeeze)
    outside = (taps < 0) | (taps >= axis.extent)
    if exclude_outside:
        parts = np.where(outside, 0, parts)
    if exclude_outside or antialias:
        parts = parts / parts.sum(axis=1, keepdims=True)
    matrix = np.zeros((axis.count, axis.extent))
    rows = np.broadcast_to(np.arange(axis.count)[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, axis.extent - 1).astype(np.int64)), parts)
    return matrix
