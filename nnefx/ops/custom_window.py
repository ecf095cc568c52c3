"""Custom operations with windows: positions of maxima, their reverse, and overlapping blocks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor
from nnefx.ops.pool import max_pool_with_index, max_pool_with_index_shape
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.window import box_axes

Ints = Sequence[int]
Padding = Sequence[tuple[int, int]]


def _with_index_shape(
    input: Shape,
    *,
    column_major: bool,  # noqa: ARG001
    **attributes: Any,
) -> list[Shape]:
    return max_pool_with_index_shape(input, **attributes)


def _with_index(input: Tensor, *, column_major: bool, **attributes: Any) -> list[Tensor]:
    output, inner = max_pool_with_index(input, **attributes)
    axes = box_axes(input.shape, **attributes)
    places = []
    steps = np.unravel_index(inner, attributes["size"])
    for number, (axis, step) in enumerate(zip(axes, steps)):
        start = np.arange(axis.down) * axis.stride - axis.before
        shape = [-1 if i == number else 1 for i in range(input.ndim)]
        places.append(start.reshape(shape) + step * axis.dilation)
    order = [0, 1, *reversed(range(2, input.ndim))] if column_major else range(input.ndim)
    flat = np.zeros(inner.shape, np.int64)
    for number in order:
        flat = flat * input.shape[number] + places[number]
    return [output, flat]


define("nnefx_max_pool_with_index", shape=_with_index_shape, run=_with_index)


def _unpool_shape(input: Shape, index: Shape, *, pooled_shape: Ints, output_shape: Ints) -> Shape:
    if index != input:
        raise Reject("index", f"index has shape {list(index)}, the input {list(input)}")
    if len(output_shape) != len(pooled_shape) or any(
        full < part for full, part in zip(output_shape, pooled_shape)
    ):
        raise Reject("output_shape", f"{list(output_shape)} does not hold {list(pooled_shape)}")
    return tuple(output_shape)


def _unpool(input: Tensor, index: Tensor, *, pooled_shape: Ints, output_shape: Ints) -> Tensor:
    pooled = np.zeros(int(np.prod(pooled_shape)), input.dtype)
    if index.min() < 0 or index.max() >= pooled.size:
        raise Reject("index", f"index leaves the {pooled.size} items of {list(pooled_shape)}")
    pooled[index.reshape(-1)] = input.reshape(-1)
    output = np.zeros(tuple(output_shape), input.dtype)
    output[tuple(slice(extent) for extent in pooled_shape)] = pooled.reshape(tuple(pooled_shape))
    return output


define("nnefx_max_unpool", shape=_unpool_shape, run=_unpool)


def _blocks(shape: Ints, block: Ints, padding: Padding, stride: Ints, dilation: Ints) -> list[int]:
    """Return how many places a block has along each axis of an image."""
    return [
        (extent + before + after - (size - 1) * spread - 1) // step + 1
        for extent, size, (before, after), step, spread in zip(
            shape, block, padding, stride, dilation, strict=True
        )
    ]


def _fold_shape(
    input: Shape,
    *,
    image_shape: Ints,
    block_shape: Ints,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
) -> Shape:
    if len(input) != 3 or input[1] % int(np.prod(block_shape)):
        raise Reject("input", f"shape {list(input)} does not hold blocks {list(block_shape)}")
    places = int(np.prod(_blocks(image_shape, block_shape, padding, stride, dilation)))
    if places != input[2]:
        raise Reject("input", f"it has {input[2]} blocks, the image has places for {places}")
    return (input[0], input[1] // int(np.prod(block_shape)), *image_shape)


def _fold(
    input: Tensor,
    *,
    image_shape: Ints,
    block_shape: Ints,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
) -> Tensor:
    count = _blocks(image_shape, block_shape, padding, stride, dilation)
    channels = input.shape[1] // int(np.prod(block_shape))
    parts = input.reshape(input.shape[0], channels, *block_shape, *count)
    full = [extent + sum(pair) for extent, pair in zip(image_shape, padding)]
    image = np.zeros((input.shape[0], channels, *full), input.dtype)
    for tap in np.ndindex(*block_shape):
        at: Any = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, count, stride)
        )
        image[(..., *at)] += parts[(slice(None), slice(None), *tap)]
    inner: Any = tuple(slice(before, before + e) for e, (before, _) in zip(image_shape, padding))
    return image[(..., *inner)]


define("nnefx_col2im", shape=_fold_shape, run=_fold)
