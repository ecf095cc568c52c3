"""Recurrent layers, unrolled over their steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import reshaped, sliced, squeezed, transposed, unsqueezed
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Floats = Sequence[float] | None
State = tuple[Tensor, ...]
Step = Callable[[Tensor, State], State]
Activation = Callable[[Importer, Any], Any]

MAX_STEPS = 4096

_ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": lambda g, x: g.sigmoid(x),
    "tanh": lambda g, x: g.tanh(x),
    "relu": lambda g, x: g.relu(x),
    "softplus": lambda g, x: g.softplus(x),
    "softsign": lambda g, x: g.div(x, g.add("add", g.abs(x), 1.0)),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A recurrent node: `gates` blocks in its weights, all tensors with the time axis first."""

    g: Importer
    gates: int
    x: Tensor
    w: Tensor
    r: Tensor
    b: Tensor | None
    lengths: Any
    initial: tuple[Tensor | None, ...]
    direction: str
    layout: int
    # Multiplies the inputs of all steps by the weights of one direction, where not plainly.
    project: Callable[[Tensor, int], Tensor] | None = None

    @property
    def hidden(self) -> int:
        """The number of items in the state."""
        return max(self.r.shape[1:]) // self.gates

    def run(self, make: Callable[[int], Step]) -> tuple[Tensor, list[Tensor]]:
        """Return all outputs and the last states, with the axis of directions."""
        ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
        if self.direction not in ways:
            raise Reject("direction", f"direction is '{self.direction}'", "NX702")
        results = [
            self._scanned(number, reverse, make(number))
            for number, reverse in enumerate(ways[self.direction])
        ]
        if len(results) != self.w.shape[0]:
            raise Reject("W", f"W has {self.w.shape[0]} directions, not {len(results)}", "NX304")
        outputs = [item for item, _ in results]
        states = [[state[i] for _, state in results] for i in range(len(self.initial))]
        y_axis, state_axis = (1, 0) if not self.layout else (2, 1)
        if self.layout:
            outputs = [transposed(self.g, item, [1, 0, 2]) for item in outputs]
        y = _stacked(self.g, outputs, y_axis)
        return y, [_stacked(self.g, items, state_axis) for items in states]

    def _scanned(self, number: int, reverse: bool, step: Step) -> tuple[Tensor, State]:
        g, length = self.g, self.x.shape[0]
        if length > MAX_STEPS:
            raise Reject("X", f"{length} steps are more than {MAX_STEPS}", "NX715")
        inputs = self._projected(number)
        state = tuple(self._first(tensor, number) for tensor in self.initial)
        found: dict[int, Tensor] = {}
        for time in range(length)[::-1] if reverse else range(length):
            new = step(inputs[time], state)
            active = None if self.lengths is None else np.asarray(self.lengths) > time
            if active is None or active.all():
                state, found[time] = new, new[0]
            else:
                mask = g.known(active.reshape(-1, 1))
                state = tuple(g.select(mask, after, before) for after, before in zip(new, state))
                found[time] = g.select(mask, state[0], 0.0)
        return _stacked(g, [found[time] for time in range(length)], 0), state

    def _projected(self, number: int) -> list[Tensor]:
        """Return the inputs of all steps times their weights, biases added."""
        g = self.g
        length, batch, size = self.x.shape
        w = part(g, self.w, number)
        bias: Any = 0.0 if self.b is None else self._bias(number)
        flat = g.viewed(self.x, (length * batch, size))
        if self.project is None:
            product = g.linear(flat, w, bias)
        else:
            product = g.add("add", self.project(flat, number), bias)
        if length == 1:
            return [product]
        steps: list[Tensor] = g.unstack(
            g.viewed(product, (length, batch, product.shape[-1])), axis=0
        )
        return steps

    def _bias(self, number: int) -> Tensor:
        assert self.b is not None
        both = reshaped(self.g, part(self.g, self.b, number), [2, -1])
        total = self.g.sum_reduce(both, axes=[0])
        assert isinstance(total, Tensor)
        if total.known:
            total.name, total.kept = self.b.name, True
        return total

    def _first(self, tensor: Tensor | None, number: int) -> Tensor:
        if tensor is None:
            return self.g.known(np.zeros((self.x.shape[1], self.hidden), self.x.dtype))
        return part(self.g, tensor, number, axis=self.layout)


def part(g: Importer, x: Tensor, number: int, axis: int = 0) -> Tensor:
    """Return the items of one direction, without that axis."""
    return squeezed(g, sliced(g, x, [axis], [number], [number + 1], [1]), [axis])


def _stacked(g: Importer, items: list[Tensor], axis: int) -> Tensor:
    if len(items) == 1:
        return unsqueezed(g, items[0], [axis])
    result = g.stack(items, axis=axis)
    assert isinstance(result, Tensor)
    return result


def layer_of(
    g: Importer, gates: int, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None, lengths: Any,
    initial: tuple[Tensor | None, ...], hidden_size: int | None, direction: str, layout: int,
    **unsupported: Any,
) -> Layer:  # fmt: skip
    for name, value in unsupported.items():
        if value:
            raise Reject(name, f"{name} = {value} is not supported", "NX702")
    hidden = max(r.shape[1:]) // gates
    if hidden_size is not None and hidden_size != hidden:
        raise Reject("hidden_size", f"it is {hidden_size}, R has {hidden}", "NX304")
    if layout:
        x = transposed(g, x, [1, 0, 2])
    if lengths is not None and (np.asarray(lengths) >= x.shape[0]).all():
        lengths = None
    return Layer(g, gates, x, w, r, b, lengths, initial, direction, layout)


