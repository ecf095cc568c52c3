"""SavedModel, Keras file, frozen graph or checkpoint -> graph and weights."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nnefx.converters.imported import Imported
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.graph.importer import Frame, GraphImporter
from nnefx.converters.tensorflow.graph.load import Frozen, load, of_model
from nnefx.converters.tensorflow.graph.nodes import dtype_of, ref, region_of, shape_of
from nnefx.converters.tensorflow.graph.tables import FAMILIES
from nnefx.converters.tensorflow.importer import FAILED
from nnefx.converters.tensorflow.names import readable
from nnefx.converters.tensorflow.tidy import tidy
from nnefx.diagnostics import NnefError
from nnefx.ops import Reject
from nnefx.source import FileAt, ModelAt

Shapes = Mapping[Any, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user fixes: shapes and values by the names of inputs, and the layout."""

    shapes: Shapes
    values: Mapping[str, Any]
    layout: str = "source"


def read(
    source: str | os.PathLike[str],
    *,
    input_shapes: Shapes | None = None,
    outputs: Sequence[str] = (),
    signature: str | None = None,
    layout: str = "source",
    values: Mapping[str, Any] | None = None,
) -> Imported:
    """Return the graph of any of TensorFlow's files, loaded with TensorFlow.

    Args:
        source: the folder of a SavedModel, a `.keras` or `.h5` file, a frozen `.pb`, or the
            `.meta` file of a checkpoint.
        input_shapes: shapes by the names of inputs; a batch that is left open is 1.
        outputs: tensors to compute instead of the outputs that are found.
        signature: which signature of a SavedModel; the only one, or `serving_default`.
        layout: `source` keeps the layout of inputs and outputs, `nchw` puts channels first.
        values: inputs that become constants, such as the lengths that loops depend on.

    Raises:
        NnefError: NX710 where TensorFlow cannot read it, NX7xx with every fault that was found.
    """
    path = Path(source)
    frozen = load(path, signature, tuple(outputs))
    if outputs:
        known = {ref(name)[0] for name in outputs}
        kept = {name: frozen.outputs.get(name, name) for name in outputs}
        nodes = {node.name for node in frozen.graph.node}
        if missing := sorted(n for n in known if n not in nodes and n not in frozen.outputs):
            raise NnefError("NX713", f"there is no tensor '{missing[0]}'", FileAt(str(path)))
        frozen = Frozen(frozen.graph, frozen.inputs, kept, frozen.notes)
    return read_frozen(frozen, str(path), Wanted(input_shapes or {}, values or {}, layout))


def read_model(
    model: Any, *, input_shapes: Shapes | None = None, layout: str = "source"
) -> Imported:
    """Return the graph of a Keras model in memory, in inference mode."""
    return read_frozen(of_model(model), "keras model", Wanted(input_shapes or {}, {}, layout))


def read_frozen(frozen: Frozen, path: str, wanted: Wanted) -> Imported:
    """Return the graph of a frozen GraphDef.

    Raises:
        NnefError: NX7xx, with every fault that was found.
    """
    for family in FAMILIES:
        import_module(f"nnefx.converters.tensorflow.graph.{family}")
    importer = GraphImporter(frozen.graph, path)
    frame = Frame(region_of(frozen.graph))
    _fill_inputs(importer, frame, frozen, wanted, path)
    results = _results(importer, frame, frozen, path)
    if importer.faults:
        raise NnefError.of(list(dict.fromkeys(importer.faults)))
    return _finished(importer, frame, frozen, results, wanted.layout)


def _results(importer: GraphImporter, frame: Frame, frozen: Frozen, path: str) -> dict[str, Tensor]:
    refs = [ref(name) for name in frozen.outputs.values()]
    try:
        found = importer.run(frame, refs)
    except Reject as reject:
        importer.fault(reject.code, reject.message, ModelAt(path, "graph"))
        return {}
    results = {}
    for name, item in zip(frozen.outputs, found):
        if isinstance(item, Tensor):
            results[name] = item
        elif item is not FAILED:
            importer.fault("NX704", "an output is no tensor", ModelAt(path, f"output '{name}'"))
    return results


def _fill_inputs(
    importer: GraphImporter, frame: Frame, frozen: Frozen, wanted: Wanted, path: str
) -> None:
    for name in (*wanted.shapes, *wanted.values):
        if name is not None and name not in frozen.inputs and name not in frozen.inputs.values():
            known = ", ".join(frozen.inputs) or "none"
            raise NnefError("NX708", f"there is no input '{name}', there is {known}", FileAt(path))
    if None in wanted.shapes and len(frozen.inputs) != 1:
        message = f"{len(frozen.inputs)} inputs: name the one whose shape is given"
        raise NnefError("NX708", message, FileAt(path))
    for name, node in frozen.inputs.items():
        frame.values[node] = [_input(importer, frame.region.nodes[node], name, wanted, path)]


def _input(importer: GraphImporter, node: Any, name: str, wanted: Wanted, path: str) -> Any:
    at = ModelAt(path, f"input '{name}'")
    dtype = dtype_of(node.attr["dtype"].type)
    if isinstance(dtype, str):
        importer.fault("NX704", f"it is of type {dtype}, which has no counterpart", at)
        return FAILED
    for key in (name, node.name):
        if key in wanted.values:
            return importer.known(np.asarray(wanted.values[key], dtype), name)
    declared = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
    shapes = wanted.shapes
    given = shapes.get(name, shapes.get(node.name, shapes.get(None)))
    shape = _fixed(declared, given)
    if isinstance(shape, str):
        importer.fault("NX707", shape, at)
        return FAILED
    importer.site.at = at
    return importer.external(readable(name), shape, dtype)


def _fixed(
    declared: Sequence[int | None] | None, given: Sequence[int] | None
) -> tuple[int, ...] | str:
    """Return a shape without open extents, or what is wrong."""
    if given is not None:
        shape = tuple(int(extent) for extent in given)
        if declared is not None and (
            len(shape) != len(declared)
            or any(d is not None and d != s for d, s in zip(declared, shape))
        ):
            return f"shape {list(shape)} does not fit {_shown(declared)}"
        return shape
    if declared is None:
        return "its shape is open; fix it with --input-shape"
    if any(extent is None for extent in declared[1:]):
        return f"its shape {_shown(declared)} is open; fix it with --input-shape"
    return tuple(1 if extent is None else extent for extent in declared)


def _shown(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('?' if extent is None else str(extent) for extent in shape)}]"


def _finished(
    importer: GraphImporter, frame: Frame, frozen: Frozen, results: Mapping[str, Tensor],
    layout: str,
) -> Imported:  # fmt: skip
    graph = importer.finish(results)
    named = {value: _foreign(n) for n, value in zip(frozen.outputs.values(), graph.outputs)}
    types: dict[str, str] = {}
    for node, values in frame.values.items():
        for index, item in enumerate(values if isinstance(values, list) else ()):
            if isinstance(item, Tensor) and item.value is not None:
                name = node if index == 0 else f"{node}:{index}"
                types[name] = item.dtype.name
                named.setdefault(item.value, name)
    done = tidy(graph, importer.weights, importer.entries, layout)
    names, axes = {}, {}
    alive = done.graph.values
    for value, name in named.items():
        place = done.places.get(value)
        if place is not None and place.value.name in alive:
            names[name] = place.value.name
            if place.axes is not None:
                axes[name] = place.axes
    return Imported(
        done.graph, done.weights, names, {n: types[n] for n in names if n in types},
        done.quantization, notes=frozen.notes, axes=axes,
    )  # fmt: skip


def _foreign(name: str) -> str:
    return name.removesuffix(":0")
