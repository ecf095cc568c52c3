"""Fourier transforms, and items read as other types."""

from typing import Any

import numpy as np

from nnefx.converters.onnx.elementwise import wrapped
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.index import gathered
from nnefx.converters.onnx.layout import unsqueezed
from nnefx.converters.onnx.proto import dtype_of
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor, kind_of
from nnefx.ops import Reject


@rules.on("DFT", since=20)
def dft(
    g: Importer, x: Tensor, length: Const | None = None, axis: Const | None = None, *,
    inverse: int = 0, onesided: int = 0,
) -> Any:  # fmt: skip
    at = axis_of(-2 if axis is None else int(axis.reshape(-1)[0]), x.rank)
    return _transformed(g, x, length, at, inverse, onesided)


@rules.on("DFT")
def dft_17(
    g: Importer, x: Tensor, length: Const | None = None, *, axis: int = 1, inverse: int = 0,
    onesided: int = 0,
) -> Any:  # fmt: skip
    return _transformed(g, x, length, axis_of(axis, x.rank), inverse, onesided)


def _transformed(
    g: Importer, x: Tensor, length: Any, axis: int, inverse: int, onesided: int
) -> Any:
    default = 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
    count = default if length is None else int(length.reshape(-1)[0])
    return g.nnefx_dft(x, axis=axis, length=count, inverse=bool(inverse), onesided=bool(onesided))


@rules.on("STFT")
def stft(
    g: Importer, signal: Tensor, step: Const, window: Tensor | None = None,
    length: Const | None = None, *, onesided: int = 1,
) -> Any:  # fmt: skip
    if length is None and window is None:
        raise Reject(None, "neither window nor frame_length is given", "NX703")
    size = int(length.reshape(-1)[0]) if length is not None else window.volume  # type: ignore[union-attr]
    hop = int(step.reshape(-1)[0])
    x = signal if signal.rank == 3 else unsqueezed(g, signal, [signal.rank])
    count = (x.shape[1] - size) // hop + 1
    places = np.arange(count)[:, None] * hop + np.arange(size)
    frames = gathered(g, x, places, 1)
    if window is not None:
        frames = g.mul(frames, g.viewed(window, (1, 1, size, 1)))
    return g.nnefx_dft(frames, axis=2, length=size, inverse=False, onesided=bool(onesided))


@rules.on("MelWeightMatrix")
def mel_weight_matrix(
    g: Importer, bins: Const, length: Const, rate: Const, lower: Const, upper: Const, *,
    output_datatype: int = 1,
) -> Tensor:  # fmt: skip
    count, size = int(bins.reshape(-1)[0]), int(length.reshape(-1)[0])
    ends = [2595 * np.log10(1 + float(edge.reshape(-1)[0]) / 700) for edge in (lower, upper)]
    mels = ends[0] + np.arange(count + 2) * (ends[1] - ends[0]) / (count + 2)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    peaks = np.floor((size + 1) * hertz / float(rate.reshape(-1)[0])).astype(int)
    places = np.arange(size // 2 + 1)
    matrix = np.zeros((size // 2 + 1, count))
    for i, (left, peak, right) in enumerate(zip(peaks, peaks[1:], peaks[2:])):
        if peak > left:
            rising = (places >= left) & (places <= peak)
            matrix[rising, i] = (places[rising] - left) / (peak - left)
        else:
            matrix[peak, i] = 1
        if right > peak:
            falling = (places >= peak) & (places < right)
            matrix[falling, i] = (right - places[falling]) / (right - peak)
    return g.known(matrix.astype(dtype_of(output_datatype)))


@rules.on("BitCast")
def bit_cast(g: Importer, x: Tensor, *, to: int) -> Any:
    dtype = dtype_of(to)
    if dtype.itemsize != x.dtype.itemsize:
        raise Reject("to", f"{x.dtype.name} and {dtype.name} differ in size", "NX304")
    if x.array is not None:
        return g.known(x.array.view(dtype))
    bits, kinds = dtype.itemsize * 8, (x.kind, kind_of(dtype))
    if kinds == ("integer", "integer"):
        if bits == 64:
            return g.typed(g.copied(x), dtype)
        y = g.nnefx_integer_wrap(x, bits=bits, signed=dtype.kind == "i")
    elif kinds == ("scalar", "integer") and x.dtype.kind == "f":
        y = wrapped(g, g.nnefx_to_bits(x, bits=bits), dtype)
        if dtype.kind == "u" and bits == 32:
            y = g.nnefx_integer_wrap(y, bits=bits, signed=False)
    elif kinds == ("integer", "scalar") and dtype.kind == "f":
        y = g.nnefx_from_bits(x, bits=bits)
    elif kinds == ("logical", "integer"):
        y = g.cast(x, dtype="integer")
    elif kinds == ("integer", "logical"):
        y = g.nnefx_integer_ne(x, 0)
    else:
        raise Reject("to", f"{x.dtype.name} cannot be read as {dtype.name}", "NX704")
    return g.typed(y, dtype)
