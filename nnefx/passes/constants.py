"""Which values of a graph are known at compile time, and their numbers when they are asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.executor import Executor
from nnefx.ir.graph import Graph, Node, Value
from nnefx.tensors.dat import StoredTensor
from nnefx.tensors.model import HasFiles, Model

Array = NDArray[Any]


class Constants:
    """The values that depend on variables and literals only; numbers are not kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._nodes: dict[Value, Node] = {}
        self._place = {id(node): index for index, node in enumerate(model.graph.nodes)}
        updated = _updated_labels(model.graph)
        for node in model.graph.nodes:
            if node.name == "variable" and node.attributes["label"].lower() in updated:
                continue
            if node.name in ("external", "update") or not all(v in self for v in node.operands()):
                continue
            self._nodes.update((value, node) for value in node.values())

    def __contains__(self, value: object) -> bool:
        return value in self._nodes

    def array(self, value: Value) -> Array:
        """Compute the numbers of a constant value."""
        node = self._nodes[value]
        if node.name == "constant":
            return _literal(node)
        needed: dict[int, Node] = {}
        pending = [value]
        while pending:
            node = self._nodes[pending.pop()]
            if id(node) not in needed:
                needed[id(node)] = node
                pending.extend(node.operands())
        graph = self.model.graph
        nodes = tuple(sorted(needed.values(), key=lambda node: self._place[id(node)]))
        part = replace(graph, inputs=(), outputs=(value,), nodes=nodes)
        result: Array = Executor(replace(self.model, graph=part))({})[value.name]
        return result

    def label(self, value: Value) -> str:
        """Return the label of a variable, or nothing for a computed value."""
        node = self._nodes[value]
        return str(node.attributes["label"]) if node.name == "variable" else ""

    def dtype(self, value: Value) -> np.dtype[Any]:
        """Return the item type of a stored variable, float32 for what is computed."""
        label = self.label(value)
        return self.model.weights[label].dtype if label else np.dtype(np.float32)

    def nodes(self) -> set[int]:
        """Return the ids of the nodes whose values are all known."""
        return {id(node) for node in self._nodes.values()}


def _literal(node: Node) -> Array:
    dtypes: dict[str, Any] = {"integer": np.int64, "logical": np.bool_}
    dtype = dtypes.get(node.output.dtype, np.float32)
    items: Array = np.array(node.attributes["value"], dtype)
    if items.size == 1:
        return np.full(node.output.shape, items.reshape(()))
    return items.reshape(node.output.shape)


def _updated_labels(graph: Graph) -> set[str]:
    labels: set[str] = set()
    for node in graph.nodes:
        if node.name == "update":
            target = next(node.operands())
            labels.add(graph.producer[target].attributes["label"].lower())
    return labels


@dataclass(frozen=True, slots=True, eq=False)
class Overlay(Mapping[str, Array]):
    """Weights with some more that are computed when they are read."""

    base: Mapping[str, Array]
    made: Mapping[str, Callable[[], Array]]

    def __getitem__(self, label: str) -> Array:
        maker = self.made.get(label)
        return maker() if maker else self.base[label]

    def stored(self, label: str) -> StoredTensor | None:
        """Return the file of a tensor that is not computed, where the base has files."""
        if label in self.made or not isinstance(self.base, HasFiles):
            return None
        return self.base.stored(label)

    def __iter__(self) -> Iterator[str]:
        yield from self.base
        yield from (label for label in self.made if label not in self.base)

    def __len__(self) -> int:
        return len(set(self.base) | set(self.made))
