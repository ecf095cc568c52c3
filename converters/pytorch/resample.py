"""Resizing and sampling of pictures.

What the standard's up-sampling covers becomes that; all else is a product with a known matrix for
each axis, which says how much each old item counts in each new one.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import transposed
from nnefx.converters.pytorch.pool import applied
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Matrix = NDArray[np.float64]


def _linear(x: Matrix) -> Matrix:
    return np.asarray(np.maximum(1 - np.abs(x), 0))


def _cubic(a: float) -> Callable[[Matrix], Matrix]:
    def weight(x: Matrix) -> Matrix:
        d = np.abs(x)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        return np.asarray(np.where(d <= 1, near, np.where(d < 2, far, 0)))

    return weight


def _centres(old: int, new: int, align: bool, scale: float | None) -> Matrix:
    """Return where the centres of new items lie among the old ones."""
    at = np.arange(new, dtype=np.float64)
    if align:
        return at * ((old - 1) / (new - 1)) if new > 1 else at * 0
    step = 1 / scale if scale else old / new
    return (at + 0.5) * step - 0.5


def _interpolating(
    old: int, new: int, kernel: Callable[[Matrix], Matrix], reach: int, align: bool,
    scale: float | None,
) -> Matrix:  # fmt: skip
    """Return the matrix of an interpolation; what lies outside repeats the border."""
    centres = _centres(old, new, align, scale)
    if reach == 1:
        centres = np.maximum(centres, 0)
    first = np.floor(centres).astype(np.int64) - reach + 1
    matrix = np.zeros((new, old))
    rows = np.arange(new)
    for tap in range(2 * reach):
        weights = kernel(centres - (first + tap))
        np.add.at(matrix, (rows, np.clip(first + tap, 0, old - 1)), weights)
    return matrix


def _antialiased(
    old: int, new: int, kernel: Callable[[Matrix], Matrix], reach: int, align: bool,
    scale: float | None,
) -> Matrix:  # fmt: skip
    """Return the matrix of an interpolation whose kernel grows with the step."""
    if align:
        step = (old - 1) / (new - 1) if new > 1 else 0.0
    else:
        step = 1 / scale if scale else old / new
    wide = max(step, 1.0)
    centres = (np.arange(new) + 0.5) * step
    matrix = np.zeros((new, old))
    for row, centre in enumerate(centres):
        start = max(int(centre - reach * wide + 0.5), 0)
        end = min(int(centre + reach * wide + 0.5), old)
        at = np.arange(start, end)
        weights = kernel((at + 0.5 - centre) / wide)
        matrix[row, start:end] = weights / weights.sum()
    return matrix


def _scales(factors: Any, count: int) -> list[float | None]:
    if factors is None or not len(factors):
        return [None] * count
    return [None if factor is None else float(factor) for factor in factors]


def _factors(x: Tensor, shape: tuple[int, ...], scales: list[float | None]) -> list[int] | None:
    """Return whole factors of up-sampling, where they are whole and meant as such."""
    found = []
    for old, new, scale in zip(x.shape[2:], shape[2:], scales):
        if new % old or (scale is not None and scale != new // old):
            return None
        found.append(new // old)
    return found


def _linear_resize(g: Importer, x: Tensor, align: bool, scales: list[float | None]) -> Any:
    factors = _factors(x, g.shape, scales)
    if factors is not None and not align and 2 <= x.rank <= 5:
        return x if set(factors) <= {1} else g.multilinear_upsample(x, factor=factors)
    return _resized(g, x, _linear, 1, align, scales)


def _resized(
    g: Importer, x: Tensor, kernel: Any, reach: int, align: bool, scales: list[float | None],
    make: Any = _interpolating,
) -> Any:  # fmt: skip
    result = x
    for axis in range(2, x.rank):
        old, new = x.shape[axis], g.shape[axis]
        if old != new or (scales[axis - 2] not in (None, 1.0)):
            matrix = make(old, new, kernel, reach, align, scales[axis - 2])
            result = applied(g, result, axis, matrix)
    return result


@rules.on("upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec")
def linear_by_factors(
    g: Importer,
    input: Tensor,
    *,
    align_corners: bool,
    output_size: Any = None,
    scale_factors: Any = None,
) -> Any:
    return _linear_resize(g, input, align_corners, _scales(scale_factors, input.rank - 2))


@rules.on("upsample_bicubic2d.vec")
def cubic_by_factors(
    g: Importer,
    input: Tensor,
    *,
    align_corners: bool,
    output_size: Any = None,
    scale_factors: Any = None,
) -> Any:
    scales = _scales(scale_factors, 2)
    return _resized(g, input, _cubic(-0.75), 2, align_corners, scales)


@rules.on("_upsample_bilinear2d_aa.vec")
def linear_antialiased(
    g: Importer,
    input: Tensor,
    *,
    align_corners: bool,
    output_size: Any = None,
    scale_factors: Any = None,
) -> Any:
    scales = _scales(scale_factors, 2)
    return _resized(g, input, _linear, 1, align_corners, scales, _antialiased)


@rules.on("_upsample_bicubic2d_aa.vec")
def cubic_antialiased(
    g: Importer,
    input: Tensor,
    *,
    align_corners: bool,
    output_size: Any = None,
    scale_factors: Any = None,
) -> Any:
    scales = _scales(scale_factors, 2)
    return _resized(g, input, _cubic(-0.5), 2, align_corners, scales, _antialiased)


@rules.on("upsample_linear1d")
def linear1d(
    g: Importer, self: Tensor, output_size: Any, align_corners: bool, *, scales: Any = None
) -> Any:
    return _linear_resize(g, self, align_corners, [scales])


def _planar(name: str, kernel: Any, reach: int, make: Any) -> None:
    @rules.on(name)
    def rule(
        g: Importer, self: Tensor, output_size: Any, align_corners: bool, *, scales_h: Any = None,
        scales_w: Any = None,
    ) -> Any:  # fmt: skip
        scales = [scales_h, scales_w]
        if kernel is _linear and make is _interpolating:
            return _linear_resize(g, self, align_corners, scales)
        return _resized(g, self, kernel, reach, align_corners, scales, make)


_planar("upsample_bilinear2d.default", _linear, 1, _interpolating)
_planar("upsample_bicubic2d.default", _cubic(-0.75), 2, _interpolating)
_planar("_upsample_bilinear2d_aa.default", _linear, 1, _antialiased)
_planar("_upsample_bicubic2d_aa.default", _cubic(-0.5), 2, _antialiased)


@rules.on("upsample_trilinear3d.default")
def trilinear(
    g: Importer, self: Tensor, output_size: Any, align_corners: bool, *, scales_d: Any = None,
    scales_h: Any = None, scales_w: Any = None,
) -> Any:  # fmt: skip
    return _linear_resize(g, self, align_corners, [scales_d, scales_h, scales_w])


def _nearest(g: Importer, x: Tensor, scales: list[float | None], exact: bool) -> Any:
    factors = _factors(x, g.shape, scales)
    if factors is not None and 2 <= x.rank <= 5 and x.kind == "scalar":
        return x if set(factors) <= {1} else g.nearest_upsample(x, factor=factors)
    result = x
    for axis in range(2, x.rank):
        old, new, scale = x.shape[axis], g.shape[axis], scales[axis - 2]
        step = np.float32(1 / scale if scale else old / new)
        at = (np.arange(new, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step
        places = np.minimum(np.floor(at).astype(np.int64), old - 1)
        if old != new or (places != np.arange(new)).any():
            result = g.gather(result, g.known(places, "nearest"), axis=axis)
    return result


@rules.on("upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec")
def nearest_by_factors(
    g: Importer, input: Tensor, *, output_size: Any = None, scale_factors: Any = None
) -> Any:
    return _nearest(g, input, _scales(scale_factors, input.rank - 2), False)


@rules.on("_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec",
          "_upsample_nearest_exact3d.vec")  # fmt: skip
def exact_by_factors(
    g: Importer, input: Tensor, *, output_size: Any = None, scale_factors: Any = None
) -> Any:
    return _nearest(g, input, _scales(scale_factors, input.rank - 2), True)


def _nearest_sized(name: str, exact: bool) -> None:
    @rules.on(f"{name}1d.default", f"{name}2d.default", f"{name}3d.default")
    def rule(
        g: Importer, self: Tensor, output_size: Any, *, scales: Any = None, scales_d: Any = None,
        scales_h: Any = None, scales_w: Any = None,
    ) -> Any:  # fmt: skip
        given = {3: [scales], 4: [scales_h, scales_w], 5: [scales_d, scales_h, scales_w]}
        return _nearest(g, self, given[self.rank], exact)


_nearest_sized("upsample_nearest", False)
_nearest_sized("_upsample_nearest_exact", True)


@rules.on("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def grid_sampler(
    g: Importer, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int,
    align_corners: bool,
) -> Any:  # fmt: skip
    if input.rank == 5 and interpolation_mode == 2:
        raise Reject(None, "bicubic sampling of volumes is not supported", "NX702")
    sampler = _Sampler(g, input, padding_mode, align_corners)
    return sampler.sampled(grid, interpolation_mode)


class _Sampler:
    """Samples the items of a batch of planes or volumes at computed points."""

    def __init__(self, g: Importer, x: Tensor, border: int, align: bool) -> None:
        self.g = g
        self.border = border
        self.align = align
        self.batch, self.channels, *extents = x.shape
        self.extents = extents
        order = [1, 0, *range(2, x.rank)]
        volume = self.batch * math.prod(extents)
        self.flat = g.viewed(transposed(g, x, order), (self.channels, volume))

    def sampled(self, grid: Tensor, mode: int) -> Any:
        """Return the samples at the points of `grid`, whose last axis counts from the last one."""
        g = self.g
        self.points = grid.shape[:-1]
        parts = g.unstack(grid, axis=grid.rank - 1)[::-1]
        at = [self._unscaled(part, extent) for part, extent in zip(parts, self.extents)]
        if mode == 2:
            return self._shaped(self._cubic(at))
        if self.border:
            at = [self._inside(part, extent) for part, extent in zip(at, self.extents)]
        if mode == 1:
            return self._shaped(self._taken([g.nnefx_round_even(part) for part in at]))
        return self._shaped(self._linear(at))

    def _unscaled(self, part: Tensor, extent: int) -> Tensor:
        """Return coordinates from -1 to 1 as positions of items."""
        g = self.g
        if self.align:
            result = g.mul(g.add("add", part, 1.0), (extent - 1) / 2)
        else:
            result = g.sub(g.mul(g.add("add", part, 1.0), extent / 2), 0.5)
        assert isinstance(result, Tensor)
        return result

    def _inside(self, at: Tensor, extent: int) -> Any:
        g = self.g
        if self.border == 2:
            at = self._reflected(at, extent)
        return g.clamp(at, 0.0, float(extent - 1))

    def _reflected(self, at: Tensor, extent: int) -> Any:
        g = self.g
        low, high = (0.0, extent - 1.0) if self.align else (-0.5, extent - 0.5)
        span = high - low
        if span <= 0:
            return g.mul(at, 0.0)
        away = g.abs(g.sub(at, low))
        turns = g.floor(g.div(away, span))
        rest = g.sub(away, g.mul(turns, span))
        odd = g.ne(g.mul(g.floor(g.div(turns, 2.0)), 2.0), turns)
        return g.add("add", g.select(odd, g.sub(span, rest), rest), low)

    def _linear(self, at: list[Tensor]) -> Any:
        g = self.g
        base = [g.floor(part) for part in at]
        after = [g.sub(part, low) for part, low in zip(at, base)]
        total: Any = None
        for corner in range(1 << len(at)):
            bits = [corner >> axis & 1 for axis in range(len(at))]
            places = [g.add("add", low, 1.0) if bit else low for low, bit in zip(base, bits)]
            weight: Any = None
            for part, bit in zip(after, bits):
                factor = part if bit else g.sub(1.0, part)
                weight = factor if weight is None else g.mul(weight, factor)
            item = g.mul(self._taken(places), g.viewed(weight, (1, *weight.shape)))
            total = item if total is None else g.add("add", total, item)
        return total

    def _cubic(self, at: list[Tensor]) -> Any:
        g = self.g
        base = [g.floor(part) for part in at]
        weights = [self._cubic_weights(g.sub(part, low)) for part, low in zip(at, base)]
        total: Any = None
        for i in range(4):
            row: Any = None
            for j in range(4):
                places = [g.add("add", base[0], i - 1.0), g.add("add", base[1], j - 1.0)]
                if self.border:
                    places = [self._inside(p, e) for p, e in zip(places, self.extents)]
                weight = g.viewed(weights[1][j], (1, *weights[1][j].shape))
                item = g.mul(self._taken(places), weight)
                row = item if row is None else g.add("add", row, item)
            scaled = g.mul(row, g.viewed(weights[0][i], (1, *weights[0][i].shape)))
            total = scaled if total is None else g.add("add", total, scaled)
        return total

    def _cubic_weights(self, t: Tensor) -> list[Any]:
        """Return the weights of four neighbours, for a = -0.75."""
        g = self.g
        a = -0.75

        def near(d: Any) -> Any:
            inner = g.sub(g.mul(d, a + 2), a + 3)
            return g.add("add", g.mul(g.mul(inner, d), d), 1.0)

        def far(d: Any) -> Any:
            inner = g.add("add", g.mul(g.sub(g.mul(d, a), 5 * a), d), 8 * a)
            return g.sub(g.mul(inner, d), 4 * a)

        return [
            far(g.add("add", t, 1.0)), near(t), near(g.sub(1.0, t)), far(g.sub(2.0, t)),
        ]  # fmt: skip

    def _taken(self, places: list[Any]) -> Any:
        """Return the items at whole positions, zeros where there are none."""
        g = self.g
        index: Any = None
        valid: Any = None
        for at, extent in zip(places, self.extents):
            inside = g.clamp(at, 0.0, float(extent - 1))
            index = inside if index is None else g.add("add", g.mul(index, float(extent)), inside)
            if self.border == 0:
                here = g.eq(at, inside)
                valid = here if valid is None else g.add("and", valid, here)
        if self.batch > 1:
            rank = index.rank
            volume = math.prod(self.extents)
            start = np.arange(self.batch, dtype=np.float32) * volume
            offset = g.known(start.reshape(-1, *[1] * (rank - 1)))
            index = g.add("add", index, offset)
        line = g.cast(g.viewed(index, (index.volume,)), dtype="integer")
        items = g.viewed(g.gather(self.flat, line, axis=1), (self.channels, *self.points))
        if valid is None:
            return items
        return g.select(g.viewed(valid, (1, *valid.shape)), items, 0.0)

    def _shaped(self, items: Any) -> Any:
        return transposed(self.g, items, [1, 0, *range(2, items.rank)])
