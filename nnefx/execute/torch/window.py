"""Kernels of convolutions and box filters.

Extents, padding and steps are worked out by the rules of `nnefx.ops` when a module is made.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from nnefx.execute.torch.operands import extended, fitted
from nnefx.execute.torch.table import define, shapes_of
from nnefx.ir.graph import Node
from nnefx.ops.shapes import FILLING, Axis
from nnefx.ops.window import box_axes, conv_axes, debox_axes, deconv_axes

Pairs = Sequence[tuple[int, int]]
Ints = Sequence[int]

_CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_DECONV = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


def conv(
    input: Tensor, filter: Tensor, bias: Any, *, around: Pairs, border: str, stride: Ints,
    dilation: Ints, groups: int,
) -> Tensor:  # fmt: skip
    """Correlate with a filter and add the bias."""
    x, count = input, input.dim() - 2
    if border == "constant" and all(before == after >= 0 for before, after in around):
        padding: Any = [before for before, _ in around]
    else:
        x, padding = extended(x, [(0, 0), (0, 0), *around], border), 0
    if count == 0:  # a convolution without spatial dimensions is one with a single position
        wide = functional.conv1d(x[..., None], filter[..., None], groups=groups)
        return _biased(wide[..., 0], bias)
    vector = _bias_vector(bias, filter.shape[0])
    result = _CONV[count](x, filter, vector, stride, padding, dilation, groups)
    return result if vector is not None else _biased(result, bias)


def _bias_vector(bias: Any, channels: int) -> Tensor | None:
    """Return the bias as torch wants it, where it has one item for each channel."""
    if isinstance(bias, Tensor) and bias.numel() == channels and bias.dim() >= 2:
        return bias.reshape(channels)
    return None


def _biased(x: Tensor, bias: Any) -> Tensor:
    if isinstance(bias, Tensor):
        return x + fitted(bias, x.dim())
    return x if bias == 0 else x + bias


def _conv_keywords(node: Node) -> dict[str, Any]:
    x, kernel, _ = shapes_of(node)
    axes, groups = conv_axes(x, kernel, **node.attributes)
    return {
        "around": [axis.around for axis in axes],
        "border": node.attributes["border"],
        "stride": [axis.stride for axis in axes],
        "dilation": [axis.dilation for axis in axes],
        "groups": groups,
    }


def deconv(
    input: Tensor, filter: Tensor, bias: Any, *, around: Pairs, crop: Pairs, border: str,
    stride: Ints, dilation: Ints, groups: int,
) -> Tensor:  # fmt: skip
    """Spread items by a filter and add the bias."""
    count = input.dim() - 2
    wide = extended(input, [(0, 0), (0, 0), *around], border)
    if count == 0:
        full = functional.conv_transpose1d(wide[..., None], filter[..., None], groups=groups)[
            ..., 0
        ]
    else:
        full = _DECONV[count](wide, filter, None, stride, 0, 0, groups, dilation)
    return _biased(extended(full, [(0, 0), (0, 0), *crop]), bias)


def _deconv_keywords(node: Node) -> dict[str, Any]:
    x, kernel, _ = shapes_of(node)
    axes, groups = deconv_axes(x, kernel, **node.attributes)
    around, crop = reversed_border(axes, node.attributes["border"])
    return {
        "around": around,
        "crop": crop,
        "border": node.attributes["border"],
        "stride": [axis.stride for axis in axes],
        "dilation": [axis.dilation for axis in axes],
        "groups": groups,
    }


def reversed_border(axes: Sequence[Axis], border: str) -> tuple[Pairs, Pairs]:
    """Return the border of a reverse operation's input, and how its full output is cut."""
    around = [axis.around_reverse if border in FILLING[1:] else (0, 0) for axis in axes]
    crop = []
    for axis, (before, after) in zip(axes, around):
        full = (axis.down + before + after - 1) * axis.stride + axis.reach
        start = axis.before + before * axis.stride
        crop.append((-start, start + axis.up - full))
    return around, crop


class Window(NamedTuple):
    """How a window slides along one axis of a tensor; graphs hold it as a plain tuple.

    `around` is the border that its input gets, `crop` what its result gets, which is a mostly
    negative one, where items are spread.
    """

    axis: int
    size: int
    stride: int
    dilation: int
    up: int
    down: int
    around: tuple[int, int]
    crop: tuple[int, int] = (0, 0)


Windows = Sequence[tuple[Any, ...]]


def box(input: Tensor, *, windows: Windows, border: str, divisor: float) -> Tensor:
    """Sum or average windows, one dimension after the other."""
    return _each(input, windows, border, divisor, summed, False)


