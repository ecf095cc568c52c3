"""The numpy executor: every value by its kernel, freed after its last use.

Values that graph.quant speaks of are rounded as it says, so that the result is what a quantized
engine computes, up to its own rounding.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.execute.simulate import simulate
from nnefx.ir.compute import Values, run_step
from nnefx.ir.graph import Graph, Node, Value
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.model import Model

Arrays = NDArray[Any]


class Executor:
    """Runs a model; `update`s change its state, which the next call sees.

    With `prepare`, the first call does once what others need not do again, such as giving filters
    the scales of batch normalization. That takes as long as a few runs, changes results in their
    last digits, and leaves out the values between that no output needs.

    Attributes:
        state: the arrays of updated variables by label.
    """

    def __init__(self, model: Model, *, prepare: bool = False) -> None:
        if prepare:
            from nnefx.execute.prepare import prepared  # passes themselves run constants

            model = prepared(model)
        self.model = model
        self.graph: Graph = model.graph
        self.state: dict[str, Arrays] = {}
        self._mapped: dict[Value, Arrays] = {}  # weights that are used as they are stored
        self._updated = {
            self.graph.producer[next(node.operands())].attributes["label"].lower()
            for node in self.graph.nodes
            if node.name == "update"
        }

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Arrays]:
        """Return the outputs by name, in order of declaration.

        Args:
            inputs: an array for each parameter of the graph, by name, of its declared shape.

        Raises:
            NnefError: NX307 for missing, unknown or ill-shaped inputs; NX4xx for weights.
        """
        wanted = set(self.graph.outputs)
        found = {v: array for v, array in self._run(inputs, reuse=True) if v in wanted}
        return {value.name: np.asarray(found[value], order="C") for value in self.graph.outputs}

    def trace(self, inputs: Mapping[str, Any]) -> Iterator[tuple[Value, Arrays]]:
        """Yield every value with its array, in order; arrays are freed after their last use."""
        return self._run(inputs, reuse=False)

    def _run(self, inputs: Mapping[str, Any], reuse: bool) -> Iterator[tuple[Value, Arrays]]:
        """Yield all values; with `reuse`, an array is good until the next value is asked for."""
        feeds = check_inputs(self.graph, inputs)
        values = Values(self._mapped)
        updates: list[tuple[str, Arrays]] = []
        for step in self.graph.steps:
            match step.node.name:
                case "external":
                    (value,) = step.results
                    values[value] = self._simulated(value, feeds[value.name])
                case "variable":
                    if step.results[0] not in values:
                        values[step.results[0]] = self._variable(step.node)
                case "update":
                    variable, value = step.operands
                    label = self.graph.producer[variable].attributes["label"]
                    updates.append((label.lower(), values[value]))
                    values[step.results[0]] = self._simulated(step.results[0], values[value])
                    values.own.discard(value)
                case _:
                    free = values.free(step) if reuse else ()
                    arrays = run_step(step, values, free)
                    if self.model.quantization:
                        arrays = list(map(self._simulated, step.results, arrays))
                    yield from zip(step.results, arrays)
                    values.add(step, arrays, free)
                    continue
            yield step.results[0], values[step.results[0]]
            values.drop(step)
        self.state.update(updates)

    def _simulated(self, value: Value, array: Arrays) -> Arrays:
        entry = self.model.quantization.get(value.name)
        return array if entry is None or value.dtype != "scalar" else simulate(array, entry)

    def _variable(self, node: Node) -> Arrays:
        label = node.attributes["label"].lower()
        if label in self.state:
            return self.state[label]
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
        entry = self.model.quantization.get(node.output.name)
        if entry is not None and node.output.dtype == "scalar":
            return simulate(array, entry)
        if array is stored and label not in self._updated:
            self._mapped[node.output] = array
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
