"""Recurrent layers, unrolled: the cells of `converters/fragments/recurrent.nnef`, step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import sliced
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

# One direction of one layer: the cell, and how it orders torch's gates.
Cell = Callable[..., Any]


def _ordered(g: Importer, x: Any, order: tuple[int, ...]) -> Any:
    """Return weights or biases with their gates in another order."""
    if x is None or order == tuple(range(len(order))):
        return x
    if x.array is not None:
        parts = np.split(x.array, len(order))
        return g.known(np.concatenate([parts[gate] for gate in order]), x.name)
    pieces = g.split(x, axis=0, ratios=[1] * len(order))
    result = g.concat([pieces[gate] for gate in order], axis=0)
    assert isinstance(result, Tensor)
    return result


def _projected(g: Importer, x: Tensor, weight: Tensor, *biases: Tensor | None) -> Tensor:
    """Return the input of all steps times its weights, with the biases."""
    wide = g.viewed(weight, (1,) * (x.rank - 2) + weight.shape)
    given = [item for item in biases if item is not None]
    if not given:
        result = g.matmul(x, wide, transposeB=True)
    else:
        bias = given[0] if len(given) == 1 else g.add("add", *given)
        result = g.linear(x, wide, g.viewed(bias, (1,) * (x.rank - 1) + bias.shape))
    assert isinstance(result, Tensor)
    return result


def _lstm(g: Importer, x: Tensor, states: list[Tensor], weights: list[Any], reverse: bool) -> Any:
    w, r, wb, rb, projection = weights
    order = (0, 3, 1, 2)  # torch has input, forget, cell, output
    w, r, wb, rb = (_ordered(g, item, order) for item in (w, r, wb, rb))
    h, c = states
    size = c.shape[1]
    outputs = []
    for step in _steps(g, _projected(g, x, w, wb, rb), reverse):
        h, c = g.nnefx_lstm_cell(step, h, c, r, units=size)
        if projection is not None:
            h = g.matmul(h, projection, transposeB=True)
        outputs.append(h)
    return outputs, [h, c]


def _gru(g: Importer, x: Tensor, states: list[Tensor], weights: list[Any], reverse: bool) -> Any:
    w, r, wb, rb, _ = weights
    order = (1, 0, 2)  # torch has reset, update, new
    w, r, wb, rb = (_ordered(g, item, order) for item in (w, r, wb, rb))
    size = r.shape[1]
    gates, hidden = sliced(g, r, 0, 0, 2 * size), sliced(g, r, 0, 2 * size, None)
    inner: Any = 0.0
    bias = wb
    if rb is not None:
        inner = g.viewed(sliced(g, rb, 0, 2 * size, None), (1, size))
        zeros = g.known(np.zeros(size, np.float32))
        outer = g.concat([sliced(g, rb, 0, 0, 2 * size), zeros], axis=0)
        bias = outer if wb is None else g.add("add", wb, outer)
    (h,) = states
    outputs = []
    for step in _steps(g, _projected(g, x, w, bias), reverse):
        h = g.nnefx_gru_cell_reset_after(step, h, gates, hidden, inner, units=size)
        outputs.append(h)
    return outputs, [h]


def _tanh(g: Importer, x: Tensor, states: list[Tensor], weights: list[Any], reverse: bool) -> Any:
    w, r, wb, rb, _ = weights
    (h,) = states
    outputs = []
    for step in _steps(g, _projected(g, x, w, wb, rb), reverse):
        h = g.nnefx_rnn_cell(step, h, r)
        outputs.append(h)
    return outputs, [h]


def _relu(g: Importer, x: Tensor, states: list[Tensor], weights: list[Any], reverse: bool) -> Any:
    w, r, wb, rb, _ = weights
    (h,) = states
    outputs = []
    for step in _steps(g, _projected(g, x, w, wb, rb), reverse):
        h = g.relu(g.add("add", step, g.matmul(h, r, transposeB=True)))
        outputs.append(h)
    return outputs, [h]


def _steps(g: Importer, x: Tensor, reverse: bool) -> list[Tensor]:
    steps = list(g.unstack(x, axis=0)) if x.shape[0] > 1 else [g.viewed(x, x.shape[1:])]
    return steps[::-1] if reverse else steps


def _layers(
    g: Importer, cell: Cell, x: Tensor, states: list[Tensor], params: list[Tensor],
    has_biases: bool, layers: int, bidirectional: bool, batch_first: bool,
) -> list[Tensor]:  # fmt: skip
    """Return the outputs of the last layer, and the states of all."""
    from nnefx.converters.pytorch.layout import transposed

    directions = 2 if bidirectional else 1
    per = len(params) // (layers * directions)
    current = transposed(g, x, [1, 0, 2]) if batch_first else x
    last: list[list[Tensor]] = [[] for _ in states]
    for layer in range(layers):
        found = []
        for direction in range(directions):
            number = layer * directions + direction
            weights = _weights(params[number * per : (number + 1) * per], has_biases)
            start = [
                g.viewed(sliced(g, item, 0, number, number + 1), item.shape[1:]) for item in states
            ]
            outputs, ends = cell(g, current, start, weights, bool(direction))
            found.append(outputs[::-1] if direction else outputs)
            for kept, end in zip(last, ends):
                kept.append(end)
        current = _joined(g, found)
    final = [g.stack(items, axis=0) for items in last]
    return [transposed(g, current, [1, 0, 2]) if batch_first else current, *final]


def _weights(params: list[Tensor], has_biases: bool) -> list[Any]:
    rest: list[Any] = list(params[2:])
    biases = [rest.pop(0), rest.pop(0)] if has_biases else [None, None]
    return [*params[:2], *biases, rest[0] if rest else None]


def _joined(g: Importer, directions: list[list[Tensor]]) -> Tensor:
    steps = directions[0]
    if len(directions) == 2:
        steps = [g.concat(list(pair), axis=1) for pair in zip(*directions)]
    result = g.stack(steps, axis=0)
    assert isinstance(result, Tensor)
    return result


def _refuse(train: bool, dropout: float) -> None:
    if train and dropout:
        raise Reject(None, "it draws random numbers; export in evaluation mode", "NX702")


@rules.on("lstm.input")
def lstm(
    g: Importer, input: Tensor, hx: list[Tensor], params: list[Tensor], *, has_biases: bool,
    num_layers: int, dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> Any:  # fmt: skip
    _refuse(train, dropout)
    return _layers(
        g, _lstm, input, list(hx), params, has_biases, num_layers, bidirectional, batch_first
    )


def _simple(name: str, cell: Cell) -> None:
    @rules.on(name)
    def rule(
        g: Importer, input: Tensor, hx: Tensor, params: list[Tensor], *, has_biases: bool,
        num_layers: int, dropout: float, train: bool, bidirectional: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        _refuse(train, dropout)
        return _layers(
            g, cell, input, [hx], params, has_biases, num_layers, bidirectional, batch_first
        )


_simple("gru.input", _gru)
_simple("rnn_tanh.input", _tanh)
_simple("rnn_relu.input", _relu)


def _cell(name: str, cell: Cell) -> None:
    @rules.on(name)
    def rule(
        g: Importer, input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None,
        b_hh: Any = None,
    ) -> Any:  # fmt: skip
        states = list(hx) if isinstance(hx, list) else [hx]
        x = g.viewed(input, (1, *input.shape))
        _, ends = cell(g, x, states, [w_ih, w_hh, b_ih, b_hh, None], False)
        return ends if isinstance(hx, list) else ends[0]


_cell("lstm_cell", _lstm)
_cell("gru_cell", _gru)
_cell("rnn_tanh_cell", _tanh)
_cell("rnn_relu_cell", _relu)
