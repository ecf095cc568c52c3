"""Element-wise TFLite operators."""

from functools import reduce
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import arithmetic as a
from nnefx.converters.tensorflow.axes import tensor
from nnefx.converters.tensorflow.lite.importer import LiteImporter as Importer
from nnefx.converters.tensorflow.lite.tables import rules
from nnefx.ops import Reject

rules.same(
    RELU="relu", LOGISTIC="sigmoid", TANH="tanh", EXP="exp", LOG="log", SQRT="sqrt",
    RSQRT="rsqrt", SIN="sin", COS="cos", CEIL="ceil", FLOOR="floor", ELU="elu",
    ROUND="nnefx_round_even", LOGICAL_NOT="not",
)  # fmt: skip

_BINARY = {
    "ADD": "add", "SUB": "sub", "MUL": "mul", "DIV": "div", "MAXIMUM": "max", "MINIMUM": "min",
    "FLOOR_MOD": "mod",
}  # fmt: skip
_COMPARE = {
    "LESS": "lt", "LESS_EQUAL": "le", "GREATER": "gt", "GREATER_EQUAL": "ge", "EQUAL": "eq",
    "NOT_EQUAL": "ne",
}  # fmt: skip


def _kind(g: Importer) -> str:
    assert g.node is not None
    return g.node.kind


@rules.on(*_BINARY)
def arithmetic(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.arithmetic(g, _BINARY[_kind(g)], x, y)


@rules.on(*_COMPARE)
def comparison(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.compared(g, _COMPARE[_kind(g)], x, y)


@rules.on("LOGICAL_AND", "LOGICAL_OR")
def logic(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return tensor(binary(g, "and" if _kind(g) == "LOGICAL_AND" else "or", x, y))


@rules.on("ABS", "NEG", "SIGN")
def signed(g: Importer, x: Tensor) -> Tensor:
    return a.unary(g, _kind(g).lower(), x)


@rules.on("ADD_N")
def add_n(g: Importer, *tensors: Tensor) -> Tensor:
    return reduce(lambda x, y: a.arithmetic(g, "add", x, y), tensors)


@rules.on("SQUARE")
def square(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.sqr(x)) if x.kind == "scalar" else a.arithmetic(g, "mul", x, x)


@rules.on("SQUARED_DIFFERENCE")
def squared_difference(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    difference = a.arithmetic(g, "sub", x, y)
    return square(g, difference)


@rules.on("POW")
def power(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.power(g, x, y)


@rules.on("FLOOR_DIV")
def floor_div(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.floor_div(g, x, y)


@rules.on("RELU6")
def relu6(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.clamp(x, 0.0, 6.0))


@rules.on("RELU_N1_TO_1")
def relu_n1_to_1(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.clamp(x, -1.0, 1.0))


@rules.on("RELU_0_TO_1")
def relu_0_to_1(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.clamp(x, 0.0, 1.0))


@rules.on("LEAKY_RELU")
def leaky_relu(g: Importer, x: Tensor, *, alpha: float = 0.0) -> Tensor:
    return tensor(g.leaky_relu(x, alpha=float(str(np.float32(alpha)))))


@rules.on("PRELU")
def prelu(g: Importer, x: Tensor, slope: Tensor) -> Tensor:
    return tensor(g.prelu(*aligned(g, x, slope)))


@rules.on("HARD_SWISH")
def hard_swish(g: Importer, x: Tensor) -> Tensor:
    return a.hard_swish(g, x)


@rules.on("GELU")
def gelu(g: Importer, x: Tensor, *, approximate: bool = False) -> Tensor:
    return a.gelu(g, x, bool(approximate))


@rules.on("SELECT", "SELECT_V2", "WHERE")
def select(g: Importer, condition: Tensor, x: Tensor | None = None, y: Tensor | None = None) -> Any:
    if x is None or y is None:
        return _where(g, condition)
    if _kind(g) == "SELECT" and condition.rank == 1 and x.rank > 1:
        condition = g.viewed(condition, condition.shape + (1,) * (x.rank - 1))
    return a.chosen(g, condition, x, y)


def _where(g: Importer, condition: Tensor) -> Tensor:
    if condition.array is None:
        raise Reject(None, "how many items are true is only known when the model runs", "NX705")
    return g.known(np.argwhere(condition.array), dtype=np.int64)


@rules.on("CAST")
def cast(g: Importer, x: Tensor, *, in_data_type: int = 0, out_data_type: int = 0) -> Tensor:
    """The types in the options are not always filled in; those of the tensors are."""
    result = g.results[0].dtype
    assert result is not None
    return a.converted(g, x, result)


@rules.on("ATAN2")
def atan2(g: Importer, y: Tensor, x: Tensor) -> Tensor:
    return tensor(binary(g, "nnefx_atan2", y, x))


@rules.on("BITWISE_XOR")
def bitwise_xor(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    if x.kind == "logical":
        return tensor(binary(g, "nnefx_xor", x, y))
    return g.typed(tensor(binary(g, "nnefx_integer_xor", x, y)), x.dtype)


@rules.on("ZEROS_LIKE")
def zeros_like(g: Importer, x: Tensor) -> Tensor:
    return g.known(np.zeros(x.shape, x.dtype))
