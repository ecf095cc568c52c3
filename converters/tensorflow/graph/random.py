"""Random numbers, as far as what is computed of them is certain: dropout that drops nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.axes import ints
from nnefx.converters.tensorflow.graph.importer import GraphImporter as Importer
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.ops import Reject


@dataclass(frozen=True, slots=True)
class Uniform:
    """Numbers between `low` and `high`, the latter left out."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: float
    high: float


@rules.on("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
def random_uniform(
    g: Importer, shape: Const, *rest: Any, dtype: Any = np.float32, seed: int = 0, seed2: int = 0
) -> Any:
    return Uniform(tuple(ints(shape)), np.dtype(dtype), 0.0, 1.0)


def certain(g: Importer, kind: str, inputs: list[Any]) -> Any:
    """Return what an operator makes of random numbers: others, or what they all have in common.

    Raises Reject where the result depends on chance.
    """
    numbers = next(item for item in inputs if isinstance(item, Uniform))
    if kind in ("Identity", "Floor") and len(inputs) == 1:
        return numbers if kind == "Identity" else _floored(g, numbers)
    if len(inputs) == 2:
        swapped = inputs[1] is numbers
        other = inputs[0] if swapped else inputs[1]
        if isinstance(other, Tensor) and other.array is not None and other.volume == 1:
            value = float(other.array.reshape(-1)[0])
            result = _combined(g, kind, numbers, value, swapped)
            if result is not None:
                return result
    raise Reject(None, "the result depends on random numbers", "NX705")


def _floored(g: Importer, numbers: Uniform) -> Any:
    last = np.nextafter(np.float32(numbers.high), np.float32(numbers.low))
    if np.floor(numbers.low) != np.floor(last):
        raise Reject(None, "the result depends on random numbers", "NX705")
    return g.known(np.full(numbers.shape, np.floor(numbers.low), numbers.dtype))


def _combined(g: Importer, kind: str, x: Uniform, value: float, swapped: bool) -> Any:
    if kind in ("Add", "AddV2"):
        return Uniform(x.shape, x.dtype, x.low + value, x.high + value)
    if kind == "Mul" and value > 0:
        return Uniform(x.shape, x.dtype, x.low * value, x.high * value)
    if kind == "Sub" and not swapped:
        return Uniform(x.shape, x.dtype, x.low - value, x.high - value)
    if kind == "GreaterEqual" and not swapped and (x.low >= value or x.high <= value):
        return g.known(np.full(x.shape, x.low >= value))
    return None
