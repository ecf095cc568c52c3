"""The grid of integers that an entry of graph.quant rounds to (NNEF 1.0.5, section 4.9.5).

The linear algorithms say the same in different words: real = (index - zero) * scale.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.source import At
from nnefx.tensors.quant import Quantization

Arrays = NDArray[Any]

_OFF = 1e-3  # of a step that the zero of a range may lie beside the grid: rounding of the range


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The reals (q - zero) * scale for the integers q from `low` to `high`.

    Attributes:
        scale: float32, of the shape that graph.quant gives it; broadcasts from the left.
        zero: int64, likewise.
        low: the least index.
        high: the largest.
    """

    scale: Arrays
    zero: Arrays
    low: int
    high: int

    @property
    def whole(self) -> bool:
        """Whether one scale and one zero hold for all items."""
        return bool(self.scale.size == 1 and self.zero.size == 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest type of numpy that holds the indices."""
        signs = (np.int8, np.int16, np.int32) if self.low < 0 else (np.uint8, np.uint16, np.uint32)
        fits = (t for t in signs if np.iinfo(t).min <= self.low <= self.high <= np.iinfo(t).max)
        return np.dtype(next(fits, np.int64))

    def same(self, other: "Grid") -> bool:
        """Tell whether another grid gives every index the same meaning."""
        return (
            (self.low, self.high) == (other.low, other.high)
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero, other.zero)
        )

    def spread(self, rank: int) -> tuple[Arrays, Arrays]:
        """Return scale and zero in shapes that broadcast to a tensor as numpy has it."""
        return aligned(self.scale, rank), aligned(self.zero, rank)

    def reals(self, indices: Arrays) -> Arrays:
        """Return the reals (float32) that indices stand for."""
        scale, zero = self.spread(indices.ndim)
        return np.asarray((indices - zero).astype(np.float32) * scale, np.float32)

    def indices(self, reals: Arrays) -> Arrays:
        """Return the indices of reals, halves rounded up; what is beyond the ends becomes them."""
        scale, zero = self.spread(reals.ndim)
        steps = np.floor(reals.astype(np.float64) / scale.astype(np.float64) + 0.5) + zero
        return np.asarray(np.clip(steps, self.low, self.high), self.dtype)

    def check(self, name: str, shape: tuple[int, ...], at: At | None = None) -> None:
        """Raise NnefError NX504 where scale or zero do not broadcast to a tensor."""
        for part in (self.scale, self.zero):
            fits = part.ndim <= len(shape) and all(
                extent in (1, wanted) for extent, wanted in zip(part.shape, shape)
            )
            if not fits:
                message = f"a range of shape {list(part.shape)} does not broadcast"
                text = f"graph.quant: '{name}': {message} to {list(shape)}"
                raise NnefError("NX504", text, at)

    def limits(self) -> tuple[Arrays, Arrays]:
        """Return the least and the largest real of the grid, in the shape of the scale."""
        scale = self.scale.astype(np.float64)
        return (self.low - self.zero) * scale, (self.high - self.zero) * scale


def shortest(numbers: Arrays) -> Any:
    """Return float32 numbers, nested as they are, in the fewest digits that say which they are."""
    return [shortest(item) for item in numbers] if numbers.ndim else float(str(numbers[()]))


def aligned(array: Arrays, rank: int) -> Arrays:
    """Append dimensions of one: NNEF broadcasts from the left, numpy from the right."""
    return array.reshape(array.shape + (1,) * (rank - array.ndim)) if array.ndim else array


def grid_of(entry: Quantization) -> Grid | None:
    """Return the grid of an entry, None where its reals are not multiples of a step.

    That is so for `logarithmic_quantize`, fragments of the document, and ranges whose zero is
    between two steps.

    Raises:
        NnefError: NX503 where an argument is missing, NX506 where one makes no sense.
    """
    given = entry.attributes
    try:
        match entry.algorithm:
            case "zero_point_linear_quantize":
                return _by_zero(entry, given["zero_point"], given["scale"])
            case "min_max_linear_quantize" | "linear_quantize":
                return _by_range(entry, given["min"], given["max"])
    except KeyError as missing:
        message = f"graph.quant: {entry.algorithm}: argument {missing} is missing"
        raise NnefError("NX503", message, entry.at) from None
    return None


def _by_zero(entry: Quantization, zero: Any, scale: Any) -> Grid:
    low, high = _ends(entry)
    steps = np.asarray(scale, np.float32)
    if not ((steps > 0) & np.isfinite(steps)).all():
        message = f"graph.quant: scale is {steps.min()}, expected a positive one"
        raise NnefError("NX506", message, entry.at)
    try:
        return Grid(steps, np.asarray(zero, np.int64), low, high)
    except (OverflowError, ValueError, TypeError):
        message = f"graph.quant: zero_point is {zero}, expected an integer of 64 bits"
        raise NnefError("NX506", message, entry.at) from None


def _by_range(entry: Quantization, least: Any, largest: Any) -> Grid | None:
    low, high = _ends(entry)
    start, end = np.asarray(least, np.float64), np.asarray(largest, np.float64)
    if not (end > start).all():
        message = "graph.quant: max is not above min, expected a range"
        raise NnefError("NX506", message, entry.at)
    steps = (end - start) / (high - low)
    zero = low - start / steps
    whole = np.rint(zero)
    if (np.abs(zero - whole) > _OFF).any():
        return None
    return Grid(steps.astype(np.float32), whole.astype(np.int64), low, high)


def _ends(entry: Quantization) -> tuple[int, int]:
    """Return the least and the largest index."""
    bits = entry.attributes["bits"]
    least = 2 if entry.attributes.get("signed") and entry.attributes.get("symmetric") else 1
    if type(bits) is not int or not least <= bits <= 64:
        message = f"graph.quant: bits is {bits}, expected {least} to 64"
        raise NnefError("NX506", message, entry.at)
    if not entry.attributes.get("signed", False):
        return 0, 2**bits - 1
    last = 2 ** (bits - 1) - 1
    return (-last if entry.attributes.get("symmetric", False) else -last - 1), last
