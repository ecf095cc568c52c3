"""Tensors that are made of nothing: known when the model is imported."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import Item, operand
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def filled(g: Importer, value: Any) -> Any:
    """Return a tensor of the result's shape and type with one value everywhere."""
    if isinstance(value, Tensor):
        if value.array is None:
            rank = len(g.shape)
            spread = g.viewed(operand(g, value, g.dtype), (1,) * rank) if rank else value
            return g.tile(spread, repeats=list(g.shape)) if rank else spread
        value = value.array
    return g.known(np.full(g.shape, value).astype(g.dtype))


@rules.on("full")
def full(g: Importer, size: Any, fill_value: Item, *, dtype: Any = None) -> Any:
    return filled(g, fill_value)


@rules.on("full_like", "new_full", "fill", "fill.Scalar", "fill.Tensor")
def full_like(
    g: Importer, self: Tensor, *, size: Any = None, fill_value: Any = None, value: Any = None,
    dtype: Any = None,
) -> Any:  # fmt: skip
    return filled(g, value if fill_value is None else fill_value)


@rules.on("zeros", "empty.memory_format", "empty")
def zeros(g: Importer, size: Any, *, dtype: Any = None) -> Any:
    return filled(g, 0)


@rules.on("ones")
def ones(g: Importer, size: Any, *, dtype: Any = None) -> Any:
    return filled(g, 1)


@rules.on("zeros_like", "empty_like", "new_zeros", "new_empty", "zero", "empty_strided",
          "new_empty_strided", "empty_permuted")  # fmt: skip
def zeros_like(
    g: Importer, *, self: Any = None, size: Any = None, stride: Any = None, dtype: Any = None,
    physical_layout: Any = None,
) -> Any:  # fmt: skip
    return filled(g, 0)


@rules.on("ones_like", "new_ones")
def ones_like(g: Importer, self: Tensor, *, size: Any = None, dtype: Any = None) -> Any:
    return filled(g, 1)


@rules.on("scalar_tensor")
def scalar_tensor(g: Importer, s: Any, *, dtype: Any = None) -> Any:
    return filled(g, s)


@rules.on("arange", "arange.default", "arange.start", "arange.start_step")
def arange(
    g: Importer, *, start: Any = 0, end: Any = None, step: Any = 1, dtype: Any = None
) -> Any:
    count = g.shape[0]
    first, by = start or 0, step or 1
    items = first + by * np.arange(count, dtype=np.float64 if g.dtype.kind == "f" else np.int64)
    return g.known(items.astype(g.dtype))


@rules.on("linspace")
def linspace(g: Importer, start: Any, end: Any, steps: int, *, dtype: Any = None) -> Any:
    first, last = _known(start), _known(end)
    return g.known(np.linspace(first, last, steps).astype(g.dtype))


@rules.on("logspace")
def logspace(
    g: Importer, start: Any, end: Any, steps: int, *, base: float = 10.0, dtype: Any = None
) -> Any:
    exponents = np.linspace(_known(start), _known(end), steps)
    return g.known((float(base) ** exponents).astype(g.dtype))


def _known(item: Any) -> float:
    if isinstance(item, Tensor):
        if item.array is None:
            raise Reject(None, "its bounds must be known", "NX705")
        return float(item.array)
    return float(item)


@rules.on("eye", "eye.m")
def eye(g: Importer, n: int, *, m: int | None = None, dtype: Any = None) -> Any:
    return g.known(np.eye(n, n if m is None else m).astype(g.dtype))


def _triangle(name: str, indices: Any) -> None:
    @rules.on(name)
    def rule(g: Importer, row: int, col: int, *, offset: int = 0, dtype: Any = None) -> Any:
        return g.known(np.stack(indices(row, offset, col)).astype(g.dtype))


_triangle("tril_indices", np.tril_indices)
_triangle("triu_indices", np.triu_indices)


def _window(name: str, function: Any) -> None:
    @rules.on(f"{name}", f"{name}.periodic")
    def rule(g: Importer, window_length: int, *, periodic: bool = True, dtype: Any = None) -> Any:
        count = window_length + 1 if periodic else window_length
        return g.known(function(count)[:window_length].astype(g.dtype))


_window("hann_window", np.hanning)
_window("hamming_window", np.hamming)
_window("blackman_window", np.blackman)


@rules.on("lift_fresh_copy", "lift_fresh", "lift", "clone", "alias", "detach", "detach_copy",
          "contiguous", "positive", "resolve_conj", "resolve_neg", "alias_copy",
          "requires_grad", "conj_physical")  # fmt: skip
def unchanged(g: Importer, self: Any, *, requires_grad: Any = None) -> Any:
    return self


@rules.on("copy")
def copy(g: Importer, self: Tensor, src: Any) -> Any:
    from nnefx.converters.pytorch.layout import expanded

    return expanded(g, operand(g, src, g.dtype), g.shape)


@rules.on("item", "_local_scalar_dense")
def item(g: Importer, self: Tensor) -> Any:
    if self.array is None:
        text = "the value of a tensor that is computed when the model runs is needed"
        raise Reject(None, text, "NX717")
    return self.array.item()


@rules.on("sym_size.int")
def extent(g: Importer, self: Tensor, dim: int) -> Any:
    return self.shape[dim]


@rules.on("sym_numel")
def count(g: Importer, self: Tensor) -> Any:
    return math.prod(self.shape)
