"""How values are stored in OpenVX: extents, scales, and real numbers as stored ones.

Storage is four-dimensional, innermost first: (N, C, H, W) is [W, H, C, N], (N, C, W) is
[W, 1, C, N], (N, C) is [1, 1, C, N], (N) is [1, 1, 1, N]; moving extents of 1 costs nothing then.
(N, C, D, H, W) is [W, H, C D, N], on its way to and from the order of `volumes`.
Row-major bytes are the same as NNEF's throughout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.plan import Dims
from nnefx.openvx.rules import UnsupportedError

Array = NDArray[Any]

# NNEF axis -> OpenVX dimension, by rank
_DIMENSIONS: dict[int, tuple[int, ...]] = {
    0: (),
    1: (3,),
    2: (3, 2),
    3: (3, 2, 0),
    4: (3, 2, 1, 0),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value is stored: a tensor or view, its extents and its scale."""

    name: str
    dims: Dims
    scale: float


@dataclass(frozen=True, slots=True)
class Home:
    """A value that its producer writes straight into a part of another one."""

    parent: Value
    dimension: int
    start: int


def dimension(rank: int, axis: int) -> int:
    """Return the OpenVX dimension that NNEF axis `axis` of a tensor of `rank` is stored in."""
    if rank > 4:
        raise UnsupportedError(f"rank {rank} exceeds 4")
    return _DIMENSIONS[rank][axis]


def canonical(shape: tuple[int, ...]) -> Dims:
    """Return the extents that a value of NNEF `shape` is stored with."""
    if len(shape) == 5:
        shape = (shape[0], shape[1] * shape[2], *shape[3:])
    if len(shape) > 4:
        raise UnsupportedError(f"rank {len(shape)} exceeds 4")
    dims = [1, 1, 1, 1]
    for axis, extent in enumerate(shape):
        dims[_DIMENSIONS[len(shape)][axis]] = extent
    return (dims[0], dims[1], dims[2], dims[3])


def to_raw(values: Array, factor: float, dtype: str) -> Array:
    """Return real numbers as they are stored: scaled, rounded to nearest, saturated."""
    if dtype == "float32":
        return np.asarray(values, np.float32)
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore"):
        scaled = np.asarray(values, np.float64) * factor
    np.rint(scaled, out=scaled)
    np.nan_to_num(scaled, copy=False, nan=0.0)
    np.clip(scaled, limits.min, limits.max, out=scaled)
    return scaled.astype(dtype)
