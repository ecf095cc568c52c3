"""The numpy executor: every value by its kernel, freed after its last use.

Values that graph.quant speaks of are rounded as it says, so that the result is what a quantized
engine computes, up to its own rounding.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.execute.simulate import simulate
from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.model import Model

Arrays = NDArray[Any]


class Executor:
    """Runs a model; `update`s change its state, which the next call sees.

    Attributes:
        state: the arrays of updated variables by label.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph: Graph = model.graph
        self.state: dict[str, Arrays] = {}
        self._last_use = _last_uses(self.graph)
        self._mapped: dict[str, Arrays] = {}  # weights that are used as they are stored

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Arrays]:
        """Return the outputs by name, in order of declaration.

        Args:
            inputs: an array for each parameter of the graph, by name, of its declared shape.

        Raises:
            NnefError: NX307 for missing, unknown or ill-shaped inputs; NX4xx for weights.
        """
        wanted = {value.name for value in self.graph.outputs}
        found = {v.name: a for v, a in self.trace(inputs) if v.name in wanted}
        return {value.name: found[value.name] for value in self.graph.outputs}

    def trace(self, inputs: Mapping[str, Any]) -> Iterator[tuple[Value, Arrays]]:
        """Yield every value with its array, in order; arrays are freed after their last use."""
        feeds = check_inputs(self.graph, inputs)
        values: dict[Value, Arrays] = {}
        updates: list[tuple[str, Arrays]] = []
        for index, node in enumerate(self.graph.nodes):
            for value, array in zip(node.values(), self._arrays(node, values, feeds, updates)):
                entry = self.model.quantization.get(value.name)
                if entry is not None and value.dtype == "scalar" and node.name != "variable":
                    array = simulate(array, entry)
                values[value] = array
                yield value, array
            for value in self._last_use.get(index, ()):
                values.pop(value, None)
        self.state.update(updates)

    def _arrays(
        self,
        node: Node,
        values: Mapping[Value, Arrays],
        feeds: Mapping[str, Arrays],
        updates: list[tuple[str, Arrays]],
    ) -> Iterable[Arrays]:
        match node.name:
            case "external":
                return [feeds[node.output.name]]
            case "variable":
                return [self._variable(node)]
            case "update":
                variable, value = node.operands()
                label = self.graph.producer[variable].attributes["label"]
                updates.append((label.lower(), values[value]))
                return [values[value]]
            case _:
                return compute(node, values)

    def _variable(self, node: Node) -> Arrays:
        label = node.attributes["label"]
        known = self.state.get(label.lower())
        known = self._mapped.get(node.output.name) if known is None else known
        if known is not None:
            return known
        stored = self.model.weight(node)
        if node.output.dtype == "scalar" and stored.dtype.kind in "iu":
            entry = self.model.quantization.get(node.output.name)
            if entry is None:
                message = (
                    f"variable '{node.output.name}': stored as {stored.dtype}, but graph.quant "
                    "does not say how to read it"
                )
                raise NnefError("NX505", message, node.at)
            return dequantize(stored, entry)
        array = as_computed(stored, node.output.dtype)
        if array is stored:
            self._mapped[node.output.name] = array
        return array


def as_computed(array: Arrays, dtype: str) -> Arrays:
    """Return an array in the type that kernels take: float32 or float64, int64, bool.

    16-bit floats are computed in 32 bits, as engines do; integers are widened so that they do not
    wrap.
    """
    if dtype == "integer":
        return array.astype(np.int64, copy=False)
    if dtype == "logical":
        return array.astype(np.bool_, copy=False)
    return array if array.dtype == np.float64 else array.astype(np.float32, copy=False)


def check_inputs(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, Arrays]:
    """Return the inputs as arrays of the declared types; raise NnefError NX307 for misfits."""
    names = [value.name for value in graph.inputs]
    if unknown := [name for name in inputs if name not in names]:
        raise NnefError("NX307", f"no graph input is called '{unknown[0]}'; there is {names}")
    feeds: dict[str, Arrays] = {}
    for value in graph.inputs:
        if value.name not in inputs:
            raise NnefError("NX307", f"graph input '{value.name}' is missing")
        array = np.asarray(inputs[value.name])
        if array.shape != value.shape:
            message = f"input '{value.name}' has shape {list(array.shape)}"
            raise NnefError("NX307", f"{message}, the graph declares {list(value.shape)}")
        if array.dtype.kind not in "fiub":
            message = f"input '{value.name}' holds {array.dtype}, the graph takes {value.dtype}"
            raise NnefError("NX307", message)
        feeds[value.name] = as_computed(array, value.dtype)
    return feeds


def _last_uses(graph: Graph) -> dict[int, list[Value]]:
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        for value in (*node.operands(), *node.values()):
            last[value] = index
    for value in graph.outputs:
        last.pop(value, None)
    uses: dict[int, list[Value]] = {}
    for value, index in last.items():
        uses.setdefault(index, []).append(value)
    return uses
