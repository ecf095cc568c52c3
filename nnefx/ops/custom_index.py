"""Custom operations that take, put and order items at computed places."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor
from nnefx.ops.registry import Kernel, Reject, Shape, define
from nnefx.ops.shapes import check_axis

REDUCTIONS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


def _wrapped(indices: Tensor, extent: int) -> Tensor:
    """Return indices counted from the front; refuse those that lie outside."""
    if indices.size and not (indices.min() >= -extent and indices.max() < extent):
        text = f"indices run from {indices.min()} to {indices.max()}"
        raise Reject("indices", f"{text}, expected {-extent} to {extent - 1}")
    return np.where(indices < 0, indices + extent, indices)


def _elements_shape(input: Shape, indices: Shape, *, axis: int) -> Shape:
    check_axis(axis, len(input))
    if len(indices) != len(input):
        raise Reject("indices", f"indices has rank {len(indices)}, expected {len(input)}")
    for number, (extent, count) in enumerate(zip(input, indices)):
        if number != axis and count > extent:
            raise Reject("indices", f"indices has {count} items along axis {number} of {extent}")
    return indices


def _places(indices: Tensor, extent: int, axis: int) -> tuple[Any, ...]:
    grid = list(np.ogrid[tuple(slice(count) for count in indices.shape)])
    grid[axis] = _wrapped(indices, extent)
    return tuple(grid)


def _gather_elements(input: Tensor, indices: Tensor, *, axis: int) -> Tensor:
    return np.asarray(input[_places(indices, input.shape[axis], axis)])


define("nnefx_gather_elements", shape=_elements_shape, run=_gather_elements)


def _check_reduction(reduction: str) -> None:
    if reduction != "none" and reduction not in REDUCTIONS:
        listed = ", ".join(REDUCTIONS)
        raise Reject("reduction", f"reduction is '{reduction}', expected none, {listed}")


def _scatter_shape(
    input: Shape, indices: Shape, updates: Shape, *, axis: int, reduction: str
) -> Shape:
    _check_reduction(reduction)
    _elements_shape(input, indices, axis=axis)
    if updates != indices:
        raise Reject("updates", f"updates has shape {list(updates)}, indices {list(indices)}")
    return input


def _written(output: Tensor, places: Any, updates: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        output[places] = updates
    else:
        REDUCTIONS[reduction].at(output, places, updates)
    return output


def _scatter_elements(
    input: Tensor, indices: Tensor, updates: Tensor, *, axis: int, reduction: str
) -> Tensor:
    places = _places(indices, input.shape[axis], axis)
    return _written(input.copy(), places, updates, reduction)


define("nnefx_scatter_elements", shape=_scatter_shape, run=_scatter_elements)


def _nd_shape(input: Shape, indices: Shape, *, batch_dims: int) -> Shape:
    if not indices or not 0 <= batch_dims < min(len(input), len(indices)):
        raise Reject("batch_dims", f"batch_dims is {batch_dims}, too many for the operands")
    if input[:batch_dims] != indices[:batch_dims]:
        raise Reject("indices", "indices and input differ in their batch dimensions")
    if batch_dims + indices[-1] > len(input):
        raise Reject("indices", f"indices has tuples of {indices[-1]}, more than the input's rank")
    return (*indices[:-1], *input[batch_dims + indices[-1] :])


def _nd_places(input: Tensor, indices: Tensor, batch_dims: int) -> tuple[Any, ...]:
    lead = indices.shape[:-1]
    grid = [
        np.arange(extent).reshape([-1 if i == axis else 1 for i in range(len(lead))])
        for axis, extent in enumerate(lead[:batch_dims])
    ]
    columns = [
        _wrapped(indices[..., i], input.shape[batch_dims + i]) for i in range(indices.shape[-1])
    ]
    return (*grid, *columns)


def _gather_nd(input: Tensor, indices: Tensor, *, batch_dims: int) -> Tensor:
    return np.asarray(input[_nd_places(input, indices, batch_dims)])


define("nnefx_gather_nd", shape=_nd_shape, run=_gather_nd)


def _scatter_nd_shape(input: Shape, indices: Shape, updates: Shape, *, reduction: str) -> Shape:
    _check_reduction(reduction)
    expected = _nd_shape(input, indices, batch_dims=0)
    if updates != expected:
        text = f"updates has shape {list(updates)}, expected {list(expected)}"
        raise Reject("updates", text)
    return input


def _scatter_nd(input: Tensor, indices: Tensor, updates: Tensor, *, reduction: str) -> Tensor:
    return _written(input.copy(), _nd_places(input, indices, 0), updates, reduction)


define("nnefx_scatter_nd", shape=_scatter_nd_shape, run=_scatter_nd)


def _tensor_scatter_shape(
    cache: Shape,
    update: Shape,
    positions: Shape,
    *,
    axis: int,
    circular: bool,  # noqa: ARG001
) -> Shape:
    check_axis(axis, len(cache))
    others = [i for i in range(len(cache)) if i != axis]
    if len(update) != len(cache) or any(cache[i] != update[i] for i in others):
        raise Reject("update", f"update has shape {list(update)}, the cache {list(cache)}")
    if update[axis] > cache[axis] or positions not in ((cache[0],), ()):
        raise Reject("positions", f"positions has shape {list(positions)}, expected [{cache[0]}]")
    return cache


def _tensor_scatter(
    cache: Tensor, update: Tensor, positions: Tensor, *, axis: int, circular: bool
) -> Tensor:
    output = cache.copy()
    front, new = np.moveaxis(output, axis, 1), np.moveaxis(update, axis, 1)
    for batch, start in enumerate(np.broadcast_to(positions, cache.shape[:1])):
        places = np.arange(start, start + new.shape[1])
        if circular:
            places %= front.shape[1]
        front[batch, _wrapped(places, front.shape[1])] = new[batch]
    return output


define("nnefx_tensor_scatter", shape=_tensor_scatter_shape, run=_tensor_scatter)


def _topk_shape(input: Shape, *, k: int, axis: int, largest: bool) -> list[Shape]:  # noqa: ARG001
    check_axis(axis, len(input))
    if not 1 <= k <= input[axis]:
        raise Reject("k", f"k is {k}, expected 1 to {input[axis]}")
    shape = tuple(k if i == axis else extent for i, extent in enumerate(input))
    return [shape, shape]


def _topk(input: Tensor, *, k: int, axis: int, largest: bool) -> list[Tensor]:
    if largest:  # sorted from behind, so that of equal items the first stays first
        order = np.argsort(np.flip(input, axis), axis=axis, kind="stable")
        order = input.shape[axis] - 1 - np.flip(order, axis)
    else:
        order = np.argsort(input, axis=axis, kind="stable")
    indices = np.take(order, np.arange(k), axis)
    return [np.take_along_axis(input, indices, axis), indices.astype(np.int64)]


define("nnefx_topk", shape=_topk_shape, run=_topk)


def _reverse_shape(input: Shape, lengths: Shape, *, batch_axis: int, time_axis: int) -> Shape:
    if sorted((batch_axis, time_axis)) != [0, 1] or len(input) < 2:
        raise Reject("time_axis", "batch_axis and time_axis are 0 and 1 in some order")
    if lengths != (input[batch_axis],):
        raise Reject("lengths", f"lengths has shape {list(lengths)}, the batch {input[batch_axis]}")
    return input


def _reverse_sequence(input: Tensor, lengths: Tensor, *, batch_axis: int, time_axis: int) -> Tensor:
    output = input.copy()
    source, target = (np.moveaxis(array, batch_axis, 0) for array in (input, output))
    for number, length in enumerate(lengths):
        if not 0 <= length <= input.shape[time_axis]:
            raise Reject("lengths", f"a length is {length}, beyond {input.shape[time_axis]}")
        target[number, :length] = source[number, :length][::-1]
    return output


define("nnefx_reverse_sequence", shape=_reverse_shape, run=_reverse_sequence)


def _running_shape(input: Shape, *, axis: int, exclusive: bool, reverse: bool) -> Shape:  # noqa: ARG001
    check_axis(axis, len(input))
    return input


def _running(function: Callable[..., Any], start: int) -> Kernel:
    def run(input: Tensor, *, axis: int, exclusive: bool, reverse: bool) -> Tensor:
        items = np.flip(input, axis) if reverse else input
        if exclusive:
            first = np.full_like(np.take(items, [0], axis), start)
            rest = np.take(items, np.arange(input.shape[axis] - 1), axis)
            items = np.concatenate([first, rest], axis)
        total = function(items, axis=axis, dtype=input.dtype)
        return np.asarray(np.flip(total, axis) if reverse else total)

    return run


define("nnefx_cumsum", shape=_running_shape, run=_running(np.cumsum, 0))
define("nnefx_cumprod", shape=_running_shape, run=_running(np.cumprod, 1))


def _einsum_shape(inputs: list[Shape], *, equation: str) -> Shape:
    try:
        stand_ins = [np.broadcast_to(np.zeros(()), shape) for shape in inputs]
        return tuple(np.einsum(equation, *stand_ins).shape)
    except ValueError as error:
        raise Reject("equation", f"'{equation}': {error}") from None


def _einsum(inputs: Sequence[Tensor], *, equation: str) -> Tensor:
    return np.asarray(np.einsum(equation, *inputs, optimize=True))


define("nnefx_einsum", shape=_einsum_shape, run=_einsum)


def _det_shape(input: Shape) -> Shape:
    if len(input) < 2 or input[-1] != input[-2]:
        raise Reject("input", f"the last two dimensions of {list(input)} are no square matrix")
    return input[:-2]


def _det(input: Tensor) -> Tensor:
    return np.asarray(np.linalg.det(input.astype(np.float64)).astype(input.dtype))


define("nnefx_det", shape=_det_shape, run=_det)
