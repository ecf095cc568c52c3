"""Chooses the virtual scale of every tensor (stored = real * scale, in Q7.8).

Rules state what must hold as inequalities between exponents, and what rounding costs as terms that
fall or grow with them. The largest scales that fit are not the best: the product of the digits of
inputs and weights is bounded by the 16 bits of the sum, so large inputs leave coarse weights. The
solver starts from the largest scales and walks to the cheapest ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.profiles import Profile
from nnefx.quantization.observe import Observed

Array = NDArray[Any]

LIMIT = 32767 / 256
_STEP = 1 / 65536  # variance of a Q7.8 step, times 12
_SWEEPS = 30


@dataclass(frozen=True, slots=True)
class _Bound:
    """exponent(target) <= sum of exponents + room."""

    target: Value
    others: tuple[Value, ...]
    room: float


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of the expected noise: factor * 4 ** -(exponent(plus) - exponent(minus))."""

    factor: float
    plus: Value
    minus: Value | None = None


@dataclass(slots=True)
class Scaling:
    """Collects what rules say about scales, then solves it.

    `fine` allows scales between powers of two where no multiplication of tensors needs those.
    """

    profile: Profile
    observed: Mapping[Value, Observed]
    limits: Mapping[Value, float]
    fine: bool = False
    fixed: dict[Value, float] = field(default_factory=dict)
    _group: dict[Value, Value] = field(default_factory=dict)
    _bounds: list[_Bound] = field(default_factory=list)
    _terms: list[_Term] = field(default_factory=list)
    _coarse: set[Value] = field(default_factory=set)

    def root(self, value: Value) -> Value:
        """Return the value that stands for all that share a scale with `value`."""
        while (parent := self._group.setdefault(value, value)) is not value:
            self._group[value] = self._group[parent]
            value = parent
        return value

    def same(self, *values: Value) -> None:
        """The values share one scale."""
        for value in values[1:]:
            self._group[self.root(value)] = self.root(values[0])

    def fix(self, value: Value, scale: float) -> None:
        """The scale of the value is known; what shares it gets it too."""
        self.fixed[value] = scale

    def at_most(self, value: Value, *others: Value, room: float = 0.0) -> None:
        """scale(value) <= product of the others' scales * 2 ** room."""
        self._bounds.append(_Bound(value, others, room))

    def room(self, value: Value, reach: float) -> None:
        """Numbers up to `reach` must be representable at the scale of the value."""
        if reach:
            self.at_most(value, room=log2(LIMIT / reach))

    def stored(self, value: Value) -> None:
        """Count the rounding of the value itself as noise."""
        self._terms.append(_Term(_STEP / 12 / self._power(value), value))

    def product(self, out: Value, first: Value, second: Value) -> None:
        """A product of tensors, scaled by 2 ** -n only: scales must be powers of two."""
        self.at_most(out, first, second)
        self.coarse(out, first, second)

    def coarse(self, *values: Value) -> None:
        """The scales must be powers of two."""
        self._coarse.update(values)

    def weighted(self, out: Value, x: Value, weights: "Weights") -> None:
        """A sum of `taps` products of x with constant weights, plus a bias."""
        if weights.peak:
            self.at_most(out, x, room=log2(LIMIT / weights.peak))
        self.room(out, weights.bias_peak)
        power = self._power(out)
        per_step = weights.taps * _STEP / 12 / power
        self._terms.append(_Term(per_step * self._power(x), out, x))  # weights as stored
        self._terms.append(_Term(per_step * weights.mean_square, x))  # input as stored
        if self.profile.product_rounding:
            self._terms.append(_Term(4 * per_step, out))
            # such implementations clamp every product, and the sum after every channel: products
            # must fit, and partial sums get a bit
            self.room(out, weights.peak * self.limits.get(x, 0.0))
            found = self.observed.get(out)
            reach = found.largest / 2 if found and weights.channels > 1 else 0.0
            self.room(out, max(2 * self.limits.get(out, 0.0), reach))

    def _power(self, value: Value) -> float:
        found = self.observed.get(value)
        return found.clipped_square(self.limits.get(value, 0.0)) if found else 1.0

    def solve(self, values: list[Value]) -> dict[Value, float]:
        """Return the scale of every value."""
        return _Solver(self, values).solve()


@dataclass(frozen=True, slots=True)
class Weights:
    """What matters of a constant operand: magnitudes, and how many products make one result."""

    peak: float
    mean_square: float
    taps: int
    bias_peak: float = 0.0
    channels: int = 1

    @classmethod
    def of(
        cls, weights: Array, taps: int, bias: Array | None = None, channels: int = 1
    ) -> "Weights":
        """Measure the weights; `channels` is how many input channels go into one result."""
        peak = float(np.abs(weights).max(initial=0.0))
        square = float(np.square(weights, dtype=np.float64).mean()) if weights.size else 0.0
        bias_peak = 0.0 if bias is None else float(np.abs(bias).max(initial=0.0))
        return cls(peak, square, taps, bias_peak, channels)


