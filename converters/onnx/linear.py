"""Matrix products."""

from typing import Any

import numpy as np

from nnefx.converters.broadcast import binary
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import squeezed, transposed, unsqueezed
from nnefx.converters.onnx.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("MatMul")
def matmul(g: Importer, a: Tensor, b: Tensor) -> Tensor:
    return multiplied(g, a, b)


def multiplied(g: Importer, a: Tensor, b: Tensor) -> Tensor:
    """Return the matrix product as numpy has it: vectors are rows or columns, batches broadcast."""
    if not a.rank or not b.rank:
        raise Reject(None, "a matrix product needs operands of rank 1 or more", "NX304")
    left = a if a.rank > 1 else unsqueezed(g, a, [0])
    right = b if b.rank > 1 else unsqueezed(g, b, [1])
    rank = max(left.rank, right.rank)
    left, right = (
        unsqueezed(g, t, list(range(rank - t.rank))) if t.rank < rank else t for t in (left, right)
    )
    op = "nnefx_integer_matmul" if left.kind == "integer" else "matmul"
    result = g.add(op, left, right)
    dropped = [rank - 2] * (a.rank == 1) + [rank - 1] * (b.rank == 1)
    return squeezed(g, result, dropped)


@rules.on("Gemm", since=7)
def gemm(
    g: Importer, a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0,
    beta: float = 1.0, transA: int = 0, transB: int = 0,
) -> Any:  # fmt: skip
    if a.kind == "integer":
        raise Reject(None, "Gemm of integers is not supported", "NX704")
    if transA:
        a = transposed(g, a, [1, 0])
    if alpha != 1:
        a, b = (a, _scaled(g, b, alpha)) if b.known else (_scaled(g, a, alpha), b)
    turned = b if transB else transposed(g, b, [1, 0]) if b.known else None
    if c is not None and beta != 1:
        c = _scaled(g, c, beta)
    if turned is not None and (c is None or c.rank == 0 or c.volume == c.shape[-1]):
        return g.linear(a, turned, _row(g, c))
    product = g.matmul(a, b, transposeB=bool(transB))
    return product if c is None else binary(g, "add", product, c)


def _scaled(g: Importer, x: Tensor, factor: float) -> Tensor:
    result = g.mul(x, factor)
    assert isinstance(result, Tensor)
    return result


def _row(g: Importer, c: Tensor | None) -> Any:
    """Return a bias as a row, or as a literal where it is one number."""
    if c is None or (c.array is not None and not np.any(c.array)):
        return 0.0
    return g.viewed(c, (1, c.volume) if c.volume > 1 or not c.known else ())


@rules.on("Gemm")
def gemm_old(
    g: Importer, a: Tensor, b: Tensor, c: Tensor, *, alpha: float = 1.0, beta: float = 1.0,
    broadcast: int = 0, transA: int = 0, transB: int = 0,
) -> Any:  # fmt: skip
    return gemm(g, a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
