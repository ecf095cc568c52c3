"""Axes, and the two orders of dimensions: channels last as TensorFlow has it, first as NNEF has."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.scope import Scope, Tensor
from nnefx.ops import Reject


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front; raise Reject where there is none."""
    if not -rank <= axis < max(rank, 1):
        raise Reject("axis", f"axis {axis} does not exist in rank {rank}", "NX304")
    return axis % max(rank, 1)


def axes_of(axes: Any, rank: int) -> list[int]:
    """Return axes counted from the front, ascending, each once."""
    return sorted({axis_of(axis, rank) for axis in ints(axes)})


def ints(values: Any) -> list[int]:
    """Return the items of a known tensor, or a single one, as a list."""
    return [int(item) for item in np.asarray(values).reshape(-1)]


def transposed(g: Scope, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` with its axes in another order."""
    if sorted(axes) != list(range(x.rank)):
        raise Reject("perm", f"perm {list(axes)} does not order {x.rank} axes", "NX304")
    if list(axes) == list(range(x.rank)):
        return x
    return tensor(g.transpose(x, axes=list(axes)))


def channels_first(g: Scope, x: Tensor) -> Tensor:
    """Return (N, ..., C) as (N, C, ...)."""
    return transposed(g, x, [0, x.rank - 1, *range(1, x.rank - 1)])


def channels_last(g: Scope, x: Tensor) -> Tensor:
    """Return (N, C, ...) as (N, ..., C)."""
    return transposed(g, x, [0, *range(2, x.rank), 1])


def tensor(result: Any) -> Tensor:
    """Return the single result of an operation."""
    assert isinstance(result, Tensor)
    return result
