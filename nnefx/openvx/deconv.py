"""Deconvolution: zeros between the input's items, then a convolution with the turned kernel.

DeconvolutionLayer itself is wrong in the implementations there are (openvx.md, 1.6).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import plane
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import axis_map
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers
from nnefx.openvx.scales import Scaling, Weights
from nnefx.openvx.storage import Slot
from nnefx.openvx.window import Layer, Padding
from nnefx.ops.shapes import Axis, reverse_windows

Array = NDArray[Any]


def deconv_scales(
    s: Scaling, out: Value, input: Operand, filter: Operand, bias: Operand, **_: Any
) -> None:
    """As for a convolution."""
    if isinstance(input, Value) and isinstance(filter, Const) and isinstance(bias, Const):
        weights = filter.array()
        taps = int(np.prod(weights.shape[2:])) * weights.shape[0]
        s.weighted(out, input, Weights.of(weights, taps, bias.array(), weights.shape[0]))
    s.stored(out)


@lowers("deconv", scales=deconv_scales)
def deconv(
    g: Emitter,
    out: Value,
    input: Operand,
    filter: Operand,
    bias: Operand,
    *,
    border: str,
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
    output_shape: Sequence[int],
    groups: int,
) -> None:
    """Axis maps that put the items apart, and a ConvolutionLayer of stride 1."""
    if not isinstance(input, Value) or not isinstance(filter, Const):
        raise UnsupportedError("the filter is computed at run time, it must be constant")
    if not isinstance(bias, Const):
        raise UnsupportedError("the bias is computed at run time, it must be constant")
    if border != "constant":
        raise UnsupportedError(f"border '{border}' is not handled")
    if len(filter.shape) > 4:
        raise UnsupportedError(f"the filter has rank {len(filter.shape)}, at most 4 are handled")
    axes = reverse_windows(
        input.shape[2:], filter.shape[2:], padding, stride, dilation, output_shape[2:]
    )
    x = g.read(input)
    turned = []
    for dim, axis in enumerate(plane(axes)):
        x = _apart(g, x, dim, axis.stride)
        before = axis.reach - 1 - axis.before
        x, before = _shortened(g, x, dim, before)
        turned.append(Axis(x.dims[dim], axis.up, axis.size, 1, axis.dilation, before, 0))
    count = groups or input.shape[1]
    kernel = _turned(filter, count)
    Layer(x, out, kernel, bias, (turned[0], turned[1]), count, f"{out.name}_filter").emit(g)


def _apart(g: Emitter, x: Slot, dim: int, step: int) -> Slot:
    extent = x.dims[dim]
    if step == 1 or extent == 1:
        return x
    rows = np.zeros(((extent - 1) * step + 1, extent))
    rows[np.arange(extent) * step, np.arange(extent)] = 1.0
    return axis_map(g, x, dim, rows)


def _shortened(g: Emitter, x: Slot, dim: int, before: int) -> tuple[Slot, int]:
    """Cut off the start of the input where the window begins inside of it."""
    if before >= 0:
        return x, before
    return g.part(x, dim, -before, x.dims[dim]), 0


def _turned(filter: Const, groups: int) -> Const:
    """Return (I, O / G, ...) as a convolution's (O, I / G, ...), flipped in space."""
    inputs, outputs = filter.shape[0] // groups, filter.shape[1]
    shape = (outputs * groups, inputs, *filter.shape[2:])

    def make() -> Array:
        rows = filter.array().reshape(groups, inputs, outputs, *filter.shape[2:])
        rows = np.swapaxes(rows, 1, 2).reshape(shape)
        flipped: Array = np.flip(rows, tuple(range(2, rows.ndim)))
        return flipped

    return replace(filter, shape=shape, make=make, label="")
