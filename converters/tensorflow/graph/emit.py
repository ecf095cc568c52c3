"""NNEF graph -> a TensorFlow function: one TensorFlow operation, or a few, for each of ours.

Images are kept channels-last from the first window on, as TensorFlow and TFLite compute them, and
put back only where another operation needs the order of NNEF.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.execute.executor import as_computed
from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.source import FileAt
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.grid import Grid, grid_of
from nnefx.tensors.model import Model

Array = NDArray[Any]
STEPS = 255  # between the ends of a grid of 8 bits; a symmetric one leaves the least index out
TYPES = {"scalar": tf.float32, "integer": tf.int32, "logical": tf.bool}


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor of TensorFlow; with `last` the second dimension of NNEF's has become the last."""

    tensor: Any
    last: bool = False


Emitter = Callable[["Walk", Node], Any]
EMITTERS: dict[str, Emitter] = {}


def emits(*names: str) -> Callable[[Emitter], Emitter]:
    """Register how operations are written in TensorFlow."""

    def register(emitter: Emitter) -> Emitter:
        EMITTERS.update(dict.fromkeys(names, emitter))
        return emitter

    return register


def prepared(model: Model) -> Model:
    """Return the model in operations that have an emitter.

    Raises:
        NnefError: NX611 for each operation that TensorFlow cannot be given.
    """
    from nnefx.converters.tensorflow.graph import emit_ops, emit_windows  # noqa: F401

    graph = drop_dead(expand(model.graph, keep=EMITTERS.keys()))
    faults = [
        Diagnostic("NX611", f"operation '{node.name}' has no counterpart in TensorFlow", node.at)
        for node in graph.nodes
        if node.name not in EMITTERS and node.name not in ("external", "variable", "constant")
    ]
    if faults:
        raise NnefError.of(list(dict.fromkeys(faults)))
    return Model(graph, model.weights, model.quantization)


class Walk:
    """Emits the nodes of a graph, within a function that TensorFlow traces."""

    def __init__(
        self, model: Model, arrays: Mapping[Value, Array], variables: Mapping[Value, Any]
    ) -> None:
        self.graph: Graph = model.graph
        self.arrays = arrays
        self.variables = variables
        self.grids = grids_of(model, arrays)
        self.held: dict[Value, Held] = {}
        self._moved: dict[Value, Held] = {}

    def run(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the outputs by name for tensors that TensorFlow traces with."""
        for value, item in zip(self.graph.inputs, inputs):
            self.held[value] = self._rounded(value, Held(item))
        for node in self.graph.nodes:
            if node.name in ("external", "variable", "constant"):
                continue
            result = EMITTERS[node.name](self, node)
            for value, item in zip(node.values(), result if isinstance(result, list) else [result]):
                held = item if isinstance(item, Held) else Held(item)
                self.held[value] = self._rounded(value, held)
        return {
            value.name: tf.identity(self.first(value), name=value.name)
            for value in self.graph.outputs
        }

    def _rounded(self, value: Value, held: Held) -> Held:
        """Round to the grid of graph.quant; TFLite's converter makes integers of such tensors."""
        grid = self.grids.get(value)
        if grid is None:
            return held
        low, high = map(float, grid.limits())
        narrow = grid.high - grid.low < STEPS
        tensor = tf.quantization.fake_quant_with_min_max_args(
            held.tensor, low, high, num_bits=8, narrow_range=narrow
        )
        return Held(tensor, held.last)

    def known(self, item: Any) -> Array | None:
        """Return the items of a stored operand or literal, None where it is computed."""
        if not isinstance(item, Value):
            return np.asarray(item)
        return self.arrays.get(item)

    def of(self, item: Any) -> Held:
        """Return an operand as it is held; what is stored has the order of NNEF."""
        if not isinstance(item, Value):
            kind = (
                tf.bool if isinstance(item, bool) else tf.int32 if isinstance(item, int) else None
            )
            return Held(tf.constant(item, kind or tf.float32))
        if item in self.arrays:
            stored = self.variables.get(item, self.arrays[item])
            return Held(tf.convert_to_tensor(stored, TYPES[item.dtype]))
        return self.held[item]

    def first(self, item: Any) -> Any:
        """Return an operand in the order of NNEF."""
        held = self.of(item)
        if not held.last:
            return held.tensor
        return self._other(
            item, held, [0, len(held.tensor.shape) - 1, *range(1, len(held.tensor.shape) - 1)]
        )

    def last(self, item: Any) -> Any:
        """Return an operand with the second dimension moved to the end."""
        held = self.of(item)
        if held.last:
            return held.tensor
        return self._other(item, held, [0, *range(2, len(held.tensor.shape)), 1])

    def _other(self, item: Any, held: Held, order: list[int]) -> Any:
        if item not in self._moved:
            self._moved[item] = Held(tf.transpose(held.tensor, order), not held.last)
        return self._moved[item].tensor

    def alike(self, items: Sequence[Any], rank: int) -> tuple[list[Any], bool]:
        """Return operands in one order, with trailing dimensions of 1 for NNEF's broadcasting."""
        last = rank > 2 and any(isinstance(i, Value) and self.of(i).last for i in items)
        found = []
        for item in items:
            count = item.rank if isinstance(item, Value) else 0
            if count == rank and last:
                found.append(self.last(item))
                continue
            tensor = self.first(item)
            if 0 < count < rank:
                tensor = tf.reshape(tensor, [*tensor.shape, *[1] * (rank - count)])
            if last and count:
                tensor = tf.transpose(tensor, [0, *range(2, rank), 1])
            found.append(tensor)
        return found, last


def grids_of(model: Model, arrays: Collection[Value]) -> dict[Value, Grid]:
    """Return the grids of the computed tensors that TensorFlow can round to: one scale, 8 bits."""
    found = {}
    for value in model.graph.values.values():
        entry = model.quantization.get(value.name)
        grid = grid_of(entry) if entry is not None and value not in arrays else None
        if grid is not None and grid.whole and STEPS - 1 <= grid.high - grid.low <= STEPS:
            found[value] = grid
    return found


def stored_arrays(model: Model) -> dict[Value, Array]:
    """Return the items of the variables and constants of a model, in 32 bits."""
    found: dict[Value, Array] = {}
    for node in model.graph.nodes:
        if node.name == "variable":
            array = model.weight(node)
            entry = model.quantization.get(node.output.name)
            if node.output.dtype == "scalar" and array.dtype.kind in "iu" and entry is not None:
                array = dequantize(array, entry)
            array = as_computed(array, node.output.dtype)
        elif node.name == "constant":
            array = compute(node, {})[0]
        else:
            continue
        found[node.output] = narrowed(array, node)
    return found


def narrowed(array: Array, node: Node) -> Array:
    """Return items in the types that TensorFlow's function works on."""
    if array.dtype.kind == "i":
        limits = np.iinfo(np.int32)
        if array.size and not limits.min <= array.min() <= array.max() <= limits.max:
            message = f"'{node.output.name}' has items beyond 32 bits"
            raise NnefError("NX613", message, node.at or FileAt(node.output.name))
        return array.astype(np.int32)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
