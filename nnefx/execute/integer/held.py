"""What the integer executor holds for a value: indices, a sum that waits to be rounded, or reals.

Sums are integers in float64, which is exact below 2 ** 53 and multiplies with BLAS, or in int64.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.tensors.grid import Grid

Arrays = NDArray[Any]
EXACT = 2.0**53  # up to here float64 holds every integer


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """Indices of a grid, as they lie in the memory of an engine."""

    items: Arrays
    grid: Grid

    @property
    def centred(self) -> Arrays:
        """The indices less their zero, in float64."""
        _, zero = self.grid.spread(self.items.ndim)
        return np.asarray(self.items.astype(np.float64) - zero)

    def real(self) -> Arrays:
        """Return the reals that the indices stand for."""
        return self.grid.reals(self.items)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Integers times a scale: a sum of products, or an operand of a sum.

    Attributes:
        items: integers, in float64 or int64.
        scale: float32, of the rank of the items or without dimensions.
        exact: the same in float64, rounded nowhere.
        divisor: what the items are divided by beside: how many of them a mean is made of.
        zero: what was taken from indices to get the items, where they are indices.
    """

    items: Arrays
    scale: Arrays
    exact: Arrays
    divisor: Arrays | None = None
    zero: Arrays | None = None

    def real(self) -> Arrays:
        """Return the reals, in float64."""
        items = self.items.astype(np.float64)
        return np.asarray(items * self.exact / (1.0 if self.divisor is None else self.divisor))

    def moved(self, move: Callable[[Arrays], Arrays]) -> "Part":
        """Return the part after what only moves items, which takes its scales along."""
        whole = self.items.shape
        scale, exact, divisor = (
            None if one is None else one if one.size == 1 else move(np.broadcast_to(one, whole))
            for one in (self.scale, self.exact, self.divisor)
        )
        assert scale is not None
        assert exact is not None
        zero = None if self.zero is None or self.zero.size > 1 else self.zero
        return Part(move(self.items), scale, exact, divisor, zero)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A sum of parts, cut to bounds, that a later value's grid will round.

    Attributes:
        parts: what is added; most have one.
        bounds: the reals that activations cut the sum to.
        of_one: whether each item is a function of one index.
        kind: `product` or `matrix` for sums of products, `sum` for a sum of tensors, `mean`, or
            `pool` for means of windows.
    """

    parts: tuple[Part, ...]
    kind: str = "product"
    bounds: tuple[float, float] = (-np.inf, np.inf)
    of_one: bool = False

    def real(self) -> Arrays:
        """Return the reals, in float32."""
        total = sum((part.real() for part in self.parts[1:]), self.parts[0].real())
        return np.asarray(np.clip(total, *self.bounds), np.float32)

    def cut(self, low: float, high: float) -> "Pending":
        """Return the sum with narrower bounds."""
        least, most = self.bounds
        # as clamp does: first from above, then from below
        bounds = max(min(least, high), low), max(min(most, high), low)
        return replace(self, bounds=bounds)

    def moved(self, move: Callable[[Arrays], Arrays]) -> "Pending":
        """Return the sum after what only moves items."""
        return replace(self, parts=tuple(part.moved(move) for part in self.parts))


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """A value that is not quantized.

    Attributes:
        items: it.
        of_one: whether each item is a function of one index, which an engine looks up.
    """

    items: Arrays
    of_one: bool = False

    def real(self) -> Arrays:
        """Return it."""
        return self.items


Held = Integers | Pending | Real
