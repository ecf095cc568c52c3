"""Element-wise operators for whatever data-type their operands have."""

from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned, binary
from nnefx.converters.scope import Scope, Tensor, kind_of
from nnefx.converters.tensorflow.axes import tensor
from nnefx.ops import Reject


def arithmetic(g: Scope, op: str, x: Tensor, y: Tensor) -> Tensor:
    """Emit `op` (add, sub, mul, div, pow, min, max, mod, fmod), broadcast from the right."""
    if x.kind == "integer":
        return wrapped(g, tensor(binary(g, f"nnefx_integer_{op}", x, y)), x.dtype)
    if x.kind == "logical":
        raise Reject(None, f"'{op}' of logical operands is not defined", "NX704")
    name = f"nnefx_{op}" if op in ("mod", "fmod") else op
    return g.typed(tensor(binary(g, name, x, y)), x.dtype)


def wrapped(g: Scope, x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Return what is left of integers that overflow; of 32 bits and more they are not expected."""
    if dtype.itemsize >= (4 if dtype.kind == "i" else 8):
        return g.typed(x, dtype)
    bits = dtype.itemsize * 8
    result = g.add("nnefx_integer_wrap", x, bits=bits, signed=dtype.kind == "i")
    return g.typed(tensor(result), dtype)


def compared(g: Scope, op: str, x: Tensor, y: Tensor) -> Tensor:
    """Emit a comparison (lt, le, gt, ge, eq, ne)."""
    if x.kind == "logical":
        same = tensor(binary(g, "nnefx_logical_eq", x, y))
        return same if op == "eq" else tensor(g.add("not", same))
    prefix = "nnefx_integer_" if x.kind == "integer" else ""
    return tensor(binary(g, prefix + op, x, y))


def unary(g: Scope, op: str, x: Tensor) -> Tensor:
    """Emit `op` (neg, abs, sign) on scalars or integers."""
    if x.kind == "integer":
        return wrapped(g, tensor(g.add(f"nnefx_integer_{op}", x)), x.dtype)
    return tensor(g.add(op, x))


def floor_div(g: Scope, x: Tensor, y: Tensor) -> Tensor:
    """Return the quotient rounded down."""
    if x.kind == "integer":
        return arithmetic(g, "div", arithmetic(g, "sub", x, arithmetic(g, "mod", x, y)), y)
    return tensor(g.floor(arithmetic(g, "div", x, y)))


def power(g: Scope, x: Tensor, y: Tensor) -> Tensor:
    """Return x to the power of y, as the operation that a person would write for it."""
    if x.kind == "scalar" and y.array is not None and y.volume == 1 and not x.known:
        simple = {2.0: "sqr", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "rcp", 1.0: "copy"}
        op = simple.get(float(y.array.reshape(-1)[0]))
        if op and y.rank <= x.rank:
            return tensor(g.add(op, x))
    return arithmetic(g, "pow", x, y)


def chosen(g: Scope, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return x where the condition holds, else y; all three broadcast."""
    result = tensor(g.select(*aligned(g, condition, x, y)))
    return g.typed(result, x.dtype)


def converted(g: Scope, x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """Return `x` in another item type."""
    kind = kind_of(dtype)
    if x.array is not None and dtype.kind != "V":
        with np.errstate(all="ignore"):
            result = g.known(x.array.astype(dtype))
        result.kept = x.kept and dtype.kind == "f"
        return result
    if kind == x.kind:
        if kind == "integer" and dtype.itemsize < x.dtype.itemsize:
            return wrapped(g, x, dtype)
        if kind == "scalar" and dtype.itemsize < 4:
            return g.typed(tensor(g.nnefx_round_to(x, format="float16")), dtype)
        return g.typed(x, dtype)
    result = tensor(g.cast(x, dtype=kind))
    if kind == "integer" and dtype.itemsize < 4:
        return wrapped(g, result, dtype)
    return g.typed(result, dtype)


def activated(g: Scope, x: Tensor, name: str) -> Tensor:
    """Apply the activation that a fused operator names; '' or 'NONE' is none."""
    match name.upper():
        case "" | "NONE":
            return x
        case "RELU":
            return tensor(g.relu(x))
        case "RELU6":
            return tensor(g.clamp(x, 0.0, 6.0))
        case "RELU_N1_TO_1":
            return tensor(g.clamp(x, -1.0, 1.0))
        case "RELU_0_TO_1":
            return tensor(g.clamp(x, 0.0, 1.0))
        case "TANH":
            return tensor(g.tanh(x))
        case "ELU":
            return tensor(g.elu(x))
        case "SIGN_BIT":
            return tensor(g.select(g.lt(x, 0.0), 1.0, 0.0))
        case "LEAKYRELU":
            return tensor(g.leaky_relu(x, alpha=0.2))
    raise Reject(None, f"activation '{name}' is unknown", "NX702")


def hard_swish(g: Scope, x: Tensor) -> Tensor:
    """Return x * relu6(x + 3) / 6."""
    return tensor(g.mul(x, g.mul(g.clamp(g.add("add", x, 3.0), 0.0, 6.0), 1 / 6)))


def gelu(g: Scope, x: Tensor, approximate: bool) -> Tensor:
    """Return GELU, exact or by tanh."""
    return tensor(g.nnefx_gelu_tanh(x) if approximate else g.nnefx_gelu(x))
