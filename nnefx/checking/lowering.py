"""Whether a model can be lowered to OpenVX: the lowering itself is asked, with made-up weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph
from nnefx.tensors.model import Model

_TYPES = {"scalar": np.float32, "integer": np.int64, "logical": np.bool_}


def lowering_faults(profile: str, graph: Graph) -> Iterator[Diagnostic]:
    """Yield what keeps a graph from being lowered to a profile of OpenVX."""
    from nnefx.openvx import lower

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
