"""Kernels of reductions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nnefx.execute.torch.table import define

Axes = Sequence[int]


def sum_reduce(input: Tensor, *, axes: Axes, normalize: bool) -> Tensor:
    """Return the sum or mean along axes."""
    if not axes:
        return input.clone()
    function = torch.mean if normalize else torch.sum
    return function(input, list(axes), keepdim=True)


def mean_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Return the mean along axes."""
    return sum_reduce(input, axes=axes, normalize=True)


def max_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Return the maximum along axes."""
    return torch.amax(input, list(axes), keepdim=True) if axes else input.clone()


def min_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Return the minimum along axes."""
    return torch.amin(input, list(axes), keepdim=True) if axes else input.clone()


def all_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Tell whether all items along axes are true."""
    found = input
    for axis in axes:
        found = torch.all(found, axis, keepdim=True)
    return found


def any_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Tell whether any item along axes is true."""
    found = input
    for axis in axes:
        found = torch.any(found, axis, keepdim=True)
    return found


def _joined(input: Tensor, axes: Axes) -> tuple[Tensor, list[int]]:
    """Return the axes joined into the last one, in order, and the shape of the result."""
    order = sorted(axes)
    rest = [axis for axis in range(input.dim()) if axis not in order]
    moved = input.permute(*rest, *order)
    shape = [1 if axis in order else input.shape[axis] for axis in range(input.dim())]
    return moved.reshape(*(input.shape[axis] for axis in rest), -1), shape


def argmax_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Return the first position of the maximum along axes."""
    flat, shape = _joined(input, axes)
    return torch.argmax(flat, -1).reshape(shape)


def argmin_reduce(input: Tensor, *, axes: Axes) -> Tensor:
    """Return the first position of the minimum along axes."""
    flat, shape = _joined(input, axes)
    return torch.argmin(flat, -1).reshape(shape)


def moments(input: Tensor, *, axes: Axes) -> tuple[Tensor, Tensor]:
    """Return mean and variance along axes."""
    mean = mean_reduce(input, axes=axes)
    return mean, mean_reduce(torch.square(input - mean), axes=axes)


define("sum_reduce", sum_reduce)
define("mean_reduce", mean_reduce)
define("max_reduce", max_reduce)
define("min_reduce", min_reduce)
define("all_reduce", all_reduce)
define("any_reduce", any_reduce)
define("argmax_reduce", argmax_reduce)
define("argmin_reduce", argmin_reduce)
define("moments", moments)
