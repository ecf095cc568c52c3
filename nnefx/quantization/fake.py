"""Quantization as operations in the graph, instead of entries in graph.quant (NNEF 1.0.5, 7.1).

Weights stay real. A number per channel is a variable of shape [C,1,1,1], as operations broadcast.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Input, Node, Value
from nnefx.ops import standard_ops
from nnefx.passes.constants import Overlay
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]

_SUMS = 32  # bits of a bias: finer than what 32-bit floats show


def with_operations(model: Model) -> Model:
    """Return the model with an operation after each value that its graph.quant speaks of.

    Args:
        model: its weights are reals.
    """
    walk = _Walk(model)
    for node in model.graph.nodes:
        walk.add(node)
    return replace(
        model,
        graph=walk.graph(),
        weights=Overlay(model.weights, walk.made),
        quantization={},
    )


@dataclass(slots=True)
class _Walk:
    model: Model
    nodes: list[Node] = field(default_factory=list)
    map: dict[Value, Value] = field(default_factory=dict)
    made: dict[str, Callable[[], Array]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = set(self.model.graph.values)

    def add(self, node: Node) -> None:
        """Take a node over, and an operation for each of its values that is quantized."""
        entries = self.model.quantization
        outputs = tuple(self._made(item, node) for item in node.outputs)
        inputs: dict[str, Input] = {key: self._mapped(item) for key, item in node.inputs.items()}
        current = Node(node.op, inputs, node.attributes, outputs, node.dtype, node.at, node.body)
        self.nodes.append(current)
        for old, new in zip(node.values(), current.values()):
            entry = entries.get(old.name)
            if entry is None or entry.attributes["bits"] >= _SUMS:
                self.map[old] = new
            else:
                self.map[old] = self._quantized(old, new, entry, node)

    def graph(self) -> Graph:
        """Return the graph of the nodes so far; inputs keep their names, and so do outputs."""
        old = self.model.graph
        first = {node.output.name: node.output for node in self.nodes if node.name == "external"}
        inputs = tuple(first.get(value.name, value) for value in old.inputs)
        outputs = tuple(self.map[value] for value in old.outputs)
        return replace(old, inputs=inputs, outputs=outputs, nodes=tuple(self.nodes), results=())

    def _mapped(self, item: Any) -> Any:
        if type(item) is Value:
            return self.map.get(item, item)
        return tuple(map(self._mapped, item)) if type(item) is tuple else item

    def _made(self, item: Any, node: Node) -> Any:
        """Return a value for a result as it is computed: renamed where another gets its name."""
        if type(item) is tuple:
            return tuple(self._made(part, node) for part in item)
        final = item in self.model.graph.outputs and node.name != "external"
        if final and item.name in self.model.quantization:
            return Value(self._fresh(f"{item.name}_real"), item.dtype, item.shape)
        return item

    def _quantized(self, old: Value, new: Value, entry: Quantization, node: Node) -> Value:
        op = standard_ops()[entry.algorithm]
        name = old.name if new is not old else self._fresh(f"{old.name}_quantized")
        result = Value(name, old.dtype, old.shape)
        inputs: dict[str, Input] = {op.signature.params[0].name: new}
        attributes: dict[str, Any] = {}
        for param in op.signature.params[1:]:
            given = entry.attributes[param.name]
            if param not in op.tensors:
                attributes[param.name] = given
            else:
                kind = "integer" if param.name == "zero_point" else "scalar"
                inputs[param.name] = self._parameter(given, old, param.name, kind, node)
        self.nodes.append(Node(op, inputs, attributes, (result,), at=node.at))
        return result

    def _parameter(self, given: Any, value: Value, name: str, dtype: str, node: Node) -> Input:
        """Return a number as it is, several as a new variable."""
        if not isinstance(given, list):
            return float(given) if dtype == "scalar" else int(given)
        array = np.asarray(given, np.int64 if dtype == "integer" else np.float32)
        array = array.reshape(array.shape + (1,) * (value.rank - array.ndim))
        label = self._fresh(f"{value.name}_{name}")
        self.made[label] = partial(np.asarray, array)
        result = Value(label, dtype, array.shape)
        attributes = {"shape": list(array.shape), "label": label}
        op = standard_ops()["variable"]
        self.nodes.append(Node(op, {}, attributes, (result,), dtype, node.at))
        return result

    def _fresh(self, name: str) -> str:
        while name in self.names or name in self.model.weights:
            name += "_"
        self.names.add(name)
        return name