class _Solver:
    """Exponents of groups: first the largest that fit, then a walk to less noise."""

    def __init__(self, scaling: Scaling, values: list[Value]) -> None:
        self.scaling = scaling
        root = scaling.root
        self.values = values
        self.coarse = {root(value) for value in scaling._coarse}
        self.fixed = {root(value): log2(scale) for value, scale in scaling.fixed.items()}
        self.caps = self._caps()
        self.bounds: dict[Value, list[tuple[list[Value], float]]] = {}
        for bound in scaling._bounds:
            entry = ([root(other) for other in bound.others], bound.room)
            self.bounds.setdefault(root(bound.target), []).append(entry)
        self.readers: dict[Value, set[Value]] = {}
        for target, entries in self.bounds.items():
            for others, _ in entries:
                for other in others:
                    self.readers.setdefault(other, set()).add(target)
        self.terms: dict[Value, list[tuple[float, Value, Value | None]]] = {}
        for term in scaling._terms:
            self._add_term(term.factor, root(term.plus), term.minus and root(term.minus))

    def _add_term(self, factor: float, plus: Value, minus: Value | None) -> None:
        entry = (factor, plus, minus)
        self.terms.setdefault(plus, []).append(entry)
        if minus is not None and minus is not plus:
            self.terms.setdefault(minus, []).append(entry)

    def solve(self) -> dict[Value, float]:
        root = self.scaling.root
        groups = list(self.caps)
        exponents = {group: self.fixed.get(group, 0.0) for group in groups}
        for group in groups:
            if group not in self.fixed:
                exponents[group] = self.caps[group]
        self._repair(exponents, groups)
        for _ in range(_SWEEPS):
            if not sum(self._improve(exponents, group) for group in groups):
                break
        return {value: 2.0 ** exponents[root(value)] for value in self.values}

    def _caps(self) -> dict[Value, float]:
        """Return for each group the largest exponent at which every member fits."""
        peaks: dict[Value, float] = {}
        for value in self.values:
            group = self.scaling.root(value)
            peaks[group] = max(peaks.get(group, 0.0), self.scaling.limits.get(value, 0.0))
        return {
            group: self._down(log2(LIMIT / peak), group) if peak else 0.0
            for group, peak in peaks.items()
        }

    def _down(self, exponent: float, group: Value) -> float:
        if self.scaling.fine and group not in self.coarse:
            return floor(exponent * 4 + 1e-9) / 4
        return floor(exponent + 1e-9)

    def _repair(self, exponents: dict[Value, float], changed: list[Value]) -> set[Value]:
        """Lower what breaks a bound, and what that breaks, until all hold."""
        lowered: set[Value] = set()
        pending = list(changed)
        for _ in range(100_000):
            if not pending:
                break
            group = pending.pop()
            for target in {group, *self.readers.get(group, ())}:
                most = self._most(exponents, target)
                if target not in self.fixed and exponents.get(target, 0.0) > most:
                    exponents[target] = self._down(most, target)
                    lowered.add(target)
                    pending.append(target)
        return lowered

    def _most(self, exponents: Mapping[Value, float], target: Value) -> float:
        bounds = self.bounds.get(target, ())
        return min(
            (sum(exponents.get(o, 0.0) for o in others) + room for others, room in bounds),
            default=float("inf"),
        )

    def _improve(self, exponents: dict[Value, float], group: Value) -> bool:
        """Move one group a step if that lowers the noise; say whether it moved."""
        if group in self.fixed:
            return False
        step = 0.25 if self.scaling.fine and group not in self.coarse else 1.0
        for change in (-step, step):
            trial = dict(exponents)
            trial[group] += change
            if change > 0 and trial[group] > min(self.caps[group], self._most(trial, group)):
                continue
            touched = {group, *self._repair(trial, [group])}
            if self._noise(trial, touched) < self._noise(exponents, touched) * (1 - 1e-9):
                exponents.update(trial)
                return True
        return False

    def _noise(self, exponents: Mapping[Value, float], groups: set[Value]) -> float:
        seen: set[int] = set()
        total = 0.0
        for group in groups:
            for entry in self.terms.get(group, ()):
                if id(entry) in seen:
                    continue
                seen.add(id(entry))
                factor, plus, minus = entry
                low = exponents.get(minus, 0.0) if minus is not None else 0.0
                total += factor * 4.0 ** -(exponents.get(plus, 0.0) - low)
        return total
