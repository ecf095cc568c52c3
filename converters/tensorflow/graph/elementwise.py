"""Element-wise TensorFlow operators."""

from functools import reduce
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import arithmetic as a
from nnefx.converters.tensorflow.axes import tensor
from nnefx.converters.tensorflow.graph.importer import GraphImporter as Importer
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.converters.tensorflow.normalize import faked
from nnefx.ops import Reject

rules.same(
    Relu="relu", Sigmoid="sigmoid", Tanh="tanh", Exp="exp", Log="log", Sqrt="sqrt",
    Rsqrt="rsqrt", Sin="sin", Cos="cos", Tan="tan", Asin="asin", Acos="acos", Atan="atan",
    Sinh="sinh", Cosh="cosh", Asinh="asinh", Acosh="acosh", Atanh="atanh", Ceil="ceil",
    Floor="floor", Elu="elu", Selu="selu", Softplus="softplus", Round="nnefx_round_even",
    Rint="nnefx_round_even", Erf="nnefx_erf", LogicalNot="not", Reciprocal="rcp", Inv="rcp",
)  # fmt: skip

_BINARY = {
    "Add": "add", "AddV2": "add", "Sub": "sub", "Mul": "mul", "RealDiv": "div", "Div": "div",
    "Maximum": "max", "Minimum": "min", "FloorMod": "mod", "Mod": "fmod", "TruncateMod": "fmod",
}  # fmt: skip
_COMPARE = {
    "Less": "lt", "LessEqual": "le", "Greater": "gt", "GreaterEqual": "ge", "Equal": "eq",
    "NotEqual": "ne",
}  # fmt: skip
_LOGIC = {"LogicalAnd": "and", "LogicalOr": "or"}
_BITS = {"BitwiseAnd": "and", "BitwiseOr": "or", "BitwiseXor": "xor"}
_SHIFTS = {"LeftShift": "shift_left", "RightShift": "shift_right"}


@rules.on(*_BINARY)
def arithmetic(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.arithmetic(g, _BINARY[g.kind], x, y)


@rules.on(*_COMPARE)
def comparison(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.compared(g, _COMPARE[g.kind], x, y)


@rules.on(*_LOGIC)
def logic(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return tensor(binary(g, _LOGIC[g.kind], x, y))


@rules.on(*_BITS)
def bits(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return g.typed(tensor(binary(g, f"nnefx_integer_{_BITS[g.kind]}", x, y)), x.dtype)


@rules.on(*_SHIFTS)
def shift(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.wrapped(g, tensor(binary(g, f"nnefx_integer_{_SHIFTS[g.kind]}", x, y)), x.dtype)


@rules.on("Invert")
def invert(g: Importer, x: Tensor) -> Tensor:
    return a.wrapped(g, tensor(g.add("nnefx_integer_not", x)), x.dtype)


@rules.on("Abs", "Neg", "Sign")
def signed(g: Importer, x: Tensor) -> Tensor:
    return a.unary(g, g.kind.lower(), x)


@rules.on("AddN")
def add_n(g: Importer, *tensors: Tensor, N: int = 0) -> Tensor:
    return reduce(lambda x, y: a.arithmetic(g, "add", x, y), tensors)


@rules.on("Square")
def square(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.sqr(x)) if x.kind == "scalar" else a.arithmetic(g, "mul", x, x)


@rules.on("SquaredDifference")
def squared_difference(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return square(g, a.arithmetic(g, "sub", x, y))


@rules.on("Pow")
def power(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.power(g, x, y)


@rules.on("FloorDiv")
def floor_div(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.floor_div(g, x, y)


@rules.on("TruncateDiv")
def truncate_div(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    return a.arithmetic(g, "div", x, y)


@rules.on("DivNoNan", "MulNoNan", "Xdivy")
def no_nan(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    """Zero where the second operand (Xdivy: the first) is zero."""
    op = "mul" if g.kind == "MulNoNan" else "div"
    zero = g.known(np.zeros((), x.dtype))
    guard = a.compared(g, "eq", x if g.kind == "Xdivy" else y, zero)
    return a.chosen(g, guard, zero, a.arithmetic(g, op, x, y))


@rules.on("Expm1")
def expm1(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.sub(g.exp(x), 1.0))


@rules.on("Log1p")
def log1p(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.log(g.add("add", x, 1.0)))


@rules.on("Erfc")
def erfc(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.sub(1.0, g.nnefx_erf(x)))


@rules.on("Atan2")
def atan2(g: Importer, y: Tensor, x: Tensor) -> Tensor:
    return tensor(binary(g, "nnefx_atan2", y, x))


@rules.on("Relu6")
def relu6(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.clamp(x, 0.0, 6.0))


@rules.on("LeakyRelu")
def leaky_relu(g: Importer, x: Tensor, *, alpha: float = 0.2) -> Tensor:
    return tensor(g.leaky_relu(x, alpha=alpha))


@rules.on("Softsign")
def softsign(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.div(x, g.add("add", g.abs(x), 1.0)))


@rules.on("_FusedSilu", "Silu", "Swish")
def silu(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.silu(x))


@rules.on("Gelu")
def gelu(g: Importer, x: Tensor, *, approximate: bool = False) -> Tensor:
    return a.gelu(g, x, approximate)


@rules.on("ClipByValue")
def clip_by_value(g: Importer, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    if x.kind == "integer":
        return a.arithmetic(g, "max", a.arithmetic(g, "min", x, high), low)
    return tensor(g.clamp(*aligned(g, x, low, high)))


@rules.on("Select", "SelectV2")
def select(g: Importer, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    if g.kind == "Select" and condition.rank == 1 and x.rank > 1:
        condition = g.viewed(condition, condition.shape + (1,) * (x.rank - 1))
    return a.chosen(g, condition, x, y)


@rules.on("IsNan")
def is_nan(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.ne(x, x))


@rules.on("IsInf")
def is_inf(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.gt(g.abs(x), float(np.finfo(np.float32).max)))


@rules.on("IsFinite")
def is_finite(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.le(g.abs(x), float(np.finfo(np.float32).max)))


@rules.on("Cast")
def cast(g: Importer, x: Tensor, *, DstT: Any) -> Tensor:
    if isinstance(DstT, str):
        raise Reject("DstT", f"items of type {DstT} have no counterpart", "NX704")
    return a.converted(g, x, DstT)


@rules.on("BiasAdd", "BiasAddV1")
def bias_add(g: Importer, x: Tensor, b: Tensor, *, data_format: str = "NHWC") -> Tensor:
    if data_format.startswith("NC"):
        b = g.viewed(b, (1, b.volume) + (1,) * (x.rank - 2))
    return a.arithmetic(g, "add", x, b)


@rules.on("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs")
def fake_quant(
    g: Importer, x: Tensor, low: Tensor | None = None, high: Tensor | None = None, *,
    min: float = -6.0, max: float = 6.0, num_bits: int = 8, narrow_range: bool = False,
) -> Tensor:  # fmt: skip
    least, most = min, max
    if low is not None and high is not None:
        if low.array is None or high.array is None:
            raise Reject("min", "the range must be known", "NX705")
        least, most = float(low.array), float(high.array)
    return faked(g, x, least, most, num_bits, narrow_range)
