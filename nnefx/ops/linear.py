"""Matrix products: matmul (section 4.7) and linear (section 4.9.2)."""

import numpy as np

from nnefx.ops.broadcast import broadcast_shape, show
from nnefx.ops.kernels import Values, narrow, widen
from nnefx.ops.registry import Reject, Shape, define


def matmul_shape(a: Shape, b: Shape, *, transposeA: bool, transposeB: bool) -> Shape:
    """Return the shape of `matmul`, batched over all but the last two dimensions."""
    if len(a) < 2:
        raise Reject("A", f"A has rank {len(a)}, expected 2 at least")
    if len(b) != len(a):
        raise Reject("B", f"B has rank {len(b)}, expected {len(a)} like A")
    rows, inner = (a[-1], a[-2]) if transposeA else (a[-2], a[-1])
    other, columns = (b[-1], b[-2]) if transposeB else (b[-2], b[-1])
    if inner != other:
        raise Reject("B", f"B has {other} rows once transposed as asked, A has {inner} columns")
    return (*broadcast_shape(a[:-2], b[:-2], parameter="B"), rows, columns)


def matmul(a: Values, b: Values, *, transposeA: bool, transposeB: bool) -> Values:
    """Multiply the matrices in the last two dimensions."""
    left = np.swapaxes(a, -1, -2) if transposeA else a
    right = np.swapaxes(b, -1, -2) if transposeB else b
    return narrow(np.matmul(widen(left), widen(right)), a)


def linear_shape(x: Shape, filter: Shape, bias: Shape) -> Shape:
    """Return the shape of `linear`; the bias must not make the output larger."""
    if len(x) < 2:
        raise Reject("input", f"input has rank {len(x)}, expected 2 at least")
    if len(filter) != len(x):
        raise Reject("filter", f"filter has rank {len(filter)}, expected {len(x)} like the input")
    if filter[-1] != x[-1]:
        raise Reject("filter", f"filter takes {filter[-1]} channels, the input has {x[-1]}")
    out = (*broadcast_shape(x[:-2], filter[:-2], parameter="filter"), x[-2], filter[-2])
    if broadcast_shape(out, bias, parameter="bias") != out:
        raise Reject("bias", f"bias has shape {show(bias)}, the product has {show(out)}")
    return out


def linear(x: Values, filter: Values, bias: Values) -> Values:
    """Multiply by the transposed filter and add the bias."""
    wide = widen(x)
    out = np.matmul(wide, np.swapaxes(filter, -1, -2).astype(wide.dtype, copy=False))
    if bias.ndim or bias != 0:
        out += bias.astype(out.dtype, copy=False).reshape(
            bias.shape + (1,) * (out.ndim - bias.ndim)
        )
    return narrow(out, x)


define("matmul", shape=matmul_shape, run=matmul)
define("linear", shape=linear_shape, run=linear)
