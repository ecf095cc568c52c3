"""The validator: everything that is wrong with a model, in one run."""

import os
from collections.abc import Iterator

from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.ir.build import build
from nnefx.ir.graph import Graph
from nnefx.source import FileAt, Source
from nnefx.syntax.parser import parse_all
from nnefx.tensors.container import Container, open_container
from nnefx.tensors.dat import check_tensor
from nnefx.tensors.model import GRAPH, QUANT, check_weights
from nnefx.tensors.quant import load_quant
from nnefx.tensors.weights import Weights

__all__ = ["check"]


def check(path: str | os.PathLike[str], *, data: bool = True) -> list[Diagnostic]:
    """Return everything that is wrong with a model; never raises for a bad one.

    Args:
        path: a model (folder or archive), or a single `.nnef` text.
        data: look at the values of tensor files too, not at their headers only.
    """
    found: list[Diagnostic] = []
    try:
        if os.path.isfile(path) and os.fspath(path).endswith(".nnef"):
            with open(path, encoding="utf-8") as file:
                _check_text(Source(os.fspath(path), file.read()), found)
        else:
            _check_container(open_container(path), found, data)
    except NnefError as error:
        found += error.diagnostics
    except UnicodeDecodeError as error:
        message = "the text is not UTF-8"
        found.append(Diagnostic("NX009", message, FileAt(os.fspath(path), error.start)))
    return found


def _check_text(source: Source, found: list[Diagnostic]) -> Graph | None:
    document, faults = parse_all(source)
    found += faults
    if document is None or document.graph is None or faults:
        return None
    graph = build(document, source, found.append)
    return graph if not any(item.severity is Severity.ERROR for item in found) else None


def _check_container(container: Container, found: list[Diagnostic], data: bool) -> None:
    graph = _check_text(container.source(GRAPH), found)
    weights = Weights(container)
    if graph is not None:
        found += check_weights(graph, weights, container)
        found += _orphans(graph, weights, container)
    if QUANT in container:
        _check_quant(container, graph, found)
    if data:
        for label in container.labels:
            found += check_tensor(container.stored(label).data, f"{container.path}/{label}.dat")


def _orphans(graph: Graph, weights: Weights, container: Container) -> Iterator[Diagnostic]:
    used = {node.attributes["label"].lower() for node in graph.variables}
    for label in weights:
        if label.lower() not in used:
            at = FileAt(f"{container.path}/{label}.dat")
            yield Diagnostic("NX433", "no variable has this label", at, Severity.WARNING)


def _check_quant(container: Container, graph: Graph | None, found: list[Diagnostic]) -> None:
    try:
        entries = load_quant(container.source(QUANT))
    except NnefError as error:
        found += error.diagnostics
        return
    for name in entries:
        if graph is not None and name not in graph.values:
            at = FileAt(f"{container.path}/{QUANT}")
            found.append(Diagnostic("NX501", f"the graph has no tensor '{name}'", at))
