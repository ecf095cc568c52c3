"""ONNX file -> graph and weights."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from nnefx import collector
from nnefx.converters.imported import Imported
from nnefx.converters.onnx.cut import cut
from nnefx.converters.onnx.importer import Env, Failed, Importer, fixed, opsets_of
from nnefx.converters.onnx.proto import Store, dtype_of, load
from nnefx.converters.onnx.tables import contrib, ml, rules
from nnefx.converters.scope import Tensor
from nnefx.converters.stored import as_integers
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.ir.graph import Graph
from nnefx.ops import Reject
from nnefx.source import FileAt, ModelAt

_FAMILIES = (
    "activate", "contrib", "contrib_quantized", "control", "elementwise", "index", "layout",
    "linear", "normalize", "padding", "pool", "quantize", "recurrent", "reduce", "resize",
    "roi", "signal", "source", "window",
)  # fmt: skip

Shapes = Mapping[str | None, Sequence[int]]  # None: the only input


def read(
    source: str | os.PathLike[str],
    *,
    input_shapes: Shapes | None = None,
    dims: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Imported:
    """Return the graph of an ONNX file.

    Args:
        source: the file; external data must lie in its folder.
        input_shapes: shapes of inputs by name, where the model leaves dimensions open.
        dims: extents of symbolic dimensions by name.
        values: inputs that become constants, such as a shape that a static graph has to know.
        inputs: tensors that are fed instead of computed.
        outputs: tensors to compute instead of the model's outputs.

    Raises:
        NnefError: NX7xx, with every fault that was found.
    """
    path = Path(source)
    with collector.paused():
        return read_model(
            load(path), path, input_shapes=input_shapes, dims=dims, values=values, inputs=inputs,
            outputs=outputs,
        )  # fmt: skip


def read_model(
    model: onnx.ModelProto,
    path: Path,
    *,
    input_shapes: Shapes | None = None,
    dims: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Imported:
    """Return the graph of a model in memory; `path` names it, and external data lies beside it."""
    for family in _FAMILIES:
        import_module(f"nnefx.converters.onnx.{family}")
    name = str(path)
    _check(model, name)
    if inputs or outputs:
        model = cut(model, inputs, outputs, name)
    tables = {"": rules, "com.microsoft": contrib, "ai.onnx.ml": ml}
    importer = Importer(model, tables, Store(path.parent, name))
    env = _inputs(importer, model.graph, name, input_shapes or {}, dims or {}, values or {})
    importer.run(model.graph.node, env, importer.frame)
    if importer.faults:
        raise NnefError.of(list(dict.fromkeys(importer.faults)))
    results = {item.name: _result(env, item.name, name) for item in model.graph.output}
    try:
        graph = importer.finish(results)
    except Reject as fault:
        raise NnefError(fault.code, fault.message, FileAt(name)) from None
    names = _names(importer, graph, env)
    names.update(zip(results, (value.name for value in graph.outputs)))
    types = {foreign: env_type(env, foreign) for foreign in names}
    weights, entries = as_integers(
        graph, importer.weights, importer.stored_integers, importer.label_names
    )
    told = {value.name: entry for value, entry in importer.folded.entries.items()}
    told = {name: told[name] for name in graph.values if name in told}
    return Imported(
        graph, weights, names, types, {**told, **entries}, notes=_notes(types, model, name)
    )


def _names(importer: Importer, graph: Graph, env: Env) -> dict[str, str]:
    """Return the values of the graph by the names of the foreign tensors that they are.

    Of what is rounded, that is the tensor behind the rounding, or an input of the graph.
    """
    live, folded = set(graph.values.values()), importer.folded
    rounded = set(folded.replaced.values()) - set(graph.inputs)
    names = {}
    for foreign, tensor in env.items():
        if not isinstance(tensor, Tensor) or tensor.value is None or tensor.value in rounded:
            continue
        value = folded.replaced.get(tensor.value, tensor.value)
        if value in live:
            names[foreign] = value.name
    return names


def _notes(types: Mapping[str, str], model: onnx.ModelProto, name: str) -> list[Diagnostic]:
    """Return what the user should know: NNEF files hold no bfloat16."""
    kind = onnx.TensorProto.BFLOAT16
    stored = {item.name for item in model.graph.initializer if item.data_type == kind}
    count = len(stored | {tensor for tensor, dtype in types.items() if dtype == "bfloat16"})
    if not count:
        return []
    text = f"{count} tensors of type bfloat16 are stored and computed as float32"
    return [Diagnostic("NX734", text, FileAt(name), Severity.INFO)]


def env_type(env: Env, name: str) -> str:
    """Return the item type that the model gives a tensor, by its numpy name."""
    tensor = env[name]
    assert isinstance(tensor, Tensor)
    return tensor.dtype.name


def _check(model: onnx.ModelProto, name: str) -> None:
    at = FileAt(name)
    if not model.HasField("graph") or not model.graph.output:
        text = "the graph has no outputs" if model.HasField("graph") else "it holds no graph"
        raise NnefError("NX710", f"not an ONNX model that can be imported: {text}", at)
    newest = onnx.defs.onnx_opset_version()
    version = opsets_of(model).get("", 1)
    if not 1 <= version <= newest:
        raise NnefError("NX716", f"operator set {version} is unknown, the newest is {newest}", at)


def _inputs(
    importer: Importer,
    graph: onnx.GraphProto,
    path: str,
    shapes: Shapes,
    dims: Mapping[str, int],
    values: Mapping[str, Any],
) -> Env:
    env: Env = {}
    for stored in graph.initializer:
        if stored.name in env:
            text = f"tensor '{stored.name}' is defined twice"
            raise NnefError("NX713", text, ModelAt(path, f"initializer '{stored.name}'"))
        env[stored.name] = _initializer(importer, stored, path)
    if graph.sparse_initializer:
        raise NnefError("NX704", "sparse initializers are not supported", FileAt(path))
    given = [item for item in graph.input if item.name not in env]
    if None in shapes and len(given) == 1:
        shapes = {given[0].name if name is None else name: s for name, s in shapes.items()}
    _check_names(given, path, shapes, dims, values)
    _check_shapes(given, path, shapes, dims, values)
    for item in given:
        importer.site.at = ModelAt(path, f"input '{item.name}'")
        try:
            env[item.name] = _external(importer, item, path, shapes, dims, values)
        except Reject as fault:
            raise NnefError(fault.code, fault.message, importer.site.at) from None
    return env


def _initializer(importer: Importer, stored: onnx.TensorProto, path: str) -> Tensor:
    try:
        return importer.stored(stored)
    except Reject as fault:
        at = ModelAt(path, f"initializer '{stored.name}'")
        raise NnefError(fault.code, fault.message, at) from None


def _external(
    importer: Importer,
    item: onnx.ValueInfoProto,
    path: str,
    shapes: Shapes,
    dims: Mapping[str, int],
    values: Mapping[str, Any],
) -> Tensor:
    kind = item.type.WhichOneof("value")
    if kind != "tensor_type":
        said = (kind or "unknown type").removesuffix("_type")
        raise Reject(None, f"a {said} is not a tensor", "NX704")
    dtype = dtype_of(item.type.tensor_type.elem_type)
    if item.name in values:
        return importer.known(fixed(values[item.name], item.name, dtype, path), item.name)
    shape = tuple(_shape(item, shapes, dims))
    if 0 in shape:  # nothing to give when the model runs
        return importer.known(np.zeros(shape, dtype), item.name)
    return importer.external(item.name, shape, dtype)


def _check_names(
    given: Sequence[onnx.ValueInfoProto],
    path: str,
    shapes: Shapes,
    dims: Mapping[str, int],
    values: Mapping[str, Any],
) -> None:
    names = [item.name for item in given]
    symbols = {axis.dim_param for item in given for axis in item.type.tensor_type.shape.dim} - {""}
    for dim in dims:
        if dim not in symbols:
            known = ", ".join(f"'{symbol}'" for symbol in sorted(symbols)) or "none"
            text = f"no dimension of an input is called '{dim}'; there is {known}"
            raise NnefError("NX708", text, FileAt(path))
    for name in (*shapes, *values):
        if name not in names:
            listed = ", ".join(f"'{item}'" for item in names)
            text = f"there is no input '{name}'" if name else "a shape without a name is ambiguous"
            raise NnefError("NX708", f"{text}; there is {listed}", FileAt(path))
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        at = ModelAt(path, f"input '{double}'")
        raise NnefError("NX713", f"tensor '{double}' is defined twice", at)


def _check_shapes(
    given: Sequence[onnx.ValueInfoProto],
    path: str,
    shapes: Shapes,
    dims: Mapping[str, int],
    values: Mapping[str, Any],
) -> None:
    faults: list[Diagnostic] = []
    for item in given:
        if item.name in values or item.type.WhichOneof("value") != "tensor_type":
            continue
        at = ModelAt(path, f"input '{item.name}'")
        if item.name in shapes:
            faults += _conflicts(item, shapes[item.name], at)
        elif not item.type.tensor_type.HasField("shape"):
            text = "its shape is open: give it with --input-shape"
            faults.append(Diagnostic("NX707", text, at))
        elif any(extent is None for extent in _shape(item, shapes, dims)):
            listed = ", ".join(_describe(dim) for dim in item.type.tensor_type.shape.dim)
            text = f"dimensions are open in shape [{listed}]: fix them with --input-shape"
            if any(dim.dim_param for dim in item.type.tensor_type.shape.dim):
                text += " or, by name, with --dim"
            faults.append(Diagnostic("NX707", text, at))
    if faults:
        raise NnefError.of(faults)


def _conflicts(
    item: onnx.ValueInfoProto, shape: Sequence[int], at: ModelAt
) -> Iterator[Diagnostic]:
    if not item.type.tensor_type.HasField("shape"):
        return
    declared = item.type.tensor_type.shape.dim
    fits = len(declared) == len(shape) and all(
        not dim.HasField("dim_value") or dim.dim_value in (-1, extent)
        for dim, extent in zip(declared, shape)
    )
    if not fits:
        listed = ", ".join(map(_describe, declared))
        text = f"shape {list(shape)} does not fit the declared shape [{listed}]"
        yield Diagnostic("NX708", text, at)


def _shape(item: onnx.ValueInfoProto, shapes: Shapes, dims: Mapping[str, int]) -> list[Any]:
    if item.name in shapes:
        return list(shapes[item.name])
    return [_extent(dim, dims) for dim in item.type.tensor_type.shape.dim]


def _extent(dim: onnx.TensorShapeProto.Dimension, dims: Mapping[str, int]) -> int | None:
    """Return an extent; -1, and 0 in a file that has no better word, leave it open."""
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return dim.dim_value
    return dims.get(dim.dim_param)


def _describe(dim: onnx.TensorShapeProto.Dimension) -> str:
    return (
        str(dim.dim_value)
        if dim.HasField("dim_value") and dim.dim_value >= 0
        else dim.dim_param or "?"
    )


def _result(env: Env, name: str, path: str) -> Tensor:
    tensor = env.get(name)
    if tensor is None or isinstance(tensor, Failed):
        text = "it is not computed by any node"
        raise NnefError("NX713", text, ModelAt(path, f"output '{name}'"))
    return tensor
