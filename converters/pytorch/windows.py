"""Which items a sliding window meets, as indices that are known when a model is imported."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.pytorch.cast import spread

Indices = NDArray[np.int64]


def column_index(
    extents: Sequence[int], size: Any, dilation: Any, stride: Any
) -> tuple[Indices, list[int]]:
    """Return the flat position of each tap (row) of each window (column), and counts of windows."""
    rank = len(extents)
    sizes, gaps, steps = spread(size, rank), spread(dilation, rank), spread(stride, rank)
    counts = [
        (extent - (size - 1) * gap - 1) // step + 1
        for extent, size, gap, step in zip(extents, sizes, gaps, steps)
    ]
    index = np.zeros([*sizes, *counts], np.int64)
    for axis, extent in enumerate(extents):
        at = np.arange(sizes[axis])[:, None] * gaps[axis] + np.arange(counts[axis]) * steps[axis]
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = at.shape
        index = index * extent + at.reshape(shape)
    return index.reshape(int(np.prod(sizes)), int(np.prod(counts))), counts


def taps_along(starts: Sequence[int], ends: Sequence[int]) -> tuple[int, ...] | None:
    """Return (size, stride) where windows are regular, else None."""
    sizes = {end - start for start, end in zip(starts, ends)}
    steps = {second - first for first, second in pairwise(starts)}
    if len(sizes) > 1 or len(steps) > 1:
        return None
    return sizes.pop(), steps.pop() if steps else 1
