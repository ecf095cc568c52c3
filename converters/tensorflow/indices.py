"""Operators that compute indices: pooling with positions, scattering, top-k."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.broadcast import binary
from nnefx.converters.scope import Scope, Tensor
from nnefx.converters.tensorflow.arithmetic import converted
from nnefx.converters.tensorflow.axes import channels_first, channels_last, tensor
from nnefx.converters.tensorflow.window import first_order, padding_of
from nnefx.ops import Reject


def max_pool_with_index(
    g: Scope, x: Tensor, size: Sequence[int], stride: Sequence[int], padding: str,
    dtype: np.dtype[Any], batches: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return maxima, and where they stand among the items of a channels-last image.

    The custom operation counts positions in the channels-first tensor with its batch.
    """
    if x.rank != 4:
        raise Reject(None, f"rank {x.rank}, expected 4", "NX304")
    n, height, width, channels = x.shape
    y, index = g.nnefx_max_pool_with_index(
        channels_first(g, x), size=first_order(size), stride=first_order(stride),
        dilation=[1, 1, 1, 1], padding=padding_of(padding, 4), border="ignore",
        column_major=False,
    )  # fmt: skip
    area = g.known(np.int64(height * width))
    place = tensor(binary(g, "nnefx_integer_mod", index, area))
    place = tensor(binary(g, "nnefx_integer_mul", place, g.known(np.int64(channels))))
    channel = g.known(np.arange(channels, dtype=np.int64).reshape(1, channels, 1, 1))
    place = tensor(binary(g, "nnefx_integer_add", place, channel))
    if batches and n > 1:
        offset = np.arange(n, dtype=np.int64).reshape(n, 1, 1, 1) * (height * width * channels)
        place = tensor(binary(g, "nnefx_integer_add", place, g.known(offset)))
    return channels_last(g, y), converted(g, channels_last(g, place), dtype)


def top_k(g: Scope, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k greatest items of each row, and their positions."""
    values, indices = g.nnefx_topk(x, k=k, axis=x.rank - 1, largest=True)
    return g.typed(values, x.dtype), g.typed(indices, np.int32)


def gather_nd(g: Scope, x: Tensor, indices: Tensor) -> Tensor:
    """Return the slices of `x` that rows of indices name."""
    return g.typed(tensor(g.nnefx_gather_nd(x, indices, batch_dims=0)), x.dtype)


def scatter_nd(g: Scope, indices: Tensor, updates: Tensor, shape: Sequence[int]) -> Tensor:
    """Return zeros of a shape with the updates added where rows of indices say."""
    empty = g.known(np.zeros(shape, updates.dtype))
    return g.typed(
        tensor(g.nnefx_scatter_nd(empty, indices, updates, reduction="add")), updates.dtype
    )


def written(g: Scope, x: Tensor, indices: Tensor, updates: Tensor, reduction: str) -> Tensor:
    """Return `x` with the updates written where rows of indices say."""
    y = g.nnefx_scatter_nd(x, indices, updates, reduction=reduction)
    return g.typed(tensor(y), x.dtype)


def summed_up(g: Scope, x: Tensor, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    """Return running sums along an axis."""
    y = g.nnefx_cumsum(x, axis=axis, exclusive=exclusive, reverse=reverse)
    return g.typed(tensor(y), x.dtype)
