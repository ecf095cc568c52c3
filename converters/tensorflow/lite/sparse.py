"""Sparse tensors of TFLite: levels of dimensions, dense or compressed, with blocks inside."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Level:
    """A dimension in order of traversal: dense of `size`, or compressed in rows (CSR)."""

    size: int
    segments: Array | None
    indices: Array | None


@dataclass(frozen=True, slots=True)
class Sparsity:
    """How stored items lie in a dense tensor; see the TFLite schema, `SparsityParameters`.

    `order` lists the dimensions in order of traversal, numbers from the rank on are blocks;
    `blocks` says which dimension each block divides.
    """

    order: tuple[int, ...]
    blocks: tuple[int, ...]
    levels: tuple[Level, ...]


def dense(items: Array, shape: tuple[int, ...], sparsity: Sparsity) -> Array:
    """Return the dense tensor of the items that are stored.

    Raises:
        ValueError: where the levels contradict the shape or each other.
    """
    rank, count = len(shape), len(sparsity.order)
    if sorted(sparsity.order) != list(range(rank + len(sparsity.blocks))):
        raise ValueError("the order of traversal is no permutation")
    if len(sparsity.levels) != count:
        raise ValueError("a sparse tensor lacks levels")
    # the coordinate of every stored item along each traversed dimension, level after level
    coordinates: list[Array] = []
    places = np.zeros(1, np.int64)
    for level in sparsity.levels:
        coordinates, places = _entered(level, coordinates, places, items.size)
    if places.size != items.size:
        raise ValueError(f"{items.size} items are stored, {places.size} have a place")
    extents = _block_extents(sparsity, rank)
    target = [np.zeros(places.size, np.int64) for _ in range(rank)]
    for position, axis in enumerate(sparsity.order):
        if axis < rank:
            target[axis] = target[axis] + coordinates[position] * extents.get(axis, 1)
        else:
            divided = sparsity.blocks[axis - rank]
            target[divided] = target[divided] + coordinates[position]
    result = np.zeros(shape, items.dtype)
    for axis, index in enumerate(target):
        if index.size and not 0 <= int(index.min()) <= int(index.max()) < shape[axis]:
            raise ValueError(f"an item lies outside of dimension {axis}")
    result[tuple(target)] = items[places]
    return result


def _entered(
    level: Level, coordinates: list[Array], places: Array, most: int
) -> tuple[list[Array], Array]:
    """Go one level down: every place so far becomes the places inside it."""
    if level.segments is None or level.indices is None:
        if not 0 < level.size <= max(most, 1) or places.size * level.size > most:
            raise ValueError("a dense level is larger than what is stored")
        inner = np.tile(np.arange(level.size), places.size)
        coordinates = [np.repeat(one, level.size) for one in coordinates]
        return [*coordinates, inner], np.repeat(places, level.size) * level.size + inner
    first, last = level.segments[places], level.segments[places + 1]
    counts = last - first
    if (counts < 0).any() or (first < 0).any() or int(counts.sum()) > most:
        raise ValueError("segments of a sparse tensor are not in order")
    starts = np.repeat(first, counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    inside = np.arange(int(counts.sum())) - before + starts
    coordinates = [np.repeat(one, counts) for one in coordinates]
    return [*coordinates, level.indices[inside]], inside


def _block_extents(sparsity: Sparsity, rank: int) -> dict[int, int]:
    extents: dict[int, int] = {}
    for position, axis in enumerate(sparsity.order):
        if axis >= rank:
            extents[sparsity.blocks[axis - rank]] = sparsity.levels[position].size
    return extents
