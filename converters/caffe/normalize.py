"""Layers that normalize."""

from typing import Any

import numpy as np

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import axis_of, positive
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("BatchNorm")
def batch_norm(
    g: Importer, x: Tensor, *, use_global_stats: bool = True, eps: float = 1e-5,
    scale_bias: bool = False,
) -> Any:  # fmt: skip
    if x.rank < 2:
        raise Reject(None, f"the blob has {x.rank} dimensions, expected 2 or more", "NX703")
    channels = x.shape[1]
    stored = [g.blob(0, [channels], "mean"), g.blob(1, [channels], "variance")]
    count = g.blob(2, [1], "count")
    if use_global_stats:
        mean, variance = (_statistic(g, item, count) for item in stored)
    else:
        axes = [axis for axis in range(x.rank) if axis != 1]
        mean = g.mean_reduce(x, axes=axes)
        variance = g.mean_reduce(g.sqr(g.sub(x, mean)), axes=axes)
    if not scale_bias:
        return g.batch_normalization(x, mean, variance, 0.0, 1.0, epsilon=eps)
    factor = g.viewed(g.blob(3, [channels], "scale"), (1, channels))
    offset = g.viewed(g.blob(4, [channels], "bias"), (1, channels))
    return g.batch_normalization(x, mean, variance, offset, factor, epsilon=eps)


def _statistic(g: Importer, stored: Tensor, count: Tensor) -> Tensor:
    """Return a sum over batches divided by their count; Caffe takes a count of 0 for nothing."""
    assert stored.array is not None
    assert count.array is not None
    total = np.float32(count.array[0])
    factor = np.float32(0) if total == 0 else np.float32(1) / total
    array = stored.array if factor == 1 else stored.array.astype(np.float32) * factor
    statistic = g.known(array, stored.name)
    statistic.kept = True
    return g.viewed(statistic, (1, statistic.volume))


@rules.on("LRN")
def local_response(
    g: Importer, x: Tensor, *, local_size: int = 5, alpha: float = 1.0, beta: float = 0.75,
    norm_region: str = "ACROSS_CHANNELS", k: float = 1.0,
) -> Any:  # fmt: skip
    if local_size % 2 == 0:
        raise Reject("local_size", f"local_size is {local_size}, expected an odd number", "NX703")
    if x.rank != 4:
        text = f"the blob has {x.rank} dimensions, expected 4 (N, C, H, W)"
        raise Reject(None, text, "NX703")
    # Both regions divide by the number of items of a whole window, as NNEF does.
    across = norm_region == "ACROSS_CHANNELS"
    size = [1, local_size, 1, 1] if across else [1, 1, local_size, local_size]
    bias = k if across else 1.0  # Caffe does not look at k within a channel
    return g.local_response_normalization(x, size=size, alpha=alpha, beta=beta, bias=bias)


@rules.on("MVN")
def mean_variance(
    g: Importer, x: Tensor, *, normalize_variance: bool = True, across_channels: bool = False,
    eps: float = 1e-9,
) -> Any:  # fmt: skip
    axes = list(range(1 if across_channels else 2, x.rank))
    if not axes:
        raise Reject(
            None, f"the blob has {x.rank} dimensions, there is nothing to average", "NX703"
        )
    y = g.sub(x, g.mean_reduce(x, axes=axes))
    if not normalize_variance:
        return y
    deviation = g.sqrt(g.mean_reduce(g.sqr(y), axes=axes))
    return g.div(y, g.add("add", deviation, eps))


@rules.on("Softmax")
def softmax(g: Importer, x: Tensor, *, axis: int = 1) -> Any:
    return g.softmax(x, axes=[axis_of(axis, x.rank)])


@rules.on("Normalize")
def normalize(
    g: Importer, x: Tensor, *, across_spatial: bool = True, channel_shared: bool = True,
    eps: float = 1e-10,
) -> Any:  # fmt: skip
    if x.rank < 2:
        raise Reject(None, f"the blob has {x.rank} dimensions, expected 2 or more", "NX703")
    channels = positive([x.shape[1]], "channels")[0]
    factor = g.blob(0, [1 if channel_shared else channels], "scale")
    axes = list(range(1, x.rank)) if across_spatial else [1]
    squares = g.sum_reduce(g.sqr(x), axes=axes)
    y = g.div(x, g.sqrt(g.add("add", squares, eps)))
    return g.mul(y, factor if channel_shared else g.viewed(factor, (1, channels)))
