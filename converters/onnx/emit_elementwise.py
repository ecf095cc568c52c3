"""Element-wise operations, activations and quantization, written in ONNX."""

from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Writer, emits
from nnefx.ir.graph import Node, Value

_UNARY = {
    "copy": "Identity", "neg": "Neg", "rcp": "Reciprocal", "exp": "Exp", "log": "Log",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "abs": "Abs", "sign": "Sign", "not": "Not", "floor": "Floor",
    "ceil": "Ceil", "sqrt": "Sqrt", "sigmoid": "Sigmoid", "relu": "Relu", "softplus": "Softplus",
    "nnefx_erf": "Erf", "nnefx_round_even": "Round", "nnefx_integer_neg": "Neg",
    "nnefx_integer_abs": "Abs", "nnefx_integer_sign": "Sign",
}  # fmt: skip
_BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "lt": "Less",
    "gt": "Greater", "le": "LessOrEqual", "ge": "GreaterOrEqual", "eq": "Equal", "and": "And",
    "or": "Or", "select": "Where", "nnefx_xor": "Xor", "nnefx_integer_add": "Add",
    "nnefx_integer_sub": "Sub", "nnefx_integer_mul": "Mul", "nnefx_integer_min": "Min",
    "nnefx_integer_max": "Max", "nnefx_integer_eq": "Equal", "nnefx_integer_lt": "Less",
    "nnefx_integer_gt": "Greater", "nnefx_integer_le": "LessOrEqual",
    "nnefx_integer_ge": "GreaterOrEqual", "nnefx_logical_eq": "Equal",
}  # fmt: skip
_NEGATED = {"ne": "Equal", "nnefx_integer_ne": "Equal"}


@emits(*_UNARY)
def unary(w: Writer, node: Node) -> Any:
    return w.add(_UNARY[node.name], w.of(next(iter(node.inputs.values()))))


@emits(*_BINARY)
def binary(w: Writer, node: Node) -> Any:
    return w.add(_BINARY[node.name], *w.aligned(list(node.inputs.values()), node.output.rank))


@emits(*_NEGATED)
def negated(w: Writer, node: Node) -> Any:
    operands = w.aligned(list(node.inputs.values()), node.output.rank)
    return w.add("Not", w.add(_NEGATED[node.name], *operands))


@emits("nnefx_mod", "nnefx_fmod", "nnefx_integer_fmod")
def mod(w: Writer, node: Node) -> Any:
    x, y = w.aligned(list(node.inputs.values()), node.output.rank)
    rest = w.add("Mod", x, y, fmod=1)
    if node.name != "nnefx_mod":
        return rest
    zero = w.const(np.float32(0))
    apart = w.add("Xor", w.add("Less", rest, zero), w.add("Less", y, zero))
    apart = w.add("And", apart, w.add("Not", w.add("Equal", rest, zero)))
    return w.add("Where", apart, w.add("Add", rest, y), rest)


@emits("round")
def round_(w: Writer, node: Node) -> Any:
    return rounded(w, w.of(node.inputs["x"]))


def rounded(w: Writer, x: str) -> str:
    """Emit floor(x + 0.5) without the rounding error of that sum."""
    below = w.add("Floor", x)
    half = w.add("GreaterOrEqual", w.add("Sub", x, below), w.const(np.float32(0.5)))
    return str(w.add("Add", below, w.cast(half, "scalar")))


@emits("sqr", "rsqr", "rsqrt", "log2", "gelu", "silu")
def derived(w: Writer, node: Node) -> Any:
    x = w.of(node.inputs["x"])
    match node.name:
        case "sqr":
            return w.add("Mul", x, x)
        case "rsqr":
            return w.add("Reciprocal", w.add("Mul", x, x))
        case "rsqrt":
            return w.add("Reciprocal", w.add("Sqrt", x))
        case "log2":
            return log2(w, x)
        case "gelu":
            scaled = w.add("Mul", x, w.const(np.float32(1.702)))
            return w.add("Mul", x, w.add("Sigmoid", scaled))
        case _:
            return w.add("Mul", x, w.add("Sigmoid", x))


def log2(w: Writer, x: str) -> str:
    """Emit the binary logarithm."""
    return str(w.add("Mul", w.add("Log", x), w.const(np.float32(1 / np.log(2)))))


@emits("elu", "leaky_relu", "selu")
def parametric(w: Writer, node: Node) -> Any:
    kind = {"elu": "Elu", "leaky_relu": "LeakyRelu", "selu": "Selu"}[node.name]
    attributes = {"gamma" if n == "lambda" else n: v for n, v in node.attributes.items()}
    return w.add(kind, w.of(node.inputs["x"]), **attributes)