def functions_of(
    names: Sequence[str] | None, defaults: list[str], number: int, alpha: Floats, beta: Floats
) -> list[str]:
    """Return the activations of one direction, in lower case."""
    if alpha or beta:
        raise Reject("activation_alpha", "parameters of activations are not supported", "NX702")
    given = [name.lower() for name in names] if names else []
    chosen = given[number * len(defaults) : (number + 1) * len(defaults)] or defaults
    for name in chosen:
        if name not in _ACTIVATIONS:
            raise Reject("activations", f"activation '{name}' is not supported", "NX702")
    return chosen


@rules.on("RNN")
def rnn(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None,
    sequence_lens: Const | None = None, initial_h: Tensor | None = None, *,
    activation_alpha: Floats = None, activation_beta: Floats = None,
    activations: Sequence[str] | None = None, clip: float | None = None,
    direction: str = "forward", hidden_size: int | None = None, layout: int = 0,
    output_sequence: int = 0,
) -> Any:  # fmt: skip
    layer = layer_of(
        g, 1, x, w, r, b, sequence_lens, (initial_h,), hidden_size, direction, layout, clip=clip
    )

    def make(number: int) -> Step:
        weights = part(g, r, number)
        name = functions_of(activations, ["tanh"], number, activation_alpha, activation_beta)[0]

        def step(inputs: Tensor, state: State) -> State:
            if name == "tanh":
                return (g.nnefx_rnn_cell(inputs, state[0], weights),)
            total = g.add("add", inputs, g.matmul(state[0], weights, transposeB=True))
            return (_ACTIVATIONS[name](g, total),)

        return step

    y, states = layer.run(make)
    return [y, *states]


@rules.on("LSTM")
def lstm(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None,
    sequence_lens: Const | None = None, initial_h: Tensor | None = None,
    initial_c: Tensor | None = None, p: Tensor | None = None, *,
    activation_alpha: Floats = None, activation_beta: Floats = None,
    activations: Sequence[str] | None = None, clip: float | None = None,
    direction: str = "forward", hidden_size: int | None = None, input_forget: int = 0,
    layout: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    layer = layer_of(
        g, 4, x, w, r, b, sequence_lens, (initial_h, initial_c), hidden_size, direction, layout,
        clip=clip, input_forget=input_forget,
    )  # fmt: skip
    defaults = ["sigmoid", "tanh", "tanh"]

    def make(number: int) -> Step:
        weights = part(g, r, number)
        names = functions_of(activations, defaults, number, activation_alpha, activation_beta)
        peepholes = None if p is None else reshaped(g, part(g, p, number), [3, layer.hidden])

        def step(inputs: Tensor, state: State) -> State:
            h, c = state
            if names == defaults and peepholes is None:
                h, c = g.nnefx_lstm_cell(inputs, h, c, weights, units=layer.hidden)
                return h, c
            product = g.matmul(h, weights, transposeB=True)
            return lstm_step(g, g.add("add", inputs, product), c, names, peepholes)

        return step

    y, states = layer.run(make)
    return [y, *states]


def lstm_step(
    g: Importer, total: Tensor, c: Tensor, names: Sequence[str], p: Tensor | None
) -> State:
    """Emit a step operation by operation; peepholes are those of input, output and forget gate."""
    gate, cell, last = (_ACTIVATIONS[name] for name in names)
    i, o, f, z = g.split(total, axis=1, ratios=[1, 1, 1, 1])

    def looked(t: Tensor, row: int, state: Tensor) -> Tensor:
        if p is None:
            return t
        weights = sliced(g, p, [0], [row], [row + 1], [1])
        result = g.add("add", t, g.mul(weights, state))
        assert isinstance(result, Tensor)
        return result

    kept = g.mul(gate(g, looked(f, 2, c)), c)
    c_next = g.add("add", kept, g.mul(gate(g, looked(i, 0, c)), cell(g, z)))
    h_next = g.mul(gate(g, looked(o, 1, c_next)), last(g, c_next))
    return h_next, c_next


@rules.on("GRU")
def gru(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None,
    sequence_lens: Const | None = None, initial_h: Tensor | None = None, *,
    activation_alpha: Floats = None, activation_beta: Floats = None,
    activations: Sequence[str] | None = None, clip: float | None = None,
    direction: str = "forward", hidden_size: int | None = None, layout: int = 0,
    linear_before_reset: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    defaults = ["sigmoid", "tanh"]
    hidden = r.shape[-1]
    inner = b  # without the recurrent bias of the hidden gate, where that stands behind the reset
    after = None
    if linear_before_reset and b is not None:
        after = sliced(g, b, [1], [5 * hidden], [6 * hidden], [1])
        mask = np.ones((1, 6 * hidden), x.dtype)
        mask[:, 5 * hidden :] = 0
        inner = g.mul(b, g.known(mask))
    layer = layer_of(
        g, 3, x, w, r, inner, sequence_lens, (initial_h,), hidden_size, direction, layout, clip=clip
    )

    def make(number: int) -> Step:
        names = functions_of(activations, defaults, number, activation_alpha, activation_beta)
        if names != defaults:
            raise Reject("activations", f"activations {names} are not supported", "NX702")
        weights = part(g, r, number)
        gates = sliced(g, weights, [0], [0], [2 * hidden], [1])
        rest = sliced(g, weights, [0], [2 * hidden], [3 * hidden], [1])
        bias: Any = 0.0 if after is None else g.viewed(part(g, after, number), (1, hidden))

        def step(inputs: Tensor, state: State) -> State:
            if linear_before_reset:
                cell = g.nnefx_gru_cell_reset_after
                return (cell(inputs, state[0], gates, rest, bias, units=hidden),)
            return (g.nnefx_gru_cell(inputs, state[0], gates, rest, units=hidden),)

        return step

    y, states = layer.run(make)
    return [y, *states]
