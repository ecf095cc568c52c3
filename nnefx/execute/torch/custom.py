"""Kernels of the custom operations that importers declare, where PyTorch has them.

Their rules are in `nnefx/ops/custom_*.py`; see `converters/fragments`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nnefx.execute.torch.operands import aligned, extended, tensors
from nnefx.execute.torch.table import define


def _binary(name: str, function: Callable[..., Any]) -> None:
    def run(x: Any, y: Any) -> Tensor:
        result: Tensor = function(*aligned(x, y))
        return result

    run.__name__ = run.__qualname__ = name
    define(name, run)


def _truncated(x: Tensor, y: Tensor) -> Tensor:
    safe = torch.where(y == 0, 1, y)
    return torch.where(y == 0, 0, torch.div(x, safe, rounding_mode="trunc"))


_BINARY: dict[str, Callable[..., Any]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "min": torch.minimum,
    "max": torch.maximum, "div": _truncated, "and": torch.bitwise_and, "or": torch.bitwise_or,
    "xor": torch.bitwise_xor, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
    "eq": torch.eq, "ne": torch.ne,
}  # fmt: skip
for _name, _function in _BINARY.items():
    _binary(f"nnefx_integer_{_name}", _function)
_binary("nnefx_mod", torch.remainder)
_binary("nnefx_fmod", torch.fmod)


def _unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    def run(x: Any) -> Tensor:
        return function(tensors(x)[0])

    run.__name__ = run.__qualname__ = name
    define(name, run)


for _name, _single in {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "not": torch.bitwise_not,
}.items():  # fmt: skip
    _unary(f"nnefx_integer_{_name}", _single)
# a composite in the standard library; PyTorch's own is exact and has a better gradient
_unary("nnefx_erf", torch.erf)
_unary("nnefx_gelu", torch.nn.functional.gelu)


def sum_reduce(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Return the sum along axes."""
    return torch.sum(input, list(axes), keepdim=True) if axes else input


def max_reduce(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Return the maximum along axes."""
    return torch.amax(input, list(axes), keepdim=True) if axes else input


def min_reduce(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Return the minimum along axes."""
    return torch.amin(input, list(axes), keepdim=True) if axes else input


def prod_reduce(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Return the product along axes."""
    total = input
    for axis in axes:
        total = torch.prod(total, axis, keepdim=True)
    return total


def matmul(A: Tensor, B: Tensor) -> Tensor:
    """Return the matrix product of integers."""
    return torch.matmul(A, B)


def pad(input: Tensor, *, padding: Any, border: str, value: int) -> Tensor:
    """Add a border to integers."""
    return extended(input, padding, border, value)


def gather_elements(input: Tensor, indices: Any, *, axis: int) -> Tensor:
    """Take items of which the indices give one coordinate."""
    index = _wrapped(tensors(indices)[0], input.shape[axis])
    return torch.gather(input, axis, index)


def _wrapped(index: Tensor, extent: int) -> Tensor:
    return torch.where(index < 0, index + extent, index)


_REDUCTIONS = {"add": "sum", "mul": "prod", "min": "amin", "max": "amax"}


def scatter_elements(
    input: Tensor, indices: Any, updates: Any, *, axis: int, reduction: str
) -> Tensor:
    """Write items of which the indices give one coordinate."""
    index = _wrapped(tensors(indices)[0], input.shape[axis])
    source = updates.to(input.dtype)
    if reduction == "none":
        return torch.scatter(input, axis, index, source)
    return torch.scatter_reduce(input, axis, index, source, _REDUCTIONS[reduction])


def topk(input: Tensor, *, k: int, axis: int, largest: bool) -> tuple[Tensor, Tensor]:
    """Return the greatest or least items in order; of equal ones the first comes first."""
    values, index = torch.sort(input, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, k), index.narrow(axis, 0, k)


def cumsum(input: Tensor, *, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    """Return running sums."""
    x = input.flip(axis) if reverse else input
    total = torch.cumsum(x, axis)
    result = total - x if exclusive else total
    return result.flip(axis) if reverse else result


define("nnefx_integer_sum_reduce", sum_reduce)
define("nnefx_integer_max_reduce", max_reduce)
define("nnefx_integer_min_reduce", min_reduce)
define("nnefx_integer_prod_reduce", prod_reduce)
define("nnefx_prod_reduce", prod_reduce)
define("nnefx_integer_matmul", matmul)
define("nnefx_integer_pad", pad)
define("nnefx_gather_elements", gather_elements)
define("nnefx_scatter_elements", scatter_elements)
define("nnefx_topk", topk)
define("nnefx_cumsum", cumsum)
