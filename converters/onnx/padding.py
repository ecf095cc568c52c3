"""Pad, in all its versions and modes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import joined, sliced
from nnefx.converters.onnx.shapes import Padding, axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_BORDERS = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}


@rules.on("Pad", since=11)
def pad(
    g: Importer, x: Tensor, pads: Const, value: Const | None = None, axes: Const | None = None,
    *, mode: str = "constant",
) -> Tensor:  # fmt: skip
    chosen = range(x.rank) if axes is None else [axis_of(int(axis), x.rank) for axis in axes]
    around: Padding = [(0, 0)] * x.rank
    for index, axis in enumerate(chosen):
        around[axis] = (int(pads[index]), int(pads[index + len(chosen)]))
    fill = 0 if value is None or value.size == 0 else value.reshape(-1)[0]
    return padded(g, x, around, mode, fill)


@rules.on("Pad", since=2)
def pad_old(
    g: Importer, x: Tensor, *, pads: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Tensor:
    around = [(pads[i], pads[i + x.rank]) for i in range(x.rank)]
    return padded(g, x, around, mode, value)


@rules.on("Pad")
def pad_oldest(
    g: Importer, x: Tensor, *, paddings: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Tensor:
    return pad_old(g, x, pads=paddings, mode=mode, value=value)


def padded(g: Importer, x: Tensor, around: Padding, mode: str, fill: Any = 0) -> Tensor:
    """Return `x` with a border; negative padding crops."""
    if not any(map(any, around)):
        return x
    if mode == "wrap":
        return _wrapped(g, x, around)
    if mode not in _BORDERS:
        raise Reject("mode", f"mode is '{mode}'", "NX702")
    border = _BORDERS[mode]
    if x.array is not None and mode == "constant" and x.volume:
        return _folded(g, x, around, fill)
    if x.kind == "scalar":
        number = float(str(fill))
        if not np.isfinite(number):
            return _infinite(g, x, around, fill)
        result = g.pad(x, padding=around, border=border, value=number)
    elif x.kind == "integer":
        result = g.nnefx_integer_pad(x, padding=around, border=border, value=int(fill))
    else:
        result = g.pad(g.cast(x, dtype="scalar"), padding=around, border=border, value=float(fill))
        result = g.gt(result, 0.5)
    assert isinstance(result, Tensor)
    return result


def _folded(g: Importer, x: Tensor, around: Padding, fill: Any) -> Tensor:
    assert x.array is not None
    grown = np.pad(
        x.array, [(max(b, 0), max(a, 0)) for b, a in around], constant_values=x.dtype.type(fill)
    )
    index = tuple(
        slice(max(-before, 0), extent - max(-after, 0))
        for extent, (before, after) in zip(grown.shape, around)
    )
    return g.known(grown[index])


def _infinite(g: Importer, x: Tensor, around: Padding, fill: Any) -> Tensor:
    """Pad with an infinity, which no literal can say: a mask selects where it stands."""
    finite = padded(g, x, around, "constant")
    inside = _folded(g, g.known(np.ones(x.shape, np.bool_)), around, False)
    result = g.select(inside, finite, g.known(np.full((1,) * x.rank, fill, x.dtype)))
    assert isinstance(result, Tensor)
    return result


def _wrapped(g: Importer, x: Tensor, around: Padding) -> Tensor:
    for axis, (before, after) in enumerate(around):
        extent = x.shape[axis]
        if max(before, after) > extent or min(before, after) < 0:
            raise Reject("pads", f"wrapping by {(before, after)} around {extent}", "NX702")
        front = sliced(g, x, [axis], [extent - before], [extent], [1]) if before else None
        back = sliced(g, x, [axis], [0], [after], [1]) if after else None
        x = joined(g, [part for part in (front, x, back) if part is not None], axis)
    return x