def _each(
    x: Tensor, windows: Windows, border: str, divisor: float, function: Any, reverse: bool
) -> Tensor:
    """Apply a function along each axis; a divisor of 0 asks for means of what is there."""
    out = x
    for item in windows:
        out = function(out, Window(*item), border)
    if divisor != 0:
        return out if divisor == 1 else out / divisor
    for item in windows:
        window = Window(*item)
        extent = window.down if reverse else window.up
        ones = torch.ones(extent, dtype=out.dtype, device=out.device)
        counts = function(ones, window._replace(axis=0), border).clamp(min=1)
        out = out / counts.reshape(-1, *[1] * (out.dim() - window.axis - 1))
    return out


def summed(x: Tensor, window: Window, border: str) -> Tensor:
    """Sum windows along one dimension."""
    around = [(0, 0)] * x.dim()
    around[window.axis] = window.around
    wide = extended(x, around, border)
    if window.dilation == 1:
        return wide.unfold(window.axis, window.size, window.stride).sum(-1)
    parts = [tap(wide, window, index) for index in range(window.size)]
    return torch.stack(parts).sum(0)


def tap(x: Tensor, window: Window, index: int) -> Tensor:
    """Return the items that one position of a window meets along a dimension."""
    start = index * window.dilation
    stop = start + (window.down - 1) * window.stride + 1
    return x[(slice(None),) * window.axis + (slice(start, stop, window.stride),)]


def moving(axes: Sequence[Axis]) -> list[tuple[Any, ...]]:
    """Return the dimensions along which a window is more than each item for itself."""
    return [
        tuple(Window(i, a.size, a.stride, a.dilation, a.up, a.down, a.around))
        for i, a in enumerate(axes)
        if a != Axis(a.up, a.up)
    ]


def spreading(axes: Sequence[Axis], border: str) -> list[tuple[Any, ...]]:
    """Return the same for windows that spread items."""
    around, crop = reversed_border(axes, border)
    return [
        tuple(Window(i, a.size, a.stride, a.dilation, a.up, a.down, around[i], crop[i]))
        for i, a in enumerate(axes)
        if a != Axis(a.down, a.down)
    ]


def divisor(attributes: dict[str, Any], normalize: bool) -> float:
    """Return what sums are divided by; 0 stands for the number of items that are there."""
    if not normalize:
        return 1.0
    if attributes["border"] == "ignore":
        return 0.0
    total = 1.0
    for size in attributes["size"]:
        total *= size
    return total


def _box_keywords(node: Node) -> dict[str, Any]:
    attributes = dict(node.attributes)
    normalize = attributes.pop("normalize", True)
    axes = box_axes(shapes_of(node)[0], **attributes)
    return {
        "windows": moving(axes),
        "border": attributes["border"],
        "divisor": divisor(attributes, normalize),
    }


def rms_pool(input: Tensor, **keywords: Any) -> Tensor:
    """Return the root of the mean square of windows."""
    return torch.sqrt(box(torch.square(input), **keywords))


def debox(input: Tensor, *, windows: Windows, border: str, divisor: float) -> Tensor:
    """Spread items over windows, one dimension after the other."""
    return _each(input, windows, border, divisor, spread, True)


def spread(x: Tensor, window: Window, border: str) -> Tensor:
    """Spread items over windows along one dimension."""
    rest = [(0, 0)] * (x.dim() - 1)
    line = extended(x.movedim(window.axis, -1), [*rest, window.around], border)
    flat = line.reshape(-1, 1, line.shape[-1])
    ones = torch.ones(1, 1, window.size, dtype=x.dtype, device=x.device)
    full = functional.conv_transpose1d(flat, ones, None, window.stride, 0, 0, 1, window.dilation)
    shaped = extended(full.reshape(*line.shape[:-1], -1), [*rest, window.crop])
    return shaped.movedim(-1, window.axis)


def _debox_keywords(node: Node) -> dict[str, Any]:
    attributes = dict(node.attributes)
    normalize = attributes.pop("normalize")
    axes = debox_axes(shapes_of(node)[0], **attributes)
    return {
        "windows": spreading(axes, attributes["border"]),
        "border": attributes["border"],
        "divisor": divisor(attributes, normalize),
    }


define("conv", conv, _conv_keywords)
define("deconv", deconv, _deconv_keywords)
define("box", box, _box_keywords)
define("avg_pool", box, _box_keywords)
define("rms_pool", rms_pool, _box_keywords)
define("debox", debox, _debox_keywords)
