"""Convolution between space-to-batch and batch-to-space is a dilated convolution: make it one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.axes import channels_first, channels_last, ints
from nnefx.converters.tensorflow.importer import Blocks, Importer, Whole
from nnefx.converters.tensorflow.moving import batch_to_space, space_to_batch
from nnefx.converters.tensorflow.window import Padding, conv


def into_batch(g: Importer, x: Tensor, block_shape: Any, paddings: Any) -> Tensor:
    """Emit space-to-batch, and remember what the blocks are of."""
    extents = ints(block_shape)
    result = space_to_batch(g, x, extents, paddings)
    if len(extents) == x.rank - 2 and result.value is not None:
        around = [(int(b), int(a)) for b, a in np.asarray(paddings).reshape(-1, 2)]
        g.blocks[result.value] = Blocks(x, tuple(extents), around)
    return result


def out_of_batch(g: Importer, x: Tensor, block_shape: Any, crops: Any) -> Tensor:
    """Emit batch-to-space; where `x` was convolved in blocks, the dilated convolution instead."""
    extents = tuple(ints(block_shape))
    cut = [(int(b), int(a)) for b, a in np.asarray(crops).reshape(-1, 2)]
    whole = g.whole_of(x)
    if whole is not None and whole.blocks == extents:
        return whole.make(cut)
    return batch_to_space(g, x, extents, crops)


def conv_last(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None, *, stride: Sequence[int],
    dilation: Sequence[int], padding: Padding, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Emit a convolution of (N, ..., C) with (O, C / groups, ...)."""
    y = conv(
        g, channels_first(g, x), w, b, stride=stride, dilation=dilation, padding=padding,
        groups=groups,
    )  # fmt: skip
    result = channels_last(g, y)
    blocks = g.blocks.get(x.value) if x.value is not None else None
    flat = bool(padding) and not any(map(any, padding))
    if blocks is None or result.value is None or not flat or set(stride) | set(dilation) != {1}:
        return result
    first = channels_first(g, blocks.source)
    around, extents = blocks.around, blocks.extents

    def make(crops: Sequence[tuple[int, int]]) -> Tensor:
        pads = [(pb - cb, pa - ca) for (pb, pa), (cb, ca) in zip(around, crops)]
        kept = [(max(before, 0), max(after, 0)) for before, after in pads]
        inside = conv(g, first, w, b, stride=stride, dilation=extents, padding=kept, groups=groups)
        if kept != pads:
            more = [(min(before, 0), min(after, 0)) for before, after in pads]
            inside = g.pad(inside, padding=[(0, 0), (0, 0), *more])
        return channels_last(g, inside)

    g.wholes[result.value] = Whole(extents, make)
    return result
