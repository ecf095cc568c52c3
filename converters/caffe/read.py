"""Caffe net -> graph and weights."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nnefx.converters.caffe.importer import FAILED, Failed, Importer, is_source
from nnefx.converters.caffe.net import Layer, Net, Shape, active
from nnefx.converters.caffe.plugins import Plugin, load_plugin
from nnefx.converters.caffe.prototxt import read_net
from nnefx.converters.caffe.tables import JUDGES, SINKS, rules
from nnefx.converters.caffe.weights import Weights, open_weights
from nnefx.converters.imported import Imported
from nnefx.converters.rules import Rules
from nnefx.converters.scope import Tensor
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.source import FileAt, ModelAt

_FAMILIES = (
    "activate", "detect", "elementwise", "layout", "linear", "normalize", "recurrent", "reduce",
    "resize", "window",
)  # fmt: skip

Shapes = Mapping[str | None, Sequence[int]]


def read(
    source: str | os.PathLike[str],
    *,
    input_shapes: Shapes | None = None,
    weights: str | os.PathLike[str] | None = None,
    plugins: Sequence[str | os.PathLike[str]] = (),
    outputs: Sequence[str] = (),
) -> Imported:
    """Return the graph of a net.

    Args:
        source: the .prototxt.
        input_shapes: shapes of inputs by name, where the net leaves them open or another one is
            wanted; the key None stands for the only input.
        weights: the .caffemodel; "none" for random weights, "zeros" for zeros. The file of the
            same name beside the net when missing.
        plugins: Python files with rules for further layer types; see `plugins.load_plugin`.
        outputs: blobs to compute instead of those that no layer consumes.

    Raises:
        NnefError: NX7xx, with every fault that was found.
    """
    path = Path(source)
    if path.suffix.lower() == ".caffemodel":
        text = "it holds weights; name the net, a .prototxt, and this file with --weights"
        raise NnefError("NX732", text, FileAt(str(path)))
    loaded = [load_plugin(Path(item)) for item in plugins]
    net = read_net(path, {k: v for plugin in loaded for k, v in plugin.parameters.items()})
    stored = open_weights(path, None if weights is None else Path(weights))
    return read_net_with(net, stored, str(path), input_shapes or {}, loaded, outputs)


def load_rules() -> Rules:
    """Return the rules for all layer types that nnefx knows."""
    for family in _FAMILIES:
        import_module(f"nnefx.converters.caffe.{family}")
    return rules


def read_net_with(
    net: Net,
    weights: Weights,
    path: str,
    input_shapes: Shapes,
    plugins: Sequence[Plugin] = (),
    outputs: Sequence[str] = (),
) -> Imported:
    """Return the graph of a net that is read; see `read`."""
    tables = [*(plugin.rules for plugin in plugins), load_rules()]
    importer = Importer(net, tables, weights, path)
    layers = active(net.layers, net.state)
    if not layers:
        raise NnefError("NX710", "the net has no layers", FileAt(path))
    _feed(importer, _inputs(net, layers, path), dict(input_shapes), path)
    importer.run([layer for layer in layers if not is_source(layer)])
    results = _results(importer, outputs, path)
    if importer.faults:
        raise NnefError.of(list(dict.fromkeys(importer.faults)))
    return _imported(importer, importer.finish(results), results)


def _imported(importer: Importer, graph: Any, results: Mapping[str, Tensor]) -> Imported:
    live = set(graph.values.values())
    # Blobs are what Caffe knows; where layers work in place, the names of layers tell more.
    named = [item for item in importer.made.items() if item[0] not in importer.env]
    names = {
        blob: tensor.value.name
        for blob, tensor in (*named, *importer.env.items())
        if isinstance(tensor, Tensor) and tensor.value in live and tensor.value is not None
    }
    names.update(zip(results, (value.name for value in graph.outputs)))
    # Where several blobs are one value, its last name counts: inputs have theirs.
    for blob in importer.fed:
        names[blob] = names.pop(blob)
    types = dict.fromkeys(names, "float32")
    return Imported(graph, importer.weights, names, types, notes=tuple(importer.notes))


def _results(importer: Importer, outputs: Sequence[str], path: str) -> dict[str, Tensor]:
    results = importer.results()
    for name in outputs:
        tensor = importer.env.get(name)
        if tensor is None:
            raise NnefError("NX708", f"there is no blob '{name}' to compute", FileAt(path))
        if isinstance(tensor, Tensor):
            results[name] = tensor
    if outputs:
        results = {name: results[name] for name in outputs if name in results}
    if not results and not importer.faults:
        raise NnefError("NX710", "the net computes nothing", FileAt(path))
    return results


def _inputs(net: Net, layers: Sequence[Layer], path: str) -> dict[str, tuple[Shape | None, Any]]:
    """Return the inputs of a net: their shapes, where it tells them, and their places."""
    found: dict[str, tuple[Shape | None, Any]] = {}
    computing = [layer for layer in layers if layer.type not in JUDGES | SINKS]
    wanted = {name for layer in computing for name in layer.bottoms}
    for name, shape in net.inputs:
        found[name] = (shape, ModelAt(path, f"input '{name}'"))
    for layer in layers:
        if not is_source(layer):
            continue
        shapes = _source_shapes(layer)
        for index, top in enumerate(layer.tops):
            shape = shapes[index] if index < len(shapes) else None
            if len(shapes) == 1 and layer.type in ("Input", "DummyData"):
                shape = shapes[0]
            if top in found:
                raise NnefError("NX713", f"top '{top}' is made twice", layer.at(path))
            if layer.type == "Input" or top in wanted:
                found[top] = (shape, layer.at(path))
    return found


def _source_shapes(layer: Layer) -> list[Shape | None]:
    own = layer.parameters
    if layer.type == "Input":
        return [tuple(shape) for shape in own.get("input_param", {}).get("shape", ())]
    if layer.type == "MemoryData":
        values = own.get("memory_data_param", {})
        extents = [values.get(key, 0) for key in ("batch_size", "channels", "height", "width")]
        return [tuple(extents), (extents[0],)]
    if layer.type == "DummyData":
        values = own.get("dummy_data_param", {})
        if "shape" in values:
            return [tuple(shape) for shape in values["shape"]]
        legacy = [values.get(key, ()) for key in ("num", "channels", "height", "width")]
        return [tuple(extents) for extents in zip(*legacy)]
    return []


def _feed(
    importer: Importer,
    inputs: Mapping[str, tuple[Shape | None, Any]],
    shapes: dict[str | None, Sequence[int]],
    path: str,
) -> None:
    if None in shapes and len(inputs) == 1:
        shapes[next(iter(inputs))] = shapes.pop(None)
    for name in shapes:
        if name not in inputs:
            listed = ", ".join(f"'{item}'" for item in inputs) or "none"
            said = f"there is no input '{name}'" if name else "the net has several inputs"
            raise NnefError("NX708", f"{said}; inputs are {listed}", FileAt(path))
    for name, (declared, at) in inputs.items():
        shape = shapes.get(name, declared)
        fed: Tensor | Failed = FAILED
        if shape is None:
            text = f"the shape of '{name}' is open: give it with --input-shape {name}:1,3,224,224"
            importer.faults.append(Diagnostic("NX707", text, at))
        elif min(shape, default=1) < 1:
            text = f"shape {list(shape)} of '{name}': every extent must be 1 or more"
            importer.faults.append(Diagnostic("NX706", text, at))
        else:
            importer.site.at = at
            fed = importer.external(name, tuple(shape), np.float32)
        importer.feed(name, fed)
    for layer in active(importer.net.layers, importer.net.state):
        _note_transform(importer, layer)


def _note_transform(importer: Importer, layer: Layer) -> None:
    """Tell what a data layer does to pictures before the net sees them, as the net does not."""
    transform = layer.parameters.get("transform_param", {})
    steps = []
    if "mean_file" in transform:
        steps.append(f"the mean in '{transform['mean_file']}' is subtracted")
    if "mean_value" in transform:
        steps.append(f"the mean {transform['mean_value']} is subtracted")
    if transform.get("scale", 1.0) != 1.0:
        steps.append(f"values are multiplied by {transform['scale']}")
    if "crop_size" in transform:
        steps.append(f"pictures are cropped to {transform['crop_size']}")
    if steps:
        at = layer.at(importer.path)
        text = f"before the net, {', '.join(steps)}: the converted model expects that as well"
        importer.notes.append(Diagnostic("NX734", text, at, Severity.INFO))
