"""Right-aligned broadcasting, as numpy and most frameworks have it, by means of NNEF's left one."""

from typing import Any

from nnefx.converters.scope import Scope, Tensor


def aligned(g: Scope, *tensors: Tensor) -> list[Tensor]:
    """Return the operands with leading dimensions of 1, so that NNEF aligns them as numpy does.

    A single known item becomes a literal where that does not change the rank of the result.
    """
    rank = max(tensor.rank for tensor in tensors)
    wide = [t.rank for t in tensors if not (t.known and t.volume == 1)]
    if wide and max(wide) == rank:
        return [g.viewed(t, ()) if t.known and t.volume == 1 else _led(g, t, rank) for t in tensors]
    return [_led(g, tensor, rank) for tensor in tensors]


def _led(g: Scope, tensor: Tensor, rank: int) -> Tensor:
    if tensor.rank in (0, rank):
        return tensor
    return g.viewed(tensor, (1,) * (rank - tensor.rank) + tensor.shape)


def binary(g: Scope, op: str, x: Tensor, y: Tensor) -> Any:
    """Emit a binary operation on operands that are aligned on the right."""
    x, y = aligned(g, x, y)
    return g.add(op, x, y)
