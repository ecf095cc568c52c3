"""Reductions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.elementwise import wrapped
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import sliced, squeezed
from nnefx.converters.onnx.shapes import axes_of, axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Reduction = Callable[[Importer, Tensor, list[int]], Any]
Ints = Sequence[int] | None


def _simple(op: str) -> Reduction:
    def reduce(g: Importer, x: Tensor, axes: list[int]) -> Any:
        if x.kind == "integer":
            if x.dtype == np.uint64 and op in ("max", "min"):
                raise Reject(None, "comparing 64-bit unsigned integers is not supported", "NX704")
            return wrapped(g, g.add(f"nnefx_integer_{op}_reduce", x, axes=axes), x.dtype)
        if x.kind == "logical":
            return g.add({"max": "any_reduce", "min": "all_reduce"}[op], x, axes=axes)
        return g.add("nnefx_prod_reduce" if op == "prod" else f"{op}_reduce", x, axes=axes)

    return reduce


def _mean(g: Importer, x: Tensor, axes: list[int]) -> Any:
    if x.kind == "integer":
        total = g.nnefx_integer_sum_reduce(x, axes=axes)
        count = int(np.prod([x.shape[axis] for axis in axes]))
        return g.typed(g.nnefx_integer_div(total, count), x.dtype)
    return g.mean_reduce(x, axes=axes)


def _l1(g: Importer, x: Tensor, axes: list[int]) -> Any:
    return g.sum_reduce(g.abs(_scalar(x)), axes=axes)


def _l2(g: Importer, x: Tensor, axes: list[int]) -> Any:
    return g.sqrt(g.sum_reduce(g.sqr(_scalar(x)), axes=axes))


def _sum_square(g: Importer, x: Tensor, axes: list[int]) -> Any:
    return g.sum_reduce(g.sqr(_scalar(x)), axes=axes)


def _log_sum(g: Importer, x: Tensor, axes: list[int]) -> Any:
    return g.log(g.sum_reduce(_scalar(x), axes=axes))


def _log_sum_exp(g: Importer, x: Tensor, axes: list[int]) -> Any:
    return g.nnefx_log_sum_exp(_scalar(x), axes=axes)


def _scalar(x: Tensor) -> Tensor:
    if x.kind != "scalar":
        raise Reject(None, f"this reduction of {x.dtype.name} is not supported", "NX704")
    return x


_EMPTY = {"ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceProd": 1, "ReduceMean": np.nan,
          "ReduceLogSum": -np.inf, "ReduceLogSumExp": -np.inf}  # fmt: skip


def _of_nothing(g: Importer, name: str, x: Tensor, axes: list[int]) -> Tensor:
    """Return what the reduction of no items is; the lowest item stands for -inf in integers."""
    item = _EMPTY.get(name, 0)
    shape = [1 if axis in axes else extent for axis, extent in enumerate(x.shape)]
    if x.kind == "scalar":
        return g.known(np.full(shape, item, x.dtype))
    if x.kind == "logical":
        return g.known(np.full(shape, name == "ReduceMin"))
    limits = np.iinfo(x.dtype)
    return g.known(np.full(shape, np.clip(item, limits.min, limits.max), x.dtype))


def _register(name: str, reduction: Reduction, since: int) -> None:
    def reduced(g: Importer, x: Tensor, axes: list[int], keepdims: int) -> Tensor:
        result = reduction(g, x, axes) if x.volume else _of_nothing(g, name, x, axes)
        return result if keepdims else squeezed(g, result, axes)

    @rules.on(name, since=since)
    def rule(
        g: Importer, x: Tensor, axes: Const | None = None, *, keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:  # fmt: skip
        empty = axes is None or axes.size == 0
        every = [] if noop_with_empty_axes else list(range(x.rank))
        chosen = every if axes is None or empty else axes_of(axes.tolist(), x.rank)
        return reduced(g, x, chosen, keepdims)

    @rules.on(name)
    def old(g: Importer, x: Tensor, *, axes: Ints = None, keepdims: int = 1) -> Tensor:
        chosen = list(range(x.rank)) if axes is None else axes_of(axes, x.rank)
        return reduced(g, x, chosen, keepdims)


_register("ReduceSum", _simple("sum"), 13)
_register("ReduceMax", _simple("max"), 18)
_register("ReduceMin", _simple("min"), 18)
_register("ReduceProd", _simple("prod"), 18)
_register("ReduceMean", _mean, 18)
_register("ReduceL1", _l1, 18)
_register("ReduceL2", _l2, 18)
_register("ReduceSumSquare", _sum_square, 18)
_register("ReduceLogSum", _log_sum, 18)
_register("ReduceLogSumExp", _log_sum_exp, 18)


@rules.on("ArgMax")
def argmax(
    g: Importer, x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensor:
    return _position(g, "argmax", x, axis, keepdims, select_last_index)


@rules.on("ArgMin")
def argmin(
    g: Importer, x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensor:
    return _position(g, "argmin", x, axis, keepdims, select_last_index)


def _position(g: Importer, op: str, x: Tensor, axis: int, keepdims: int, last: int) -> Tensor:
    at = axis_of(axis, x.rank)
    if last:
        x = sliced(g, x, [at], [x.shape[at] - 1], [-1 - x.shape[at]], [-1])
    prefix = "nnefx_integer_" if x.kind == "integer" else ""
    index = g.add(f"{prefix}{op}_reduce", x, axes=[at])
    if last:
        index = g.nnefx_integer_sub(x.shape[at] - 1, index)
    index = g.typed(index, np.int64)
    return index if keepdims else squeezed(g, index, [at])
