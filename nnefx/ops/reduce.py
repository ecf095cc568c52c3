"""Reduce operations and `moments` (NNEF 1.0.5, sections 4.4 and 4.9.6)."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, check_axes
from nnefx.ops.elementwise import ieee
from nnefx.ops.registry import Kernel, Shape, define


def reduced_shape(input: Shape, axes: Sequence[int]) -> Shape:
    """Return `input` with extent 1 along `axes`, which must be distinct axes of it."""
    check_axes(axes, len(input))
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(input))


def _reduce(input: Shape, *, axes: Sequence[int]) -> Shape:
    return reduced_shape(input, axes)


def _sum_reduce(input: Shape, *, axes: Sequence[int], normalize: bool) -> Shape:  # noqa: ARG001
    return reduced_shape(input, axes)


def add_up(input: Tensor, axes: Sequence[int]) -> Tensor:
    """Return the sum along `axes`; added in float64, so that the order hardly matters."""
    with ieee():
        total = np.sum(input, axis=tuple(axes), keepdims=True, dtype=np.float64)
        return np.asarray(total.astype(input.dtype))


def average(input: Tensor, axes: Sequence[int]) -> Tensor:
    """Return the mean along `axes`."""
    with ieee():
        mean = np.mean(input, axis=tuple(axes), keepdims=True, dtype=np.float64)
        return np.asarray(mean.astype(input.dtype))


def _run_sum_reduce(input: Tensor, *, axes: Sequence[int], normalize: bool) -> Tensor:
    return average(input, axes) if normalize else add_up(input, axes)


define("sum_reduce", shape=_sum_reduce, run=_run_sum_reduce)


def _run_mean_reduce(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    return average(input, axes)


define("mean_reduce", shape=_reduce, run=_run_mean_reduce)


def _kernel(function: Callable[..., Any]) -> Kernel:
    def run(input: Tensor, *, axes: Sequence[int]) -> Tensor:
        return np.asarray(function(input, axis=tuple(axes), keepdims=True))

    return run


define("max_reduce", shape=_reduce, run=_kernel(np.max))
define("min_reduce", shape=_reduce, run=_kernel(np.min))
define("all_reduce", shape=_reduce, run=_kernel(np.all))
define("any_reduce", shape=_reduce, run=_kernel(np.any))


def _position(function: Callable[..., Any]) -> Kernel:
    """Return the kernel for the first position where `function` finds its extremum.

    The text defines one axis only; over several, positions count in row-major order.
    """

    def run(input: Tensor, *, axes: Sequence[int]) -> Tensor:
        kept = [axis for axis in range(input.ndim) if axis not in axes]
        rows = input.transpose([*kept, *sorted(axes)])
        flat = rows.reshape([*rows.shape[: len(kept)], prod(rows.shape[len(kept) :])])
        return np.asarray(function(flat, axis=-1)).reshape(reduced_shape(input.shape, axes))

    return run


define("argmax_reduce", shape=_reduce, run=_position(np.argmax))
define("argmin_reduce", shape=_reduce, run=_position(np.argmin))


def _moments(input: Shape, *, axes: Sequence[int]) -> list[Shape]:
    return [reduced_shape(input, axes)] * 2


def _run_moments(input: Tensor, *, axes: Sequence[int]) -> list[Tensor]:
    mean = average(input, axes)
    with ieee():
        return [mean, average(np.square(input - mean), axes)]


define("moments", shape=_moments, run=_run_moments)
