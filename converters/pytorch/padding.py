"""Padding."""

from typing import Any

import numpy as np

from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import sliced
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_BORDERS = {
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
}


def _pairs(x: Tensor, pad: Any) -> list[tuple[int, int]]:
    """Return (before, after) for every dimension; torch lists them from the last one on."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    return [(0, 0)] * (x.rank - len(pairs)) + pairs


def padded(
    g: Importer, x: Tensor, around: list[tuple[int, int]], border: str, value: Any
) -> Tensor:
    """Return `x` with a border; what is negative is cut off."""
    for axis, (before, after) in enumerate(around):
        if before < 0 or after < 0:
            end = x.shape[axis] + min(after, 0)
            x = sliced(g, x, axis, max(-before, 0), end)
    around = [(max(before, 0), max(after, 0)) for before, after in around]
    if not any(map(any, around)):
        return x
    if x.array is not None and border == "constant":
        return g.known(np.pad(x.array, around, constant_values=value), x.name)
    if x.kind == "logical":
        if border != "constant":
            raise Reject(None, f"a border '{border}' of logical items is not supported", "NX704")
        whole = g.cast(x, dtype="scalar")
        wide = padded(g, whole, around, border, float(bool(value)))
        result = g.ne(wide, 0.0)
    elif x.kind == "integer":
        result = g.nnefx_integer_pad(x, padding=around, border=border, value=int(value))
    else:
        extra: dict[str, Any] = {} if border == "constant" else {"border": border}
        if border == "constant" and value:
            extra["value"] = float(value)
        if np.isinf(value):
            return _infinite(g, x, around, float(value))
        result = g.pad(x, padding=around, **extra)
    assert isinstance(result, Tensor)
    return result


def _infinite(g: Importer, x: Tensor, around: list[tuple[int, int]], value: float) -> Tensor:
    """NNEF has no literal for infinity: it is chosen where a padded mask says so."""
    wide = g.pad(x, padding=around)
    inside = np.pad(np.ones(x.shape, np.bool_), around)
    result = g.select(g.known(inside), wide, g.known(np.float32(value)))
    assert isinstance(result, Tensor)
    return result


@rules.on("pad", "pad.default")
def pad(g: Importer, self: Tensor, pad: Any, *, mode: str = "constant", value: Any = None) -> Any:
    if mode == "circular":
        return _circular(g, self, _pairs(self, pad))
    return padded(g, self, _pairs(self, pad), _BORDERS[mode], value or 0)


@rules.on("constant_pad_nd")
def constant_pad(g: Importer, self: Tensor, pad: Any, *, value: Any = 0) -> Any:
    return padded(g, self, _pairs(self, pad), "constant", value or 0)


def _bordered(border: str, *names: str) -> None:
    @rules.on(*names)
    def rule(g: Importer, self: Tensor, padding: Any) -> Any:
        return padded(g, self, _pairs(self, padding), border, 0)


_bordered("reflect", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
_bordered("replicate", "replication_pad1d", "replication_pad2d", "replication_pad3d")


@rules.on("_pad_circular")
def circular_pad(g: Importer, self: Tensor, pad: Any) -> Any:
    return _circular(g, self, _pairs(self, pad))


def _circular(g: Importer, x: Tensor, around: list[tuple[int, int]]) -> Tensor:
    for axis, (before, after) in enumerate(around):
        extent = x.shape[axis]
        if before == after == 0:
            continue
        pieces = [x]
        if before > 0:
            pieces.insert(0, sliced(g, x, axis, extent - before, None))
        if after > 0:
            pieces.append(sliced(g, x, axis, 0, after))
        joined = g.concat(pieces, axis=axis) if len(pieces) > 1 else x
        start, end = max(-before, 0), joined.shape[axis] + min(after, 0)
        x = sliced(g, joined, axis, start, end)
    return x
