"""Resampling, sampling at indices and regions of interest, written in ONNX."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Array, Writer, emits, ints
from nnefx.converters.onnx.emit_layout import value_of
from nnefx.ir.graph import Node, Value
from nnefx.ops.resample import multilinear_upsample
from nnefx.ops.shapes import Axis
from nnefx.ops.window import box_axes, debox_axes

_MODES = {
    "symmetric": "half_pixel", "asymmetric": "asymmetric", "aligned": "align_corners",
}  # fmt: skip

# ---- by whole factors: section 4.3.4


@emits("nearest_downsample", "area_downsample", "nearest_upsample")
def nearest(w: Writer, node: Node) -> Any:
    item, factor = value_of(node.inputs["input"]), list(node.attributes["factor"])
    x, spatial = w.of(item), range(2, item.rank)
    if not factor:
        return w.add("Identity", x)
    if node.name == "nearest_downsample":
        zeros = [0] * len(factor)
        return w.slice(x, spatial, zeros, item.shape[2:], factor)
    if node.name == "area_downsample":
        if len(factor) <= 3:
            return w.add("AveragePool", x, kernel_shape=factor, strides=factor)
        blocks = [n for extent, f in zip(node.output.shape[2:], factor) for n in (extent, f)]
        wide = w.reshape(x, [*item.shape[:2], *blocks])
        inner = range(3, 3 + 2 * len(factor), 2)
        return w.reshape(w.reduce("ReduceMean", wide, inner), node.output.shape)
    scales = w.const(np.array([1, 1, *factor], np.float32))
    return w.add(
        "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip


@emits("multilinear_upsample")
def multilinear(w: Writer, node: Node) -> Any:
    item, a = value_of(node.inputs["input"]), node.attributes
    x, factor = w.of(item), list(a["factor"])
    if not factor:
        return w.add("Identity", x)
    if a["border"] == "replicate" and len(factor) <= 2:
        sizes = w.const(ints(node.output.shape))
        return w.add(
            "Resize", x, "", "", sizes, mode="linear",
            coordinate_transformation_mode=_MODES[a["method"]],
        )  # fmt: skip
    matrices = [
        w.const(_matrix(extent, step, a["method"], a["border"]))
        for extent, step in zip(item.shape[2:], factor)
    ]
    return mixed(w, x, matrices)


def _matrix(extent: int, factor: int, method: str, border: str) -> Array:
    """Return the weights (input, output) along one dimension: what becomes of unit vectors."""
    eye = np.eye(extent, dtype=np.float32)[None]
    out = multilinear_upsample(eye, factor=[factor], method=method, border=border)
    return np.ascontiguousarray(out[0])


def mixed(w: Writer, x: str, matrices: Sequence[str]) -> str:
    """Multiply every spatial dimension of `x` by its matrix (input, output).

    A matrix may have leading dimensions, which broadcast to those of `x`.
    """
    rank = len(matrices) + 2
    for axis, matrix in enumerate(matrices, start=2):
        order = [*(n for n in range(rank) if n != axis), axis]
        product = w.add("MatMul", w.transposed(x, order), matrix)
        x = w.transposed(product, list(np.argsort(order)))
    return x


# ---- at indices: section 4.3.3


def _places(w: Writer, index: str, axes: Sequence[Axis]) -> list[str]:
    """Return, for each dimension, where in the padded up-scaled space the indices point to."""
    count, found = prod(axis.size for axis in axes), []
    for number, axis in enumerate(axes):
        count //= axis.size
        tap = w.add("Mod", w.add("Div", index, w.const(count)), w.const(axis.size))
        start = np.arange(axis.down) * axis.stride
        start = start.reshape([-1 if n == number else 1 for n in range(len(axes))])
        found.append(w.add("Add", w.add("Mul", tap, w.const(axis.dilation)), w.const(start)))
    return found


def _flat(w: Writer, places: Sequence[str], extents: Sequence[int]) -> str:
    """Return positions in row-major order."""
    flat = places[0]
    for place, extent in zip(places[1:], extents[1:]):
        flat = w.add("Add", w.add("Mul", flat, w.const(extent)), place)
    return flat


@emits("sample")
def sample(w: Writer, node: Node) -> Any:
    item, index = value_of(node.inputs["input"]), value_of(node.inputs["index"])
    axes = box_axes(item.shape, **node.attributes)
    around = [axis.around for axis in axes]
    wide = w.bordered(w.of(item), item.shape, around, node.attributes["border"])
    flat = _flat(w, _places(w, w.of(index), axes), [axis.full for axis in axes])
    return w.add("Gather", w.reshape(wide, [-1]), flat, axis=0)


@emits("desample")
def desample(w: Writer, node: Node) -> Any:
    item, index = value_of(node.inputs["input"]), value_of(node.inputs["index"])
    axes = debox_axes(item.shape, **node.attributes)
    places, inside = [], ""
    for place, axis in zip(_places(w, w.of(index), axes), axes):
        at = w.add("Sub", place, w.const(axis.before)) if axis.before else place
        places.append(at)
        if axis.before or axis.full > axis.up:
            low = w.add("GreaterOrEqual", at, w.const(0))
            here = w.add("And", low, w.add("Less", at, w.const(axis.up)))
            inside = w.add("And", inside, here) if inside else here
    flat, volume = _flat(w, places, [axis.up for axis in axes]), node.output.volume
    if inside:  # what lies outside goes to a place behind the end
        flat = w.add("Where", inside, flat, w.const(volume))
    zeros = w.add("Expand", w.const(np.float32(0)), w.const([volume + bool(inside)]))
    flat, items = w.reshape(flat, [-1]), w.reshape(w.of(item), [-1])
    out = w.add("ScatterElements", zeros, flat, items, axis=0, reduction="add")
    if inside:
        out = w.slice(out, [0], [0], [volume])
    return w.reshape(out, node.output.shape)


# ---- regions of interest: section 4.6


def _regions(w: Writer, node: Node) -> tuple[str, Value, list[tuple[str, str]]]:
    """Return the images of the regions, the input, and first and end (N, 1) per dimension."""
    item, rois, batch = map(value_of, node.inputs.values())
    count, spatial = rois.shape[0], item.rank - 2
    x = w.add("Gather", w.of(item), w.shaped(batch, [count]), axis=0)
    columns = w.add(
        "Split", w.of(rois), w.const(ints([1] * 2 * spatial)), count=2 * spatial, axis=1
    )
    return x, item, list(zip(columns[:spatial], columns[spatial:]))


def _per_region(w: Writer, matrix: str, count: int, lead: int, extent: int, cells: int) -> str:
    """Return one matrix per region, with `lead` dimensions between to broadcast over."""
    return w.reshape(matrix, [count, *[1] * lead, extent, cells])


@emits("roi_resample")
def roi_resample(w: Writer, node: Node) -> Any:
    x, item, corners = _regions(w, node)
    method, count = node.attributes["method"], node.output.shape[0]
    matrices = []
    for (first, stop), size, extent in zip(corners, node.attributes["output_size"], item.shape[2:]):
        points = _points(w, first, w.add("Sub", stop, first), size, method)
        points = w.add("Clip", points, w.const(np.float32(0)), w.const(np.float32(extent - 1)))
        places = w.const(np.arange(extent, dtype=np.float32).reshape(1, -1, 1))
        apart = w.add("Abs", w.add("Sub", w.reshape(points, [count, 1, size]), places))
        one = w.const(np.float32(1))
        weights = w.add("Relu", w.add("Sub", one, apart))  # 0 but for the two neighbours
        matrices.append(_per_region(w, weights, count, item.rank - 3, extent, size))
    return mixed(w, x, matrices)


def _points(w: Writer, first: str, extent: str, count: int, method: str) -> str:
    """Return (N, count) positions, by the mapping of section 4.3.4."""
    i = np.arange(count, dtype=np.float64)[None]
    if method == "symmetric":
        share, offset = (i + 0.5) / count, -0.5
    elif method == "asymmetric":
        share, offset = i / count, 0.0
    else:
        share, offset = i / max(count - 1, 1), 0.0
        extent = w.add("Sub", extent, w.const(np.float32(1)))
    points: str = w.add("Add", first, w.add("Mul", extent, w.const(share)))
    return str(w.add("Add", points, w.const(np.float32(offset)))) if offset else points


@emits("avg_roi_pool", "max_roi_pool")
def roi_pool(w: Writer, node: Node) -> Any:
    x, item, corners = _regions(w, node)
    count, sizes = node.output.shape[0], node.attributes["output_size"]
    matrices, empty = [], ""
    for number, ((first, stop), cells) in enumerate(zip(corners, sizes)):
        extent = item.shape[number + 2]
        mask = _cells(w, first, stop, cells, extent, count)
        hit = w.reduce("ReduceSum", mask, [1])
        shape = [count, 1, *(cells if n == number else 1 for n in range(len(sizes)))]
        void = w.reshape(w.add("Equal", hit, w.const(np.float32(0))), shape)
        empty = w.add("Or", empty, void) if empty else void
        if node.name == "avg_roi_pool":
            mask = w.add("Div", mask, w.add("Max", hit, w.const(np.float32(1))))
        lead = item.rank - (3 if node.name == "avg_roi_pool" else 2)
        matrices.append(_per_region(w, mask, count, lead, extent, cells))
    if node.name == "avg_roi_pool":
        return mixed(w, x, matrices)
    return w.add("Where", empty, w.const(np.float32(0)), _largest(w, x, matrices))


def _cells(w: Writer, first: str, stop: str, cells: int, extent: int, count: int) -> str:
    """Return (N, extent, cells): 1 where a cell covers a place; ceil wide, floor apart."""
    from nnefx.converters.onnx.emit_elementwise import rounded

    begin, end = rounded(w, first), rounded(w, stop)
    share = w.add("Div", w.add("Sub", end, begin), w.const(np.float32(cells)))
    step, size = w.add("Floor", share), w.add("Ceil", share)
    numbers = w.const(np.arange(cells, dtype=np.float32)[None])
    starts = w.add("Add", begin, w.add("Mul", step, numbers))
    stops = w.add("Add", starts, size)
    places = w.const(np.arange(extent, dtype=np.float32).reshape(1, -1, 1))
    after = w.add("GreaterOrEqual", places, w.reshape(starts, [count, 1, cells]))
    before = w.add("Less", places, w.reshape(stops, [count, 1, cells]))
    covered: str = w.cast(w.add("And", after, before), "scalar")
    return covered


def _largest(w: Writer, x: str, masks: Sequence[str]) -> str:
    """Take the largest item of each cell, one dimension after the other."""
    rank = len(masks) + 2
    for axis, mask in enumerate(masks, start=2):
        order = [*(n for n in range(rank) if n != axis), axis]
        wide = w.add("Unsqueeze", w.transposed(x, order), w.const(ints([rank])))
        held = w.add("Where", w.cast(mask, "logical"), wide, w.const(np.float32(-np.inf)))
        best = w.add("Squeeze", w.reduce("ReduceMax", held, [rank - 1]), w.const(ints([rank - 1])))
        x = w.transposed(best, list(np.argsort(order)))
    return x
