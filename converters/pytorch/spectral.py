"""Discrete Fourier transforms, as products with known matrices: real and imaginary parts apart."""

from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axis_of
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import sliced
from nnefx.converters.pytorch.pool import applied
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

LARGEST = 4096  # items of an axis; the matrix has the square of it


def _matrix(extent: int, rows: int, sign: float) -> Any:
    if extent > LARGEST:
        text = f"a transform of {extent} items is not supported, {LARGEST} are"
        raise Reject(None, text, "NX702")
    angles = np.outer(np.arange(rows), np.arange(extent)) % extent * (2 * np.pi / extent)
    return np.cos(angles), sign * np.sin(angles)


def _scale(normalization: int, count: int) -> float:
    return {0: 1.0, 1: 1 / float(np.sqrt(count)), 2: 1 / count}[normalization]


def _along(g: Importer, x: Complex, axis: int, sign: float) -> Complex:
    cosines, sines = _matrix(x.shape[axis], x.shape[axis], sign)
    re = g.sub(applied(g, x.re, axis, cosines), applied(g, x.im, axis, sines))
    im = g.add("add", applied(g, x.re, axis, sines), applied(g, x.im, axis, cosines))
    return Complex(re, im)


def _scaled(g: Importer, x: Any, factor: float) -> Any:
    if factor == 1:
        return x
    if isinstance(x, Complex):
        return Complex(g.mul(x.re, factor), g.mul(x.im, factor))
    return g.mul(x, factor)


@rules.on("_fft_r2c")
def real_to_complex(
    g: Importer, self: Tensor, dim: list[int], normalization: int, onesided: bool
) -> Any:
    axes = [axis_of(axis, self.rank) for axis in dim]
    last = axes[-1]
    extent = self.shape[last]
    rows = extent // 2 + 1 if onesided else extent
    cosines, sines = _matrix(extent, rows, -1.0)
    x = Complex(applied(g, self, last, cosines), applied(g, self, last, sines))
    for axis in axes[:-1]:
        x = _along(g, x, axis, -1.0)
    count = int(np.prod([self.shape[axis] for axis in axes]))
    return _scaled(g, x, _scale(normalization, count))


@rules.on("_fft_c2c")
def complex_to_complex(
    g: Importer, self: Complex, dim: list[int], normalization: int, forward: bool
) -> Any:
    axes = [axis_of(axis, len(self.shape)) for axis in dim]
    x = self
    for axis in axes:
        x = _along(g, x, axis, -1.0 if forward else 1.0)
    count = int(np.prod([self.shape[axis] for axis in axes]))
    return _scaled(g, x, _scale(normalization, count))


@rules.on("_fft_c2r")
def complex_to_real(
    g: Importer, self: Complex, dim: list[int], normalization: int, last_dim_size: int
) -> Any:
    axes = [axis_of(axis, len(self.shape)) for axis in dim]
    x = self
    for axis in axes[:-1]:
        x = _along(g, x, axis, 1.0)
    last = axes[-1]
    extent, rows = last_dim_size, last_dim_size // 2 + 1
    cosines, sines = _matrix(extent, rows, 1.0)
    weights = np.full(rows, 2.0)  # the other half is the conjugate of this one
    weights[0] = 1
    if extent % 2 == 0:
        weights[-1] = 1
    re, im = (sliced(g, part, last, 0, rows) for part in (x.re, x.im))
    result = g.sub(
        applied(g, re, last, (cosines * weights[:, None]).T),
        applied(g, im, last, (sines * weights[:, None]).T),
    )
    count = extent * int(np.prod([self.shape[axis] for axis in axes[:-1]]))
    return _scaled(g, result, _scale(normalization, count))
