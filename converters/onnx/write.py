"""NNEF model -> ONNX file."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper

from nnefx._version import __version__
from nnefx.converters.onnx.emit import EMITTERS, TYPES, Array, Writer, literal, tensors_of
from nnefx.converters.onnx.emit_grids import opset_of, rounded
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ops import Reject
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.source import FileAt
from nnefx.tensors.files import written_beside
from nnefx.tensors.model import Model, require_free
from nnefx.tensors.pages import release
from nnefx.tensors.quant import Quantization

OPSET, IR_VERSION = 19, 9  # onnxruntime 1.15 reads them
LATER_IR_VERSION = 10  # of operator set 21, which has grids of 16 bits
LARGEST = (1 << 31) - (1 << 26)  # bytes of a protobuf message, less room for the graph
ALIGNMENT = 4096  # of external data, so that engines can map it

_FAMILIES = ("custom", "elementwise", "layout", "sampling", "windows")
_INTRODUCING = ("external", "constant", "variable", "update")


def write(
    model: Model, path: str | os.PathLike[str], *, format: str = "onnx", force: bool = False
) -> None:
    """Write a model as an ONNX file, whole or not at all.

    Inputs and outputs keep their names, weights have the names of their labels. A variable that
    the model updates becomes an input, whose stored items are the value that it begins with, and
    the result of the update is a further output: ONNX has no state. What is more than a protobuf
    message can hold goes into a file `path` with `.data` appended.

    Raises:
        NnefError: NX010 where `path` exists, NX602 for operations without counterpart, NX603 for
            what else ONNX cannot hold.
    """
    where = os.fspath(path)
    require_free(where, force)
    proto, stored = _lowered(model)
    if sum(array.nbytes for array in stored.values()) <= LARGEST:
        proto.graph.initializer.extend(tensors_of(stored))
        with written_beside(where) as file:
            file.write(proto.SerializeToString())
        return
    data = f"{where}.data"
    require_free(data, force)
    with written_beside(data) as beside, written_beside(where) as file:
        for name, array in stored.items():
            proto.graph.initializer.append(_appended(beside, name, array, os.path.basename(data)))
        file.write(proto.SerializeToString())


def _appended(file: BinaryIO, name: str, array: Array, location: str) -> TensorProto:
    """Append the items of a tensor to a file of external data; return what refers to them."""
    file.write(bytes(-file.tell() % ALIGNMENT))
    offset = file.tell()
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    told = {"location": location, "offset": str(offset), "length": str(array.nbytes)}
    for key, value in told.items():
        tensor.external_data.add(key=key, value=value)
    file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).data)
    release(array)
    return tensor


def model_proto(model: Model) -> onnx.ModelProto:
    """Return a model as ONNX has it, in one message; see `write`."""
    proto, stored = _lowered(model)
    proto.graph.initializer.extend(tensors_of(stored))
    return proto


def _lowered(model: Model) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return a model as ONNX has it, without the tensors that it stores, and these."""
    graph = _prepared(model)
    writer = Writer(Model(graph, model.weights, model.quantization))
    states = {
        node.output: _value(node, "variable") for node in graph.nodes if node.name == "update"
    }
    for value in graph.inputs:
        writer.names[value] = value.name
    for node in graph.nodes:
        if node.name == "external":
            _quantized(writer, node)
        elif node.name == "update":
            writer.names[node.output] = writer.of(node.inputs["value"])
        else:
            _write_node(writer, node, model)
            _quantized(writer, node)
    return _assembled(writer, graph, states)


def _prepared(model: Model) -> Graph:
    """Return the graph in operations that have a rule."""
    for family in _FAMILIES:
        import_module(f"nnefx.converters.onnx.emit_{family}")
    from nnefx.converters.onnx.emit_layout import is_plain_lrn

    def kept(node: Node) -> bool:
        plain = node.name != "local_response_normalization" or is_plain_lrn(node)
        return plain and node.name in EMITTERS

    graph = drop_dead(expand(model.graph, keep=kept))
    faults = [
        Diagnostic("NX602", f"operation '{node.name}' has no counterpart in ONNX", node.at)
        for node in graph.nodes
        if node.name not in EMITTERS and node.name not in _INTRODUCING
    ]
    if faults:
        raise NnefError.of(list(dict.fromkeys(faults)))
    return graph


