"""Part of an ONNX model: from tensors that become inputs to tensors that become outputs."""

from collections.abc import Sequence
from typing import Any

import onnx

from nnefx.converters.onnx.order import uses
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt


def cut(
    model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str], path: str
) -> onnx.ModelProto:
    """Return the model with only the nodes between `inputs` and `outputs`.

    Args:
        model: the model, which is not changed.
        inputs: tensors that are fed instead of computed; what else is needed of the model's own
            inputs stays one.
        outputs: tensors to compute; those of the model where there are none.
        path: its name, for messages.

    Raises:
        NnefError: NX708 for names that no tensor has, and types of inputs that are not told.
    """
    graph = model.graph
    wanted = list(outputs) or [item.name for item in graph.output]
    made = {name for node in graph.node for name in node.output if name}
    stored = {item.name for item in graph.initializer}
    given = {item.name for item in graph.input}
    for name in (*inputs, *wanted):
        if name not in made | stored | given:
            raise NnefError("NX708", f"there is no tensor '{name}'", FileAt(path))
    nodes, needed = _between(graph, set(inputs), set(wanted))
    part = onnx.ModelProto()
    part.CopyFrom(model)
    infos = _infos(model, [name for name in inputs if name not in given], path)
    del part.graph.node[:], part.graph.input[:], part.graph.output[:], part.graph.initializer[:]
    part.graph.node.extend(nodes)
    kept = {item.name: item for item in graph.input if item.name in needed | set(inputs)}
    part.graph.input.extend((kept | infos).values())
    part.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    part.graph.initializer.extend(
        item for item in graph.initializer if item.name in needed and item.name not in inputs
    )
    return part


def _between(
    graph: onnx.GraphProto, inputs: set[str], wanted: set[str]
) -> tuple[list[onnx.NodeProto], set[str]]:
    """Return the nodes that are needed, in order, and the names of all tensors that they need."""
    producer = {name: n for n, node in enumerate(graph.node) for name in node.output if name}
    needed: set[str] = set()
    kept: set[int] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name in needed:
            continue
        needed.add(name)
        index = producer.get(name)
        if index is not None and name not in inputs and index not in kept:
            kept.add(index)
            pending += uses(graph.node[index])
    return [_unfed(graph.node[index], inputs) for index in sorted(kept)], needed


def _unfed(node: onnx.NodeProto, inputs: set[str]) -> onnx.NodeProto:
    """Return the node without those of its outputs that are fed."""
    if inputs.isdisjoint(node.output):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for place, name in enumerate(copy.output):
        if name in inputs:
            copy.output[place] = ""
    return copy


def _infos(model: onnx.ModelProto, names: Sequence[str], path: str) -> dict[str, Any]:
    """Return what the model tells of inner tensors, or what follows from it."""
    found = {item.name: item for item in model.graph.value_info}
    found |= {item.name: item for item in model.graph.output}
    if any(name not in found for name in names):
        inferred = onnx.shape_inference.infer_shapes(model)
        found |= {item.name: item for item in inferred.graph.value_info}
    for name in names:
        if name not in found or found[name].type.WhichOneof("value") is None:
            text = f"the type of tensor '{name}' is not told, so it cannot be an input"
            raise NnefError("NX708", text, FileAt(path))
    return {name: found[name] for name in names}
