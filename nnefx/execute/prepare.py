"""What an executor that runs often does before it runs: work that is the same in every run."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.constants import Overlay
from nnefx.passes.fuse import fuse_affine
from nnefx.tensors.model import Model

Array = NDArray[Any]


def prepared(model: Model) -> Model:
    """Return a model that computes the same, up to rounding, in fewer passes over memory.

    What scales and shifts channels after a convolution becomes part of its filter and bias, and
    filters get the order in memory that BLAS likes. These weights are copies, made when they are
    first read. A model that graph.quant speaks of stays as it is.
    """
    if model.quantization:
        return model
    fused = fuse_affine(model)
    turned: dict[str, Callable[[], Array]] = {
        node.attributes["label"]: partial(_turned, fused, node) for node in _pointwise(fused.graph)
    }
    return replace(fused, weights=Overlay(fused.weights, turned)) if turned else fused


def _turned(model: Model, node: Node) -> Array:
    """Return a filter (c, C, 1, ...) with its output channels innermost in memory."""
    return np.asfortranarray(model.weight(node))


def _pointwise(graph: Graph) -> list[Node]:
    """Return the variables that are filters of pointwise convolutions with channels innermost.

    Such an order begins with a depth-wise convolution (see nnefx.ops.depthwise).
    """
    inner: set[Value] = set()
    found: list[Node] = []
    for node in graph.nodes:
        first, *others = [*node.operands(), None]
        if node.name == "conv" and first is not None and others[0] is not None:
            planes = others[0]
            point = node.attributes["groups"] == 1 and set(planes.shape[2:]) <= {1}
            if point and first in inner and graph.producer[planes].name == "variable":
                found.append(graph.producer[planes])
            if planes.shape[1] == 1 < first.shape[1] or (point and first in inner):
                inner.add(node.output)
        elif first in inner and (node.op.itemwise or node.name == "batch_normalization"):
            inner.add(node.output)
    return found
