"""Where the blobs of layers come from: a caffemodel, or thin air."""

import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.caffe.caffemodel import Blob, read_weights
from nnefx.converters.caffe.net import Layer, Shape
from nnefx.converters.caffe.tables import POSITIVE_ROLES
from nnefx.diagnostics import NnefError
from nnefx.ops import Reject
from nnefx.source import FileAt

Array = NDArray[Any]

RANDOM, ZERO = "none", "zeros"


class Weights(Protocol):
    """Gives the blobs of layers."""

    def blob(self, layer: Layer, index: int, shape: Shape, role: str) -> Array:
        """Return a blob in the shape that the net expects; raise Reject where it does not fit."""

    def unused(self, layer: Layer, used: int) -> str:
        """Return what is wrong when a layer used only the first blobs, or an empty text."""


class Stored:
    """The blobs of a caffemodel."""

    def __init__(self, blobs: Mapping[str, Sequence[Blob]], name: str) -> None:
        self._blobs = blobs
        self._name = name

    def blob(self, layer: Layer, index: int, shape: Shape, role: str) -> Array:
        """See `Weights.blob`."""
        stored = self._blobs.get(layer.name)
        if stored is None:
            raise Reject(None, f"'{self._name}' holds no weights for this layer", "NX731")
        if index >= len(stored):
            text = f"{role}: blob {index} is missing, '{self._name}' holds {len(stored)}"
            raise Reject(None, text, "NX731")
        found = stored[index]
        if _bare(found.shape) != _bare(shape):
            text = f"{role}: the net expects {list(shape)}, '{self._name}' holds"
            raise Reject(None, f"{text} {list(found.shape)}", "NX731")
        # Caffe computes in 32 bits, however a blob is stored; those of 32 bits stay in the file.
        return found.items.astype(np.float32, copy=False).reshape(shape)

    def unused(self, layer: Layer, used: int) -> str:
        """See `Weights.unused`."""
        count = len(self._blobs.get(layer.name, ()))
        if count <= used:
            return ""
        return f"'{self._name}' holds {count} blobs for this layer, the net uses {used}"


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without leading ones, which old files put there to make four of them."""
    bare = tuple(shape)
    while bare[:1] == (1,):
        bare = bare[1:]
    return bare


class MadeUp:
    """Blobs for a net without weights: reproducible random numbers, or zeros.

    Random ones keep values about as large as they are, whatever the depth of the net.
    """

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def blob(self, layer: Layer, index: int, shape: Shape, role: str) -> Array:
        """See `Weights.blob`."""
        if role == "count":  # by which sums of statistics are divided
            return np.ones(shape, np.float32)
        if self._zero:
            return np.zeros(shape, np.float32)
        generator = np.random.default_rng(zlib.crc32(f"{layer.name} {index}".encode()))
        if role in POSITIVE_ROLES:
            return generator.uniform(0.5, 1.5, shape).astype(np.float32)
        items = generator.standard_normal(shape, np.float32)
        fan = math.prod(shape[1:]) if len(shape) > 1 else 100
        items *= np.float32(math.sqrt(2 / fan))
        return items

    def unused(self, layer: Layer, used: int) -> str:  # noqa: ARG002
        """See `Weights.unused`."""
        return ""


def open_weights(source: Path, named: str | Path | None) -> Weights:
    """Return the weights of a net.

    Args:
        source: the file of the net.
        named: the file of the weights, "none" for random ones, "zeros" for zeros; the file
            beside the net when missing.

    Raises:
        NnefError: NX001 where no file is named and there is none beside the net.
    """
    if named is not None and str(named) in (RANDOM, ZERO):
        return MadeUp(zero=str(named) == ZERO)
    path = Path(named) if named is not None else sibling(source)
    if path is None:
        text = (
            f"there is no '{source.with_suffix('.caffemodel').name}' beside it: name the weights "
            "with --weights FILE, or let them be made up with --weights none"
        )
        raise NnefError("NX001", text, FileAt(str(source)))
    return Stored(read_weights(path), path.name)


def sibling(source: Path) -> Path | None:
    """Return the caffemodel beside a net: of the same name, else the only one in the folder."""
    same = source.with_suffix(".caffemodel")
    if same.exists():
        return same
    others = list(source.parent.glob("*.caffemodel"))
    nets = list(source.parent.glob("*.prototxt"))
    return others[0] if len(others) == 1 and len(nets) == 1 else None
