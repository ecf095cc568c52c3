"""Kernels of up- and down-sampling by whole factors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnefx.execute.torch.table import define, shapes_of
from nnefx.ir.graph import Node
from nnefx.ops.resample import sources

Ints = Sequence[int]


def nearest_downsample(input: Tensor, *, factor: Ints) -> Tensor:
    """Take the first item of each block."""
    return input[(slice(None), slice(None), *(slice(None, None, step) for step in factor))]


def area_downsample(input: Tensor, *, factor: Ints) -> Tensor:
    """Average blocks."""
    x = input
    for number, step in enumerate(factor, start=2):
        x = x.unfold(number, step, step).mean(-1)
    return x


def nearest_upsample(input: Tensor, *, factor: Ints) -> Tensor:
    """Repeat items over blocks."""
    x = input
    for number, step in enumerate(factor, start=2):
        x = x.repeat_interleave(step, number) if step > 1 else x
    return x


def multilinear_upsample(input: Tensor, *, taps: Sequence[Any]) -> Tensor:
    """Interpolate linearly along one dimension after the other."""
    x = input
    for number, low, high, below, above in taps:
        shape = [-1, *[1] * (x.dim() - number - 1)]
        first, second = (
            x.index_select(number, torch.tensor(index, device=x.device))
            * torch.tensor(weight, dtype=x.dtype, device=x.device).reshape(shape)
            for index, weight in ((low, below), (high, above))
        )
        x = first + second
    return x


def _taps(node: Node) -> dict[str, Any]:
    """Return, for each dimension, two indices around each point and their weights."""
    (shape,) = shapes_of(node)
    border, method = node.attributes["border"], node.attributes["method"]
    found = []
    for number, factor in enumerate(node.attributes["factor"], start=2):
        if factor == 1:
            continue
        low, high, weight = sources(shape[number], factor, method)
        first, below = _inside(low, 1 - weight, shape[number], border)
        second, above = _inside(high, weight, shape[number], border)
        found.append((number, first, second, below, above))
    return {"taps": found}


def _inside(index: Any, weight: Any, extent: int, border: str) -> tuple[list[int], list[float]]:
    inside = np.clip(index, 0, extent - 1)
    if border == "reflect":
        mirrored = np.where(index < 0, -index, index)
        inside = np.where(mirrored >= extent, 2 * (extent - 1) - mirrored, mirrored)
    if border == "constant":
        weight = np.where(index == inside, weight, 0)
    return inside.tolist(), weight.tolist()


define("nearest_downsample", nearest_downsample)
define("area_downsample", area_downsample)
define("nearest_upsample", nearest_upsample)
define("multilinear_upsample", multilinear_upsample, _taps)
