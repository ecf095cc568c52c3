"""Items taken at places that tensors hold."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axis_of, converted
from nnefx.converters.pytorch.elementwise import arithmetic
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import expanded, sliced, transposed
from nnefx.converters.pytorch.refused import DATA
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def wrapped_index(g: Importer, index: Tensor, extent: int) -> Tensor:
    """Return indices counted from the front; those below 0 count from the end."""
    if index.array is not None:
        plain = index.array.astype(np.int64)
        return g.known(np.where(plain < 0, plain + extent, plain), index.name)
    result = g.nnefx_wrap_index(index, extent=extent)
    assert isinstance(result, Tensor)
    return result


@rules.on("embedding")
def embedding(
    g: Importer, weight: Tensor, indices: Tensor, *, padding_idx: int = -1,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    return g.gather(weight, converted(g, indices, np.int64), axis=0)


@rules.on("index_select")
def index_select(g: Importer, self: Tensor, dim: int, index: Tensor) -> Any:
    if not self.rank:
        return self
    places = index if index.rank else g.viewed(index, (1,))
    return g.gather(self, converted(g, places, np.int64), axis=axis_of(dim, self.rank))


@rules.on("gather")
def gather(g: Importer, self: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Any:
    if not self.rank or not index.rank:
        return g.viewed(self, g.shape)
    axis = axis_of(dim, self.rank)
    x = self
    for other in range(x.rank):  # torch lets the other axes be longer than those of the indices
        if other != axis and x.shape[other] != index.shape[other]:
            x = sliced(g, x, other, 0, index.shape[other])
    return g.nnefx_gather_elements(x, index, axis=axis)


@rules.on("take_along_dim")
def take_along_dim(g: Importer, self: Tensor, indices: Tensor, *, dim: Any = None) -> Any:
    if dim is None:
        flat = g.viewed(self, (self.volume,))
        picked = wrapped_index(g, g.viewed(indices, (indices.volume,)), self.volume)
        return g.viewed(g.gather(flat, picked, axis=0), g.shape)
    axis = axis_of(dim, self.rank)
    lead = np.broadcast_shapes(
        (*self.shape[:axis], 1, *self.shape[axis + 1 :]),
        (*indices.shape[:axis], 1, *indices.shape[axis + 1 :]),
    )
    x = expanded(g, self, (*lead[:axis], self.shape[axis], *lead[axis + 1 :]))
    index = expanded(g, indices, (*lead[:axis], indices.shape[axis], *lead[axis + 1 :]))
    return g.nnefx_gather_elements(x, index, axis=axis)


@rules.on("take")
def take(g: Importer, self: Tensor, index: Tensor) -> Any:
    flat = g.viewed(self, (self.volume,))
    picked = wrapped_index(g, g.viewed(index, (index.volume,)), self.volume)
    return g.viewed(g.gather(flat, picked, axis=0), g.shape)


@rules.on("index.Tensor", "_unsafe_index.Tensor")
def index(g: Importer, self: Tensor, indices: list[Any]) -> Any:
    known = _plain(g, indices)
    axes = [axis for axis, item in enumerate(known) if item is not None]
    if len(axes) == 1 and known[axes[0]].rank <= 1:
        axis = axes[0]
        places = wrapped_index(g, known[axis], self.shape[axis])
        return g.viewed(g.gather(self, places, axis=axis), g.shape)
    return _together(g, self, known, axes)


def _plain(g: Importer, indices: list[Any]) -> list[Any]:
    """Return indices with known masks turned into positions."""
    found: list[Any] = []
    for item in indices:
        if item is None or item.kind == "integer":
            found.append(item)
        elif item.array is None:
            raise Reject(None, DATA, "NX717")
        else:
            positions = np.nonzero(item.array)
            found += [g.known(places.astype(np.int64), item.name) for places in positions]
    return found


def flat_index(g: Importer, shape: Any, indices: list[Any], axes: list[int]) -> Tensor:
    """Return one index into the joined axes for indices into each of them, broadcast together."""
    common = np.broadcast_shapes(*(indices[axis].shape for axis in axes))
    total: Any = None
    for axis in axes:
        places = wrapped_index(g, indices[axis], shape[axis])
        if total is None:
            total = places
        else:
            total = arithmetic(g, "mul", total, shape[axis], np.int64)
            total = arithmetic(g, "add", total, places, np.int64)
    return expanded(g, total, common)


def _together(g: Importer, x: Tensor, indices: list[Any], axes: list[int]) -> Tensor:
    """Return items at places of which each axis in `axes` gives a coordinate."""
    rest = [axis for axis in range(x.rank) if axis not in axes]
    adjacent = axes == list(range(axes[0], axes[-1] + 1))
    lead = axes[0] if adjacent else 0
    order = [*rest[:lead], *axes, *rest[lead:]]
    moved = transposed(g, x, order)
    sizes = [x.shape[axis] for axis in axes]
    merged = (*moved.shape[:lead], math.prod(sizes), *moved.shape[lead + len(axes) :])
    places = flat_index(g, x.shape, indices, axes)
    line = g.viewed(places, (places.volume,))
    picked = g.gather(g.viewed(moved, merged), line, axis=lead)
    return g.viewed(picked, g.shape)
