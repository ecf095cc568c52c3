"""A model as far as its texts tell: what needs no tensor files opens without them."""

import os
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from nnefx.diagnostics import NnefError, Severity
from nnefx.ir.build import build
from nnefx.ir.graph import Graph
from nnefx.ir.unbuild import unbuild
from nnefx.source import FileAt, Source
from nnefx.syntax.format import format_document
from nnefx.syntax.parser import parse
from nnefx.syntax.printer import print_document
from nnefx.tensors.container import Container, decode_text, open_container
from nnefx.tensors.files import map_file, written_beside
from nnefx.tensors.model import GRAPH, QUANT, Model, check_weights
from nnefx.tensors.quant import Quantization, load_quant
from nnefx.tensors.weights import Weights
from nnefx.tensors.write import write_container


def is_text(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path names a structure description alone, and not a container."""
    return os.fspath(path).endswith(".nnef") and not os.path.isdir(path)


def load_graph(path: str | os.PathLike[str]) -> tuple[Graph, Container | None]:
    """Return the graph of a model, and its container unless `path` is a text alone.

    Raises:
        NnefError: what makes graph.nnef unusable.
    """
    where = os.fspath(path)
    container = None if is_text(path) else open_container(path)
    if container is None:
        source = Source(where, decode_text(bytes(map_file(where, where)), where))
    else:
        source = container.source(GRAPH)
    return build(parse(source), source), container


def load_structure(path: str | os.PathLike[str]) -> Model:
    """Open a model, or a `.nnef` text, without asking for its tensor files.

    Its weights are those that are there: none for a text, and for a container that holds none.

    Raises:
        NnefError: what makes the texts unusable, and NX4xx where some tensor files are there and
            others are missing or do not fit.
    """
    graph, container = load_graph(path)
    if container is None:
        return Model(graph, path=os.fspath(path))
    weights: Mapping[str, NDArray[Any]] = {}
    labels = {node.attributes["label"].lower() for node in graph.variables}
    if labels & {label.lower() for label in container.labels}:
        weights = Weights(container)
        faults = check_weights(graph, weights, container)
        if errors := [fault for fault in faults if fault.severity is Severity.ERROR]:
            raise NnefError.of(errors)
    quantization: Mapping[str, Quantization] = {}
    if QUANT in container:
        quantization = load_quant(container.source(QUANT))
    return Model(graph, weights, quantization, container.extra, os.fspath(path))


def save_text(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write the text of a graph alone: as a `.nnef` file, or as the only file of a container.

    Raises:
        NnefError: NX001, NX002, NX010.
    """
    text = format_document(Source(GRAPH, print_document(unbuild(graph))))
    if not is_text(path):
        write_container(path, {GRAPH: text}, force=True)
        return
    with written_beside(os.fspath(path)) as file:
        file.write(text.encode())


def require_data(model: Model) -> None:
    """Raise NnefError NX432 where a model has variables but no data for any."""
    if not model.weights and next(model.graph.variables, None) is not None:
        message = "the model has no tensor files; 'nnefx init' makes some"
        raise NnefError("NX432", message, FileAt(model.path))
