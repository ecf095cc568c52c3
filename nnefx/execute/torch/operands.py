"""Operands as PyTorch's operators want them: tensors of one rank, aligned on the left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def tensors(*items: Any) -> list[Tensor]:
    """Return operands as tensors; a literal takes type and device of the tensors beside it."""
    given = [item for item in items if isinstance(item, Tensor)]
    floats = [item for item in given if item.is_floating_point()]
    device = given[0].device if given else None
    return [
        item
        if isinstance(item, Tensor)
        else torch.tensor(item, dtype=_type(item, floats), device=device)
        for item in items
    ]


def _type(item: Any, floats: Sequence[Tensor]) -> torch.dtype:
    if isinstance(item, bool):
        return torch.bool
    if isinstance(item, int):
        return torch.int64
    return floats[0].dtype if floats else torch.get_default_dtype()


def aligned(*items: Any) -> list[Tensor]:
    """Return operands with trailing extents of 1, so that they meet as NNEF means it."""
    found = tensors(*items)
    rank = max(item.dim() for item in found)
    return [fitted(item, rank) for item in found]


def fitted(x: Tensor, rank: int) -> Tensor:
    """Return `x` with trailing extents of 1 up to `rank`."""
    return x if x.dim() == rank else x.reshape(*x.shape, *[1] * (rank - x.dim()))


_MODES: dict[str, Any] = {"replicate": "edge", "reflect": "reflect", "reflect-even": "symmetric"}


def extended(
    x: Tensor, padding: Sequence[tuple[int, int]], border: str = "constant", fill: float = 0.0
) -> Tensor:
    """Return `x` with a border of (before, after) items per dimension; negative ones crop."""
    if border in _MODES:
        for axis, (before, after) in enumerate(padding):
            if before > 0 or after > 0:
                wide = (max(before, 0), max(after, 0))
                index = np.pad(np.arange(x.shape[axis]), wide, mode=_MODES[border])
                x = x.index_select(axis, torch.from_numpy(index).to(x.device))
                padding = [
                    (min(b, 0), min(a, 0)) if number == axis else (b, a)
                    for number, (b, a) in enumerate(padding)
                ]
    if not any(map(any, padding)):
        return x
    return functional.pad(x, [amount for pair in reversed(padding) for amount in pair], value=fill)
