"""Normalization."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axes_of, converted
from nnefx.converters.pytorch.importer import ABSENT, Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor


@rules.on("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training",
          "_batch_norm_no_update", "cudnn_batch_norm")  # fmt: skip
def batch_norm(
    g: Importer, input: Tensor, weight: Any = None, bias: Any = None, running_mean: Any = None,
    running_var: Any = None, *, training: bool = False, eps: float = 1e-5, epsilon: Any = None,
) -> Any:  # fmt: skip
    if training or running_mean is None:
        return _by_batch(g, input, weight, bias, eps)
    channels = input.shape[1]
    mean, variance = _channels(g, running_mean, 0), _channels(g, running_var, 0)
    scale = _channels(g, weight, channels, 1.0)
    offset = _channels(g, bias, channels, 0.0)
    result = g.batch_normalization(input, mean, variance, offset, scale, epsilon=float(eps))
    return _alone(g, result)


def _channels(g: Importer, x: Any, channels: int, default: float = 0.0) -> Any:
    return g.viewed(x, (1, x.volume)) if isinstance(x, Tensor) else default


def _alone(g: Importer, result: Any) -> Any:
    """Return a result without the statistics that only a backward pass uses."""
    if len(g.metas) == 1:
        return result
    return [result, *([ABSENT] * (len(g.metas) - 1))]


def _by_batch(g: Importer, x: Tensor, weight: Any, bias: Any, eps: float) -> Any:
    axes = [axis for axis in range(x.rank) if axis != 1]
    mean, variance = g.moments(x, axes=axes)
    scale, offset = _channels(g, weight, x.shape[1], 1.0), _channels(g, bias, x.shape[1])
    result = g.batch_normalization(x, mean, variance, offset, scale, epsilon=float(eps))
    return _alone(g, result)


@rules.on("_native_batch_norm_legit.no_stats", "_native_batch_norm_legit")
def batch_statistics(
    g: Importer, input: Tensor, weight: Any = None, bias: Any = None, *, running_mean: Any = None,
    running_var: Any = None, training: bool = True, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if not training:
        return batch_norm(g, input, weight, bias, running_mean, running_var, eps=eps)
    return _by_batch(g, input, weight, bias, eps)


@rules.on("instance_norm")
def instance_norm(
    g: Importer, input: Tensor, weight: Any = None, bias: Any = None, running_mean: Any = None,
    running_var: Any = None, *, use_input_stats: bool = True, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if not use_input_stats:
        return batch_norm(g, input, weight, bias, running_mean, running_var, eps=eps)
    mean, variance = g.moments(input, axes=list(range(2, input.rank)))
    scale, offset = _channels(g, weight, 0, 1.0), _channels(g, bias, 0)
    return g.batch_normalization(input, mean, variance, offset, scale, epsilon=float(eps))


@rules.on("layer_norm", "native_layer_norm")
def layer_norm(
    g: Importer, input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, *,
    eps: float = 1e-5,
) -> Any:  # fmt: skip
    count = len(normalized_shape)
    axes = list(range(input.rank - count, input.rank))
    scale = _trailing(g, weight, input.rank, 1.0)
    offset = _trailing(g, bias, input.rank, 0.0)
    result = g.nnefx_layer_normalization(input, scale, offset, axes=axes, epsilon=float(eps))
    if len(g.metas) == 1:
        return result
    mean, variance = g.moments(input, axes=axes)
    deviation = g.rsqrt(g.add("add", variance, float(eps)))
    return result, mean, deviation


def _trailing(g: Importer, x: Any, rank: int, default: float) -> Any:
    if not isinstance(x, Tensor):
        return default
    return g.viewed(x, (1,) * (rank - x.rank) + x.shape)


@rules.on("rms_norm", "_fused_rms_norm")
def rms_norm(
    g: Importer, input: Tensor, normalized_shape: Any, weight: Any = None, *, eps: Any = None
) -> Any:
    axes = list(range(input.rank - len(normalized_shape), input.rank))
    epsilon = float(np.finfo(input.dtype).eps if eps is None else eps)
    scale = _trailing(g, weight, input.rank, 1.0)
    result = g.nnefx_rms_normalization(input, scale, axes=axes, epsilon=epsilon)
    if len(g.metas) == 1:
        return result
    square = g.mean_reduce(g.sqr(input), axes=axes)
    return result, g.rsqrt(g.add("add", square, epsilon))


@rules.on("group_norm")
def group_norm(
    g: Importer, input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, *,
    eps: float = 1e-5,
) -> Any:  # fmt: skip
    return _by_group(g, input, num_groups, weight, bias, eps)


@rules.on("native_group_norm")
def native_group_norm(
    g: Importer, input: Tensor, weight: Any = None, bias: Any = None, *, N: int, C: int, HxW: int,
    group: int, eps: float = 1e-5,
) -> Any:  # fmt: skip
    result = _by_group(g, input, group, weight, bias, eps)
    inner = g.viewed(input, (N, group, C // group * HxW))
    mean, variance = g.moments(inner, axes=[2])
    deviation = g.rsqrt(g.add("add", variance, float(eps)))
    return [result, g.viewed(mean, (N, group)), g.viewed(deviation, (N, group))]


def _by_group(g: Importer, x: Tensor, groups: int, weight: Any, bias: Any, eps: float) -> Tensor:
    batch, channels, *rest = x.shape
    inner = g.viewed(x, (batch, groups, channels // groups * math.prod(rest)))
    normal = g.nnefx_layer_normalization(inner, 1.0, 0.0, axes=[2], epsilon=float(eps))
    result = g.viewed(normal, x.shape)
    if weight is not None:
        result = g.mul(result, _channels(g, weight, channels))
    if bias is not None:
        result = g.add("add", result, _channels(g, bias, channels))
    assert isinstance(result, Tensor)
    return result


@rules.on("linalg_vector_norm", "norm.ScalarOpt_dim", "norm.Scalar", "norm.ScalarOpt_dim_dtype")
def vector_norm(
    g: Importer, self: Tensor, *, ord: Any = 2, p: Any = None, dim: Any = None,
    keepdim: bool = False, dtype: Any = None,
) -> Any:  # fmt: skip
    kind = float(ord if p is None else p)
    x = converted(g, self, g.dtype)
    axes = axes_of(dim, x.rank)
    if kind == 2:
        result = g.sqrt(g.sum_reduce(g.sqr(x), axes=axes))
    elif kind == 1:
        result = g.sum_reduce(g.abs(x), axes=axes)
    elif math.isinf(kind):
        op = "max_reduce" if kind > 0 else "min_reduce"
        result = g.add(op, g.abs(x), axes=axes)
    elif kind == 0:
        result = g.sum_reduce(converted(g, g.ne(x, 0.0), x.dtype), axes=axes)
    else:
        powers = g.sum_reduce(g.pow(g.abs(x), kind), axes=axes)
        result = g.pow(powers, 1 / kind)
    return g.viewed(result, g.shape)
