"""Items put at places that tensors hold."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axis_of, converted, operand
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.indexing import flat_index
from nnefx.converters.pytorch.layout import expanded, replaced, sliced, transposed
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_REDUCTIONS = {"sum": "add", "add": "add", "prod": "mul", "multiply": "mul", "amax": "max",
               "amin": "min"}  # fmt: skip


def scattered(
    g: Importer, x: Tensor, axis: int, index: Tensor, source: Tensor, reduction: str
) -> Any:
    """Return `x` with items of `source` written, or joined to it, where `index` says."""
    for other in range(source.rank):
        if source.shape[other] != index.shape[other]:
            source = sliced(g, source, other, 0, index.shape[other])
    where = index if index.kind == "integer" else converted(g, index, np.int64)
    return g.nnefx_scatter_elements(x, where, source, axis=axis, reduction=reduction)


@rules.on("scatter.src", "scatter.value", "scatter.reduce", "scatter.value_reduce")
def scatter(
    g: Importer, self: Tensor, dim: int, index: Tensor, *, src: Any = None, value: Any = None,
    reduce: str | None = None,
) -> Any:  # fmt: skip
    if not self.rank:
        return operand(g, value if src is None else src, g.dtype)
    source = src
    if source is None:
        source = g.known(np.full(index.shape, value).astype(g.dtype))
    mode = "none" if reduce is None else _REDUCTIONS[reduce]
    return scattered(g, self, axis_of(dim, self.rank), index, source, mode)


@rules.on("scatter_add")
def scatter_add(g: Importer, self: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    if not self.rank:
        return g.add("add", self, src)
    return scattered(g, self, axis_of(dim, self.rank), index, src, "add")


@rules.on("scatter_reduce.two", "scatter_reduce")
def scatter_reduce(
    g: Importer, self: Tensor, dim: int, index: Tensor, src: Tensor, *, reduce: str,
    include_self: bool = True,
) -> Any:  # fmt: skip
    if not self.rank:
        raise Reject(None, "it is supported for tensors with axes only", "NX704")
    axis = axis_of(dim, self.rank)
    x = self if include_self else _cleared(g, self, axis, index, reduce)
    if reduce != "mean":
        return scattered(g, x, axis, index, src, _REDUCTIONS[reduce])
    total = scattered(g, x, axis, index, src, "add")
    ones = g.known(np.ones(index.shape, np.float32))
    start = g.known(np.full(self.shape, float(include_self), np.float32))
    count = scattered(g, start, axis, index, ones, "add")
    return g.div(total, g.max(count, 1.0))


def _cleared(g: Importer, x: Tensor, axis: int, index: Tensor, reduce: str) -> Tensor:
    """Return `x` with what changes nothing at the places that are written."""
    neutral = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -np.inf, "amin": np.inf}[reduce]
    if x.kind != "scalar":
        raise Reject(None, "include_self = False is supported for scalars only", "NX704")
    fill = g.known(np.full(index.shape, neutral, x.dtype))
    result = scattered(g, x, axis, index, fill, "none")
    assert isinstance(result, Tensor)
    return result


@rules.on("index_put", "_unsafe_index_put", "_index_put_impl")
def index_put(
    g: Importer, self: Tensor, indices: list[Any], values: Tensor, *, accumulate: bool = False,
    unsafe: bool = False,
) -> Any:  # fmt: skip
    given = [item for item in indices if item is not None]
    if len(given) == 1 and given[0].kind == "logical" and not accumulate:
        return _by_mask(g, self, indices, values)
    axes = [axis for axis, item in enumerate(indices) if item is not None]
    if any(indices[axis].kind != "integer" for axis in axes):
        raise Reject(None, "masks among several indices are not supported", "NX702")
    rest = [axis for axis in range(self.rank) if axis not in axes]
    moved = transposed(g, self, [*axes, *rest])
    places = flat_index(g, self.shape, indices, axes)
    tail = [self.shape[axis] for axis in rest]
    joined = math.prod(self.shape[axis] for axis in axes)
    source = _values(g, values, places, axes, tail)
    flat = g.viewed(moved, (joined, math.prod(tail)))
    line = expanded(g, g.viewed(places, (places.volume, 1)), (places.volume, flat.shape[1]))
    mode = "add" if accumulate else "none"
    written = g.nnefx_scatter_elements(flat, line, source, axis=0, reduction=mode)
    back = [*axes, *rest]
    restored = g.viewed(written, moved.shape)
    return transposed(g, restored, [back.index(axis) for axis in range(self.rank)])


def _values(
    g: Importer, values: Tensor, places: Tensor, axes: list[int], tail: list[int]
) -> Tensor:
    """Return the values as rows: one for each place, of the items that go there."""
    x = converted(g, values, g.dtype)
    if axes == list(range(axes[0], axes[-1] + 1)) and axes[0] and x.rank > places.rank:
        lead = axes[0]
        full = expanded(g, x, (*tail[:lead], *places.shape, *tail[lead:]))
        order = [*range(lead, lead + places.rank), *range(lead),
                 *range(lead + places.rank, full.rank)]  # fmt: skip
        x = transposed(g, full, order)
    else:
        x = expanded(g, x, (*places.shape, *tail))
    return g.viewed(x, (places.volume, math.prod(tail)))


def _by_mask(g: Importer, x: Tensor, indices: list[Any], values: Tensor) -> Any:
    lead = next(axis for axis, item in enumerate(indices) if item is not None)
    mask = indices[lead]
    if values.volume != 1:
        raise Reject(None, "values for the items of a mask depend on its items", "NX717")
    shape = (1,) * lead + mask.shape + (1,) * (x.rank - lead - mask.rank)
    value = g.viewed(converted(g, values, g.dtype), (1,) * x.rank)
    return g.select(g.viewed(mask, shape), value, x)


@rules.on("put")
def put(
    g: Importer, self: Tensor, index: Tensor, source: Tensor, *, accumulate: bool = False
) -> Any:
    line, where, items = (g.viewed(x, (x.volume,)) for x in (self, index, source))
    return g.viewed(scattered(g, line, 0, where, items, "add" if accumulate else "none"), g.shape)


@rules.on("index_reduce")
def index_reduce(
    g: Importer, self: Tensor, dim: int, index: Tensor, source: Tensor, *, reduce: str,
    include_self: bool = True,
) -> Any:  # fmt: skip
    if not self.rank:
        raise Reject(None, "it is supported for tensors with axes only", "NX704")
    axis = axis_of(dim, self.rank)
    rows = _rows(g, index, source, axis)
    mode = "mean" if reduce == "mean" else reduce
    return scatter_reduce(g, self, dim, rows, source, reduce=mode, include_self=include_self)


@rules.on("index_add")
def index_add(
    g: Importer, self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1
) -> Any:
    if not self.rank:
        return g.add("add", self, g.mul(g.viewed(source, ()), float(alpha)))
    axis = axis_of(dim, self.rank)
    part = source if alpha == 1 else g.mul(source, float(alpha))
    return scattered(g, self, axis, _rows(g, index, part, axis), part, "add")


@rules.on("index_copy")
def index_copy(g: Importer, self: Tensor, dim: int, index: Tensor, source: Tensor) -> Any:
    if not self.rank:
        return g.viewed(source, ())
    axis = axis_of(dim, self.rank)
    if index.array is not None:
        return replaced(g, self, source, axis, [int(item) for item in index.array.reshape(-1)])
    return scattered(g, self, axis, _rows(g, index, source, axis), source, "none")


@rules.on("index_fill.int_Scalar", "index_fill.int_Tensor")
def index_fill(g: Importer, self: Tensor, dim: int, index: Tensor, value: Any) -> Any:
    if not self.rank:
        return operand(g, value, g.dtype)
    axis = axis_of(dim, self.rank)
    shape = (*self.shape[:axis], index.volume, *self.shape[axis + 1 :])
    part = expanded(g, operand(g, value, g.dtype), shape)
    return scattered(g, self, axis, _rows(g, index, part, axis), part, "none")


def _rows(g: Importer, index: Tensor, source: Tensor, axis: int) -> Tensor:
    shape = [1] * source.rank
    shape[axis] = index.volume
    return expanded(g, g.viewed(index, shape), source.shape)
