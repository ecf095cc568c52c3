"""Normalizations."""

import math
from typing import Any

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import squeezed
from nnefx.converters.onnx.pool import powered, rooted
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("BatchNormalization", since=14)
def batch_normalization(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, *,
    epsilon: float = 1e-5, momentum: float = 0.9, training_mode: int = 0,
) -> Any:  # fmt: skip
    if not training_mode:
        return _normalized(g, x, scale, offset, mean, variance, epsilon)
    axes = [axis for axis in range(x.rank) if axis != 1]
    current, spread = g.moments(x, axes=axes)
    current, spread = squeezed(g, current, axes), squeezed(g, spread, axes)
    y = _normalized(g, x, scale, offset, current, spread, epsilon)
    return y, _mixed(g, mean, current, momentum), _mixed(g, variance, spread, momentum)


def _normalized(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor,
    epsilon: float,
) -> Any:  # fmt: skip
    parts = [g.viewed(t, (1, t.volume)) for t in (mean, variance, offset, scale)]
    return g.batch_normalization(x, *parts, epsilon=epsilon)


def _mixed(g: Importer, old: Tensor, new: Tensor, momentum: float) -> Any:
    return g.add("add", g.mul(old, momentum), g.mul(new, 1 - momentum))


@rules.on("BatchNormalization", since=9)
def batch_normalization_9(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, *,
    epsilon: float = 1e-5, momentum: float = 0.9,
) -> Any:  # fmt: skip
    return _normalized(g, x, scale, offset, mean, variance, epsilon)


@rules.on("BatchNormalization")
def batch_normalization_old(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, *,
    epsilon: float = 1e-5, momentum: float = 0.9, spatial: int = 1, is_test: int = 1,
    consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    if not spatial:
        raise Reject("spatial", "statistics per position (spatial = 0) are not supported", "NX702")
    return _normalized(g, x, scale, offset, mean, variance, epsilon)


@rules.on("InstanceNormalization")
def instance_normalization(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, *, epsilon: float = 1e-5,
    consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    mean, variance = g.moments(x, axes=list(range(2, x.rank)))
    rows = [g.viewed(t, (1, t.volume)) for t in (offset, scale)]
    return g.batch_normalization(x, mean, variance, *rows, epsilon=epsilon)


@rules.on("LayerNormalization")
def layer_normalization(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor | None = None, *, axis: int = -1,
    epsilon: float = 1e-5, stash_type: int = 1,
) -> Any:  # fmt: skip
    axes = list(range(axis_of(axis, x.rank), x.rank))
    mean, variance = g.moments(x, axes=axes)
    if offset is None:
        y = binary(
            g, "mul", g.batch_normalization(x, mean, variance, 0.0, 1.0, epsilon=epsilon), scale
        )
    else:
        _, scale, offset = aligned(g, x, scale, offset)
        y = g.batch_normalization(x, mean, variance, offset, scale, epsilon=epsilon)
    if not g.wants(1) and not g.wants(2):
        return y
    return y, mean, g.rsqrt(g.add("add", variance, epsilon))


@rules.on("GroupNormalization", since=21)
def group_normalization(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, *, num_groups: int,
    epsilon: float = 1e-5, stash_type: int = 1,
) -> Any:  # fmt: skip
    rows = [g.viewed(t, (1, t.volume)) for t in (offset, scale)]
    y = g.viewed(_grouped(g, x, num_groups, epsilon), x.shape)
    return g.add("add", g.mul(y, rows[1]), rows[0])


@rules.on("GroupNormalization", since=18)
def group_normalization_18(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, *, num_groups: int,
    epsilon: float = 1e-5,
) -> Any:  # fmt: skip
    y = _grouped(g, x, num_groups, epsilon)
    rows = [g.viewed(t, (1, t.volume)) for t in (offset, scale)]
    return g.viewed(g.add("add", g.mul(y, rows[1]), rows[0]), x.shape)


def _grouped(g: Importer, x: Tensor, groups: int, epsilon: float) -> Any:
    parts = g.viewed(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))
    mean, variance = g.moments(parts, axes=[2])
    return g.batch_normalization(parts, mean, variance, 0.0, 1.0, epsilon=epsilon)


@rules.on("LRN")
def local_response_normalization(
    g: Importer, x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75,
    bias: float = 1.0,
) -> Any:  # fmt: skip
    window = [1, size, *[1] * (x.rank - 2)]
    return g.local_response_normalization(x, size=window, alpha=alpha, beta=beta, bias=bias)


@rules.on("LpNormalization")
def lp_normalization(g: Importer, x: Tensor, *, axis: int = -1, p: int = 2) -> Any:
    if p not in (1, 2):
        raise Reject("p", f"p is {p}, expected 1 or 2", "NX702")
    norm = rooted(g, g.sum_reduce(powered(g, x, p), axes=[axis_of(axis, x.rank)]), p)
    # Where the norm is 0 so are all items, and 0 divided by anything is what ONNX gives.
    return g.div(x, g.select(g.eq(norm, 0.0), 1.0, norm))