@emits("prelu")
def prelu(w: Writer, node: Node) -> Any:
    x, alpha = w.aligned(list(node.inputs.values()), node.output.rank)
    item = node.inputs["x"]
    if isinstance(item, Value) and item.shape == node.output.shape:
        return w.add("PRelu", x, alpha)
    below = w.add("Less", x, w.const(np.float32(0)))
    return w.add("Where", below, w.add("Mul", alpha, x), x)


@emits("min", "max")
def extreme(w: Writer, node: Node) -> Any:
    kind = {"min": "Min", "max": "Max"}[node.name]
    return w.add(kind, *w.aligned(list(node.inputs.values()), node.output.rank))


@emits("clamp")
def clamp(w: Writer, node: Node) -> Any:
    item, low, high = node.inputs.values()
    if all(isinstance(limit, float) for limit in (low, high)) and low <= high:  # type: ignore[operator]
        return w.add("Clip", w.of(item), w.of(low), w.of(high))
    return clamped(w, *w.aligned([item, low, high], node.output.rank))


def clamped(w: Writer, x: str, low: str, high: str) -> str:
    """Emit max(min(x, high), low)."""
    return str(w.add("Max", w.add("Min", x, high), low))


@emits("cast")
def cast(w: Writer, node: Node) -> Any:
    assert node.dtype is not None
    return w.cast(w.of(node.inputs["input"]), node.dtype)


@emits("copy_n")
def copy_n(w: Writer, node: Node) -> Any:
    x = w.of(node.inputs["x"])
    return [w.add("Identity", x) for _ in node.values()]


@emits("add_n")
def add_n(w: Writer, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    if not items:
        return w.add("Identity", w.const(np.float32(0)))
    *others, total = w.aligned(list(items), node.output.rank)
    for item in reversed(others):
        total = w.add("Add", item, total)
    return total if others else w.add("Identity", total)


@emits("softmax")
def softmax(w: Writer, node: Node) -> Any:
    x, axes = w.of(node.inputs["x"]), node.attributes["axes"]
    if len(axes) == 1:
        return w.add("Softmax", x, axis=axes[0])
    power = w.add("Exp", w.add("Sub", x, w.reduce("ReduceMax", x, axes)))
    return w.add("Div", power, w.reduce("ReduceSum", power, axes))


# ---- quantization: rounding to what few bits can hold (section 4.9.5)


@emits("min_max_linear_quantize", "linear_quantize")
def min_max_quantize(w: Writer, node: Node) -> Any:
    x, low, high = w.aligned(list(node.inputs.values()), node.output.rank)
    return min_max(w, x, low, high, **node.attributes)


def min_max(
    w: Writer, x: str, low: str, high: str, *, bits: int, signed: bool = False,
    symmetric: bool = False,
) -> str:  # fmt: skip
    """Emit rounding to a grid between two limits."""
    steps = w.const(np.float32(2**bits - 1 - (signed and symmetric)))
    span = w.add("Sub", high, low)
    share = w.add("Div", w.add("Sub", clamped(w, x, low, high), low), span)
    level = rounded(w, w.add("Mul", share, steps))
    return str(w.add("Add", w.add("Mul", w.add("Div", level, steps), span), low))


@emits("zero_point_linear_quantize")
def zero_point_quantize(w: Writer, node: Node) -> Any:
    x, zero, scale = w.aligned(list(node.inputs.values()), node.output.rank)
    return zero_point(w, x, zero, scale, **node.attributes)


def zero_point(
    w: Writer, x: str, zero: str, scale: str, *, bits: int, signed: bool, symmetric: bool
) -> str:
    """Emit rounding to a grid of steps of `scale` around `zero`."""
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    first = 0 if not signed else -last if symmetric else -last - 1
    zero = w.cast(zero, "scalar")
    level = w.add("Add", rounded(w, w.add("Div", x, scale)), zero)
    level = clamped(w, level, w.const(np.float32(first)), w.const(np.float32(last)))
    return str(w.add("Mul", w.add("Sub", level, zero), scale))


@emits("logarithmic_quantize")
def logarithmic_quantize(w: Writer, node: Node) -> Any:
    x, limit = w.aligned(list(node.inputs.values()), node.output.rank)
    return logarithmic(w, x, limit, **node.attributes)


def logarithmic(w: Writer, x: str, limit: str, *, bits: int) -> str:
    """Emit rounding to powers of 2."""
    last = w.add("Ceil", log2(w, limit))
    first = w.add("Sub", last, w.const(np.float32(2**bits - 1)))
    exponent = rounded(w, clamped(w, log2(w, w.add("Abs", x)), first, last))
    power = w.add("Pow", w.const(np.float32(2)), exponent)
    return str(w.add("Mul", w.add("Sign", x), power))
