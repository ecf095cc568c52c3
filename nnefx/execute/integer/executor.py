"""The integer executor: what graph.quant speaks of is held as indices, and computed with them.

Between two quantized values everything is exact; the rounding of the second is that of deployed
engines (see `requantize`). What has no form in integers is computed in float32 from the reals that
the indices stand for, and rounded to the grid of its result; `steps` tells which that was.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.execute.executor import as_computed, check_inputs
from nnefx.execute.fit import check_fit
from nnefx.execute.integer.held import Held, Integers, Pending, Real
from nnefx.execute.integer.requantize import Rounding, quantized, requantized
from nnefx.execute.integer.rules import operand, rules, tabulated
from nnefx.execute.simulate import simulate
from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value, flat_values
from nnefx.passes.expand import expand
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.grid import Grid, grid_of
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

Arrays = NDArray[Any]
How = Literal["integer", "table", "float"]

LINEAR = ("zero_point_linear_quantize", "min_max_linear_quantize", "linear_quantize")
_STORED = 16  # bits; with more an activation has no integers that engines compute with


@dataclass(frozen=True, slots=True)
class Step:
    """How one operation was computed.

    Attributes:
        name: its first result.
        op: the operation.
        how: `integer`; `table` for a function of one index, which engines look up; or `float`.
        quantized: whether an operand or a result has a grid: what is float among those leaves
            the integers, or comes back to them.
        bits: how wide the accumulator has to be, 0 where there is none.
    """

    name: str
    op: str
    how: How
    quantized: bool
    bits: int = 0


class IntegerExecutor:
    """Runs a quantized model in integers; `update`s change its state, which the next call sees.

    Attributes:
        steps: how the operations of the last run were computed, in order.
        state: the reals of updated variables by label.
    """

    def __init__(self, model: Model, rounding: Rounding = "onnx") -> None:
        """Prepare a model.

        Args:
            model: a model with graph.quant, or with operations of quantization in its graph.
            rounding: how sums become indices again: as in `onnx` runtimes, in `tflite`, or in
                `tflite-reference`, see `requantize`.

        Raises:
            NnefError: NX520 where nothing is quantized, NX501, NX503, NX504, NX506 where
                graph.quant does not fit the graph.
        """
        if not model.quantization and not any(n.name in LINEAR for n in model.graph.nodes):
            message = "the model has no graph.quant: there are no integers to compute with"
            raise NnefError("NX520", message)
        self.model = model
        self.rounding = rounding
        self.graph: Graph = expand(model.graph, keep=lambda node: node.op.run is not None)
        self.grids = _grids(model)
        self.steps: list[Step] = []
        self._rules = rules()
        self.state: dict[str, Arrays] = {}
        self._last_use = _last_uses(self.graph)
        self._stored: dict[str, Held] = {}

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Arrays]:
        """Return the outputs by name, as reals; see `nnefx.execute.executor.Executor`."""
        wanted = {value.name for value in self.graph.outputs}
        found = {v.name: held for v, held in self.walk(inputs) if v.name in wanted}
        return {value.name: found[value.name].real() for value in self.graph.outputs}

    def trace(self, inputs: Mapping[str, Any]) -> Iterator[tuple[Value, Arrays]]:
        """Yield every value with the reals that it stands for, in order."""
        for value, held in self.walk(inputs):
            yield value, held.real()

    def walk(self, inputs: Mapping[str, Any]) -> Iterator[tuple[Value, Held]]:
        """Yield every value with what is held for it, in order."""
        feeds = check_inputs(self.graph, inputs)
        env: dict[Value, Held] = {}
        updates: list[tuple[str, Arrays]] = []
        self.steps = []
        for index, node in enumerate(self.graph.nodes):
            for value, held in zip(node.values(), self._results(node, env, feeds, updates)):
                env[value] = self._rounded(value, held)
                yield value, env[value]
            for value in self._last_use.get(index, ()):
                env.pop(value, None)
        self.state.update(updates)

    def _rounded(self, value: Value, held: Held) -> Held:
        """Round a value as graph.quant says, where it says something."""
        if value.dtype != "scalar" or value.name not in self.grids:
            return held
        grid = self.grids[value.name]
        if grid is not None:
            return requantized(held, grid, self.rounding)
        if isinstance(held, Integers):  # stored indices of another algorithm were read already
            return held
        return Real(simulate(held.real(), self.model.quantization[value.name]))

    def _results(
        self,
        node: Node,
        env: Mapping[Value, Held],
        feeds: Mapping[str, Arrays],
        updates: list[tuple[str, Arrays]],
    ) -> Iterable[Held]:
        match node.name:
            case "external":
                return [Real(feeds[node.output.name])]
            case "variable":
                return [self._variable(node)]
            case "constant":
                return [Real(compute(node, {})[0])]
            case "update":
                variable, value = node.operands()
                label = self.graph.producer[variable].attributes["label"]
                updates.append((label.lower(), env[value].real()))
                return [env[value]]
            case _:
                return self._computed(node, env)

    def _computed(self, node: Node, env: Mapping[Value, Held]) -> list[Held]:
        operands = {name: operand(item, env) for name, item in node.inputs.items()}
        found = self._rules[node.name](node, operands) if node.name in self._rules else None
        grids = [self.grids.get(value.name) for value in node.values()]
        touched = any(grids) or any(isinstance(env[v], Integers) for v in node.operands())
        if node.name == "nnefx_quantize":
            found = self._indices(node, operands)
        elif node.name in LINEAR:
            found = self._on_grid(node, operands)
        if found is None and node.name in ("concat", "stack"):
            found = self._joined(node, operands, grids[0])
        if found is not None:
            results = found if isinstance(found, list) else [found]
            self._note(node, "integer", touched, _width(results))
            return results
        how: How = "table" if tabulated(node, operands) else "float"
        self._note(node, how, touched)
        reals = {value: env[value].real() for value in flat_values(node.inputs.values())}
        return [Real(array, how == "table") for array in compute(node, reals)]

    def _on_grid(self, node: Node, operands: Mapping[str, Any]) -> Held | None:
        """Return what an operation of quantization in the graph rounds, as indices."""
        x, *ranges = operands.values()
        names = list(operands)[1:]
        if not all(isinstance(item, (Real, float, int)) for item in ranges):
            return None
        items = (item.items if isinstance(item, Real) else item for item in ranges)
        entry = Quantization(node.name, {**node.attributes, **dict(zip(names, items))})
        grid = grid_of(entry)
        if grid is None or grid.dtype.itemsize * 8 > _STORED:
            return None
        grid.check(node.output.name, node.output.shape)
        return requantized(x, grid, self.rounding)

    def _indices(self, node: Node, operands: Mapping[str, Any]) -> Held | None:
        """Return a value as indices, which the graph itself asks for: a result in integers."""
        x = operands["x"]
        scale, zero = (
            item.items if isinstance(item, Real) else np.asarray(item)
            for item in (operands["scale"], operands["zero_point"])
        )
        bits, signed = node.attributes["bits"], node.attributes["signed"]
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        grid = Grid(scale.astype(np.float32), zero.astype(np.int64), low, high)
        items = requantized(x, grid, self.rounding).items
        return Real(items.astype(np.int64))

    def _joined(self, node: Node, operands: Mapping[str, Any], grid: Grid | None) -> Held | None:
        """Join tensors of several grids: each is brought to that of the result first."""
        items = operands["values"]
        if grid is None or not all(isinstance(item, (Integers, Pending)) for item in items):
            return None
        rounded = [requantized(item, grid, self.rounding) for item in items]
        found = self._rules[node.name](node, {"values": rounded})
        assert not isinstance(found, list)
        return found

    def _note(self, node: Node, how: How, touched: bool, bits: int = 0) -> None:
        self.steps.append(Step(node.output.name, node.name, how, touched, bits))

    def _variable(self, node: Node) -> Held:
        label = node.attributes["label"]
        known = self.state.get(label.lower())
        if known is not None:
            return Real(known)
        name = node.output.name
        if name not in self._stored:
            self._stored[name] = self._loaded(node)
        return self._stored[name]

    def _loaded(self, node: Node) -> Held:
        stored, name = self.model.weight(node), node.output.name
        if node.output.dtype != "scalar" or stored.dtype.kind not in "iu":
            held = Real(as_computed(stored, node.output.dtype))
            grid = self.grids.get(name)
            return held if grid is None else quantized(held.items, grid, self.rounding)
        if name not in self.grids:
            message = (
                f"variable '{name}': stored as {stored.dtype}, but graph.quant does not say how "
                "to read it"
            )
            raise NnefError("NX505", message, node.at)
        grid = self.grids[name]
        if grid is None:
            return Real(dequantize(stored, self.model.quantization[name]))
        return Integers(stored, grid)


def _width(results: list[Held]) -> int:
    """Return how many bits the widest sum of products takes, 0 where there is none."""
    parts = [part for held in results if isinstance(held, Pending) for part in held.parts]
    most = max((float(np.abs(part.items).max(initial=0.0)) for part in parts), default=0.0)
    return int(np.ceil(np.log2(most + 1))) + 1 if most else 0


def _grids(model: Model) -> dict[str, Grid | None]:
    """Return the grids of the values that graph.quant names, None for other algorithms."""
    found: dict[str, Grid | None] = {}
    variables = {node.output.name for node in model.graph.variables}
    check_fit(model.graph, model.quantization)
    for name, entry in model.quantization.items():
        grid = grid_of(entry)
        if grid is not None and grid.dtype.itemsize * 8 > _STORED and name not in variables:
            grid = None  # it is simulated
        found[name] = grid
    return found


def _last_uses(graph: Graph) -> dict[int, list[Value]]:
    """Return, by the index of a node, the values that no later node reads; outputs are kept."""
    last = {value: index for index, node in enumerate(graph.nodes)
            for value in (*node.operands(), *node.values())}  # fmt: skip
    uses: dict[int, list[Value]] = {}
    for value in last.keys() - set(graph.outputs):
        uses.setdefault(last[value], []).append(value)
    return uses
