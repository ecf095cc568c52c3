"""Reductions."""

from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axes_of, axis_of, converted, operand, scalar
from nnefx.converters.pytorch.compare import truth
from nnefx.converters.pytorch.elementwise import wrapped
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def reduced(g: Importer, op: str, x: Tensor, axes: list[int]) -> Tensor:
    """Return `x` reduced by `sum`, `max`, `min` or `prod`; the axes stay, with extent 1."""
    if not axes:
        return x
    if x.kind == "scalar":
        result = g.add("nnefx_prod_reduce" if op == "prod" else f"{op}_reduce", x, axes=axes)
    elif x.kind == "integer":
        result = wrapped(g, g.add(f"nnefx_integer_{op}_reduce", x, axes=axes), x.dtype)
    else:
        name = {"max": "any_reduce", "min": "all_reduce"}.get(op)
        if name is None:
            raise Reject(None, f"'{op}' of logical tensors is not supported", "NX704")
        result = g.add(name, x, axes=axes)
    assert isinstance(result, Tensor)
    return result


@rules.on("sum", "sum.default", "sum.dim_IntList")
def total(
    g: Importer, self: Any, *, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    if isinstance(self, Complex):
        return Complex(*(total(g, part, dim=dim) for part in (self.re, self.im)))
    x = operand(g, self, g.dtype)
    return g.viewed(reduced(g, "sum", x, axes_of(dim, x.rank)), g.shape)


@rules.on("mean", "mean.default", "mean.dim")
def mean(
    g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    x = operand(g, self, g.dtype)
    axes = axes_of(dim, x.rank)
    return g.viewed(g.mean_reduce(x, axes=axes) if axes else x, g.shape)


@rules.on("prod", "prod.default", "prod.dim_int")
def prod(
    g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    x = operand(g, self, g.dtype)
    return g.viewed(reduced(g, "prod", x, axes_of(dim, x.rank)), g.shape)


@rules.on("amax", "max.default", "max")
def amax(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    return g.viewed(reduced(g, "max", self, axes_of(dim, self.rank)), g.shape)


@rules.on("amin", "min.default", "min")
def amin(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    return g.viewed(reduced(g, "min", self, axes_of(dim, self.rank)), g.shape)


@rules.on("aminmax")
def aminmax(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    axes = axes_of(dim, self.rank)
    return [g.viewed(reduced(g, op, self, axes), g.shape) for op in ("min", "max")]


def _position(g: Importer, op: str, x: Tensor, axis: int) -> Any:
    if x.kind == "integer":
        return g.add(f"nnefx_integer_arg{op}_reduce", x, axes=[axis])
    return g.add(f"arg{op}_reduce", scalar(g, x), axes=[axis])


def _extreme(op: str) -> None:
    @rules.on(f"arg{op}")
    def position(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
        if not self.rank:
            return g.known(np.int64(0))
        x = g.viewed(self, (self.volume,)) if dim is None else self
        return g.viewed(_position(g, op, x, axis_of(dim or 0, x.rank)), g.shape)

    @rules.on(f"{op}.dim")
    def both(g: Importer, self: Tensor, dim: int, *, keepdim: bool = False) -> Any:
        if not self.rank:
            return self, g.known(np.int64(0))
        axis = axis_of(dim, self.rank)
        values = g.viewed(reduced(g, op, self, [axis]), g.shape)
        return values, g.viewed(_position(g, op, self, axis), g.shape)


_extreme("max")
_extreme("min")


@rules.on("any", "any.default", "any.dim", "any.dims")
def any_(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    x = truth(g, self)
    return g.viewed(reduced(g, "max", x, axes_of(dim, x.rank)), g.shape)


@rules.on("all", "all.default", "all.dim", "all.dims")
def all_(g: Importer, self: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    x = truth(g, self)
    return g.viewed(reduced(g, "min", x, axes_of(dim, x.rank)), g.shape)


@rules.on("var", "var.dim", "var.correction")
def variance(
    g: Importer, self: Tensor, *, dim: Any = None, unbiased: bool = True, correction: Any = None,
    keepdim: bool = False,
) -> Any:  # fmt: skip
    return g.viewed(_moments(g, self, dim, unbiased, correction)[0], g.shape)


@rules.on("std", "std.dim", "std.correction")
def deviation(
    g: Importer, self: Tensor, *, dim: Any = None, unbiased: bool = True, correction: Any = None,
    keepdim: bool = False,
) -> Any:  # fmt: skip
    return g.viewed(g.sqrt(_moments(g, self, dim, unbiased, correction)[0]), g.shape)


@rules.on("var_mean", "var_mean.dim", "var_mean.correction")
def variance_and_mean(
    g: Importer, self: Tensor, *, dim: Any = None, unbiased: bool = True, correction: Any = None,
    keepdim: bool = False,
) -> Any:  # fmt: skip
    found = _moments(g, self, dim, unbiased, correction)
    return [g.viewed(item, g.shape) for item in found]


@rules.on("std_mean", "std_mean.dim", "std_mean.correction")
def deviation_and_mean(
    g: Importer, self: Tensor, *, dim: Any = None, unbiased: bool = True, correction: Any = None,
    keepdim: bool = False,
) -> Any:  # fmt: skip
    spread, mean = _moments(g, self, dim, unbiased, correction)
    return [g.viewed(g.sqrt(spread), g.shape), g.viewed(mean, g.shape)]


def _moments(
    g: Importer, x: Tensor, dim: Any, unbiased: bool, correction: Any
) -> tuple[Tensor, Tensor]:
    axes = axes_of(dim, x.rank)
    less = float(int(unbiased) if correction is None else correction)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    mean, spread = g.moments(x, axes=axes)
    if less:
        rest = max(count - less, 0.0)
        spread = g.mul(spread, count / rest) if rest else g.div(g.mul(spread, float(count)), 0.0)
    return spread, mean


@rules.on("logsumexp", "special_logsumexp")
def log_sum_exp(g: Importer, self: Tensor, dim: Any, *, keepdim: bool = False) -> Any:
    x = operand(g, self, g.dtype)
    axes = axes_of(dim, x.rank)
    return g.viewed(g.nnefx_log_sum_exp(x, axes=axes) if axes else x, g.shape)


def _running(name: str, op: str) -> None:
    @rules.on(name)
    def rule(g: Importer, self: Tensor, dim: int, *, dtype: Any = None) -> Any:
        x = operand(g, self, g.dtype)
        if not x.rank:
            return x
        result = g.add(op, x, axis=axis_of(dim, x.rank), exclusive=False, reverse=False)
        return wrapped(g, result, g.dtype) if g.dtype.kind != "f" else result


_running("cumsum", "nnefx_cumsum")
_running("cumprod", "nnefx_cumprod")


@rules.on("logcumsumexp", "_logcumsumexp")
def log_cumsum_exp(g: Importer, self: Tensor, dim: int) -> Any:
    if not self.rank:
        return self
    axis = axis_of(dim, self.rank)
    top = g.max_reduce(self, axes=[axis])
    shifted = g.exp(g.sub(self, top))
    sums = g.nnefx_cumsum(shifted, axis=axis, exclusive=False, reverse=False)
    return g.add("add", g.log(sums), top)


@rules.on("topk")
def topk(
    g: Importer, self: Tensor, k: int, *, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Any:
    if not self.rank:
        return self, g.known(np.int64(0))
    return g.nnefx_topk(self, k=k, axis=axis_of(dim, self.rank), largest=largest)


@rules.on("sort", "sort.stable")
def sort(
    g: Importer, self: Tensor, *, dim: int = -1, descending: bool = False, stable: Any = None
) -> Any:
    return ordered(g, self, dim, descending)


@rules.on("argsort", "argsort.stable")
def argsort(
    g: Importer, self: Tensor, *, dim: int = -1, descending: bool = False, stable: Any = None
) -> Any:
    return ordered(g, self, dim, descending)[1]


@rules.on("msort")
def msort(g: Importer, self: Tensor) -> Any:
    return ordered(g, self, 0, False)[0]


def ordered(g: Importer, x: Tensor, dim: int, descending: bool) -> Any:
    """Return the items along an axis in order, and their positions."""
    if not x.rank:
        return x, g.known(np.int64(0))
    axis = axis_of(dim, x.rank)
    return g.nnefx_topk(x, k=x.shape[axis], axis=axis, largest=descending)


@rules.on("median.dim", "nanmedian.dim", "kthvalue")
def nth(g: Importer, self: Tensor, *, k: Any = None, dim: int = -1, keepdim: bool = False) -> Any:
    if not self.rank:
        return self, g.known(np.int64(0))
    axis = axis_of(dim, self.rank)
    rank = (self.shape[axis] + 1) // 2 if k is None else k
    values, indices = ordered(g, self, axis, False)
    cut = {"axes": [axis], "begin": [rank - 1], "end": [rank]}
    return [g.viewed(g.slice(item, **cut), g.shape) for item in (values, indices)]


@rules.on("median")
def median(g: Importer, self: Tensor) -> Any:
    flat = g.viewed(self, (self.volume,))
    values, _ = ordered(g, flat, 0, False)
    rank = (self.volume + 1) // 2
    return g.viewed(g.slice(values, axes=[0], begin=[rank - 1], end=[rank]), ())


@rules.on("count_nonzero", "count_nonzero.dim_IntList")
def count_nonzero(g: Importer, self: Tensor, *, dim: Any = None) -> Any:
    x = converted(g, truth(g, self), g.dtype)
    return g.viewed(reduced(g, "sum", x, axes_of(dim, x.rank)), g.shape)
