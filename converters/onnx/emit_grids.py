"""What graph.quant says, written in ONNX: pairs of QuantizeLinear and DequantizeLinear.

Engines of ONNX know such pairs and compute in integers between them. Stored integers become
initializers of their own type in front of a DequantizeLinear.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Array, Writer
from nnefx.ir.graph import Value
from nnefx.tensors.grid import Grid, grid_of
from nnefx.tensors.quant import Quantization

NARROW, WIDE = 8, 16  # bits of the two kinds of integers that values are rounded to


@dataclass(frozen=True, slots=True)
class Axis:
    """Scale and zero as ONNX takes them: one number each, or one for each position of an axis."""

    scale: Array
    zero: Array
    axis: int | None

    @property
    def attributes(self) -> dict[str, int]:
        """The attributes of the nodes."""
        return {} if self.axis is None else {"axis": self.axis}


def along(grid: Grid, rank: int) -> Axis | None:
    """Return scale and zero of a grid for ONNX, None where they vary along several axes."""
    if grid.whole:
        return Axis(grid.scale.reshape(()), grid.zero.reshape(()), None)
    scale, zero = np.broadcast_arrays(*grid.spread(rank))
    axes = [axis for axis, extent in enumerate(scale.shape) if extent > 1]
    return Axis(scale.reshape(-1), zero.reshape(-1), axes[0]) if len(axes) == 1 else None


def rounded(w: Writer, x: str, value: Value, entry: Quantization) -> str | None:
    """Emit the pair for a value, or nothing where ONNX has no such integers."""
    grid = grid_of(entry)
    kind = None if grid is None else _kind(grid)
    place = None if grid is None else along(grid, value.rank)
    if grid is None or kind is None or place is None:
        return None
    ends = np.iinfo(kind)
    if (grid.low, grid.high) != (ends.min, ends.max):
        if place.axis is not None:
            return None
        low, high = (np.float32(end) for end in grid.limits())
        x = w.add("Clip", x, w.const(low), w.const(high))
    scale, zero = w.const(place.scale), w.raw(place.zero.astype(kind))
    whole = w.add("QuantizeLinear", x, scale, zero, **place.attributes)
    return str(w.add("DequantizeLinear", whole, scale, zero, **place.attributes))


def _kind(grid: Grid) -> Any:
    """Return the type of the integers that a value is rounded to, None for too many bits."""
    kind = grid.dtype
    return kind if kind.itemsize * 8 in (NARROW, WIDE) else None


class Stored:
    """A variable of integers, which may be written in several shapes."""

    def __init__(self, array: Array, grid: Grid, place: Axis, name: str) -> None:
        self.array, self.grid, self.place, self.name = array, grid, place, name

    def write(self, w: Writer, name: str | None = None) -> str:
        """Emit the reals in the shape that the model has."""
        return self._written(w, self.array, self.place.axis, name)

    def flat(self, w: Writer) -> str:
        """Emit the reals as a vector."""
        axis = None if self.place.axis is None else 0
        return self._written(w, self.array.reshape(-1), axis)

    def turned(self, w: Writer) -> str:
        """Emit the reals with the last two dimensions swapped."""
        axis, rank = self.place.axis, self.array.ndim
        swapped = {rank - 1: rank - 2, rank - 2: rank - 1}
        axis = axis if axis is None else swapped.get(axis, axis)
        return self._written(w, np.swapaxes(self.array, -1, -2), axis)

    def _written(self, w: Writer, array: Array, axis: int | None, name: str | None = None) -> str:
        items = w.raw(np.ascontiguousarray(array), name or self.name)
        operands = [items, w.const(self.place.scale)]
        if self.array.dtype.itemsize <= WIDE // 8:
            operands.append(w.raw(self.place.zero.astype(self.array.dtype)))
        attributes = {} if axis is None else {"axis": axis}
        return str(w.add("DequantizeLinear", *operands, **attributes))


def stored(array: Array, entry: Quantization | None, value: Value, name: str) -> Stored | None:
    """Return a variable as ONNX stores it in integers, None where it cannot."""
    if entry is None or array.dtype.kind not in "iu" or value.dtype != "scalar":
        return None
    grid = grid_of(entry)
    place = None if grid is None else along(grid, array.ndim)
    if grid is None or place is None:
        return None
    wide = array.dtype == np.int32 and not place.zero.any()  # a bias
    if array.dtype.itemsize * 8 not in (NARROW, WIDE) and not wide:
        return None
    ends = np.iinfo(array.dtype)
    if not ((place.zero >= ends.min) & (place.zero <= ends.max)).all():
        return None
    return Stored(np.asarray(array), grid, place, name)


def opset_of(w: Writer) -> int | None:
    """Return the operator set that integers of 16 bits need, None without them."""
    kinds = {np.dtype(np.int16), np.dtype(np.uint16)}
    return 21 if any(array.dtype in kinds for array in w.stored.values()) else None
