"""Activations, and functions of one blob."""

import math
from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

rules.same(Sigmoid="sigmoid", TanH="tanh", AbsVal="abs", BNLL="softplus")


@rules.on("ReLU")
def relu(g: Importer, x: Tensor, *, negative_slope: float = 0.0) -> Any:
    return g.leaky_relu(x, alpha=negative_slope) if negative_slope else g.relu(x)


@rules.on("ReLU6")
def relu6(g: Importer, x: Tensor, *, negative_slope: float = 0.0) -> Any:
    if negative_slope:
        raise Reject("negative_slope", "a ReLU6 has no slope", "NX702")
    return g.clamp(x, 0.0, 6.0)


@rules.on("PReLU")
def prelu(g: Importer, x: Tensor, *, channel_shared: bool = False) -> Any:
    if x.rank < 2:
        raise Reject(None, f"the blob has {x.rank} dimensions, expected 2 or more", "NX703")
    if channel_shared:
        return g.prelu(x, g.blob(0, [1], "slope"))
    return g.prelu(x, g.viewed(g.blob(0, [x.shape[1]], "slope"), (1, x.shape[1])))


@rules.on("ELU")
def elu(g: Importer, x: Tensor, *, alpha: float = 1.0) -> Any:
    return g.elu(x, alpha=alpha)


@rules.on("Swish")
def swish(g: Importer, x: Tensor, *, beta: float = 1.0) -> Any:
    return g.silu(x) if beta == 1.0 else g.mul(x, g.sigmoid(g.mul(x, beta)))


@rules.on("Clip")
def clip(g: Importer, x: Tensor, *, min: float, max: float) -> Any:
    return g.clamp(x, min, max)


@rules.on("Threshold")
def threshold(g: Importer, x: Tensor, *, threshold: float = 0.0) -> Any:
    return g.select(g.gt(x, threshold), 1.0, 0.0)


@rules.on("Dropout")
def dropout(g: Importer, x: Tensor, *, dropout_ratio: float = 0.5, scale_train: bool = True) -> Any:
    # Caffe scales in training; forks that do not, do it afterwards.
    return g.copied(x) if scale_train else g.mul(x, 1.0 - dropout_ratio)


@rules.on("Power")
def power(
    g: Importer, x: Tensor, *, power: float = 1.0, scale: float = 1.0, shift: float = 0.0
) -> Any:
    y = affine(g, x, scale, shift)
    if power == 1.0:
        return y
    if power == 0.0:
        return g.add("add", g.mul(x, 0.0), 1.0)
    if power == 2.0:
        return g.sqr(y)
    return g.sqrt(y) if power == 0.5 else g.pow(y, power)


def affine(g: Importer, x: Tensor, scale: float, shift: float) -> Tensor:
    """Emit `shift + scale * x`, as far as it differs from x."""
    y = x if scale == 1.0 else g.mul(x, scale)
    y = y if shift == 0.0 else g.add("add", y, shift)
    return g.copied(x) if y is x else y


@rules.on("Exp")
def exponential(
    g: Importer, x: Tensor, *, base: float = -1.0, scale: float = 1.0, shift: float = 0.0
) -> Any:
    factor = _log_of(base)
    return g.exp(affine(g, x, scale * factor, shift * factor))


@rules.on("Log")
def logarithm(
    g: Importer, x: Tensor, *, base: float = -1.0, scale: float = 1.0, shift: float = 0.0
) -> Any:
    factor = _log_of(base)
    y = g.log(affine(g, x, scale, shift))
    return y if factor == 1.0 else g.mul(y, 1.0 / factor)


def _log_of(base: float) -> float:
    if base == -1.0:
        return 1.0  # which says e
    if base <= 0.0 or base == 1.0:
        raise Reject("base", f"base is {base}, expected -1 or a positive number but 1", "NX703")
    return math.log(base)
