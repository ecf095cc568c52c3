"""Custom operations that ONNX has by itself."""

from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Writer, emits, ints
from nnefx.converters.onnx.emit_layout import value_of
from nnefx.ir.graph import Node

_INDEXED = {
    "nnefx_gather_elements": "GatherElements", "nnefx_gather_nd": "GatherND",
    "nnefx_scatter_elements": "ScatterElements", "nnefx_scatter_nd": "ScatterND",
}  # fmt: skip


@emits(*_INDEXED)
def indexed(w: Writer, node: Node) -> Any:
    return w.add(_INDEXED[node.name], *map(w.of, node.inputs.values()), **node.attributes)


@emits("nnefx_topk")
def topk(w: Writer, node: Node) -> Any:
    a = node.attributes
    return w.add(
        "TopK", w.of(node.inputs["input"]), w.const([a["k"]]), count=2, axis=a["axis"],
        largest=int(a["largest"]), sorted=1,
    )  # fmt: skip


@emits("nnefx_cumsum")
def cumsum(w: Writer, node: Node) -> Any:
    a = node.attributes
    flags = {name: int(a[name]) for name in ("exclusive", "reverse")}
    return w.add("CumSum", w.of(node.inputs["input"]), w.const(a["axis"]), **flags)


@emits("nnefx_einsum")
def einsum(w: Writer, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    return w.add("Einsum", *map(w.of, items), equation=node.attributes["equation"])


@emits("nnefx_det")
def det(w: Writer, node: Node) -> Any:
    return w.add("Det", w.of(node.inputs["input"]))


@emits("nnefx_reverse_sequence")
def reverse_sequence(w: Writer, node: Node) -> Any:
    x, lengths = map(w.of, node.inputs.values())
    a = node.attributes
    return w.add(
        "ReverseSequence", x, lengths, batch_axis=a["batch_axis"], time_axis=a["time_axis"]
    )


@emits("nnefx_gelu")
def gelu(w: Writer, node: Node) -> Any:
    x = w.of(next(iter(node.inputs.values())))
    share = w.add("Erf", w.add("Mul", x, w.const(np.float32(1 / np.sqrt(2)))))
    half = w.add("Mul", x, w.const(np.float32(0.5)))
    return w.add("Mul", half, w.add("Add", share, w.const(np.float32(1))))


@emits("nnefx_log_softmax")
def log_softmax(w: Writer, node: Node) -> Any:
    item, axes = value_of(next(iter(node.inputs.values()))), node.attributes["axes"]
    x = w.of(item)
    if len(axes) == 1:
        return w.add("LogSoftmax", x, axis=axes[0])
    return w.add("Sub", x, w.add("ReduceLogSumExp", x, w.const(ints(axes)), keepdims=1))
