"""Activation functions (NNEF 1.0.5, section 4.9.1).

Where a kernel departs from the text of the body, it computes the same function with less rounding
error: expm1 for exp(x) - 1, and a soft-plus whose exponential cannot overflow.
"""

from collections.abc import Callable, Sequence

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays, broadcast_shape, check_axes
from nnefx.ops.elementwise import greater, ieee, shape_of_same, unary
from nnefx.ops.registry import Shape, define

Out = Tensor | None
_PART = 32 << 10  # items at a time


def _sigmoid(x: Tensor, out: Out = None) -> Tensor:
    powers = np.exp(np.negative(x, out=out), out=out)
    return np.asarray(np.divide(1, np.add(1, powers, out=out), out=out))


def _relu(x: Tensor, out: Out = None) -> Tensor:
    return greater(x, np.zeros((), x.dtype), out)


def _gelu(x: Tensor, out: Out = None) -> Tensor:
    return np.asarray(np.multiply(x, _sigmoid(1.702 * x), out=out))


def _silu(x: Tensor, out: Out = None) -> Tensor:
    return np.asarray(np.multiply(x, _sigmoid(x), out=out))


def _in_parts(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return `function` applied part by part, so that what it makes between stays small."""

    def run(x: Tensor, out: Out = None) -> Tensor:
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        source = x.transpose(order)
        if x.size <= _PART or not source.flags.c_contiguous:
            return function(x, out)
        result = np.empty_like(x) if out is None else out
        goal = result.transpose(order).reshape(-1)
        source = source.reshape(-1)
        for first in range(0, x.size, _PART):
            part = slice(first, first + _PART)
            function(source[part], goal[part])
        return result

    return run


def _softplus(x: Tensor, out: Out = None) -> Tensor:
    return np.asarray(np.add(np.maximum(x, 0), np.log1p(np.exp(-np.abs(x))), out=out))


define("sigmoid", shape=shape_of_same, run=unary(_in_parts(_sigmoid)), itemwise=True)
define("relu", shape=shape_of_same, run=unary(_relu), itemwise=True)
define("gelu", shape=shape_of_same, run=unary(_in_parts(_gelu)), itemwise=True)
define("silu", shape=shape_of_same, run=unary(_in_parts(_silu)), itemwise=True)
define("softplus", shape=shape_of_same, run=unary(_in_parts(_softplus)), itemwise=True)


def _prelu(x: Shape, alpha: Shape) -> Shape:
    return broadcast_shape(x, alpha, parameter="alpha")


def _run_prelu(x: Tensor, alpha: Tensor) -> Tensor:
    x, alpha = broadcast_arrays(x, alpha)
    with ieee():
        return np.where(x < 0, alpha * x, x)


define("prelu", shape=_prelu, run=_run_prelu)


def _leaky_relu(x: Shape, *, alpha: float) -> Shape:  # noqa: ARG001
    return x


def _run_leaky_relu(x: Tensor, *, alpha: float) -> Tensor:
    with ieee():
        return np.asarray(np.maximum(x, 0) + alpha * np.minimum(x, 0))


define("leaky_relu", shape=_leaky_relu, run=_run_leaky_relu)


def _elu(x: Shape, *, alpha: float) -> Shape:  # noqa: ARG001
    return x


def _run_elu(x: Tensor, *, alpha: float) -> Tensor:
    with ieee():
        return np.where(x < 0, alpha * np.expm1(x), x)


define("elu", shape=_elu, run=_run_elu)


def _selu(x: Shape, *, alpha: float, **_lambda: float) -> Shape:  # noqa: ARG001
    return x


def _run_selu(x: Tensor, *, alpha: float, **scale: float) -> Tensor:
    """Scale an elu; the parameter is named `lambda`, which no Python function can name."""
    with ieee():
        return np.asarray(scale["lambda"] * _run_elu(x, alpha=alpha))


define("selu", shape=_selu, run=_run_selu)


def _softmax(x: Shape, *, axes: Sequence[int]) -> Shape:
    check_axes(axes, len(x))
    return x


def _run_softmax(x: Tensor, *, axes: Sequence[int], out: Out = None) -> Tensor:
    along = tuple(axes)
    with ieee():
        powers = np.asarray(np.subtract(x, np.max(x, axis=along, keepdims=True), out=out))
        np.exp(powers, out=powers)
        powers /= np.sum(powers, axis=along, keepdims=True)
        return powers


define("softmax", shape=_softmax, run=_run_softmax)
