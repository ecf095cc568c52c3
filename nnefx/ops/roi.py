"""Regions of interest: section 4.6.

A row of `rois` holds the first corner and then the end of a region, (y0, x0, y1, x1) in the plane.
Where the text leaves a choice open, the rules here are:

* Cells start at i * stride from the first corner of the region (the text adds the size of a cell,
  by which the last cells would lie outside of the region).
* Cells count only what lies within the feature map; what is empty gives 0.
* Points of `roi_resample` outside of the feature map take the value at its edge.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from nnefx.ops.broadcast import show
from nnefx.ops.kernels import Values, narrow, widen
from nnefx.ops.pool import avg_pool, max_pool
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.resample import METHODS
from nnefx.ops.shapes import exact, one_of

Ints = Sequence[int]


def roi_shape(x: Shape, rois: Shape, batch_index: Shape, *, output_size: Ints) -> Shape:
    """Return the shape of the RoI operations: as many items as RoIs, all of `output_size`.

    `batch_index` is (N, 1); (N), which other consumers expect, is taken as well.
    """
    spatial = len(x) - 2
    if spatial < 1:
        raise Reject("input", f"input has rank {len(x)}, expected a spatial dimension at least")
    if len(rois) != 2 or rois[1] != 2 * spatial:
        raise Reject("rois", f"rois has shape {show(rois)}, expected [N, {2 * spatial}]")
    if batch_index not in ((rois[0], 1), (rois[0],)):
        raise Reject(
            "batch_index",
            f"batch_index has shape {show(batch_index)}, expected {show((rois[0], 1))}",
        )
    exact("output_size", output_size, spatial)
    return (rois[0], x[1], *output_size)


def _batches(x: Values, batch_index: Values) -> Values:
    index: Values = batch_index.reshape(-1)
    if index.size and not (index.min() >= 0 and index.max() < len(x)):
        raise Reject(
            "batch_index",
            f"batch_index has items from {index.min()} to {index.max()}, "
            f"expected 0 to {len(x) - 1}",
        )
    return index


# ---- pooling: section 4.6.1


def max_roi_pool(x: Values, rois: Values, batch_index: Values, *, output_size: Ints) -> Values:
    """Return the maximum of each cell of each region."""
    return _roi_pool(x, rois, batch_index, output_size, maximum=True)


def avg_roi_pool(x: Values, rois: Values, batch_index: Values, *, output_size: Ints) -> Values:
    """Return the mean of each cell of each region."""
    return _roi_pool(x, rois, batch_index, output_size, maximum=False)


def _roi_pool(
    x: Values, rois: Values, batch_index: Values, output_size: Ints, *, maximum: bool
) -> Values:
    wide = widen(x)
    out = np.zeros(
        roi_shape(x.shape, rois.shape, batch_index.shape, output_size=output_size), wide.dtype
    )
    corners = np.floor(rois.astype(np.float64) + 0.5).astype(np.int64)
    spatial = len(output_size)
    for number, batch in enumerate(_batches(x, batch_index)):
        region = wide[batch]
        for axis, cells in enumerate(output_size, start=1):
            start, stop = corners[number, axis - 1], corners[number, axis - 1 + spatial]
            spans = _cells(int(start), int(stop), cells, x.shape[axis + 1])
            region = _pool_spans(region, spans, axis, maximum=maximum)
        out[number] = region
    return narrow(out, x)


def _cells(start: int, stop: int, cells: int, extent: int) -> list[slice]:
    """Return what the cells of a region cover in one dimension: ceil wide, floor apart."""
    step, size = (stop - start) // cells, -((start - stop) // cells)
    begins = [start + number * step for number in range(cells)]
    return [slice(max(at, 0), max(min(at + size, extent), 0)) for at in begins]


def _pool_spans(x: Values, spans: Sequence[slice], axis: int, *, maximum: bool) -> Values:
    shape = (*x.shape[:axis], len(spans), *x.shape[axis + 1 :])
    out: Values = np.zeros(shape, x.dtype)
    before: tuple[Any, ...] = (slice(None),) * axis
    for number, span in enumerate(spans):
        if span.start < span.stop:
            part = x[(*before, span)]
            out[(*before, number)] = part.max(axis) if maximum else part.mean(axis)
    return out


# ---- resampling: section 4.6.2


def roi_resample_shape(
    x: Shape, rois: Shape, batch_index: Shape, *, output_size: Ints, method: str
) -> Shape:
    """Return the shape of `roi_resample`."""
    one_of("method", method, METHODS)
    return roi_shape(x, rois, batch_index, output_size=output_size)


def roi_resample(
    x: Values, rois: Values, batch_index: Values, *, output_size: Ints, method: str
) -> Values:
    """Interpolate each region at a grid of `output_size` points."""
    roi_resample_shape(
        x.shape, rois.shape, batch_index.shape, output_size=output_size, method=method
    )
    wide, batches, spatial = widen(x), _batches(x, batch_index), len(output_size)
    grids = []
    for axis, count in enumerate(output_size):
        points = _points(rois[:, axis], rois[:, axis + spatial], count, method)
        points = np.clip(points, 0, x.shape[axis + 2] - 1)
        low = np.floor(points).astype(np.int64)
        high = np.minimum(low + 1, x.shape[axis + 2] - 1)
        weight = (points - low).astype(wide.dtype)
        shape = (len(rois), *(count if k == axis else 1 for k in range(spatial)))
        grids.append(
            (
                (low.reshape(shape), 1 - weight.reshape(shape)),
                (high.reshape(shape), weight.reshape(shape)),
            )
        )
    channels_last = np.moveaxis(wide, 1, -1)
    owner = batches.reshape(-1, *(1,) * spatial)
    out = np.zeros((len(rois), *output_size, x.shape[1]), wide.dtype)
    for corner in product(*grids):  # the 2^M neighbours of each point
        scale: Any = 1
        for _, weight in corner:
            scale = scale * weight
        out += channels_last[(owner, *(index for index, _ in corner))] * scale[..., None]
    return narrow(np.moveaxis(out, -1, 1), x)


def _points(start: Values, stop: Values, count: int, method: str) -> Values:
    """Return (N, count) positions in the feature map, by the mapping of section 4.3.4.

    The factor of up-sampling there is the quotient of `count` and the extent of the region.
    """
    first = start.astype(np.float64)[:, None]
    extent = stop.astype(np.float64)[:, None] - first
    i = np.arange(count)
    if method == "symmetric":
        return first + (i + 0.5) * extent / count - 0.5
    if method == "asymmetric":
        return first + i * extent / count
    return first + i * (extent - 1) / max(count - 1, 1)


def roi_align_shape(
    x: Shape,
    rois: Shape,
    batch_index: Shape,
    *,
    output_size: Ints,
    sampling_rate: Ints,
    resize_method: str,
) -> Shape:
    """Return the shape of `avg_roi_align` and `max_roi_align`."""
    one_of("resize_method", resize_method, METHODS)
    exact("sampling_rate", sampling_rate, len(x) - 2)
    return roi_shape(x, rois, batch_index, output_size=output_size)


def _resampled(
    x: Values,
    rois: Values,
    batch_index: Values,
    *,
    output_size: Ints,
    sampling_rate: Ints,
    resize_method: str,
) -> tuple[Values, dict[str, Any]]:
    """Return the points of all cells, and the attributes of the pooling that joins them."""
    points = [size * rate for size, rate in zip(output_size, sampling_rate)]
    resized = roi_resample(x, rois, batch_index, output_size=points, method=resize_method)
    window = [1, 1, *sampling_rate]
    pooling = {
        "size": window,
        "stride": window,
        "border": "constant",
        "padding": [],
        "dilation": [],
    }
    return resized, pooling


def avg_roi_align(x: Values, rois: Values, batch_index: Values, **attributes: Any) -> Values:
    """Average `sampling_rate` points in each cell."""
    resized, pooling = _resampled(x, rois, batch_index, **attributes)
    return avg_pool(resized, **pooling)


def max_roi_align(x: Values, rois: Values, batch_index: Values, **attributes: Any) -> Values:
    """Take the maximum of `sampling_rate` points in each cell."""
    resized, pooling = _resampled(x, rois, batch_index, **attributes)
    return max_pool(resized, **pooling)


define("avg_roi_pool", shape=roi_shape, run=avg_roi_pool)
define("max_roi_pool", shape=roi_shape, run=max_roi_pool)
define("roi_resample", shape=roi_resample_shape, run=roi_resample)
define("avg_roi_align", shape=roi_align_shape, run=avg_roi_align)
define("max_roi_align", shape=roi_align_shape, run=max_roi_align)
