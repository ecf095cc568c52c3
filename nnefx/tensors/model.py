"""A model: graph, weights by label, quantization by tensor; loaded from and saved to containers."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nnefx import collector
from nnefx.diagnostics import Diagnostic, NnefError, Note, Severity
from nnefx.ir.build import build
from nnefx.ir.graph import Graph, Node
from nnefx.ir.unbuild import unbuild
from nnefx.source import FileAt, Source
from nnefx.syntax.parser import parse
from nnefx.syntax.printer import print_document
from nnefx.tensors.compress import Compression
from nnefx.tensors.container import Container, open_container
from nnefx.tensors.dat import StoredTensor
from nnefx.tensors.header import Header, ItemType, data_type_of
from nnefx.tensors.quant import Quantization, load_quant, print_quant
from nnefx.tensors.weights import Weights
from nnefx.tensors.write import Stored, StoreOptions, write_container

GRAPH = "graph.nnef"
QUANT = "graph.quant"


@dataclass(frozen=True, eq=False)
class Model:
    """A checked graph with what belongs to it.

    Attributes:
        graph: the graph.
        weights: arrays by label; read-only views of mapped files where the model was loaded.
        quantization: what graph.quant says, by tensor identifier.
        extra: files of the container that the specification does not know; they survive saving.
        path: where the model came from.
    """

    graph: Graph
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    quantization: Mapping[str, Quantization] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""

    def weight(self, node: Node) -> NDArray[Any]:
        """Return the array of a `variable` node.

        Raises:
            NnefError: NX432 where there is no data, NX430 where its shape is not the declared one.
        """
        label = node.attributes["label"]
        array = self.weights.get(label)
        if array is None:
            message = f"variable '{node.output.name}': no data for label '{label}'"
            raise NnefError("NX432", message, node.at)
        if array.shape != node.output.shape:
            raise NnefError("NX430", _shape_message(node, array.shape), node.at)
        return array


def load(path: str | os.PathLike[str]) -> Model:
    """Open a model: a folder, or a tar archive, compressed or not. Weights are mapped, not read.

    Raises:
        NnefError: with every diagnostic that makes the model unusable.
    """
    container = open_container(path)
    source = container.source(GRAPH)
    graph = build(parse(source), source)
    weights = Weights(container)
    faults = list(check_weights(graph, weights, container))
    quantization: Mapping[str, Quantization] = {}
    if QUANT in container:
        quantization = load_quant(container.source(QUANT))
    if errors := [fault for fault in faults if fault.severity is Severity.ERROR]:
        raise NnefError.of(errors)
    return Model(graph, weights, quantization, container.extra, os.fspath(path))


def loads(text: str, name: str = GRAPH) -> Model:
    """Return the model of a document without weight files."""
    source = Source(name, text)
    return Model(build(parse(source), source))


def check_weights(graph: Graph, weights: Weights, container: Container) -> Iterator[Diagnostic]:
    """Yield what of the tensor files' headers does not fit the variables of the graph."""
    for node in graph.variables:
        label = node.attributes["label"]
        try:
            if label not in weights:
                message = f"variable '{node.output.name}': there is no file '{label}.dat'"
                yield Diagnostic("NX432", message, node.at)
                continue
            header = weights.header(label)
        except NnefError as error:
            note = Note(f"for variable '{node.output.name}'", node.at)
            for fault in error.diagnostics:
                yield Diagnostic(fault.code, fault.message, fault.at, fault.severity, (note,))
            continue
        yield from _fit(node, header, FileAt(f"{container.path}/{label}.dat"))


def _fit(node: Node, header: Header, at: FileAt) -> Iterator[Diagnostic]:
    note = Note(f"variable '{node.output.name}' is declared here", node.at)
    if header.shape != node.output.shape:
        yield Diagnostic("NX430", _shape_message(node, header.shape), at, notes=(note,))
    stored = data_type_of(header)
    if stored != node.output.dtype:
        message = f"variable '{node.output.name}' is {node.output.dtype}, its file holds {stored}"
        yield Diagnostic("NX431", message, at, notes=(note,))


def _shape_message(node: Node, shape: tuple[int, ...]) -> str:
    declared = list(node.output.shape)
    return f"variable '{node.output.name}' is declared {declared}, its data is {list(shape)}"


def save(
    model: Model,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    compression: Compression = "default",
) -> None:
    """Write a model: a folder, or an archive where `path` ends in .tar, .tgz or .tar.gz.

    It is written beside and renamed; an existing `path` is replaced with `force` only.
    `compression` is that of a .tgz: "none", "fast", "default" or "best".

    Raises:
        NnefError: NX010 where `path` exists, NX0xx where it cannot be written.
    """
    with collector.paused():
        texts = {GRAPH: print_document(unbuild(model.graph))}
    if model.quantization:
        texts[QUANT] = print_quant(model.quantization)
    tensors = _tensors(model)
    write_container(path, texts, tensors, model.extra, force=force, compression=compression)


def require_free(path: str | os.PathLike[str], force: bool) -> None:
    """Raise NnefError NX010 where `path` exists and is not to be replaced: early, before work."""
    if os.path.lexists(path) and not force:
        message = "output exists already; --force replaces it"
        raise NnefError("NX010", message, FileAt(os.fspath(path)))


def _tensors(model: Model) -> Iterator[Stored]:
    written: set[str] = set()
    for node in model.graph.variables:
        label = node.attributes["label"]
        if label.lower() in written:
            continue
        written.add(label.lower())
        stored = model.weights.stored(label) if isinstance(model.weights, HasFiles) else None
        if stored is not None:
            yield label, stored  # its bytes are copied by the system, whatever they mean
        else:
            entry = model.quantization.get(node.output.name)
            array, options = _storable(model.weight(node), node, entry)
            yield label, array, options


@runtime_checkable
class HasFiles(Protocol):
    """Weights of which some are tensor files already."""

    def stored(self, label: str) -> StoredTensor | None:
        """Return the file of a tensor as it stands, None where it has none."""


def _storable(
    array: NDArray[Any], node: Node, entry: Quantization | None
) -> tuple[NDArray[Any], StoreOptions]:
    """Return an array as its data-type is stored, and how where the array leaves a choice.

    Integers for a `scalar` are quantization indices, of as many bits as graph.quant says.
    """
    dtype, kind = node.output.dtype, array.dtype.kind
    if dtype == "logical" and array.dtype != np.bool_:
        return array.astype(np.bool_), {}
    if dtype == "scalar" and kind in "iu":
        options: StoreOptions = {"item_type": ItemType.QINT if kind == "i" else ItemType.QUINT}
        bits = entry.attributes.get("bits") if entry else None
        if isinstance(bits, int) and 0 < bits < array.itemsize * 8:
            options["bits"] = bits
        return array, options
    return array, {}
