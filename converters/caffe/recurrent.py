"""Recurrent layers, unrolled over their steps as Caffe itself does.

Caffe keeps the state from one call to the next; the converted model begins with zeros, which is
the same wherever the first step is marked as the begin of a sequence.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import positive
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

MAX_STEPS = 4096
State = tuple[Tensor, ...]


@rules.on("LSTM")
def lstm(
    g: Importer, x: Tensor, cont: Tensor, *more: Tensor, num_output: int,
    expose_hidden: bool = False,
) -> Any:  # fmt: skip
    static, state = _bottoms(x, cont, more, 2, num_output, expose_hidden)
    inputs, used = _projected(g, x, static, 4 * num_output, _gates)
    weight = _gates(g, g.blob(used, [4 * num_output, num_output], "weight_hidden"))

    def step(item: Tensor, before: State) -> tuple[Tensor, State]:
        h, c = g.nnefx_lstm_cell(item, *before, weight, units=num_output)
        return h, (h, c)

    return _unrolled(g, inputs, cont, state, step, (x.shape[1], num_output), expose_hidden)


def _gates(g: Importer, blob: Tensor) -> Tensor:
    """Return a blob with the gates in another order: Caffe has input, forget, output, cell."""
    assert blob.array is not None
    i, f, o, z = np.split(blob.array, 4)
    ordered = g.known(np.concatenate([i, o, f, z]), blob.name)
    ordered.kept = True
    return ordered


@rules.on("RNN")
def rnn(
    g: Importer, x: Tensor, cont: Tensor, *more: Tensor, num_output: int,
    expose_hidden: bool = False,
) -> Any:  # fmt: skip
    static, state = _bottoms(x, cont, more, 1, num_output, expose_hidden)
    inputs, used = _projected(g, x, static, num_output, lambda _, blob: blob)
    weight = g.blob(used, [num_output, num_output], "weight_hidden")
    out_weight = g.blob(used + 1, [num_output, num_output], "weight_output")
    out_bias = g.viewed(g.blob(used + 2, [num_output], "bias_output"), (1, num_output))

    def step(item: Tensor, before: State) -> tuple[Tensor, State]:
        h = g.nnefx_rnn_cell(item, *before, weight)
        return g.tanh(g.linear(h, out_weight, out_bias)), (h,)

    return _unrolled(g, inputs, cont, state, step, (x.shape[1], num_output), expose_hidden)


def _bottoms(
    x: Tensor, cont: Tensor, more: Sequence[Tensor], states: int, width: int, exposed: bool
) -> tuple[Tensor | None, tuple[Tensor | None, ...]]:
    """Return the static input and the first states, as far as the layer has them as bottoms."""
    positive([width], "num_output")
    if x.rank < 2 or cont.shape != x.shape[:2]:
        text = f"x {list(x.shape)} and cont {list(cont.shape)} do not begin with the same two axes"
        raise Reject(None, text, "NX304")
    if x.shape[0] > MAX_STEPS:
        raise Reject(None, f"{x.shape[0]} steps are more than {MAX_STEPS}", "NX715")
    given = states if exposed else 0
    if len(more) not in (given, given + 1):
        text = f"{2 + len(more)} bottoms, expected {2 + given} or {3 + given}"
        raise Reject(None, text, "NX703")
    static = more[0] if len(more) > given else None
    if static is not None and static.shape[:1] != x.shape[1:2]:
        raise Reject(None, f"the static input is {list(static.shape)}, x {list(x.shape)}", "NX304")
    first = more[len(more) - given :] if exposed else (None,) * states
    for state in first:
        if state is not None and state.shape != (1, x.shape[1], width):
            text = f"a state is {list(state.shape)}, expected {[1, x.shape[1], width]}"
            raise Reject(None, text, "NX304")
    return static, tuple(first)


def _projected(
    g: Importer, x: Tensor, static: Tensor | None, width: int,
    ordered: Callable[[Importer, Tensor], Tensor],
) -> tuple[list[Tensor], int]:  # fmt: skip
    """Return the inputs of all steps multiplied by their weights, and how many blobs that took."""
    steps, batch = x.shape[:2]
    inner = math.prod(x.shape[2:])
    weight = ordered(g, g.blob(0, [width, inner], "weight_input"))
    bias = ordered(g, g.blob(1, [width], "bias"))
    rows = g.viewed(x, (steps * batch, inner))
    y = g.viewed(g.linear(rows, weight, g.viewed(bias, (1, width))), (steps, batch, width))
    items = g.unstack(y, axis=0)
    if static is None:
        return items, 2
    inner = static.volume // batch
    weight = ordered(g, g.blob(2, [width, inner], "weight_static"))
    added = g.linear(g.viewed(static, (batch, inner)), weight)
    return [g.add("add", item, added) for item in items], 3


def _unrolled(
    g: Importer, inputs: Sequence[Tensor], cont: Tensor, first: Sequence[Tensor | None],
    step: Callable[[Tensor, State], tuple[Tensor, State]], shape: tuple[int, int], exposed: bool,
) -> list[Tensor]:  # fmt: skip
    going = g.unstack(cont, axis=0)
    state: State = ()
    outputs = []
    for time, item in enumerate(inputs):
        if time == 0 and not exposed:
            before: State = tuple(g.known(np.zeros(shape, np.float32)) for _ in first)
        else:
            known = [g.viewed(s, shape) for s in first if s is not None] if time == 0 else state
            before = tuple(g.mul(going[time], item) for item in known)
        output, state = step(item, before)
        outputs.append(output)
    tops = [g.stack(outputs, axis=0)]
    if exposed:
        tops += [g.viewed(item, (1, *shape)) for item in state]
    return tops
