"""Tensor introducing operations and variable updates (NNEF 1.0.5, sections 4.1 and 4.8)."""

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, check_extents, show
from nnefx.ops.registry import Reject, Shape, define
from nnefx.types import INTEGER, LOGICAL, SCALAR

# Literals have no width in NNEF; scalars are computed in float32 unless a caller asks for more.
DTYPES: dict[str, type[np.generic]] = {
    SCALAR: np.float32,
    INTEGER: np.int64,
    LOGICAL: np.bool_,
}

LABEL = re.compile(r"[A-Za-z0-9_\-./\\]+")


def _external(*, shape: Sequence[int]) -> Shape:
    check_extents(shape)
    return tuple(shape)


# The executor feeds external tensors and variables; they have no kernels.
define("external", shape=_external)


def _variable(*, shape: Sequence[int], label: str) -> Shape:
    check_extents(shape)
    if not LABEL.fullmatch(label):
        found = f"has '{label}'" if label else "is empty"
        message = f"label {found}, expected letters, digits and any of _ - . / \\"
        raise Reject("label", message, "NX215")
    return tuple(shape)


define("variable", shape=_variable)


def _constant(*, shape: Sequence[int], value: Sequence[Any]) -> Shape:
    check_extents(shape)
    volume = prod(shape)
    if len(value) not in (1, volume):
        expected = "1" if volume == 1 else f"{volume} or 1"
        raise Reject(
            "value", f"value has {len(value)} items, expected {expected} for {show(shape)}"
        )
    return tuple(shape)


def _run_constant(*, shape: Sequence[int], value: Sequence[Any], dtype: str) -> Tensor:
    items = np.array(value, DTYPES[dtype])
    return items.reshape(shape) if len(value) == prod(shape) else np.full(shape, items[0])


define("constant", shape=_constant, run=_run_constant)


def _update(variable: Shape, value: Shape) -> Shape:
    if value != variable:
        raise Reject(
            "value", f"value has shape {show(value)}, expected {show(variable)} of the variable"
        )
    return variable


def _run_update(_variable: Tensor, value: Tensor) -> Tensor:
    return value


define("update", shape=_update, run=_run_update)
