"""What a TFLite file holds, as plain records: read from the mapped file, checked, never trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Scales:
    """How the integers of a tensor stand for reals: real = scale * (integer - zero_point).

    One scale, or one per position along `axis`.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return self.scale.size > 1

    def spread(self, rank: int) -> tuple[Array, Array]:
        """Return scale and zero point so that they broadcast, by numpy's rule, in that rank."""
        if not self.per_channel:
            return self.scale.reshape(()), self.zero_point.reshape(-1)[:1].reshape(())
        shape = [1] * rank
        shape[self.axis] = self.scale.size
        zero = np.broadcast_to(self.zero_point, self.scale.shape)
        return self.scale.reshape(shape), zero.reshape(shape)


@dataclass(frozen=True, slots=True)
class LiteTensor:
    """A tensor of a subgraph: `data` where it is stored, a view of the file where possible.

    `open` lists the dimensions that the file leaves open; they have extent 1 in `shape`.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    dtype: np.dtype[Any] | None
    data: Array | None = None
    scales: Scales | None = None
    open: tuple[int, ...] = ()
    variable: bool = False


@dataclass(frozen=True, slots=True)
class LiteNode:
    """An operator: `inputs` and `outputs` index the tensors of its subgraph, -1 is none."""

    kind: str
    version: int
    index: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: bytes = b""
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LiteGraph:
    """A subgraph; its nodes are in the order of execution."""

    name: str
    tensors: tuple[LiteTensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: tuple[LiteNode, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Names that users know tensors by, as indices of a subgraph's tensors."""

    key: str
    graph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LiteFile:
    """A whole file; the first graph is the main one."""

    graphs: tuple[LiteGraph, ...]
    signatures: tuple[Signature, ...] = ()
