"""Activations."""

import math
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

rules.same(Softplus="softplus")


@rules.on("Relu")
def relu(g: Importer, x: Tensor, *, consumed_inputs: Any = None) -> Any:
    if x.kind == "integer":
        return g.nnefx_integer_max(x, 0)
    return g.relu(x)


@rules.on("Sigmoid")
def sigmoid(g: Importer, x: Tensor, *, consumed_inputs: Any = None) -> Any:
    return g.sigmoid(x)


@rules.on("LeakyRelu")
def leaky_relu(g: Importer, x: Tensor, *, alpha: float = 0.01, consumed_inputs: Any = None) -> Any:
    return g.leaky_relu(x, alpha=alpha)


@rules.on("PRelu", since=7)
def prelu(g: Importer, x: Tensor, slope: Tensor) -> Any:
    return g.prelu(*aligned(g, x, slope))


@rules.on("PRelu")
def prelu_by_channel(g: Importer, x: Tensor, slope: Tensor, *, consumed_inputs: Any = None) -> Any:
    return g.prelu(x, g.viewed(slope, (1, slope.volume) if slope.volume > 1 else ()))


@rules.on("Elu")
def elu(g: Importer, x: Tensor, *, alpha: float = 1.0, consumed_inputs: Any = None) -> Any:
    return g.elu(x, alpha=alpha)


@rules.on("Selu", since=6)
def selu(g: Importer, x: Tensor, *, alpha: float = 1.67326319, gamma: float = 1.05070102) -> Any:
    return g.selu(x, alpha=alpha, **{"lambda": gamma})


@rules.on("Selu")
def selu_old(
    g: Importer, x: Tensor, *, alpha: float = 1.6732, gamma: float = 1.0507,
    consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    return g.selu(x, alpha=alpha, **{"lambda": gamma})


@rules.on("Celu")
def celu(g: Importer, x: Tensor, *, alpha: float = 1.0) -> Any:
    if alpha == 1.0:
        return g.elu(x)
    return g.mul(g.elu(g.div(x, alpha)), alpha)


@rules.on("HardSigmoid")
def hard_sigmoid(
    g: Importer, x: Tensor, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: Any = None
) -> Any:
    return g.clamp(g.add("add", g.mul(x, alpha), beta), 0.0, 1.0)


@rules.on("HardSwish")
def hard_swish(g: Importer, x: Tensor) -> Any:
    gate = g.clamp(g.add("add", g.mul(x, 1 / 6), 0.5), 0.0, 1.0)
    return g.mul(x, gate)


@rules.on("Swish")
def swish(g: Importer, x: Tensor, *, alpha: float = 1.0) -> Any:
    return g.silu(x) if alpha == 1.0 else g.mul(x, g.sigmoid(g.mul(x, alpha)))


@rules.on("Mish")
def mish(g: Importer, x: Tensor) -> Any:
    return g.mul(x, g.tanh(g.softplus(x)))


@rules.on("Gelu")
def gelu(g: Importer, x: Tensor, *, approximate: str = "none") -> Any:
    if approximate not in ("none", "tanh"):
        raise Reject("approximate", f"approximate is '{approximate}'", "NX702")
    return g.nnefx_gelu(x) if approximate == "none" else g.nnefx_gelu_tanh(x)


@rules.on("Softsign")
def softsign(g: Importer, x: Tensor) -> Any:
    return g.div(x, g.add("add", g.abs(x), 1.0))


@rules.on("ThresholdedRelu")
def thresholded_relu(g: Importer, x: Tensor, *, alpha: float = 1.0) -> Any:
    return g.select(g.gt(x, alpha), x, 0.0)


@rules.on("Shrink")
def shrink(g: Importer, x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Any:
    if x.kind == "integer":
        raise Reject(None, "shrinking of integers is not supported", "NX704")
    upper = g.sub(x, bias) if bias else x
    lower = g.add("add", x, bias) if bias else x
    return g.select(g.lt(x, -lambd), lower, g.select(g.gt(x, lambd), upper, 0.0))


@rules.on("Clip", since=11)
def clip(g: Importer, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Any:
    if x.kind == "integer":
        if x.dtype == np.uint64:
            raise Reject(None, "clipping of 64-bit unsigned integers is not supported", "NX704")
        y = x if low is None else binary(g, "nnefx_integer_max", x, low)
        return y if high is None else binary(g, "nnefx_integer_min", y, high)
    lowest, highest = _limit(low), _limit(high)
    if low is not None and high is not None:
        if lowest is not None and highest is not None and lowest <= highest:
            return g.clamp(x, lowest, highest)
        return binary(g, "min", binary(g, "max", x, low), high)
    if low is not None:
        return g.relu(x) if lowest == 0 else binary(g, "max", x, low)
    return x if high is None else binary(g, "min", x, high)


def _limit(tensor: Tensor | None) -> float | None:
    if tensor is None or tensor.array is None:
        return None
    value = float(str(tensor.array.reshape(-1)[0]))
    return value if math.isfinite(value) else None


@rules.on("Clip")
def clip_old(
    g: Importer, x: Tensor, *, min: float | None = None, max: float | None = None,
    consumed_inputs: Any = None,
) -> Any:  # fmt: skip
    low = None if min is None or min <= -3.402823e38 else g.known(np.asarray(min, x.dtype))
    high = None if max is None or max >= 3.402823e38 else g.known(np.asarray(max, x.dtype))
    return clip(g, x, low, high)


@rules.on("Softmax", since=13)
def softmax(g: Importer, x: Tensor, *, axis: int = -1) -> Any:
    return g.softmax(x, axes=[axis_of(axis, x.rank)])


@rules.on("Softmax")
def softmax_flat(g: Importer, x: Tensor, *, axis: int = 1) -> Any:
    return g.softmax(x, axes=list(range(axis_of(axis, x.rank), x.rank)))


@rules.on("LogSoftmax", since=13)
def log_softmax(g: Importer, x: Tensor, *, axis: int = -1) -> Any:
    return g.nnefx_log_softmax(x, axes=[axis_of(axis, x.rank)])


@rules.on("LogSoftmax")
def log_softmax_flat(g: Importer, x: Tensor, *, axis: int = 1) -> Any:
    return g.nnefx_log_softmax(x, axes=list(range(axis_of(axis, x.rank), x.rank)))


@rules.on("Hardmax", since=13)
def hardmax(g: Importer, x: Tensor, *, axis: int = -1) -> Any:
    at = axis_of(axis, x.rank)
    first = g.cast(g.argmax_reduce(x, axes=[at]), dtype="scalar")
    shape = [x.shape[at] if i == at else 1 for i in range(x.rank)]
    positions = g.known(np.arange(x.shape[at], dtype=np.float32).reshape(shape))
    return g.select(g.eq(positions, first), 1.0, 0.0)


@rules.on("Hardmax")
def hardmax_flat(g: Importer, x: Tensor, *, axis: int = 1) -> Any:
    at = axis_of(axis, x.rank)
    flat = g.viewed(x, (math.prod(x.shape[:at]), math.prod(x.shape[at:])))
    return g.viewed(hardmax(g, flat), x.shape)


@rules.on("Tanh")
def tanh(g: Importer, x: Tensor, *, consumed_inputs: Any = None) -> Any:
    return g.tanh(x)
