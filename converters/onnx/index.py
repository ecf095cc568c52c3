"""Operators that take items at computed places, put them there, or order them."""

from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import sliced, squeezed, unsqueezed
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("Gather")
def gather(g: Importer, x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    at = axis_of(axis, x.rank)
    if indices.array is None:
        wrapped = wrap(g, indices, x.shape[at])
        result = g.gather(x, wrapped, axis=at)
        assert isinstance(result, Tensor)
        return result
    return gathered(g, x, _checked(indices.array, x.shape[at]), at)


def wrap(g: Importer, indices: Tensor, extent: int) -> Tensor:
    """Return computed indices counted from the front, as NNEF wants them."""
    if indices.dtype.kind == "u":
        return indices
    result = g.nnefx_wrap_index(indices, extent=extent)
    assert isinstance(result, Tensor)
    return result


def _checked(indices: Any, extent: int) -> Any:
    if indices.size and (indices.min() < -extent or indices.max() >= extent):
        raise Reject("indices", f"indices leave the extent {extent}", "NX304")
    return np.where(indices < 0, indices + extent, indices)


def gathered(g: Importer, x: Tensor, indices: Any, axis: int) -> Tensor:
    """Return the items at known places; neighbours are a slice."""
    if x.array is not None:
        return g.known(np.take(x.array, indices, axis))
    flat = indices.reshape(-1)
    first, count = (int(flat[0]), len(flat)) if len(flat) else (0, 0)
    if indices.ndim <= 1 and count and np.array_equal(flat, np.arange(first, first + count)):
        part = sliced(g, x, [axis], [first], [first + count], [1])
        return squeezed(g, part, [axis]) if indices.ndim == 0 else part
    result = g.gather(x, g.known(indices.astype(np.int64)), axis=axis)
    assert isinstance(result, Tensor)
    return result


@rules.on("GatherElements")
def gather_elements(g: Importer, x: Tensor, indices: Tensor, *, axis: int = 0) -> Any:
    return g.nnefx_gather_elements(x, indices, axis=axis_of(axis, x.rank))


@rules.on("GatherND")
def gather_nd(g: Importer, x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Any:
    return g.nnefx_gather_nd(x, indices, batch_dims=batch_dims)


@rules.on("ScatterElements", "Scatter")
def scatter_elements(
    g: Importer, x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0,
    reduction: str = "none",
) -> Any:  # fmt: skip
    return g.nnefx_scatter_elements(
        x, indices, updates, axis=axis_of(axis, x.rank), reduction=reduction
    )


@rules.on("ScatterND")
def scatter_nd(
    g: Importer, x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none"
) -> Any:
    return g.nnefx_scatter_nd(x, indices, updates, reduction=reduction)


@rules.on("TensorScatter")
def tensor_scatter(
    g: Importer, cache: Tensor, update: Tensor, positions: Tensor | None = None, *,
    axis: int = -2, mode: str = "linear",
) -> Any:  # fmt: skip
    if mode not in ("linear", "circular"):
        raise Reject("mode", f"mode is '{mode}'", "NX702")
    start: Any = 0 if positions is None else positions
    return g.nnefx_tensor_scatter(
        cache, update, start, axis=axis_of(axis, cache.rank), circular=mode == "circular"
    )


@rules.on("TopK", since=10)
def topk(
    g: Importer, x: Tensor, k: Const, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Any:
    return _topk(g, x, int(k.reshape(-1)[0]), axis, bool(largest))


@rules.on("TopK")
def topk_old(g: Importer, x: Tensor, *, k: int, axis: int = -1) -> Any:
    return _topk(g, x, k, axis, True)


def _topk(g: Importer, x: Tensor, k: int, axis: int, largest: bool) -> Any:
    at = axis_of(axis, x.rank)
    if x.dtype != np.uint64:
        return g.nnefx_topk(x, k=k, axis=at, largest=largest)
    lowest = int(np.iinfo(np.int64).min)  # moves unsigned items into the order of signed ones
    values, indices = g.nnefx_topk(
        g.nnefx_integer_add(g.typed(x, np.int64), lowest), k=k, axis=at, largest=largest
    )
    return g.nnefx_integer_add(values, lowest), indices


@rules.on("OneHot")
def one_hot(g: Importer, indices: Tensor, depth: Const, values: Tensor, *, axis: int = -1) -> Any:
    count = int(depth.reshape(-1)[0])
    at = axis_of(axis, indices.rank + 1)
    places = indices if indices.kind == "integer" else g.cast(indices, dtype="integer")
    places = unsqueezed(g, wrap(g, places, count), [at])
    shape = [count if i == at else 1 for i in range(places.rank)]
    hit = g.nnefx_integer_eq(g.known(np.arange(count).reshape(shape)), places)
    on, off = (squeezed(g, sliced(g, values, [0], [i], [i + 1], [1]), [0]) for i in (1, 0))
    return g.select(*aligned(g, hit, on, off))


@rules.on("ReverseSequence")
def reverse_sequence(
    g: Importer, x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Any:
    return g.nnefx_reverse_sequence(x, lengths, batch_axis=batch_axis, time_axis=time_axis)


@rules.on("CumSum")
def cumsum(g: Importer, x: Tensor, axis: Const, *, exclusive: int = 0, reverse: int = 0) -> Any:
    at = axis_of(int(axis.reshape(-1)[0]), x.rank)
    return g.nnefx_cumsum(x, axis=at, exclusive=bool(exclusive), reverse=bool(reverse))


@rules.on("CumProd")
def cumprod(g: Importer, x: Tensor, axis: Const, *, exclusive: int = 0, reverse: int = 0) -> Any:
    at = axis_of(int(axis.reshape(-1)[0]), x.rank)
    return g.nnefx_cumprod(x, axis=at, exclusive=bool(exclusive), reverse=bool(reverse))


@rules.on("Einsum")
def einsum(g: Importer, *tensors: Tensor, equation: str) -> Any:
    return g.nnefx_einsum(list(tensors), equation=equation.replace(" ", ""))


@rules.on("Det")
def determinant(g: Importer, x: Tensor) -> Any:
    return g.nnefx_det(x)


@rules.on("Compress")
def compress(g: Importer, x: Tensor, condition: Const, *, axis: int | None = None) -> Tensor:
    chosen = np.flatnonzero(condition.reshape(-1))
    if axis is None:
        return gathered(g, g.viewed(x, (x.volume,)), chosen, 0)
    return gathered(g, x, chosen, axis_of(axis, x.rank))


@rules.on("NonZero")
def non_zero(g: Importer, x: Const) -> Tensor:
    return g.known(np.array(np.nonzero(x), np.int64))


@rules.on("Unique")
def unique(g: Importer, x: Const, *, axis: int | None = None, sorted: int = 1) -> Any:
    items, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    if not sorted:
        order = np.argsort(first)
        items = np.take(items, order, 0 if axis is None else axis)
        inverse = np.argsort(order)[inverse.reshape(-1)]
        first, counts = first[order], counts[order]
    return [g.known(v) for v in (items, first, inverse.reshape(-1), counts)]
