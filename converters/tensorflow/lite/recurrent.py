"""TFLite's recurrent operators, unrolled over their steps."""

from collections.abc import Callable
from typing import Any

from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.arithmetic import activated
from nnefx.converters.tensorflow.axes import tensor, transposed
from nnefx.converters.tensorflow.lite.importer import ACTIVATIONS
from nnefx.converters.tensorflow.lite.importer import LiteImporter as Importer
from nnefx.converters.tensorflow.lite.tables import rules
from nnefx.converters.tensorflow.moving import joined, unsqueezed
from nnefx.converters.tensorflow.window import biased
from nnefx.ops import Reject

MAX_STEPS = 4096

Optional = Tensor | None


def _activation(number: int) -> str:
    if not 0 <= number < len(ACTIVATIONS):
        raise Reject("fused_activation_function", f"activation {number} is unknown", "NX702")
    return ACTIVATIONS[number]


@rules.on("UNIDIRECTIONAL_SEQUENCE_LSTM")
def sequence_lstm(
    g: Importer, x: Tensor, wi: Optional = None, wf: Optional = None, wc: Optional = None,
    wo: Optional = None, ri: Optional = None, rf: Optional = None, rc: Optional = None,
    ro: Optional = None, pi: Optional = None, pf: Optional = None, po: Optional = None,
    bi: Optional = None, bf: Optional = None, bc: Optional = None, bo: Optional = None,
    projection: Optional = None, projection_bias: Optional = None, h: Optional = None,
    c: Optional = None, *norms: Tensor, fused_activation_function: int = 4,
    cell_clip: float = 0.0, proj_clip: float = 0.0, time_major: bool = False,
    diagonal_recurrent_tensors: bool = False, asymmetric_quantize_inputs: bool = False,
) -> Tensor:  # fmt: skip
    """Without peepholes, projection and the like, a step is `nnefx_lstm_cell`."""
    beside = (pi, pf, po, projection, projection_bias, *norms)
    needed = [wi, wo, wf, wc, ri, ro, rf, rc, bi, bo, bf, bc, h, c]
    tensors = [item for item in needed if item is not None]
    if any(item is not None for item in beside) or len(tensors) < len(needed):
        text = "peepholes, projection, coupled gates and layer normalization are not supported"
        raise Reject(None, text, "NX702")
    if _activation(fused_activation_function) != "TANH" or cell_clip or proj_clip:
        raise Reject(None, "other activations than TANH, and clipping, are not supported", "NX702")
    if diagonal_recurrent_tensors:
        raise Reject(None, "diagonal recurrent weights are not supported", "NX702")
    # the shared cell takes its gates in the order input, output, forget, cell
    weights, recurrent, bias = (joined(g, tensors[i : i + 4], 0) for i in (0, 4, 8))
    state = tensors[12:]

    def step(item: Tensor) -> Tensor:
        state[:] = g.nnefx_lstm_cell(item, state[0], state[1], recurrent, units=recurrent.shape[1])
        return state[0]

    return _scanned(g, x, weights, bias, bool(time_major), step)


@rules.on("UNIDIRECTIONAL_SEQUENCE_RNN")
def sequence_rnn(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor, h: Tensor, *,
    fused_activation_function: int = 4, time_major: bool = False,
) -> Tensor:  # fmt: skip
    name, state = _activation(fused_activation_function), [h]

    def step(item: Tensor) -> Tensor:
        total = g.add("add", item, g.matmul(state[0], r, transposeB=True))
        state[0] = activated(g, tensor(total), name)
        return state[0]

    return _scanned(g, x, w, b, bool(time_major), step)


@rules.on("RNN")
def rnn(
    g: Importer, x: Tensor, w: Tensor, r: Tensor, b: Tensor, h: Tensor, *,
    fused_activation_function: int = 4,
) -> Tensor:  # fmt: skip
    total = g.add("add", g.linear(x, w, biased(g, b)), g.matmul(h, r, transposeB=True))
    return activated(g, tensor(total), _activation(fused_activation_function))


def _scanned(
    g: Importer, x: Tensor, w: Tensor, b: Tensor, time_major: bool, step: Callable[[Any], Tensor]
) -> Tensor:
    """Return the outputs of all steps; the inputs are multiplied by their weights at once."""
    if not time_major:
        x = transposed(g, x, [1, 0, 2])
    length, batch, size = x.shape
    if length > MAX_STEPS:
        raise Reject(None, f"{length} steps are more than {MAX_STEPS}", "NX715")
    product = tensor(g.linear(g.viewed(x, (length * batch, size)), w, biased(g, b)))
    if length == 1:
        return unsqueezed(g, step(product), 0 if time_major else 1)
    items = g.unstack(g.viewed(product, (length, batch, w.shape[0])), axis=0)
    outputs = [step(item) for item in items]
    return tensor(g.stack(outputs, axis=0 if time_major else 1))


@rules.on("SVDF")
def svdf(
    g: Importer, x: Tensor, features: Tensor, time: Tensor, b: Tensor | None, state: Tensor, *,
    rank: int = 1, fused_activation_function: int = 0,
) -> Tensor:  # fmt: skip
    """One step of a decomposed filter, its state as it is in the file."""
    filters, memory = time.shape
    batch = x.shape[0]
    new = tensor(g.matmul(x, features, transposeB=True))
    past = g.viewed(state, (batch, filters, memory))
    kept = g.known(past.array[:, :, 1:]) if past.array is not None else past
    full = joined(g, [kept, unsqueezed(g, new, 2)], 2)
    weighted = g.mul(full, g.viewed(time, (1, filters, memory)))
    total = tensor(g.sum_reduce(weighted, axes=[2]))
    units = g.viewed(total, (batch, filters // rank, rank))
    y = g.viewed(tensor(g.sum_reduce(units, axes=[2])), (batch, filters // rank))
    y = y if b is None else tensor(g.add("add", y, biased(g, b)))
    return activated(g, y, _activation(fused_activation_function))
