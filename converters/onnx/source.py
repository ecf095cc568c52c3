"""Operators that introduce tensors, and those whose values follow from shapes alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.proto import dtype_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("Constant")
def constant(
    g: Importer, *, value: Any = None, value_float: float | None = None,
    value_floats: Sequence[float] | None = None, value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    if value is not None:
        result = g.known(value)
    elif value_float is not None:
        result = g.known(value_float, dtype=np.float32)
    elif value_floats is not None:
        result = g.known(list(value_floats), dtype=np.float32)
    elif value_int is not None:
        result = g.known(value_int, dtype=np.int64)
    elif value_ints is not None:
        result = g.known(list(value_ints), dtype=np.int64)
    else:
        raise Reject(None, "it has no value", "NX703")
    result.kept = result.kind == "scalar" and result.volume > 1
    return result


@rules.on("ConstantOfShape")
def constant_of_shape(g: Importer, shape: Const, *, value: Any = None) -> Tensor:
    item = np.zeros(1, np.float32) if value is None else value
    return g.known(np.broadcast_to(item.reshape(()), [int(extent) for extent in shape]))


@rules.on("Shape")
def shape(g: Importer, x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return g.known(np.array(x.shape[slice(start, end)], np.int64))


@rules.on("Size")
def size(g: Importer, x: Tensor) -> Tensor:
    return g.known(np.array(x.volume, np.int64))


@rules.on("Range")
def range_(g: Importer, start: Const, limit: Const, delta: Const) -> Tensor:
    first, last, step = (item.reshape(()) for item in (start, limit, delta))
    if step == 0:
        raise Reject("delta", "delta is 0", "NX304")
    count = max(int(np.ceil((last - first) / step)), 0)
    return g.known((first + np.arange(count) * step).astype(start.dtype))


@rules.on("EyeLike")
def eye_like(g: Importer, x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    kind = x.dtype if dtype is None else dtype_of(dtype)
    return g.known(np.eye(x.shape[0], x.shape[1], k=k).astype(kind))


@rules.on("Dropout", since=12)
def dropout(
    g: Importer, x: Tensor, ratio: Tensor | None = None, training_mode: Const | None = None, *,
    seed: int = 0,
) -> Any:  # fmt: skip
    if training_mode is not None and training_mode.reshape(-1)[0]:
        known = ratio.array if ratio is not None else None
        if known is None or known.reshape(-1)[0] != 0:
            raise Reject("training_mode", "dropping out at random is training", "NX704")
    return _kept(g, x, np.bool_)


@rules.on("Dropout", since=7)
def dropout_7(g: Importer, x: Tensor, *, ratio: float = 0.5) -> Any:
    return _kept(g, x, np.bool_)


@rules.on("Dropout")
def dropout_old(
    g: Importer, x: Tensor, *, ratio: float = 0.5, is_test: int = 0, consumed_inputs: Any = None
) -> Any:
    if g.wants(1) and not is_test:
        raise Reject("is_test", "dropping out at random is training", "NX704")
    return _kept(g, x, x.dtype)


def _kept(g: Importer, x: Tensor, mask: Any) -> Any:
    if not g.wants(1):
        return x
    return x, g.known(np.ones(x.shape, mask))
