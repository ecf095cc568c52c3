"""States that a model feeds back to itself, made into variables that it updates."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nnefx.converters.imported import Imported
from nnefx.converters.names import Names, label
from nnefx.diagnostics import NnefError
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ops import standard_ops


def with_states(imported: Imported, states: Mapping[str, str]) -> Imported:
    """Return the graph with inputs made into variables, each updated by another tensor.

    The variables begin with zeros; an output that only was there to be fed back is none any more,
    unless nothing else is computed.

    Args:
        imported: what an importer returned.
        states: by the source's name of an input that of the tensor that it is in the next run.

    Raises:
        NnefError: NX708 where there is no such input or tensor, or their shapes differ.
    """
    graph = imported.graph
    pairs = {_input(imported, old): _tensor(imported, new) for old, new in states.items()}
    for (old, new), (before, after) in zip(pairs.items(), states.items()):
        if new in pairs:
            raise NnefError("NX708", f"'{after}' is a state itself, expected a computed tensor")
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            shapes = f"{old.dtype}{list(old.shape)}, '{after}' {new.dtype}{list(new.shape)}"
            raise NnefError("NX708", f"state '{before}' is {shapes}, expected the same")
    labels = Names((n.attributes["label"] for n in graph.variables), fold=True)
    introduced = {
        old: _variable(old, labels.unique(label(name))) for old, name in zip(pairs, states)
    }
    nodes = [introduced.get(node.output, node) if node.name == "external" else node
             for node in graph.nodes]  # fmt: skip
    names = Names(graph.values)
    nodes += [_update(old, new, names.unique(f"{old.name}_next")) for old, new in pairs.items()]
    outputs = tuple(value for value in graph.outputs if value not in pairs.values())
    weights = dict(imported.weights)
    for node in introduced.values():
        kinds = {"scalar": np.float32, "integer": np.int64, "logical": np.bool_}
        weights[node.attributes["label"]] = np.zeros(node.output.shape, kinds[node.output.dtype])
    changed = Graph(
        graph.name,
        tuple(value for value in graph.inputs if value not in pairs),
        outputs or graph.outputs,
        tuple(nodes),
        graph.ops,
        graph.extensions,
    )
    return replace(imported, graph=changed, weights=weights)


def _variable(value: Value, name: str) -> Node:
    op = standard_ops()["variable"]
    attributes = {"shape": list(value.shape), "label": name}
    return Node(op, {}, attributes, (value,), value.dtype)


def _update(old: Value, new: Value, name: str) -> Node:
    op = standard_ops()["update"]
    result = Value(name, new.dtype, new.shape)
    return Node(op, {"variable": old, "value": new}, {}, (result,), new.dtype)


def _input(imported: Imported, name: str) -> Value:
    value = imported.graph.values.get(imported.names.get(name, ""))
    if value is None or value not in imported.graph.inputs:
        known = {value.name for value in imported.graph.inputs}
        listed = ", ".join(f"'{n}'" for n, own in imported.names.items() if own in known)
        raise NnefError("NX708", f"there is no input '{name}'; there is {listed}")
    return value


def _tensor(imported: Imported, name: str) -> Value:
    value = imported.graph.values.get(imported.names.get(name, ""))
    if value is None:
        raise NnefError("NX708", f"there is no tensor '{name}' in the graph")
    return value
