"""Custom operations on signals and on the bits of items."""

from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.shapes import check_axis


def _dft_shape(input: Shape, *, axis: int, length: int, inverse: bool, onesided: bool) -> Shape:
    check_axis(axis, len(input) - 1)
    if input[-1] not in (1, 2):
        raise Reject("input", f"the last extent is {input[-1]}, expected 1 (real) or 2 (complex)")
    if length < 1:
        raise Reject("length", f"length is {length}, expected 1 or more")
    count = length // 2 + 1 if onesided and not inverse else length
    shape = [count if i == axis else extent for i, extent in enumerate(input[:-1])]
    return (*shape, 1 if inverse and onesided else 2)


def _dft(input: Tensor, *, axis: int, length: int, inverse: bool, onesided: bool) -> Tensor:
    items = input[..., 0]
    if input.shape[-1] == 2:
        items = items + 1j * input[..., 1]
    if inverse and onesided:
        return np.fft.irfft(items, length, axis)[..., None].astype(input.dtype)
    found = np.fft.ifft(items, length, axis) if inverse else np.fft.fft(items, length, axis)
    if onesided:
        found = np.take(found, np.arange(length // 2 + 1), axis)
    return np.stack([found.real, found.imag], axis=-1).astype(input.dtype)


define("nnefx_dft", shape=_dft_shape, run=_dft)

_FLOATS: dict[int, Any] = {16: np.float16, 32: np.float32, 64: np.float64}


def _bits_shape(x: Shape, *, bits: int) -> Shape:
    if bits not in _FLOATS:
        raise Reject("bits", f"bits is {bits}, expected 16, 32 or 64")
    return x


def _to_bits(x: Tensor, *, bits: int) -> Tensor:
    return x.astype(_FLOATS[bits]).view(f"i{bits // 8}").astype(np.int64)


def _from_bits(x: Tensor, *, bits: int) -> Tensor:
    found = x.astype(f"i{bits // 8}").view(_FLOATS[bits])
    return np.asarray(found, np.float64 if bits == 64 else np.float32)


define("nnefx_to_bits", shape=_bits_shape, run=_to_bits)
define("nnefx_from_bits", shape=_bits_shape, run=_from_bits)
