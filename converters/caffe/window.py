"""Convolution, deconvolution and pooling."""

import math
from collections.abc import Sequence
from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import Pool, axis_of, per_axis, pool_windows, positive, rank4
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int]
_LOWEST = -3.4028235e38  # where Caffe begins to look for a maximum


@rules.on("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "Deconvolution")
def convolution(
    g: Importer, x: Tensor, *more: Tensor, num_output: int, bias_term: bool = True, pad: Ints = (),
    kernel_size: Ints = (), stride: Ints = (), dilation: Ints = (), pad_h: int | None = None,
    pad_w: int | None = None, kernel_h: int | None = None, kernel_w: int | None = None,
    stride_h: int | None = None, stride_w: int | None = None, group: int = 1, axis: int = 1,
) -> Any:  # fmt: skip
    channel = axis_of(axis, x.rank)
    channels, count = x.shape[channel], x.rank - channel - 1
    size = per_axis(kernel_size, kernel_h, kernel_w, None, count, "kernel_size")
    around = per_axis(pad, pad_h, pad_w, 0, count, "pad")
    if "Depthwise" in g.layer.type and group == 1:
        group = num_output  # the type says it already
    groups = _groups(channels, num_output, group)
    backwards = g.layer.type == "Deconvolution"
    ends = [channels, num_output // groups] if backwards else [num_output, channels // groups]
    filters = g.blob(0, [*ends, *positive(size, "kernel")], "weight")
    bias = g.viewed(g.blob(1, [num_output], "bias"), (1, num_output)) if bias_term else 0.0
    window = {
        "stride": positive(per_axis(stride, stride_h, stride_w, 1, count, "stride"), "stride"),
        "dilation": positive(per_axis(dilation, None, None, 1, count, "dilation"), "dilation"),
        "padding": [(extent, extent) for extent in around],
        "groups": groups,
    }
    emit = g.deconv if backwards else g.conv
    return [
        _over(g, item, channel, lambda part: emit(part, filters, bias, **window))
        for item in (x, *more)
    ]


def _groups(channels: int, outputs: int, group: int) -> int:
    positive([outputs], "num_output")
    positive([group], "group")
    if channels % group or outputs % group:
        text = f"group {group} divides not both {channels} channels and num_output {outputs}"
        raise Reject("group", text, "NX703")
    return group


def _over(g: Importer, x: Tensor, channel: int, function: Any) -> Any:
    """Apply a function of (N, C, ...) where the channels are another axis than the second."""
    if channel == 1:
        return function(x)
    lead = x.shape[:channel]
    y = function(g.viewed(x, (math.prod(lead), *x.shape[channel:])))
    return g.viewed(y, (*lead, *y.shape[1:]))


@rules.on("Pooling")
def pooling(
    g: Importer, x: Tensor, *, pool: str = "MAX", kernel_size: int | None = None,
    kernel_h: int | None = None, kernel_w: int | None = None, stride: int | None = None,
    stride_h: int | None = None, stride_w: int | None = None, pad: int | None = None,
    pad_h: int | None = None, pad_w: int | None = None, global_pooling: bool = False,
    round_mode: str = "CEIL", ceil_mode: bool = True,
) -> Any:  # fmt: skip
    extents = rank4(x)
    strides = positive(per_axis(stride, stride_h, stride_w, 1, 2, "stride"), "stride")
    around = per_axis(pad, pad_h, pad_w, 0, 2, "pad")
    if global_pooling:
        if (kernel_size, kernel_h, kernel_w) != (None, None, None):
            raise Reject("kernel_size", "global_pooling leaves no choice of a kernel_size", "NX703")
        if any(around) or strides != [1, 1]:
            raise Reject("pad", "global_pooling goes with pad 0 and stride 1 only", "NX703")
        size = list(extents)
    else:
        size = per_axis(kernel_size, kernel_h, kernel_w, None, 2, "kernel_size")
    positive(size, "kernel_size")
    if any(p >= k for p, k in zip(around, size)) and any(around):
        raise Reject("pad", f"pad {around} is not less than the kernel {size}", "NX703")
    window = pool_windows(extents, size, strides, around, ceil=round_mode == "CEIL" and ceil_mode)
    if len(g.layer.tops) == 2 and pool == "MAX":
        return _max_with_mask(g, x, window)
    return pooled(g, x, pool, window)


def pooled(g: Importer, x: Tensor, method: str, window: Pool) -> Any:
    """Emit a pooling over (N, C, H, W)."""
    if method == "STOCHASTIC":
        return _stochastic(g, x, window)
    if method == "MAX":
        if not window.beyond:
            return g.max_pool(x, **window.arguments(window.full, "ignore"))
        wide = g.pad(x, padding=window.full, value=_LOWEST)
        return g.max_pool(wide, **window.arguments([(0, 0)] * 4, "ignore"))
    if window.beyond:
        text = "a window lies outside of the input, and Caffe divides by its extent of 0 or less"
        raise Reject("stride", text, "NX705")
    if window.out == [1, 1] and window.size == list(x.shape[2:]) and not any(window.pad):
        return g.mean_reduce(x, axes=[2, 3])
    if not any(window.extra):
        return g.avg_pool(x, **window.arguments(window.padding, "constant"))
    # The padding counts, but not what lies behind it in the last window.
    padded = g.pad(x, padding=window.padding) if any(window.pad) else x
    behind = [(0, 0), (0, 0), *((0, more) for more in window.extra)]
    return g.avg_pool(padded, **window.arguments(behind, "ignore"))


def _stochastic(g: Importer, x: Tensor, window: Pool) -> Any:
    """Emit what stochastic pooling does after training: values weighted by themselves."""
    if any(window.pad):
        raise Reject("pad", "stochastic pooling takes no padding", "NX703")
    arguments = window.arguments(window.full, "constant")
    total = g.box(x, **arguments)
    weighted = g.div(g.box(g.sqr(x), **arguments), total)
    return g.select(g.gt(total, 0.0), weighted, 0.0)


def _max_with_mask(g: Importer, x: Tensor, window: Pool) -> Any:
    arguments = window.arguments(window.full, "ignore")
    y, index = g.max_pool_with_index(x, **arguments)
    g.windows[id(g.value(index))] = {"shape": x.shape, **arguments}
    return [y, index]


@rules.on("SPP")
def spatial_pyramid(g: Importer, x: Tensor, *, pyramid_height: int, pool: str = "MAX") -> Any:
    extents = rank4(x)
    positive([pyramid_height], "pyramid_height")
    levels = [pooled(g, x, pool, _level(extents, 2**level)) for level in range(pyramid_height)]
    if len(levels) == 1:
        return levels[0]
    flat = [g.viewed(level, (x.shape[0], level.volume // x.shape[0])) for level in levels]
    return g.concat(flat, axis=1)


def _level(extents: Sequence[int], bins: int) -> Pool:
    size = [-(-extent // bins) for extent in extents]
    pad = [(k * bins - extent + 1) // 2 for k, extent in zip(size, extents)]
    if any(p >= k for p, k in zip(pad, size)) and any(pad):
        text = f"{bins} bins are too many for an input of {list(extents)}"
        raise Reject("pyramid_height", text, "NX703")
    return pool_windows(extents, size, size, pad, ceil=True)
