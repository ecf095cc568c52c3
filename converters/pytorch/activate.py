"""Activations."""

from typing import Any

from nnefx.converters.pytorch.cast import axis_of, emitted, operand, scalar
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor


@rules.on("gelu")
def gelu(g: Importer, self: Tensor, *, approximate: str = "none") -> Any:
    return g.nnefx_gelu_tanh(self) if approximate == "tanh" else g.nnefx_gelu(self)


@rules.on("silu")
def silu(g: Importer, self: Tensor) -> Any:
    return g.silu(self)


@rules.on("leaky_relu")
def leaky_relu(g: Importer, self: Tensor, *, negative_slope: float = 0.01) -> Any:
    return g.leaky_relu(self, alpha=float(negative_slope))


@rules.on("rrelu")
def rrelu(
    g: Importer, self: Tensor, *, lower: float = 0.125, upper: float = 1 / 3, training: bool = False
) -> Any:
    _refuse_training(training)
    return g.leaky_relu(self, alpha=(float(lower) + float(upper)) / 2)


@rules.on("elu")
def elu(
    g: Importer, self: Tensor, *, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> Any:
    if input_scale != 1:
        inner = g.mul(g.sub(g.exp(g.mul(self, float(input_scale))), 1.0), float(alpha))
        result = g.select(g.lt(self, 0.0), inner, self)
    else:
        result = g.elu(self, alpha=float(alpha))
    return result if scale == 1 else g.mul(result, float(scale))


@rules.on("selu")
def selu(g: Importer, self: Tensor) -> Any:
    return g.selu(self)


@rules.on("celu")
def celu(g: Importer, self: Tensor, *, alpha: float = 1.0) -> Any:
    inner = g.mul(g.sub(g.exp(g.div(self, float(alpha))), 1.0), float(alpha))
    return g.select(g.lt(self, 0.0), inner, self)


@rules.on("hardtanh")
def hardtanh(g: Importer, self: Tensor, *, min_val: float = -1, max_val: float = 1) -> Any:
    if self.kind != "scalar":
        from nnefx.converters.pytorch.elementwise import arithmetic

        return arithmetic(g, "min", arithmetic(g, "max", self, min_val), max_val)
    return g.clamp(self, float(min_val), float(max_val))


@rules.on("relu6")
def relu6(g: Importer, self: Tensor) -> Any:
    return g.clamp(self, 0.0, 6.0)


@rules.on("hardsigmoid")
def hardsigmoid(g: Importer, self: Tensor) -> Any:
    return g.div(g.clamp(g.add("add", self, 3.0), 0.0, 6.0), 6.0)


@rules.on("hardswish")
def hardswish(g: Importer, self: Tensor) -> Any:
    return g.mul(self, hardsigmoid(g, self))


@rules.on("softplus")
def softplus(g: Importer, self: Tensor, *, beta: float = 1, threshold: float = 20) -> Any:
    return softplus_of(g, self, float(beta), float(threshold))


def softplus_of(g: Importer, x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return log(1 + e^(beta x)) / beta, which is x itself above the threshold."""
    scaled = x if beta == 1 else g.mul(x, beta)
    # bounded, since what is not chosen must not overflow either
    soft = g.softplus(g.min(scaled, threshold))
    return g.select(g.gt(scaled, threshold), x, soft if beta == 1 else g.div(soft, beta))


@rules.on("softsign")
def softsign(g: Importer, self: Tensor) -> Any:
    return g.div(self, g.add("add", g.abs(self), 1.0))


@rules.on("mish")
def mish(g: Importer, self: Tensor) -> Any:
    return g.mul(self, g.tanh(softplus_of(g, self)))


@rules.on("tanhshrink")
def tanhshrink(g: Importer, self: Tensor) -> Any:
    return g.sub(self, g.tanh(self))


@rules.on("hardshrink")
def hardshrink(g: Importer, self: Tensor, *, lambd: float = 0.5) -> Any:
    return g.select(g.le(g.abs(self), float(lambd)), 0.0, self)


@rules.on("softshrink")
def softshrink(g: Importer, self: Tensor, *, lambd: float = 0.5) -> Any:
    return g.sub(self, g.clamp(self, -float(lambd), float(lambd)))


@rules.on("threshold")
def threshold(g: Importer, self: Tensor, threshold: Any, value: Any) -> Any:
    return g.select(g.gt(self, float(threshold)), self, float(value))


@rules.on("log_sigmoid")
def log_sigmoid(g: Importer, self: Tensor) -> Any:
    return g.neg(softplus_of(g, g.neg(self)))


@rules.on("prelu")
def prelu(g: Importer, self: Tensor, weight: Tensor) -> Any:
    alpha = weight
    if weight.volume > 1:
        alpha = g.viewed(weight, (1, weight.volume) if self.rank > 1 else (weight.volume,))
    elif weight.rank > 0:
        alpha = g.viewed(weight, (1,) * max(self.rank, 1))
    return g.prelu(self, alpha)


@rules.on("glu")
def glu(g: Importer, self: Tensor, *, dim: int = -1) -> Any:
    axis = axis_of(dim, self.rank)
    value, gate = g.split(self, axis=axis, ratios=[1, 1])
    return g.mul(value, g.sigmoid(gate))


@rules.on("softmax.int", "_softmax", "special_softmax")
def softmax(
    g: Importer, self: Tensor, dim: int, *, dtype: Any = None, half_to_float: Any = None
) -> Any:
    x = operand(g, self, g.dtype)
    if not x.rank:
        return g.known(1.0, dtype=g.dtype)
    return g.softmax(x, axes=[axis_of(dim, x.rank)])


@rules.on("log_softmax.int", "_log_softmax", "special_log_softmax")
def log_softmax(
    g: Importer, self: Tensor, dim: int, *, dtype: Any = None, half_to_float: Any = None
) -> Any:
    x = operand(g, self, g.dtype)
    if not x.rank:
        return g.known(0.0, dtype=g.dtype)
    return g.nnefx_log_softmax(x, axes=[axis_of(dim, x.rank)])


@rules.on("_safe_softmax")
def safe_softmax(g: Importer, self: Tensor, dim: int, *, dtype: Any = None) -> Any:
    return safe(g, scalar(g, self), axis_of(dim, self.rank))


def safe(g: Importer, x: Tensor, axis: int) -> Any:
    """Return softmax that is zero where all items along the axis are minus infinity."""
    top = g.max_reduce(x, axes=[axis])
    empty = g.lt(top, -3.4028234e38)
    shifted = g.exp(emitted(g, "sub", x, g.select(empty, 0.0, top)))
    total = g.sum_reduce(shifted, axes=[axis])
    return g.div(shifted, g.select(empty, 1.0, total))


@rules.on("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
def dropout(g: Importer, input: Tensor, *, p: float = 0.5, train: bool = False) -> Any:
    _refuse_training(train and p > 0)
    return input


@rules.on("native_dropout")
def native_dropout(
    g: Importer, input: Tensor, *, p: float = 0.5, train: bool | None = False
) -> Any:
    import numpy as np

    _refuse_training(bool(train) and p > 0)
    return input, g.known(np.ones(input.shape, np.bool_))


def _refuse_training(training: bool) -> None:
    from nnefx.ops import Reject

    if training:
        text = "it draws random numbers in training mode; export the module in evaluation mode"
        raise Reject(None, text, "NX702")
