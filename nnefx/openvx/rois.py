"""Regions of interest that are known at compile time: matrices and pools for each region.

OpenVX has one node for regions that are computed, ROIPoolingLayer; its cells are those of NNEF only
where the extents of a region are multiples of the output's, which nobody knows beforehand.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Slide
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import axis_map, running
from nnefx.openvx.pool import pooling
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import Slot, dimension
from nnefx.ops import roi as kernels

Array = NDArray[Any]
Ints = Sequence[int]


def roi_scales(s: Scaling, out: Value, input: Operand, *_rois: Operand, **_: Any) -> None:
    """Items keep their scale: means and interpolations stay inside of the input's range."""
    shared(s, out, input)


@lowers("max_roi_pool", scales=roi_scales)
def max_roi_pool(
    g: Emitter,
    out: Value,
    input: Operand,
    rois: Operand,
    batch_index: Operand,
    *,
    output_size: Ints,
) -> None:
    """The items of the cells side by side, and PoolingLayer MAX."""

    def region(x: Slot, dims: Ints, corners: Array) -> Slot:
        for number, dim in enumerate(dims):
            start, stop = corners[number], corners[number + len(dims)]
            cells, extent = output_size[number], x.dims[dim]
            rows, size = _cells(int(start), int(stop), cells, extent)
            x = _largest(g, axis_map(g, x, dim, rows), dim, size)
        return x

    _each(g, out, input, rois, batch_index, lambda x, d, r: region(x, d, np.floor(r + 0.5)))


def _cells(start: int, stop: int, cells: int, extent: int) -> tuple[Array, int]:
    """Return the matrix that lays out cells of a region (ceil wide, floor apart), and the width."""
    step, size = (stop - start) // cells, max(-((start - stop) // cells), 1)
    rows = np.zeros((cells * size, extent))
    for cell in range(cells):
        first = max(start + cell * step, 0)
        last = min(start + cell * step + size, extent) - 1
        for place in range(size):
            if first <= last:
                rows[cell * size + place, min(first + place, last)] = 1.0
    return rows, size


def _largest(g: Emitter, x: Slot, dim: int, size: int) -> Slot:
    dims = tuple(n // size if d == dim else n for d, n in enumerate(x.dims))
    y = g.temp(dims, x.scale, "largest")
    pooling(g, "MAX", x, y, [Slide(size if d == dim else 1, 0) for d in (0, 1)])
    return y


@lowers("avg_roi_pool", "roi_resample", "avg_roi_align", scales=roi_scales)
def linear_roi(
    g: Emitter,
    out: Value,
    input: Operand,
    rois: Operand,
    batch_index: Operand,
    *,
    output_size: Ints,
    **attributes: Any,
) -> None:
    """A matrix for each axis of each region."""
    op = g.origin.op

    def region(x: Slot, dims: Ints, corners: Array) -> Slot:
        for number, dim in enumerate(dims):
            rate = {name: [items[number]] for name, items in attributes.items() if name == _RATE}
            more = {name: item for name, item in attributes.items() if name != _RATE}
            rows = _matrix(
                op, x.dims[dim], corners[number :: len(dims)], output_size[number], {**more, **rate}
            )
            x = axis_map(g, x, dim, rows)
        return x

    _each(g, out, input, rois, batch_index, region)


@lowers("max_roi_align", scales=roi_scales)
def max_roi_align(
    g: Emitter,
    out: Value,
    input: Operand,
    rois: Operand,
    batch_index: Operand,
    *,
    output_size: Ints,
    sampling_rate: Ints,
    resize_method: str,
) -> None:
    """A matrix for each axis that interpolates the points, and PoolingLayer MAX."""

    def region(x: Slot, dims: Ints, corners: Array) -> Slot:
        for number, dim in enumerate(dims):
            count = output_size[number] * sampling_rate[number]
            ends = corners[number :: len(dims)]
            x = axis_map(
                g,
                x,
                dim,
                _matrix("roi_resample", x.dims[dim], ends, count, {"method": resize_method}),
            )
        for dim, size in zip(dims, sampling_rate, strict=True):
            x = _largest(g, x, dim, size)
        return x

    _each(g, out, input, rois, batch_index, region)


_RATE = "sampling_rate"


def _matrix(op: str, extent: int, ends: Array, count: int, attributes: dict[str, Any]) -> Array:
    """Return what the operation's own kernel makes of the unit vectors along one axis."""
    kernel: Callable[..., Array] = getattr(kernels, op)
    unit = np.eye(extent, dtype=np.float32).reshape(1, extent, extent)
    corners = np.asarray(ends, np.float32).reshape(1, 2)
    owner = np.zeros((1, 1), np.int64)
    rows = kernel(unit, corners, owner, output_size=[count], **attributes)
    columns: Array = rows.reshape(extent, count).T
    return columns


def _each(
    g: Emitter,
    out: Value,
    input: Operand,
    rois: Operand,
    batch_index: Operand,
    region: Callable[[Slot, Ints, Array], Slot],
) -> None:
    """Write what `region` makes of its item of the batch to the place of each region."""
    value = running(input)
    if not isinstance(rois, Const) or not isinstance(batch_index, Const):
        raise UnsupportedError("the regions are computed at run time, they must be constant")
    if value.rank not in (3, 4):
        raise UnsupportedError(f"an input of rank {value.rank} is not handled")
    dims = [dimension(value.rank, axis) for axis in range(2, value.rank)]
    x, y = g.read(value), g.create(out)
    owners = batch_index.array().reshape(-1).astype(np.int64)
    for number, corners in enumerate(rois.array().astype(np.float64)):
        owner = int(owners[number])
        found = region(g.part(x, 3, owner, owner + 1), dims, corners)
        g.copy(found, g.part(y, 3, number, number + 1))
