"""TFLite file -> graph and weights."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nnefx.converters.imported import Imported
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.importer import FAILED
from nnefx.converters.tensorflow.lite.importer import LiteImporter
from nnefx.converters.tensorflow.lite.parse import open_file
from nnefx.converters.tensorflow.lite.quantized import as_integers, entry_of, is_quantized
from nnefx.converters.tensorflow.lite.schema import LiteFile, LiteGraph, Signature
from nnefx.converters.tensorflow.lite.tables import FAMILIES
from nnefx.converters.tensorflow.names import readable
from nnefx.converters.tensorflow.tidy import Finished, tidy
from nnefx.diagnostics import NnefError
from nnefx.ops import Reject
from nnefx.source import FileAt, ModelAt

Shapes = Mapping[Any, Sequence[int]]


def read(
    source: str | os.PathLike[str],
    *,
    input_shapes: Shapes | None = None,
    outputs: Sequence[str] = (),
    signature: str | None = None,
    layout: str = "source",
    values: Mapping[str, Any] | None = None,
) -> Imported:
    """Return the graph of a TFLite file.

    Args:
        source: the file.
        input_shapes: shapes by the names of inputs, those of the signature or of the tensors.
        outputs: tensors to compute instead of the file's outputs.
        signature: the signature whose graph is read; the main graph when missing.
        layout: `source` keeps the layout of inputs and outputs, `nchw` puts channels first.
        values: inputs that become constants.

    Raises:
        NnefError: NX710 for a corrupt file, NX7xx with every fault that was found.
    """
    path = Path(source)
    file = open_file(path)
    for family in FAMILIES:
        import_module(f"nnefx.converters.tensorflow.lite.{family}")
    chosen = _signature(file, signature, str(path))
    graph = file.graphs[chosen.graph if chosen else 0]
    importer = LiteImporter(file, str(path))
    inputs = _inputs(importer, graph, chosen, input_shapes or {}, values or {}, str(path))
    env = importer.run(graph, inputs)
    results = _outputs(importer, graph, env, outputs, chosen, str(path))
    if importer.faults:
        raise NnefError.of(list(dict.fromkeys(importer.faults)))
    return _finished(importer, graph, env, results, layout)


def _finished(
    importer: LiteImporter, graph: LiteGraph, env: Mapping[int, Any],
    results: Mapping[int, tuple[str, Tensor]], layout: str,
) -> Imported:  # fmt: skip
    wanted: dict[str, Tensor] = {}
    for name, tensor in results.values():
        wanted[name if name not in wanted else f"{name}_{len(wanted)}"] = tensor
    finished = importer.finish(wanted)
    named = {value: graph.tensors[index].name for index, value in zip(results, finished.outputs)}
    for index, tensor in env.items():
        if isinstance(tensor, Tensor) and tensor.value is not None:
            named.setdefault(tensor.value, graph.tensors[index].name)
    # a copy that only gives an output its name is quantized as its source
    for node in finished.nodes:
        if node.name == "copy" and node.output not in importer.entries:
            for source in node.operands():
                if source in importer.entries:
                    importer.entries[node.output] = importer.entries[source]
    done: Finished = tidy(finished, importer.weights, importer.entries, layout)
    sources = {label: label_source(label, importer.stored) for label in done.weights}
    weights, entries = as_integers(done.graph, done.weights, importer.stored, sources)
    alive = done.graph.values
    names, axes = {}, {}
    for value, name in named.items():
        place = done.places.get(value)
        if place is not None and place.value.name in alive:
            names[name] = place.value.name
            if place.axes is not None:
                axes[name] = place.axes
    types = {t.name: t.dtype.name for t in graph.tensors if t.name in names and t.dtype}
    return Imported(
        done.graph,
        weights,
        names,
        types,
        {**done.quantization, **entries},
        notes=importer.notes,
        axes=axes,
    )


def label_source(label: str, stored: Mapping[str, Any]) -> str:
    """Return the name of the stored tensor that a variable's label was made of."""
    from nnefx.converters.names import label as made

    clean = {made(name): name for name in reversed(list(stored))}
    stem, _, number = label.rpartition("_")  # a label that was taken already has got a number
    return clean.get(label) or (clean.get(stem, "") if number.isdigit() else "")


