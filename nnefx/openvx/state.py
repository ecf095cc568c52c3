"""Variables that `update` changes: inputs and outputs of the OpenVX graph, copied between runs.

An OpenVX graph has no order between what reads a tensor and what writes it later, so the old and
the new content are two tensors. The application copies the output to the input before the next
run, or hands both tensors over and swaps them (docs/openvx.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.tensors.model import Model

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class State:
    """A variable that became an input: the names of both tensors, and what it starts with."""

    input: str
    output: str
    initial: Array

    @property
    def note(self) -> str:
        """What the application has to do, for people."""
        return (
            f"state '{self.input}' is an input: write the content of the variable before the "
            f"first run, output '{self.output}' before every other"
        )


def expose(model: Model) -> tuple[Model, tuple[State, ...]]:
    """Return the model with updated variables as inputs, and their updates as outputs."""
    labels = {
        _label(model, node): node.inputs["variable"]
        for node in model.graph.nodes
        if node.name == "update"
    }
    if not labels:
        return model, ()
    walk = _Walk(frozenset(label.lower() for label in labels))
    graph = rewrite(model.graph, {"variable": walk.variable, "update": walk.update})
    states, inputs, outputs = [], [*graph.inputs], [*graph.outputs]
    for label, (value, result) in walk.pairs().items():
        inputs.append(value)
        outputs.append(result)
        states.append(State(value.name, result.name, _initial(model, label, value)))
    graph = replace(graph, inputs=tuple(inputs), outputs=tuple(outputs))
    return replace(model, graph=graph), tuple(states)


def _initial(model: Model, label: str, value: Value) -> Array:
    array = model.weights.get(label)  # a network that is only checked has no weights
    return np.zeros(value.shape, np.float32) if array is None else np.asarray(array)


def _label(model: Model, node: Node) -> str:
    variable = node.inputs["variable"]
    assert isinstance(variable, Value)
    return str(model.graph.producer[variable].attributes["label"])


class _Walk:
    """The rules of the rewriting, and what they found."""

    def __init__(self, labels: frozenset[str]) -> None:
        self.labels = labels
        self.inputs: dict[str, Value] = {}
        self.names: dict[Value, str] = {}
        self.titles: dict[str, str] = {}
        self.outputs: dict[str, Value] = {}

    def variable(self, node: Node, g: Rewriter) -> Any:
        """Let an updated variable be an input."""
        label = node.attributes["label"]
        if label.lower() not in self.labels:
            return None
        value = g.add("external", shape=list(node.output.shape), dtype=node.output.dtype)
        assert isinstance(value, Value)
        self.inputs[label] = value
        self.titles[label] = node.output.name
        self.names[value] = label
        return value

    def update(self, node: Node, g: Rewriter) -> Any:
        """Let the new content be an output; the last update of a variable counts."""
        value, variable = node.inputs["value"], node.inputs["variable"]
        assert isinstance(value, Value)
        assert isinstance(variable, Value)
        label = self.names[variable]
        copied = g.add("copy", value, name=f"{self.titles[label]}_next")
        assert isinstance(copied, Value)
        self.outputs[label] = copied
        return value

    def pairs(self) -> Mapping[str, tuple[Value, Value]]:
        """Return input and output of every label."""
        return {label: (value, self.outputs[label]) for label, value in self.inputs.items()}
