"""Layers of forks that make pictures larger or smaller."""

from typing import Any

import numpy as np

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import positive, rank4
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

MAX_MATRIX = 1 << 26


@rules.on("Interp")
def interp(
    g: Importer, x: Tensor, like: Tensor | None = None, *, height: int = 0, width: int = 0,
    zoom_factor: int = 1, shrink_factor: int = 1, pad_beg: int = 0, pad_end: int = 0,
) -> Any:  # fmt: skip
    extents = rank4(x)
    if pad_beg > 0 or pad_end > 0:
        raise Reject("pad_beg", "pad_beg and pad_end take items away: 0 or less", "NX703")
    positive([zoom_factor, shrink_factor], "zoom_factor and shrink_factor")
    if pad_beg or pad_end:
        begin, end = [-pad_beg] * 2, [extent + pad_end for extent in extents]
        if any(stop - start < 1 for start, stop in zip(begin, end)):
            raise Reject("pad_beg", f"nothing is left of {list(extents)}", "NX706")
        x = g.slice(x, axes=[2, 3], begin=begin, end=end)
        extents = rank4(x)
    if like is not None:
        target: tuple[int, ...] = rank4(like)
    elif height or width:
        target = (height, width)
    else:
        shrunk = [(extent - 1) // shrink_factor + 1 for extent in extents]
        target = tuple(extent + (extent - 1) * (zoom_factor - 1) for extent in shrunk)
    positive(target, "the size of the result")
    return _bilinear(g, x, target)


def _bilinear(g: Importer, x: Tensor, target: tuple[int, ...]) -> Any:
    """Emit bilinear resampling in which corners stay corners."""
    extents = x.shape[2:]
    if extents == target:
        return g.copied(x)
    if all(new % old == 0 and old > 1 and new > old for old, new in zip(extents, target)):
        factor = [new // old for old, new in zip(extents, target)]
        return g.multilinear_upsample(x, factor=factor, method="aligned")
    if max(old * new for old, new in zip(extents, target)) > MAX_MATRIX:
        text = (
            f"resampling {list(extents)} to {list(target)} takes matrices beyond {MAX_MATRIX} items"
        )
        raise Reject("height", text, "NX706")
    # It is separable and linear: a product with a matrix from each side.
    y = x
    if extents[0] != target[0]:
        y = g.matmul(g.known(_matrix(extents[0], target[0]), f"{g.layer.name}/rows"), y)
    if extents[1] != target[1]:
        columns = g.known(_matrix(extents[1], target[1]), f"{g.layer.name}/columns")
        y = g.matmul(y, columns, transposeB=True)
    return y


def _matrix(old: int, new: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the matrix of shape (1, 1, new, old) that resamples a line."""
    step = np.float32(old - 1) / np.float32(new - 1) if new > 1 else np.float32(0)
    at = np.arange(new, dtype=np.float32) * step
    below = np.minimum(at.astype(np.int64), old - 1)
    above = np.minimum(below + 1, old - 1)
    part = at - below.astype(np.float32)
    matrix = np.zeros((new, old), np.float32)
    rows = np.arange(new)
    np.add.at(matrix, (rows, below), np.float32(1) - part)
    np.add.at(matrix, (rows, above), part)
    return matrix.reshape(1, 1, new, old)


@rules.on("Upsample")
def upsample(
    g: Importer, x: Tensor, mask: Tensor | None = None, *, scale: int = 1,
    scale_h: int | None = None, scale_w: int | None = None, pad_out_h: bool = False,
    pad_out_w: bool = False, upsample_h: int | None = None, upsample_w: int | None = None,
) -> Any:  # fmt: skip
    extents = rank4(x)
    factor = positive([scale_h or scale, scale_w or scale], "scale")
    if mask is None:
        if pad_out_h or pad_out_w or upsample_h or upsample_w:
            text = "pad_out and upsample_h belong to an Upsample layer with a mask"
            raise Reject("upsample_h", text, "NX703")
        return g.copied(x) if factor == [1, 1] else g.nearest_upsample(x, factor=factor)
    window = g.windows.get(id(mask.value)) if mask.value is not None else None
    if window is None:
        raise Reject(None, "the mask is not the second top of a max Pooling layer", "NX705")
    wanted = [
        upsample_h or extents[0] * factor[0] - pad_out_h,
        upsample_w or extents[1] * factor[1] - pad_out_w,
    ]
    arguments = dict(window)
    shape = arguments.pop("shape")
    if list(shape[2:]) != wanted:
        text = f"the result is {wanted}, what was pooled is {list(shape[2:])}"
        raise Reject(None, text, "NX705")
    if any(step < size for step, size in zip(arguments["stride"], arguments["size"])):
        raise Reject(None, "the windows that were pooled overlap", "NX705")
    arguments["border"] = "constant"
    return g.desample(x, mask, output_shape=list(shape), **arguments)