def _signature(file: LiteFile, key: str | None, path: str) -> Signature | None:
    if key is None:
        return next((item for item in file.signatures if item.graph == 0), None)
    for item in file.signatures:
        if item.key == key:
            return item
    known = ", ".join(f"'{item.key}'" for item in file.signatures) or "none"
    raise NnefError("NX723", f"there is no signature '{key}', there is {known}", FileAt(path))


def _inputs(
    importer: LiteImporter, graph: LiteGraph, signature: Signature | None, shapes: Shapes,
    values: Mapping[str, Any], path: str,
) -> list[Any]:  # fmt: skip
    aliases: dict[int, set[str]] = {}
    for index in graph.inputs:
        name = graph.tensors[index].name
        aliases[index] = {name, readable(name)}
    for name, index in (signature.inputs if signature else {}).items():
        aliases.setdefault(index, set()).add(name)
    nice = {index: name for name, index in (signature.inputs if signature else {}).items()}
    every = set().union(*aliases.values()) if aliases else set()
    for name in [*shapes, *values]:
        if name is not None and name not in every:
            known = ", ".join(sorted(graph.tensors[i].name for i in graph.inputs))
            raise NnefError("NX708", f"there is no input '{name}', there is {known}", FileAt(path))
    if None in shapes and len(graph.inputs) != 1:
        message = f"{len(graph.inputs)} inputs: name the one whose shape is given"
        raise NnefError("NX708", message, FileAt(path))
    return [
        _input(importer, graph, index, nice.get(index), aliases[index], shapes, values, path)
        for index in graph.inputs
    ]


def _input(
    importer: LiteImporter, graph: LiteGraph, index: int, nice: str | None, names: set[str],
    shapes: Shapes, values: Mapping[str, Any], path: str,
) -> Any:  # fmt: skip
    item = graph.tensors[index]
    at = ModelAt(path, f"input '{item.name}'")
    for name in names & values.keys():
        array = np.asarray(values[name], item.dtype)
        return importer.known(array, item.name)
    given = next((shapes[name] for name in names if name in shapes), shapes.get(None))
    shape = tuple(item.shape if given is None else given)
    fixed = [i for i in range(len(item.shape)) if i not in item.open]
    if len(shape) != len(item.shape) or any(shape[i] != item.shape[i] for i in fixed):
        message = f"shape {list(shape)} does not fit {list(item.shape)}"
        importer.fault("NX707", message, at)
        return FAILED
    if item.dtype is None:
        importer.fault("NX704", f"it is of type {item.type}", at)
        return FAILED
    if 0 in shape:
        importer.fault("NX706", f"it has no items (shape {list(shape)})", at)
        return FAILED
    importer.site.at = at
    quantized = is_quantized(item)
    name = nice or readable(item.name)
    result = importer.external(name, shape, np.float32 if quantized else item.dtype)
    if quantized:
        importer.entries[importer.value(result)] = entry_of(item)
    return result


def _outputs(
    importer: LiteImporter, graph: LiteGraph, env: dict[int, Any], outputs: Sequence[str],
    signature: Signature | None, path: str,
) -> dict[int, tuple[str, Tensor]]:  # fmt: skip
    """Return the tensors to compute by index, with the names that users know them by."""
    indices = graph.outputs
    nice = {index: name for name, index in (signature.outputs if signature else {}).items()}
    if outputs:
        by_name = dict(signature.outputs) if signature else {}
        for index, item in enumerate(graph.tensors):
            by_name.setdefault(readable(item.name), index)
            by_name.setdefault(item.name, index)
        unknown = [name for name in outputs if name not in by_name]
        if unknown:
            raise NnefError("NX713", f"there is no tensor '{unknown[0]}'", FileAt(path))
        indices = tuple(by_name[name] for name in outputs)
    results: dict[int, tuple[str, Tensor]] = {}
    for index in dict.fromkeys(indices):
        item = graph.tensors[index]
        try:
            tensor = importer.fetched(index, graph, env)
        except Reject as reject:
            importer.fault(reject.code, reject.message, ModelAt(path, f"output '{item.name}'"))
            continue
        if isinstance(tensor, Tensor):
            results[index] = nice.get(index, item.name), tensor
    return results
