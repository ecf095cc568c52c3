"""Arithmetic of shapes that many families share: broadcasting and lists of axes.

NNEF aligns the dimensions of two operands at the first one, and missing trailing dimensions count
as 1 (NNEF 1.0.5, 4.2.2): a bias of shape (1, C) meets (N, C, H, W). Numpy aligns at the last one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ops.registry import MAX_EXTENT, Reject, Shape

Tensor = NDArray[Any]


def broadcast_shape(*shapes: Shape, parameter: str | None = None) -> Shape:
    """Return the common shape of operands; `()` stands for a literal and fits every shape.

    Raises Reject, at `parameter`, where two extents differ and neither is 1 (NNEF 1.0.5, 4.2.2).
    """
    rank = max(map(len, shapes), default=0)
    extents = (_common(axis, shapes, parameter) for axis in range(rank))
    return tuple(extents)


def _common(axis: int, shapes: Sequence[Shape], parameter: str | None) -> int:
    extent = 1
    for shape in shapes:
        other = shape[axis] if axis < len(shape) else 1
        if extent != other and 1 not in (extent, other):
            listed = " and ".join(map(show, shapes))
            raise Reject(
                parameter,
                f"shapes {listed} do not match: dimension {axis} has extents {extent} and {other},"
                " expected equal ones or 1",
            )
        extent = max(extent, other)
    return extent


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """Return views of `arrays` that numpy's operators combine as NNEF means it.

    All get the rank of the largest by trailing dimensions of 1, nothing is repeated. Literals,
    which come as 0-dimensional arrays, take the floating-point type of the tensors they meet.
    """
    rank = max((array.ndim for array in arrays), default=0)
    if arrays and all(array.dtype == arrays[0].dtype for array in arrays):
        return [array if array.ndim == rank else _ranked(array, rank) for array in arrays]
    floats = [array for array in arrays if array.dtype.kind == "f"]
    tensors = [array.dtype for array in floats if array.ndim] or [array.dtype for array in floats]
    dtype = np.result_type(*tensors) if tensors else None
    return [_fit(array, rank, dtype if array.dtype.kind == "f" else None) for array in arrays]


def _fit(array: Tensor, rank: int, dtype: np.dtype[Any] | None) -> Tensor:
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    return _ranked(array, rank)


def _ranked(array: Tensor, rank: int) -> Tensor:
    return array.reshape(array.shape + (1,) * (rank - array.ndim))


def check_axes(axes: Sequence[int], rank: int, parameter: str = "axes") -> None:
    """Refuse axes that are listed twice or do not exist in a tensor of `rank` dimensions."""
    for axis in axes:
        if not 0 <= axis < rank:
            allowed = f"0 to {rank - 1}" if rank else "none"
            raise Reject(parameter, f"{parameter} has {axis}, expected {allowed} for rank {rank}")
    if len(set(axes)) != len(axes):
        raise Reject(parameter, f"{parameter} has {list(axes)}, expected each axis once")


def check_extents(shape: Sequence[int], parameter: str = "shape") -> None:
    """Refuse a shape that is not made of positive extents, or is too large to be indexed."""
    for extent in shape:
        if not 1 <= extent <= MAX_EXTENT:
            raise Reject(parameter, f"{parameter} has extent {extent}, expected 1 to {MAX_EXTENT}")


def show(shape: Sequence[int]) -> str:
    """Return a shape as messages write it, `[1, 3, 4]`."""
    return str(list(shape))
