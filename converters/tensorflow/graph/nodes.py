"""GraphDef nodes as plain Python: their inputs by name and index, their attributes by value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Ref = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Region:
    """The nodes of a graph or of a function's body, by name.

    `arguments` are the placeholders that a caller fills, `results` the tensors that it gets.
    """

    name: str
    nodes: Mapping[str, Any]
    arguments: tuple[str, ...] = ()
    results: tuple[Ref, ...] = ()


def region_of(graph: Any, name: str = "") -> Region:
    """Return the nodes of a GraphDef by name."""
    return Region(name, {node.name: node for node in graph.node})


def body_of(function: Any) -> Region:
    """Return the body of a function of the graph's library."""
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def

    graph, flat = function_def_to_graph_def(function)
    signature = function.signature
    results = tuple(ref(flat[function.ret[item.name]]) for item in signature.output_arg)
    arguments = tuple(item.name for item in signature.input_arg)
    return Region(signature.name, region_of(graph).nodes, arguments, results)


def ref(name: str) -> Ref:
    """Return the node and output that a tensor name says: `a:1` is ("a", 1), `a` is ("a", 0)."""
    node, _, index = name.partition(":")
    return node, int(index or 0)


def inputs_of(node: Any) -> list[Ref]:
    """Return the tensors that a node needs; control inputs are left out."""
    return [ref(name) for name in node.input if not name.startswith("^")]


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the attributes of a node; those that name types are numpy types or strings."""
    return {
        name: _value(attribute) for name, attribute in node.attr.items() if not name.startswith("_")
    }


def types_of(node: Any) -> set[str]:
    """Return the attributes that only say which types a node works on."""
    return {
        name
        for name, attribute in node.attr.items()
        if attribute.WhichOneof("value") == "type" or attribute.list.type
    }


def _value(attribute: Any) -> Any:
    match attribute.WhichOneof("value"):
        case "s":
            return attribute.s.decode("utf-8", errors="replace")
        case "type":
            return dtype_of(attribute.type)
        case "shape":
            return shape_of(attribute.shape)
        case "tensor":
            return attribute.tensor
        case "func":
            return attribute.func.name
        case "list":
            return _items(attribute.list)
        case "i":
            return int(attribute.i)
        case "f":
            return float(str(np.float32(attribute.f)))
        case "b":
            return bool(attribute.b)
    return None


def _items(items: Any) -> list[Any]:
    if items.s:
        return [item.decode("utf-8", errors="replace") for item in items.s]
    if items.type:
        return [dtype_of(item) for item in items.type]
    if items.shape:
        return [shape_of(item) for item in items.shape]
    if items.func:
        return [item.name for item in items.func]
    return [*map(int, items.i), *map(float, items.f), *map(bool, items.b)]


def shape_of(shape: Any) -> list[int | None] | None:
    """Return the extents, None for those that are open, or None where even the rank is."""
    if shape.unknown_rank:
        return None
    return [None if item.size < 0 else int(item.size) for item in shape.dim]


def dtype_of(number: int) -> Any:
    """Return a numpy type, or TensorFlow's name of a type that numpy lacks."""
    from nnefx.converters.tensorflow.graph.quiet import tf

    dtype = tf.dtypes.as_dtype(number)
    if dtype in (tf.string, tf.resource, tf.variant) or dtype.is_quantized:
        return dtype.name
    return np.dtype(dtype.as_numpy_dtype)