def _write_node(writer: Writer, node: Node, model: Model) -> None:
    try:
        writer.run(node)
    except Reject as reject:
        at = node.at or FileAt(model.path or "model")
        text = f"operation '{node.name}': {reject.message}"
        raise NnefError(reject.code, text, at) from None


def _quantized(writer: Writer, node: Node) -> None:
    """Round what graph.quant speaks of, as an engine of quantized models does."""
    from nnefx.converters.onnx import emit_elementwise as quantize

    for value in node.values():
        entry = writer.model.quantization.get(value.name)
        if entry is None or value.dtype != "scalar" or node.name == "variable":
            continue
        x, a, start = writer.of(value), dict(entry.attributes), len(writer.nodes)
        pair = rounded(writer, x, value, entry)
        match entry.algorithm if pair is None else "pair":
            case "pair":
                assert pair is not None
                name = pair
            case "zero_point_linear_quantize":
                zero, scale = (_range(writer, a.pop(n), value) for n in ("zero_point", "scale"))
                name = quantize.zero_point(writer, x, zero, scale, **a)
            case "min_max_linear_quantize" | "linear_quantize":
                low, high = (_range(writer, a.pop(n), value) for n in ("min", "max"))
                name = quantize.min_max(writer, x, low, high, **a)
            case "logarithmic_quantize":
                name = quantize.logarithmic(writer, x, _range(writer, a.pop("max"), value), **a)
            case _:
                raise _unknown(entry)
        known = node.name in ("external", "constant")
        writer.names[value] = name if known else writer.named(value.name, name, start)


def _range(writer: Writer, given: Any, value: Value) -> str:
    items = literal(given)
    return writer.const(items.reshape(items.shape + (1,) * (value.rank - items.ndim)))


def _unknown(entry: Quantization) -> NnefError:
    return NnefError("NX502", f"graph.quant: unknown algorithm '{entry.algorithm}'", entry.at)


def _value(node: Node, parameter: str) -> Value:
    value = node.inputs[parameter]
    assert isinstance(value, Value)
    return value


def _assembled(
    writer: Writer, graph: Graph, states: dict[Value, Value]
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the whole without what it stores, and that; `states` are variables by new value."""
    results = {value.name: value for value in (*graph.outputs, *states)}
    begins = {variable: writer.of(variable) for variable in states.values()}
    outputs = [_info(name, value) for name, value in results.items()]
    for name, value in results.items():
        tensor = writer.of(value)
        if tensor != name:
            writer.nodes.append(helper.make_node("Identity", [tensor], [name], name=name))
    inputs = [_info(value.name, value) for value in graph.inputs]
    inputs += [_info(name, variable) for variable, name in begins.items()]
    body = helper.make_graph(list(_used(writer, results)), graph.name, inputs, outputs)
    opset = opset_of(writer) or OPSET
    proto = helper.make_model(
        body, producer_name="nnefx", producer_version=__version__,
        ir_version=IR_VERSION if opset == OPSET else LATER_IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )  # fmt: skip
    return proto, _read(writer, begins)


def _used(writer: Writer, results: dict[str, Value]) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that results need, in order."""
    needed, kept = set(results), []
    for node in reversed(writer.nodes):
        if not needed.isdisjoint(node.output):
            kept.append(node)
            needed.update(node.input)
    writer.nodes = kept[::-1]
    yield from writer.nodes


def _read(writer: Writer, begins: dict[Value, str]) -> dict[str, Array]:
    """Return the stored tensors that nodes read."""
    read = {name for node in writer.nodes for name in node.input} | set(begins.values())
    return {name: array for name, array in writer.stored.items() if name in read}


def _info(name: str, value: Value) -> onnx.ValueInfoProto:
    kind = TYPES.get(value.dtype, TensorProto.FLOAT)
    return helper.make_tensor_value_info(name, kind, value.shape)
