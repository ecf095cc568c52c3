"""Operands in the type that an operation computes in."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.scope import Tensor, kind_of
from nnefx.ops import Reject

Number = int | float | bool
Item = Tensor | Number


def converted(g: Importer, x: Tensor, dtype: Any) -> Tensor:
    """Return `x` with its items converted as `Tensor.to` does."""
    target = np.dtype(dtype)
    if x.dtype == target:
        return x
    if x.array is not None:
        with np.errstate(all="ignore"):
            found = g.known(x.array.astype(target), x.name)
        found.kept = x.kept and target.kind == "f"
        return found
    kind = kind_of(target)
    if kind == x.kind:
        return _refitted(g, x, target)
    if kind == "logical":
        zero: Number = 0 if x.kind == "integer" else 0.0
        result = g.add("nnefx_integer_ne" if x.kind == "integer" else "ne", x, zero)
    else:
        result = g.add("cast", x, dtype=kind)
    return typed(g, result, target)


def _refitted(g: Importer, x: Tensor, target: np.dtype[Any]) -> Tensor:
    """Return `x` in another type of its kind; what does not fit wraps around, or is rounded."""
    if target.kind in "iu" and target.itemsize < x.dtype.itemsize and target.itemsize < 4:
        x = g.nnefx_integer_wrap(x, bits=target.itemsize * 8, signed=target.kind == "i")
    return typed(g, x, target)


def typed(g: Importer, x: Any, dtype: Any) -> Tensor:
    """Return a result as one of `dtype`, whose kind it has."""
    assert isinstance(x, Tensor)
    return g.typed(x, dtype)


def operand(g: Importer, x: Item, dtype: Any) -> Tensor:
    """Return a tensor or number as a tensor that is computed with in `dtype`."""
    if isinstance(x, Tensor):
        return x if kind_of(x.dtype) == kind_of(dtype) and not x.known else converted(g, x, dtype)
    return g.known(np.asarray(x).astype(dtype))


def common(*items: Item) -> np.dtype[Any]:
    """Return the type in which operands meet: tensors with axes count for more than numbers."""
    best: tuple[int, int] = (-1, -1)
    found = np.dtype(np.float32)
    for item in items:
        weight, dtype = _weight(item)
        rank = (_ORDER[dtype.kind], weight)
        if rank > best:
            best, found = rank, dtype
    return found


_ORDER = {"b": 0, "u": 1, "i": 1, "f": 2}


def _weight(item: Item) -> tuple[int, np.dtype[Any]]:
    if isinstance(item, Tensor):
        return (8 if item.rank else 0) + item.dtype.itemsize, item.dtype
    if isinstance(item, bool):
        return 0, np.dtype(np.bool_)
    if isinstance(item, int):
        return 0, np.dtype(np.int64)
    if not isinstance(item, float):
        raise Reject(None, f"a number is expected, not {type(item).__name__}", "NX704")
    return 0, np.dtype(np.float32)


def scalar(g: Importer, x: Tensor) -> Tensor:
    """Return `x` as a scalar tensor."""
    return x if x.kind == "scalar" else converted(g, x, np.float32)


def emitted(g: Importer, op: str, *items: Tensor, **attributes: Any) -> Any:
    """Emit an operation on operands that are aligned on the right."""
    return g.add(op, *aligned(g, *items), **attributes)


def axis_of(axis: int, rank: int) -> int:
    """Return a possibly negative axis as a position."""
    return axis % rank if rank else 0


def axes_of(axes: Sequence[int] | int | None, rank: int) -> list[int]:
    """Return axes as sorted positions; none given are all."""
    if axes is None or (isinstance(axes, list) and not axes):
        return list(range(rank))
    given = [axes] if isinstance(axes, int) else axes
    return sorted({axis_of(axis, rank) for axis in given}) if rank else []


def spread(items: Any, count: int) -> list[int]:
    """Return a list of `count` numbers of one that may hold a single one for all."""
    given = [items] if isinstance(items, int) else list(items)
    return given * count if len(given) == 1 else given


def volume(shape: Sequence[int]) -> int:
    """Return the number of items of a shape."""
    return math.prod(shape)
