"""Kernels of element-wise operations and activations."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnefx.execute.torch.operands import aligned, fitted, tensors
from nnefx.execute.torch.table import define
from nnefx.ir.graph import Node


def copy(x: Any) -> Tensor:
    """Return a tensor of its own."""
    return tensors(x)[0].clone()


def _unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    def run(x: Any) -> Tensor:
        return function(tensors(x)[0])

    run.__name__ = run.__qualname__ = name
    define(name, run)


for _name, _function in {
    "neg": torch.neg, "rcp": torch.reciprocal, "exp": torch.exp, "log": torch.log,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "sinh": torch.sinh, "cosh": torch.cosh,
    "tanh": torch.tanh, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh, "abs": torch.abs,
    "sign": torch.sign, "not": torch.logical_not, "floor": torch.floor, "ceil": torch.ceil,
    "sqr": torch.square, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "log2": torch.log2,
    "sigmoid": torch.sigmoid, "relu": torch.relu, "silu": functional.silu,
    "softplus": functional.softplus,
}.items():  # fmt: skip
    _unary(_name, _function)


def round_half_up(x: Tensor) -> Tensor:
    """Return the nearest whole numbers, halves up (NNEF 1.0.5, 4.2.1)."""
    below = torch.floor(x)
    return torch.where(x - below >= 0.5, below + 1, below)


def _rsqr(x: Tensor) -> Tensor:
    return torch.reciprocal(torch.square(x))


def _gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


_unary("round", round_half_up)
_unary("rsqr", _rsqr)
_unary("gelu", _gelu)
define("copy", copy)


def _binary(name: str, function: Callable[..., Any]) -> None:
    def run(x: Any, y: Any) -> Tensor:
        if name in _SCALED and isinstance(x, Tensor) and type(y) is float and x.is_floating_point():
            scaled: Tensor = function(x, y)
            return scaled
        result: Tensor = function(*aligned(x, y))
        return result

    run.__name__ = run.__qualname__ = name
    define(name, run)


_SCALED = frozenset(("add", "sub", "mul", "div"))  # PyTorch takes a number, which costs less
_BINARY: dict[str, Callable[..., Any]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "lt": torch.lt, "gt": torch.gt, "le": torch.le, "ge": torch.ge, "eq": torch.eq,
    "ne": torch.ne, "and": torch.logical_and, "or": torch.logical_or, "min": torch.minimum,
    "max": torch.maximum,
}  # fmt: skip
for _name, _both in _BINARY.items():
    _binary(_name, _both)


def select(condition: Any, true_value: Any, false_value: Any) -> Tensor:
    """Choose items by a condition."""
    chosen, first, second = aligned(condition, true_value, false_value)
    return torch.where(chosen, first, second)


def clamp(x: Any, a: Any, b: Any) -> Tensor:
    """Limit items; the lower bound wins where the two cross."""
    if isinstance(x, Tensor) and type(a) is type(b) is float and a <= b:
        return torch.clamp(x, a, b)
    x, a, b = aligned(x, a, b)
    return torch.maximum(torch.minimum(x, b), a)


def prelu(x: Any, alpha: Any) -> Tensor:
    """Multiply negative items by alpha."""
    x, alpha = aligned(x, alpha)
    return torch.where(x < 0, alpha * x, x)


def leaky_relu(x: Any, *, alpha: float) -> Tensor:
    """Multiply negative items by a number."""
    return torch.where(x < 0, alpha * x, x)


def elu(x: Any, *, alpha: float) -> Tensor:
    """Bend negative items to an exponential."""
    return torch.where(x < 0, alpha * torch.expm1(torch.clamp(x, max=0)), x)


def selu(x: Any, *, alpha: float, scale: float) -> Tensor:
    """Return elu times a number."""
    return scale * elu(x, alpha=alpha)


def _selu_keywords(node: Node) -> dict[str, Any]:
    return {"alpha": node.attributes["alpha"], "scale": node.attributes["lambda"]}


def softmax(x: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Return exponentials that sum to 1 along the axes."""
    if len(axes) == 1:
        return torch.softmax(x, axes[0])
    shifted = torch.exp(x - torch.amax(x, list(axes), keepdim=True))
    return shifted / torch.sum(shifted, list(axes), keepdim=True)


def cast(input: Any, *, dtype: str) -> Tensor:
    """Convert items; fractions are dropped."""
    x = tensors(input)[0]
    if dtype == "logical":
        return x != 0
    if dtype == "integer":
        return x.to(torch.int64)
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())


def _cast_keywords(node: Node) -> dict[str, Any]:
    return {"dtype": node.dtype}


def copy_n(x: Any, *, times: int) -> list[Tensor]:
    """Return a tensor several times."""
    return [tensors(x)[0]] * times


def add_n(x: Sequence[Any]) -> Tensor:
    """Return the sum of tensors."""
    items = aligned(*x) if x else tensors(0.0)
    total = items[0]
    for item in items[1:]:
        total = total + item
    return total


def batch_normalization(
    input: Tensor, mean: Any, variance: Any, offset: Any, scale: Any, *, epsilon: float
) -> Tensor:
    """Normalize with given statistics, scale and shift."""
    vectors = (mean, variance, scale, offset)
    if not torch.is_grad_enabled() and _per_channel(input, vectors):
        flat = [vector.reshape(-1) for vector in vectors]
        mean, variance, scale, offset = flat
        # It knows no gradient of the mean and the variance.
        return functional.batch_norm(input, mean, variance, scale, offset, eps=epsilon)
    x, mean, variance, offset, scale = aligned(input, mean, variance, offset, scale)
    result: Tensor = offset + scale * (x - mean) / torch.sqrt(variance + epsilon)
    return result


def _per_channel(x: Tensor, vectors: Sequence[Any]) -> bool:
    return x.dim() > 1 and all(
        isinstance(vector, Tensor)
        and vector.dim() > 1
        and vector.numel() == vector.shape[1] == x.shape[1]
        and vector.dtype == x.dtype
        for vector in vectors
    )


def matmul(A: Tensor, B: Tensor, *, transposeA: bool, transposeB: bool) -> Tensor:
    """Return the matrix product over the last two dimensions."""
    left = A.transpose(-1, -2) if transposeA else A
    right = B.transpose(-1, -2) if transposeB else B
    return torch.matmul(left, right)


def linear(input: Tensor, filter: Tensor, bias: Any) -> Tensor:
    """Multiply by the transposed filter and add the bias."""
    count = filter.shape[-2]
    if isinstance(bias, Tensor) and filter.numel() == count * filter.shape[-1]:
        wide = fitted(bias, input.dim())
        if wide.numel() == wide.shape[-1] == count:
            return functional.linear(input, filter.reshape(count, -1), wide.reshape(count))
    result = torch.matmul(input, filter.transpose(-1, -2))
    if not isinstance(bias, Tensor):
        return result if bias == 0 else result + bias
    return result + fitted(bias, result.dim())


define("select", select)
define("clamp", clamp)
define("prelu", prelu)
define("leaky_relu", leaky_relu)
define("elu", elu)
define("selu", selu, _selu_keywords)
define("softmax", softmax)
define("cast", cast, _cast_keywords)
define("copy_n", copy_n)
define("add_n", add_n)
define("batch_normalization", batch_normalization)
define("matmul", matmul)
define("linear", linear)
