"""Reductions along axes: pools for maxima and spatial means, convolutions with ones for sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Slide
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias, running
from nnefx.openvx.pool import pooling
from nnefx.openvx.rules import Operand, free, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import Slot, dimension


def mean_scales(s: Scaling, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """The pooling node keeps the scale; a sum can be divided to any."""
    if isinstance(input, Value):
        spatial = {dimension(input.rank, axis) for axis in axes} <= {0, 1}
        (shared if spatial and s.profile.average_node else free)(s, out, input)


@lowers("mean_reduce", scales=mean_scales)
def mean_reduce(g: Emitter, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """PoolingLayer AVG over whole planes; sums of ones for other axes."""
    _sum(g, out, running(input), axes, normalize=True)


@lowers("sum_reduce", scales=free)
def sum_reduce(
    g: Emitter, out: Value, input: Operand, *, axes: Sequence[int], normalize: bool
) -> None:
    """Convolution with ones along the axes, then a division."""
    _sum(g, out, running(input), axes, normalize=normalize)


def _sum(g: Emitter, out: Value, value: Value, axes: Sequence[int], normalize: bool) -> None:
    x = g.read(value)
    y_scale = g.scales.get(out, 1.0)
    dims = {dimension(value.rank, axis) for axis in axes if value.shape[axis] > 1}
    spatial = dims <= {0, 1}
    if normalize and spatial and g.profile.average_node and dims and x.scale == y_scale:
        y = g.create(out)
        window = [Slide(x.dims[d] if d in dims else 1, 0) for d in (0, 1)]
        pooling(g, "AVG", x, y, window)
        return
    count = int(np.prod([value.shape[axis] for axis in axes], dtype=np.int64))
    step = y_scale / x.scale / (count if normalize else 1)
    partial = sums(g, x, dims, 2.0 ** float(np.clip(np.floor(np.log2(step)), -8, 6)))
    norm = partial.scale / y_scale * (count if normalize else 1)
    if norm == 1:
        alias(g, out, g.restated(partial, y_scale) if dims else partial)
        return
    g.convert(partial, g.create(out), norm)


def sums(g: Emitter, x: Slot, dims: set[int], step: float) -> Slot:
    """Return the sum over dimensions, at the scale of x times `step`."""
    plane = dims & {0, 1, 2}
    if 2 in plane:
        x, step = _weigh(g, x, plane, step), 1.0
    elif plane:
        first = min(plane)  # no kernel without channels: a spatial dimension takes their place
        turned = _weigh(g, g.transpose(x, first, 2), (plane - {first}) | {2}, step)
        x, step = g.transpose(turned, first, 2), 1.0
    if 3 in dims:
        x = g.transpose(_weigh(g, g.transpose(x, 3, 2), {2}, step), 3, 2)
    return x


def _weigh(g: Emitter, x: Slot, dims: set[int], step: float) -> Slot:
    if step < 1 and g.profile.product_rounding:
        # every product would lose its fraction: round the items once, then add them exactly
        x, step = g.rescaled(x, x.scale * step), 1.0
    kernel = tuple(x.dims[d] if d in dims else 1 for d in (0, 1, 2))
    items = int(np.prod(kernel))
    after = tuple(1 if d in dims else extent for d, extent in enumerate(x.dims))
    return _ones_layer(g, x, (*kernel, 1), after, items, step)


def _ones_layer(
    g: Emitter, x: Slot, kernel: tuple[int, ...], after: tuple[int, ...], items: int, step: float
) -> Slot:
    """Convolve with ones; the kernel reaches over `items` items, one map after the other."""
    y = g.temp(after, x.scale * step, "sum")
    weights = g.const(f"{g.origin.source}_ones", kernel, lambda: np.ones(items), step)
    g.convolve(x, weights, None, y)
    return y


@lowers("max_reduce", "any_reduce", scales=shared)
def max_reduce(g: Emitter, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """PoolingLayer MAX over whole planes, turned so that the axes are spatial."""
    value = running(input)
    dims = {dimension(value.rank, axis) for axis in axes if value.shape[axis] > 1}
    alias(g, out, largest(g, g.read(value), dims))


@lowers("min_reduce", "all_reduce", scales=shared)
def min_reduce(g: Emitter, out: Value, input: Operand, *, axes: Sequence[int]) -> None:
    """The negated maximum of the negated input."""
    value = running(input)
    dims = {dimension(value.rank, axis) for axis in axes if value.shape[axis] > 1}
    x = g.read(value)
    negated = g.temp(x.dims, x.scale, "negated")
    g.convert(x, negated, -1.0)
    g.convert(largest(g, negated, dims), g.create(out), -1.0)


def largest(g: Emitter, x: Slot, dims: set[int]) -> Slot:
    """Return the maximum over stored dimensions."""
    for other in sorted(dims - {0, 1}):
        turned = _pool(g, g.transpose(x, 0, other), {0})
        x = g.transpose(turned, 0, other)
    return _pool(g, x, dims & {0, 1}) if dims & {0, 1} else x


def _pool(g: Emitter, x: Slot, dims: set[int]) -> Slot:
    after = tuple(1 if d in dims else extent for d, extent in enumerate(x.dims))
    y = g.temp(after, x.scale, "largest")
    if x.name in g.nonnegative:
        g.nonnegative.add(y.name)
    window: list[Any] = [Slide(x.dims[d] if d in dims else 1, 0) for d in (0, 1)]
    pooling(g, "MAX", x, y, window)
    return y
