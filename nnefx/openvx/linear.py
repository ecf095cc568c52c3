"""Matrix products: fully connected layers, or convolutions where the result has four dimensions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias, axis_map
from nnefx.openvx.measure import measure
from nnefx.openvx.plan import Arg, Enum, Null, Ref
from nnefx.openvx.products import run_time_product
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers
from nnefx.openvx.scales import Scaling, Weights
from nnefx.openvx.storage import Slot, dimension
from nnefx.openvx.window import Layer
from nnefx.ops.shapes import Axis

Array = NDArray[Any]
_ZERO = Const((), lambda: np.zeros(()))


def linear_scales(
    s: Scaling, out: Value, input: Operand, filter: Operand, bias: Operand, **_: Any
) -> None:
    """As for a convolution."""
    if isinstance(input, Value) and isinstance(filter, Const) and isinstance(bias, Const):
        depth = filter.shape[-1]
        s.weighted(out, input, Weights.of(filter.array(), depth, bias.array(), depth))
    s.stored(out)


@lowers("linear", scales=linear_scales)
def linear(g: Emitter, out: Value, input: Operand, filter: Operand, bias: Operand) -> None:
    """FullyConnectedLayer, or ConvolutionLayer with a kernel as large as its input."""
    if not isinstance(input, Value) or not isinstance(filter, Const):
        raise UnsupportedError("one operand must be a tensor, the filter constant")
    if not isinstance(bias, Const):
        raise UnsupportedError("the bias is computed at run time, it must be constant")
    if filter.shape[0] != out.shape[1] or input.rank != 2:
        raise UnsupportedError(f"operands {input.shape} and {filter.shape} are not matrices")
    _weighted(g, out, input, filter, bias)


def matmul_scales(
    s: Scaling, out: Value, A: Operand, B: Operand, *, transposeB: bool, **_: Any
) -> None:
    """As for a convolution; two tensors share the digits of the sum like weights and inputs."""
    if isinstance(A, Value) and isinstance(B, Const):
        weights = B.array()
        depth = weights.shape[-1 if transposeB else -2]
        s.weighted(out, A, Weights.of(weights, depth, None, depth))
    elif isinstance(A, Const) and isinstance(B, Value):
        weights = A.array()
        depth = B.shape[-1 if transposeB else -2]
        s.weighted(out, B, Weights.of(weights, depth, None, depth))
    elif isinstance(A, Value) and isinstance(B, Value):
        s.product(out, A, B)
    s.stored(out)


@lowers("matmul", scales=matmul_scales)
def matmul(
    g: Emitter, out: Value, A: Operand, B: Operand, *, transposeA: bool, transposeB: bool
) -> None:
    """A product with a constant matrix, which maps the last axis of A, or the one before of B."""
    if isinstance(A, Value) and isinstance(B, Value):
        run_time_product(g, out, A, B, (transposeA, transposeB))
        return
    if isinstance(A, Const) and isinstance(B, Value) and not transposeB:
        _rows(g, out, A, B, transposeA)
        return
    if not isinstance(A, Value) or not isinstance(B, Const):
        raise UnsupportedError("a constant times a transposed tensor is not handled")
    if transposeA or int(np.prod(B.shape[:-2])) != 1:
        raise UnsupportedError("a transposed or batched product is not handled")
    if out.rank != 2:
        _last_axis(g, out, A, B, transposeB)
        return
    matrix = B if transposeB else Const(B.shape[::-1], lambda: B.array().T, B.name)
    _weighted(g, out, A, matrix, _ZERO)


def _last_axis(g: Emitter, out: Value, input: Value, matrix: Const, transposed: bool) -> None:
    rows = _matrix(matrix)
    _mapped(g, out, input, rows if transposed else rows.T, input.rank - 1)


def _rows(g: Emitter, out: Value, matrix: Const, input: Value, transposed: bool) -> None:
    """Multiply by a matrix from the left: a map of the axis before the last."""
    if int(np.prod(matrix.shape[:-2])) != 1 or input.rank != out.rank:
        raise UnsupportedError("a batch of constants times a tensor is not handled")
    rows = _matrix(matrix)
    _mapped(g, out, input, rows.T if transposed else rows, input.rank - 2)


def _matrix(matrix: Const) -> Array:
    return np.asarray(matrix.array(), np.float64).reshape(matrix.shape[-2:])


def _mapped(g: Emitter, out: Value, input: Value, rows: Array, axis: int) -> None:
    x, scale = g.read(input), g.scales.get(out, 1.0)
    y = axis_map(g, x, dimension(input.rank, axis), rows, scale)
    macs = out.volume * rows.shape[1]
    found = measure(g, rows, None, scale / x.scale, scale)
    g.report.append(found.report(g.origin.source, g.origin.op, 1, macs, macs))
    alias(g, out, y)


def _weighted(g: Emitter, out: Value, input: Value, filter: Const, bias: Const) -> None:
    x = g.raw(input)
    if x.dims[-1] != out.shape[0]:
        x = g.read(input)
    if out in g.matrices:
        _fully_connected(g, out, x, filter, bias)
        return
    if len(x.dims) != 4:
        raise UnsupportedError("the input has lost its four dimensions")
    axes = Axis(x.dims[0], 1, x.dims[0]), Axis(x.dims[1], 1, x.dims[1])
    shape = (filter.shape[0], x.dims[2], x.dims[1], x.dims[0])
    kernel = Const(shape, filter.array, filter.name, filter.label)
    Layer(x, out, kernel, bias, axes, 1, f"{out.name}_filter").emit(g)


def _fully_connected(g: Emitter, out: Value, x: Slot, filter: Const, bias: Const) -> None:
    y = g.create(out, out.shape[::-1])
    scale = y.scale / x.scale
    rows = np.asarray(filter.array(), np.float64)
    biases = None
    if not bias.is_zero:
        values = np.asarray(bias.array(), np.float64).reshape(-1)
        biases = values if values.size > 1 else np.full(out.shape[1], values[0])
    found = measure(g, rows, biases, scale, y.scale)
    hint = filter.name or f"{out.name}_filter"
    weights = g.const(hint, filter.shape[::-1], filter.array, scale, filter.label)
    third: Arg = Null()
    if biases is not None:
        kept = biases
        third = Ref(g.bias(f"{out.name}_bias", lambda: kept, len(kept), y.scale).name)
    g.call(
        "vxFullyConnectedLayer",
        Ref(x.name),
        Ref(weights.name),
        third,
        found.overflow,
        Enum(g.profile.rounding),
        Ref(y.name),
    )
    macs = out.shape[0] * filter.volume
    g.report.append(found.report(g.origin.source, g.origin.op, 1, macs, macs))
