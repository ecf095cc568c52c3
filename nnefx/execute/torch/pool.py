"""Kernels of maxima in windows, and of sampling at their positions."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnefx.execute.torch.operands import extended, tensors
from nnefx.execute.torch.table import define, shapes_of
from nnefx.execute.torch.window import Window, Windows, moving, spreading, tap
from nnefx.ir.graph import Node
from nnefx.ops.window import box_axes, debox_axes

_POOLS = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}


def max_pool(input: Tensor, *, windows: Windows, border: str) -> Tensor:
    """Return the maximum of each window."""
    wide = _wide(input, windows, border)
    count = input.dim() - 2
    if count in _POOLS and all(item[0] >= 2 for item in windows):
        sizes, steps, gaps = [1] * count, [1] * count, [1] * count
        for axis, size, stride, dilation, *_ in windows:
            sizes[axis - 2], steps[axis - 2], gaps[axis - 2] = size, stride, dilation
        return _POOLS[count](wide, sizes, steps, 0, gaps)
    for item in windows:
        window = Window(*item)
        parts = [tap(wide, window, index) for index in range(window.size)]
        wide = torch.stack(parts).amax(0)
    return wide


def _wide(x: Tensor, windows: Windows, border: str) -> Tensor:
    around = [(0, 0)] * x.dim()
    for item in windows:
        window = Window(*item)
        around[window.axis] = window.around
    return extended(x, around, border, -math.inf if border == "ignore" else 0.0)


def taken(wide: Tensor, windows: Windows) -> Tensor:
    """Return what each position of the windows meets, positions along a new last axis."""
    parts = [wide]
    for item in windows:
        window = Window(*item)
        parts = [tap(part, window, index) for part in parts for index in range(window.size)]
    return torch.stack(parts, -1)


def argmax_pool(input: Tensor, *, windows: Windows, border: str) -> Tensor:
    """Return the first position of the maximum in each window."""
    return torch.argmax(taken(_wide(input, windows, border), windows), -1)


def max_pool_with_index(input: Tensor, *, windows: Windows, border: str) -> list[Tensor]:
    """Return the maximum of each window and its first position."""
    met = taken(_wide(input, windows, border), windows)
    index = torch.argmax(met, -1)
    return [met.gather(-1, index[..., None])[..., 0], index]


def sample(input: Tensor, index: Any, *, windows: Windows, border: str) -> Tensor:
    """Take the item of each window at a position."""
    met = taken(_wide(input, windows, border), windows)
    return met.gather(-1, tensors(index)[0][..., None])[..., 0]


def desample(input: Tensor, index: Any, *, windows: Windows, up: Sequence[int]) -> Tensor:
    """Put items back where their positions tell; those that meet are summed."""
    rest = tensors(index)[0]
    count = math.prod(item[1] for item in windows)
    slides = {item[0]: Window(*item) for item in windows}
    flat = torch.zeros_like(rest)
    inside = torch.ones_like(rest, dtype=torch.bool)
    for axis, extent in enumerate(up):
        place = torch.arange(input.shape[axis], device=input.device)
        window = slides.get(axis)
        if window is not None:
            count //= window.size
            place = place * window.stride + window.crop[0]
        place = place.reshape(-1, *[1] * (input.dim() - axis - 1))
        if window is not None:
            place = place + rest // count % window.size * window.dilation
            inside = inside & (place >= 0) & (place < extent)
        flat = flat * extent + place
    items = torch.where(inside, input, 0).reshape(-1)
    line = torch.where(inside, flat, 0).reshape(-1)
    empty = torch.zeros(math.prod(up), dtype=input.dtype, device=input.device)
    return empty.index_add(0, line, items).reshape(tuple(up))


def _keywords(node: Node) -> dict[str, Any]:
    axes = box_axes(shapes_of(node)[0], **node.attributes)
    return {"windows": moving(axes), "border": node.attributes["border"]}


def _desample_keywords(node: Node) -> dict[str, Any]:
    axes = debox_axes(shapes_of(node)[0], **node.attributes)
    windows = spreading(axes, node.attributes["border"])
    return {"windows": windows, "up": [axis.up for axis in axes]}


define("max_pool", max_pool, _keywords)
define("argmax_pool", argmax_pool, _keywords)
define("max_pool_with_index", max_pool_with_index, _keywords)
define("sample", sample, _keywords)
define("desample", desample, _desample_keywords)
