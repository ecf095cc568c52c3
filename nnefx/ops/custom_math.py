"""Custom operations on scalars whose meaning NNEF cannot express."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays
from nnefx.ops.elementwise import ieee, shape_of_two
from nnefx.ops.reduce import reduced_shape
from nnefx.ops.registry import Kernel, Reject, Shape, define


def _binary(function: Callable[[Tensor, Tensor], Any]) -> Kernel:
    def run(x: Tensor, y: Tensor) -> Tensor:
        with ieee():
            return np.asarray(function(*broadcast_arrays(x, y)))

    return run


define("nnefx_fmod", shape=shape_of_two, run=_binary(np.fmod))
define("nnefx_mod", shape=shape_of_two, run=_binary(np.mod))


def _round_to_shape(x: Shape, *, format: str) -> Shape:
    if format not in ("float16", "bfloat16"):
        raise Reject("format", f"format is '{format}', expected 'float16' or 'bfloat16'")
    return x


def _round_to(x: Tensor, *, format: str) -> Tensor:
    with ieee():
        if format == "float16":
            return x.astype(np.float16).astype(x.dtype)
        return _to_bfloat16(x.astype(np.float32)).astype(x.dtype)


def _to_bfloat16(x: Tensor) -> Tensor:
    """Round to the upper 16 bits of a float32, ties to even."""
    bits = x.view(np.uint32) if x.ndim else x.reshape(1).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    result = rounded.astype(np.uint32).view(np.float32).reshape(x.shape)
    return np.where(np.isnan(x), x, result)


define("nnefx_round_to", shape=_round_to_shape, run=_round_to)


def _prod_shape(input: Shape, *, axes: Sequence[int]) -> Shape:
    return reduced_shape(input, axes)


def _prod(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    return np.asarray(np.prod(input, axis=tuple(axes), keepdims=True))


define("nnefx_prod_reduce", shape=_prod_shape, run=_prod)
