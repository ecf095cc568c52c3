"""Products of two run-time matrices, and powers of two run-time tensors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.elementwise import full, placed
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias
from nnefx.openvx.plan import Int, Null, Ref, Struct
from nnefx.openvx.reduce import sums
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers
from nnefx.openvx.scales import LIMIT, Scaling
from nnefx.openvx.storage import Slot

Array = NDArray[Any]

_MOST_PRODUCTS = 1 << 24
_LOGARITHMS = 8.0  # the scale of logarithms: up to 16 fits, as no stored number has larger ones


# ---- Matrices


def run_time_product(
    g: Emitter, out: Value, first: Value, second: Value, turned: tuple[bool, bool]
) -> None:
    """TensorMatrixMultiply for two dimensions; every product and a sum for up to three."""
    if out in g.matrices:
        _by_node(g, out, first, second, turned)
        return
    if out.rank not in (2, 3):
        raise UnsupportedError(f"a product of two run-time tensors of rank {out.rank}, up to 3 are")
    depth = first.shape[-2] if turned[0] else first.shape[-1]
    if out.volume * depth > _MOST_PRODUCTS:
        message = f"{out.volume * depth} products at once, at most {_MOST_PRODUCTS}"
        raise UnsupportedError(message)
    a, b = _rows(g, first, turned[0], 1, out), _rows(g, second, turned[1], 0, out)
    y = _by_products(g, a, b, g.scales.get(out, 1.0))
    for swap in ((1, 3), (0, 2)) if out.rank == 2 else ((1, 2),):
        y = g.transpose(y, *swap)
    alias(g, out, y)


def _by_node(
    g: Emitter, out: Value, first: Value, second: Value, turned: tuple[bool, bool]
) -> None:
    y = g.create(out, out.shape[::-1])
    a, b = g.read(first), g.read(second)
    # The node has no scale: the operands bring the scales whose product is the result's.
    a = g.rescaled(a, y.scale / b.scale)
    flags = tuple(
        (f"transpose_input{i}", Int(int(flag))) for i, flag in enumerate((*turned, False), 1)
    )
    params = Struct("vx_tensor_matrix_multiply_params_t", flags)
    call = "vxTensorMatrixMultiplyNode"
    g.call(call, Ref(a.name), Ref(b.name), Null(), params, Ref(y.name))


def _rows(g: Emitter, value: Value, turned: bool, row: int, out: Value) -> Slot:
    """Return a matrix as [M, N, K, B], where the extent that it has not is 1.

    The index that is summed over goes to dimension 2, the other one to dimension `row`.
    """
    x = g.read(value)
    if value.rank == 2:
        x = g.transpose(g.transpose(x, 0, 2), 2, 3)  # [1, 1, K, N] -> [K, 1, N, 1]
    if turned != (row == 1):
        x = g.transpose(x, 0, 2)
    if row == 1:
        x = g.transpose(x, 0, 1)
    if x.dims[3] != (out.shape[0] if out.rank == 3 else 1):
        raise UnsupportedError(f"operand {value.shape} repeats over the batch of {out.shape}")
    return x


def _by_products(g: Emitter, a: Slot, b: Slot, scale: float) -> Slot:
    dims = (b.dims[0], *a.dims[1:])
    products = g.temp(dims, scale, "products")
    g.multiply(full(g, b, dims), a, products)
    return sums(g, products, {2}, 1.0)


# ---- Powers


def power_scales(s: Scaling, out: Value, _x: Operand, y: Operand) -> None:
    """The exponent meets a logarithm in a product."""
    if isinstance(y, Value):
        s.coarse(y)
    s.stored(out)


@lowers("pow", scales=power_scales)
def power(g: Emitter, out: Value, x: Operand, y: Operand) -> None:
    """A table of logarithms, a product, a table of powers; 0 where x is not positive."""
    if not g.profile.lut:
        raise UnsupportedError(f"profile '{g.profile.name}' has no table lookup")
    z = g.create(out)
    if isinstance(x, Const):
        positive = np.maximum(x.array().astype(np.float64), 1e-30)
        kept = Const(x.shape, lambda: np.log(positive), f"{out.name}_logarithm")
        logarithm = placed(g, kept, out, _LOGARITHMS)
    else:
        base = placed(g, x, out, 1.0)
        logarithm = g.temp(base.dims, _LOGARITHMS, "logarithm")
        g.lookup(base, logarithm, _logarithm)
    exponent = placed(g, y, out, 2.0 ** _room(y))
    scale = min(_LOGARITHMS, logarithm.scale * exponent.scale)
    product = g.temp(z.dims, scale, "exponent")
    g.multiply(full(g, logarithm, z.dims), exponent, product)
    g.lookup(product, z, np.exp)


def _logarithm(real: Array) -> Array:
    result: Array = np.log(np.where(real > 0, real, np.exp(-LIMIT / _LOGARITHMS)))
    return result


def _room(operand: Operand) -> float:
    if isinstance(operand, Value):
        return 0.0
    peak = float(np.abs(operand.array()).max(initial=0.0))
    return float(np.clip(np.floor(np.log2(LIMIT / peak)), -8, 8)) if peak else 0.0
