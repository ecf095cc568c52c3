"""Box filters and resampling: fixed linear maps of one axis after the other (openvx.md, 6.2).

The matrix of an axis is what the operation's own kernel makes of the unit vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.executor import Executor
from nnefx.ir.builder import Builder
from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Windows
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import alias, axis_map, running
from nnefx.openvx.pool import average, is_dilated, is_spatial
from nnefx.openvx.rules import Operand, UnsupportedError, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import Slot, dimension
from nnefx.ops.shapes import windows
from nnefx.tensors.model import Model

Array = NDArray[Any]


def linear_scales(s: Scaling, out: Value, input: Operand, **attributes: Any) -> None:
    """The result is not stored finer than the input; sums of a part of the axes must fit too."""
    if isinstance(input, Value):
        s.at_most(out, input)
        if not attributes.get("normalize", False) and "size" in attributes:
            sizes = sorted(attributes["size"])[:-1]
            s.room(out, s.limits.get(input, 0.0) * float(np.prod(sizes)))
    s.stored(out)


def matrix(op: str, extent: int, spatial: bool, attributes: Mapping[str, Any]) -> Array:
    """Return the matrix by which an operation maps an axis of `extent` items.

    `attributes` are those of a tensor whose first axis numbers the unit vectors.
    """
    g = Builder()
    shape = [extent, 1, extent] if spatial else [extent, extent]
    x = g.external(shape=shape, name="x")
    y = g.add(op, x, name="y", **attributes)
    unit = np.eye(extent, dtype=np.float32).reshape(shape)
    rows = Executor(Model(g.finish(outputs=[y])))({"x": unit})["y"]
    columns: Array = rows.reshape(extent, -1).T
    return columns


def _along(g: Emitter, out: Value, value: Value, rows: Mapping[int, Callable[[], Array]]) -> None:
    """Apply a matrix to every axis that has one."""
    x: Slot = g.read(value)
    scale = g.scales.get(out, x.scale)
    for axis, make in rows.items():
        x = axis_map(g, x, dimension(value.rank, axis), make(), scale)
    alias(g, out, x)


def average_scales(s: Scaling, out: Value, input: Operand, **attributes: Any) -> None:
    """The pooling node keeps the scale."""
    if s.profile.average_node:
        shared(s, out, input)
    else:
        linear_scales(s, out, input, normalize=True, **attributes)


@lowers("avg_pool", scales=average_scales)
def avg_pool(
    g: Emitter, out: Value, input: Operand, *, border: str, **window: Unpack[Windows]
) -> None:
    """PoolingLayer AVG, or a matrix for each axis where that does not work."""
    every = windows(running(input).shape, **window, border="constant")
    if g.profile.average_node and is_spatial(every) and not is_dilated(every):
        average(g, out, input, border=border, **window)
        return
    _windows("box", g, out, running(input), {**window}, {"border": border, "normalize": True})


@lowers("box", scales=linear_scales)
def box(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    border: str,
    normalize: bool,
    **window: Unpack[Windows],
) -> None:
    """Average pooling where that is what it is, a matrix for each axis otherwise."""
    value = running(input)
    if normalize and _is_pool(g, value, out, window):
        average(g, out, input, border=border, **window)
        return
    _windows("box", g, out, value, {**window}, {"border": border, "normalize": normalize})


def _is_pool(g: Emitter, value: Value, out: Value, window: Windows) -> bool:
    plain = list(window["size"][:2]) == [1, 1] and all(step == 1 for step in window["stride"][:2])
    plain = plain and all(gap == 1 for gap in window["dilation"]) and value.rank > 2
    same = g.scales.get(out) == g.scales.get(value)
    return plain and same and g.profile.average_node and value.shape[:2] == out.shape[:2]


@lowers("debox", scales=linear_scales)
def debox(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    border: str,
    output_shape: Sequence[int],
    normalize: bool,
    **window: Unpack[Windows],
) -> None:
    """A matrix for each axis."""
    whole = {**window, "output_shape": output_shape}
    _windows("debox", g, out, running(input), whole, {"border": border, "normalize": normalize})


def _windows(
    op: str,
    g: Emitter,
    out: Value,
    value: Value,
    window: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> None:
    rows: dict[int, Callable[[], Array]] = {}
    for axis, extent in enumerate(value.shape):
        part = {name: [items[axis]] if items else [] for name, items in window.items()}
        first = {"size": 1, "padding": (0, 0), "stride": 1, "dilation": 1, "output_shape": extent}
        one = {name: [first[name], *items] for name, items in part.items() if items}
        trivial = part["size"] == [1] and value.shape[axis] == out.shape[axis]
        if not trivial:
            whole = {**attributes, **one}
            rows[axis] = partial(matrix, op, extent, False, whole)
    _along(g, out, value, rows)


@lowers("multilinear_upsample", scales=linear_scales)
def multilinear_upsample(
    g: Emitter, out: Value, input: Operand, *, factor: Sequence[int], method: str, border: str
) -> None:
    """A matrix for each spatial axis."""
    value = running(input)
    if len(value.shape) < 3:
        raise UnsupportedError("there is no spatial axis")
    rows: dict[int, Callable[[], Array]] = {}
    for number, times in enumerate(factor):
        if times == 1:
            continue
        axis = number + 2
        attributes = {"factor": [times], "method": method, "border": border}
        extent = value.shape[axis]
        rows[axis] = partial(matrix, "multilinear_upsample", extent, True, attributes)
    _along(g, out, value, rows)
