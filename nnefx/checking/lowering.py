"""Whether a model can be lowered to OpenVX: the lowering itself is asked, with made-up weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph
from nnefx.tensors.model import Model

_TYPES = {"scalar": np.float32, "integer": np.int64, "logical": np.bool_}

_MOST = 1_000_000  # operations of an expanded model


def lowering_faults(profile: str, graph: Graph) -> Iterator[Diagnostic]:
    """Yield what keeps a graph from being lowered to a profile of OpenVX."""
    from nnefx.openvx import lower

    size = _size(graph, {})
    if size > _MOST:
        yield Diagnostic(
            "NX605", f"the model expands to {size} operations, up to {_MOST} are tried"
        )
        return
    weights: dict[str, NDArray[Any]] = {
        node.attributes["label"]: np.broadcast_to(
            np.ones((), _TYPES[node.output.dtype]), node.output.shape
        )
        for node in graph.variables
    }
    try:
        lower(Model(graph, weights), profile)
    except NnefError as error:
        yield from error.diagnostics


def _size(graph: Graph, known: dict[Graph, int]) -> int:
    """Return how many operations a graph has once its fragments are expanded."""
    if graph not in known:
        known[graph] = sum(_size(node.body, known) if node.body else 1 for node in graph.nodes)
    return known[graph]
