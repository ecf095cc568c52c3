"""The folder that OpenVX's own import of NNEF takes (`vxImportKernelFromURL` with type "nnef").

The import is of a plain folder with a flat graph and 32-bit floating point tensors; quantization is
not relied on. What an implementation must support is what `nnefx check --target openvx-nnef` tells.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Node
from nnefx.passes.constants import Overlay
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.passes.fold import fold
from nnefx.passes.fuse import fuse_affine
from nnefx.source import FileAt
from nnefx.tensors.model import Model, save

Array = NDArray[Any]

# The operations that every implementation has: composites among them stay as they are.
_REQUIRED = (
    "external variable constant conv deconv max_pool avg_pool max_reduce mean_reduce relu sigmoid "
    "tanh add mul concat split squeeze softmax argmax_reduce reshape linear multilinear_upsample"
)
REQUIRED = frozenset(_REQUIRED.split())
_MOST_RANK = 4


def write(
    model: Model,
    path: str | os.PathLike[str],
    *,
    format: str = "openvx-nnef",  # noqa: ARG001 - writers of several formats need it
    force: bool = False,
) -> None:
    """Write a model as the folder that OpenVX imports; there is one `format`.

    Raises:
        NnefError: NX603 for what no such import takes (every fault in one error), NX0xx where the
            folder cannot be written.
    """
    if Path(path).suffix in (".tar", ".tgz", ".gz"):
        raise NnefError("NX603", "output is an archive, OpenVX imports a folder", FileAt(str(path)))
    model = importable(model)
    faults = [*_faults(model)]
    if faults:
        raise NnefError.of(faults)
    save(model, path, force=force)


def importable(model: Model) -> Model:
    """Return the model flat, with required operations where there are such, in float32."""
    graph = drop_dead(fold(expand(model.graph, keep=_keeps)))
    model = fuse_affine(replace(model, graph=graph))
    flat = replace(model.graph, ops={}, extensions=())
    wide = {
        node.attributes["label"]: partial(_single, model.weights, node.attributes["label"])
        for node in flat.variables
        if node.output.dtype == "scalar"
    }
    return Model(flat, Overlay(model.weights, wide))


def _keeps(node: Node) -> bool:
    return node.name in REQUIRED


def _single(weights: Mapping[str, Array], label: str) -> Array:
    return np.asarray(weights[label], np.float32)


def _faults(model: Model) -> list[Diagnostic]:
    graph: Graph = model.graph
    found = []
    for value in dict.fromkeys((*graph.inputs, *graph.outputs)):
        if value.dtype == "logical":
            message = f"'{value.name}' is logical, whose size in memory differs between consumers"
            found.append(Diagnostic("NX603", message, _place(graph, value.name)))
    for node in graph.nodes:
        if node.name == "update":
            message = "update: the import keeps no state between runs"
            found.append(Diagnostic("NX603", message, node.at))
        for value in node.values():
            if value.rank > _MOST_RANK:
                message = f"'{value.name}' has rank {value.rank}, at most {_MOST_RANK} is imported"
                found.append(Diagnostic("NX603", message, node.at))
    return found


def _place(graph: Graph, name: str) -> Any:
    return next((n.at for n in graph.nodes if any(v.name == name for v in n.values())), None)
