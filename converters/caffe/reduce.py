"""Layers that reduce."""

from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import axis_of
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("Reduction")
def reduction(
    g: Importer, x: Tensor, *, operation: str = "SUM", axis: int = 0, coeff: float = 1.0
) -> Any:
    axes = list(range(axis_of(axis, x.rank), x.rank))
    items = g.abs(x) if operation == "ASUM" else g.sqr(x) if operation == "SUMSQ" else x
    y = g.sum_reduce(items, axes=axes, normalize=operation == "MEAN")
    y = g.squeeze(y, axes=axes)
    return y if coeff == 1.0 else g.mul(y, coeff)


@rules.on("ArgMax")
def argmax(
    g: Importer, x: Tensor, *, out_max_val: bool = False, top_k: int = 1, axis: int | None = None
) -> Any:
    if axis is not None:
        along = axis_of(axis, x.rank)
        _check_count(top_k, x.shape[along])
        values, indices = _greatest(g, x, top_k, along)
        return values if out_max_val else indices
    batch, rest = x.shape[0], x.volume // x.shape[0]
    _check_count(top_k, rest)
    values, indices = _greatest(g, g.viewed(x, (batch, rest)), top_k, 1)
    ones = (1,) * (max(x.rank, 3) - 3)
    shape = (batch, 1, top_k, *ones)
    if not out_max_val:
        return g.viewed(indices, shape)
    return g.concat([g.viewed(indices, shape), g.viewed(values, shape)], axis=1)


def _check_count(top_k: int, extent: int) -> None:
    if not 1 <= top_k <= extent:
        raise Reject("top_k", f"top_k is {top_k}, expected 1 to {extent}", "NX706")


def _greatest(g: Importer, x: Tensor, count: int, axis: int) -> tuple[Tensor, Tensor]:
    """Emit the greatest items along an axis, and where they are, as scalars."""
    if count == 1:
        values, indices = g.max_reduce(x, axes=[axis]), g.argmax_reduce(x, axes=[axis])
    else:
        values, indices = g.nnefx_topk(x, k=count, axis=axis, largest=True)
    return values, g.cast(indices, dtype="scalar")
