"""Operations on known operands, computed while a model is imported."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.builder import Builder
from nnefx.ir.compute import compute
from nnefx.ir.graph import Value, flat_values
from nnefx.ops import Reject

Array = NDArray[Any]

# A file of a few bytes can tell of constants that fill any memory; no trained model has such.
LARGEST_REPEATED = 1 << 28  # items

# Operations that move items about; their kernels take items of any type as they are.
MOVING = frozenset(
    [
        "copy",
        "reshape",
        "squeeze",
        "unsqueeze",
        "transpose",
        "split",
        "concat",
        "stack",
        "unstack",
        "slice",
        "tile",
    ]
)


def evaluate(
    builder: Builder,
    op: str,
    inputs: Sequence[Any],
    attributes: Mapping[str, Any],
    dtype: str | None,
) -> Any:
    """Return the results of an operation: arrays where `Builder.add` has values.

    Arguments are checked as they are in a graph. Raises Reject where they do not fit, NnefError
    where the kernel refuses the values.
    """
    trial = Builder("fold", builder.own)
    operands = [_stand_in(item) for item in inputs]
    results = trial.invoke(op, operands, attributes, dtype)
    node = trial.nodes[-1]
    affordable([value.shape for value in flat_values(node.outputs)], _flat(inputs))
    known = dict(zip(_flat(operands), _flat(inputs)))
    if op not in MOVING:
        known = {value: _widened(array) for value, array in known.items()}
    with np.errstate(all="ignore"):
        arrays = iter(compute(node, known))
    return _like(results, arrays)


def affordable(shapes: Iterable[Sequence[int]], sources: Iterable[Array]) -> None:
    """Raise Reject (NX724) for a constant that is large only because few items are repeated."""
    arrays = list(sources)
    stored = sum(array.size for array in arrays if 0 not in array.strides)
    for shape in (*shapes, *(array.shape for array in arrays)):
        count = math.prod(shape)
        if count > max(LARGEST_REPEATED, 8 * stored):
            text = f"a constant of {count:,} items would be computed from {stored:,}"
            raise Reject(None, text, "NX724")


def _stand_in(item: Any) -> Any:
    if isinstance(item, list):
        return [_stand_in(entry) for entry in item]
    kind = {"i": "integer", "u": "integer", "b": "logical"}.get(item.dtype.kind, "scalar")
    return Value("operand", kind, item.shape)


def _flat(items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def _widened(array: Array) -> Array:
    """Return the array in the type that kernels take."""
    if array.dtype.kind in "iu":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "b" or array.dtype == np.float64:
        return array
    return array.astype(np.float32, copy=False)


def _like(results: Any, arrays: Iterator[Array]) -> Any:
    if isinstance(results, Value):
        return next(arrays)
    return type(results)(_like(item, arrays) for item in results)
