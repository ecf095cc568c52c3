"""Tensor types of PyTorch in terms of numpy, and tensors of PyTorch as arrays without copies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nnefx.converters.scope import Tensor, kind_of
from nnefx.ops import Reject
from nnefx.ops.registry import Shape

Array = NDArray[Any]

_NUMPY: dict[torch.dtype, type[np.generic]] = {
    torch.float64: np.float64,
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: np.float32,  # numpy has no such type; float32 holds every bfloat16
    torch.int64: np.int64,
    torch.int32: np.int32,
    torch.int16: np.int16,
    torch.int8: np.int8,
    torch.uint8: np.uint8,
    torch.uint16: np.uint16,
    torch.uint32: np.uint32,
    torch.bool: np.bool_,
}
_COMPLEX = {torch.complex64: np.float32, torch.complex128: np.float64}


@dataclass(slots=True, eq=False)
class Complex:
    """A complex tensor: NNEF has none, so that its two parts are tensors of their own."""

    re: Tensor
    im: Tensor

    @property
    def shape(self) -> Shape:
        """The extents, which both parts have."""
        return self.re.shape


def numpy_type(dtype: torch.dtype) -> np.dtype[Any]:
    """Return the numpy type that holds items of `dtype`, of its parts where it is complex."""
    known = _NUMPY.get(dtype) or _COMPLEX.get(dtype)
    if known is None:
        raise Reject(None, f"items of type {dtype} have no counterpart", "NX704")
    return np.dtype(known)


def kind(dtype: torch.dtype) -> str:
    """Return the NNEF data-type that holds items of `dtype`."""
    return kind_of(numpy_type(dtype))


def array_of(tensor: torch.Tensor) -> Array:
    """Return a tensor as an array: its own memory where numpy knows its type and layout."""
    plain = tensor.detach()
    if plain.dtype not in _NUMPY:
        raise Reject(None, f"items of type {plain.dtype} have no counterpart", "NX704")
    if plain.layout is not torch.strided or plain.is_quantized:
        text = f"a tensor of layout {plain.layout} is not supported, only a dense one is"
        raise Reject(None, text, "NX704")
    if plain.device.type != "cpu":
        plain = plain.cpu()
    if plain.dtype is torch.bfloat16:
        plain = plain.float()
    array: Array = plain.resolve_neg().numpy()
    return array
