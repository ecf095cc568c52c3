"""Filters over sliding windows: conv, deconv, box, debox and the separable ones (section 4.3)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnefx.ops.broadcast import show
from nnefx.ops.channels import per_channel
from nnefx.ops.correlate import correlate, spread
from nnefx.ops.kernels import Values, along, extend, narrow, taps, widen
from nnefx.ops.registry import Reject, Shape, define
from nnefx.ops.shapes import (
    BORDERS,
    FILLING,
    Axis,
    Padding,
    exact,
    one_of,
    reverse_windows,
    volume,
    windows,
)

Ints = Sequence[int]

# ---- conv and deconv: section 4.3.1


def _check_filter(x: Shape, filter: Shape, border: str, groups: int) -> None:
    if len(x) < 2:
        raise Reject("input", f"input has rank {len(x)}, expected batch and channels at least")
    if len(filter) != len(x):
        raise Reject("filter", f"filter has rank {len(filter)}, expected {len(x)} like the input")
    one_of("border", border, FILLING)
    if groups < 0:
        raise Reject("groups", f"groups is {groups}, expected 0 or more")


def _check_bias(bias: Shape, channels: int, rank: int) -> None:
    """Reject a bias that is neither a single value nor of shape (1, channels)."""
    singular = all(extent == 1 for extent in (*bias[:1], *bias[2:]))
    if len(bias) > rank or not singular or bias[1:2] not in ((), (1,), (channels,)):
        raise Reject("bias", f"bias has shape {show(bias)}, expected [1, {channels}] or one value")


def conv_axes(
    x: Shape,
    filter: Shape,
    *,
    border: str,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
    groups: int,
) -> tuple[list[Axis], int]:
    """Return the spatial axes of a conv and its number of groups, after all checks."""
    _check_filter(x, filter, border, groups)
    groups = groups or x[1]
    if filter[0] % groups:
        raise Reject("groups", f"{groups} groups do not divide the {filter[0]} output channels")
    if filter[1] * groups != x[1]:
        raise Reject(
            "filter",
            f"filter takes {filter[1]} channels in each of {groups} groups, "
            f"the input has {x[1]} channels",
        )
    return windows(x[2:], filter[2:], padding, stride, dilation, border), groups


def conv_shape(x: Shape, filter: Shape, bias: Shape, **attributes: Any) -> Shape:
    """Return the shape of `conv`."""
    axes, _ = conv_axes(x, filter, **attributes)
    _check_bias(bias, filter[0], len(x))
    return (x[0], filter[0], *(axis.down for axis in axes))


def conv(x: Values, filter: Values, bias: Values, *, border: str, **attributes: Any) -> Values:
    """Correlate `x` (B, C, ...) with `filter` (c, C/groups, ...) and add the bias."""
    axes, groups = conv_axes(x.shape, filter.shape, border=border, **attributes)
    wide = widen(x)
    if border != "constant":  # zeros are what `correlate` puts around
        wide = extend(wide, [(0, 0), (0, 0), *(axis.around for axis in axes)], border)
        axes = [Axis(a.full, a.down, a.size, a.stride, a.dilation) for a in axes]
    out = correlate(wide, filter.astype(wide.dtype, copy=False), axes, groups)
    return narrow(_biased(out, bias), x)


def _biased(out: Values, bias: Values) -> Values:
    """Add the bias in place; a literal zero is the usual way to have none."""
    if bias.ndim or bias != 0:
        bias = bias.astype(out.dtype, copy=False)
        per_channel(out, [(np.add, bias.reshape(bias.shape + (1,) * (out.ndim - bias.ndim)))], out)
    return out


def deconv_axes(
    x: Shape,
    filter: Shape,
    *,
    border: str,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
    output_shape: Ints,
    groups: int,
) -> tuple[list[Axis], int]:
    """Return the spatial axes of a deconv and its number of groups, after all checks.

    Depth-wise (`groups` = 0) means one output channel per group; how many there are is told by
    `output_shape`, and is else the number of input channels.
    """
    _check_filter(x, filter, border, groups)
    if output_shape:
        exact("output_shape", output_shape, len(x))
    if groups == 0:
        groups = output_shape[1] if output_shape else x[1]
    if filter[0] != x[1]:
        raise Reject("filter", f"filter takes {filter[0]} channels, the input has {x[1]}")
    if x[1] % groups:
        raise Reject("groups", f"{groups} groups do not divide the {x[1]} input channels")
    if output_shape and tuple(output_shape[:2]) != (x[0], filter[1] * groups):
        raise Reject(
            "output_shape",
            f"output_shape begins with {show(output_shape[:2])}, "
            f"expected {show((x[0], filter[1] * groups))}, batch and channels of the output",
        )
    axes = reverse_windows(x[2:], filter[2:], padding, stride, dilation, output_shape[2:], border)
    return axes, groups


def deconv_shape(x: Shape, filter: Shape, bias: Shape, **attributes: Any) -> Shape:
    """Return the shape of `deconv`."""
    axes, groups = deconv_axes(x, filter, **attributes)
    _check_bias(bias, filter[1] * groups, len(x))
    return (x[0], filter[1] * groups, *(axis.up for axis in axes))


def deconv(x: Values, filter: Values, bias: Values, *, border: str, **attributes: Any) -> Values:
    """Spread `x` (B, c, ...) with `filter` (c, C/groups, ...) and add the bias."""
    axes, groups = deconv_axes(x.shape, filter.shape, border=border, **attributes)
    wide, axes, crop = _reversed_input(widen(x), axes, border)
    full = spread(wide, filter.astype(wide.dtype, copy=False), axes, groups)
    return narrow(_biased(np.ascontiguousarray(extend(full, crop)), bias), x)


def _reversed_input(
    x: Values, axes: Sequence[Axis], border: str
) -> tuple[Values, list[Axis], list[tuple[int, int]]]:
    """Prepare a reverse operation over the last dimensions of `x`.

    Returns the input with that part of its border that reaches the output, the axes that hold for
    it, and the padding (mostly negative) that makes the output of everything that was spread.
    """
    rest = x.ndim - len(axes)
    around = [axis.around_reverse if border in FILLING[1:] else (0, 0) for axis in axes]
    grown = [
        Axis(axis.up, axis.down + p + q, axis.size, axis.stride, axis.dilation)
        for axis, (p, q) in zip(axes, around)
    ]
    starts = [axis.before + p * axis.stride for axis, (p, _) in zip(axes, around)]
    crop = [(-start, start + axis.up - axis.full) for start, axis in zip(starts, grown)]
    untouched = [(0, 0)] * rest
    return extend(x, [*untouched, *around], border), grown, [*untouched, *crop]


_CONV: dict[str, Any] = {
    "border": "constant",
    "padding": (),
    "stride": (),
    "dilation": (),
    "groups": 1,
}
_DECONV: dict[str, Any] = {**_CONV, "output_shape": ()}


@contextmanager
def _as_parameter(**names: str) -> Iterator[None]:
    """Report what an inner operation rejects under the name that the outer one has for it."""
    try:
        yield
    except Reject as reject:
        name = names.get(reject.parameter or "", reject.parameter)
        raise Reject(name, reject.message, reject.code) from None


def separable_conv_shape(
    x: Shape, plane: Shape, point: Shape, bias: Shape, *, groups: int, **attributes: Any
) -> Shape:
    """Return the shape of `separable_conv` (section 4.9.2)."""
    with _as_parameter(filter="plane_filter", groups="plane_filter"):
        filtered = conv_shape(x, plane, (), **attributes, groups=0)
    with _as_parameter(filter="point_filter", padding="point_filter"):
        return conv_shape(filtered, point, bias, **{**_CONV, "groups": groups})


def separable_conv(
    x: Values, plane: Values, point: Values, bias: Values, *, groups: int, **attributes: Any
) -> Values:
    """Filter each channel on its own, then mix the channels."""
    filtered = conv(x, plane, np.zeros((), x.dtype), **attributes, groups=0)
    return conv(filtered, point, bias, **{**_CONV, "groups": groups})


def separable_deconv_shape(
    x: Shape, plane: Shape, point: Shape, bias: Shape, *, groups: int, **attributes: Any
) -> Shape:
    """Return the shape of `separable_deconv` (section 4.9.2)."""
    with _as_parameter(filter="point_filter", padding="point_filter"):
        filtered = deconv_shape(x, point, (), **{**_DECONV, "groups": groups})
    with _as_parameter(filter="plane_filter", groups="plane_filter"):
        return deconv_shape(filtered, plane, bias, **attributes, groups=0)


def separable_deconv(
    x: Values, plane: Values, point: Values, bias: Values, *, groups: int, **attributes: Any
) -> Values:
    """Mix the channels, then spread each channel on its own."""
    filtered = deconv(x, point, np.zeros((), x.dtype), **{**_DECONV, "groups": groups})
    return deconv(filtered, plane, bias, **attributes, groups=0)


# ---- box and debox: section 4.3.2


def box_axes(
    x: Shape, *, size: Ints, border: str, padding: Padding, stride: Ints, dilation: Ints
) -> list[Axis]:
    """Return the axes of a window over all dimensions of `x`, after all checks."""
    exact("size", size, len(x))
    one_of("border", border, BORDERS)
    return windows(x, size, padding, stride, dilation, border)


def box_shape(x: Shape, *, normalize: bool, **attributes: Any) -> Shape:  # noqa: ARG001
    """Return the shape of `box`."""
    return tuple(axis.down for axis in box_axes(x, **attributes))


def box(x: Values, *, normalize: bool, **attributes: Any) -> Values:
    """Sum, or average, each window; a border that is ignored does not count in the average."""
    axes = box_axes(x.shape, **attributes)
    border = attributes["border"]
    out = widen(x)
    for number, axis in enumerate(axes):
        out = _box_along(out, number, axis, border)
    if normalize and border == "ignore":
        for number, axis in enumerate(axes):
            ones = np.ones(axis.up, out.dtype)
            out = out / along(np.maximum(_box_along(ones, 0, axis, border), 1), number, out.ndim)
    elif normalize:
        out = out / out.dtype.type(volume(attributes["size"]))
    return narrow(out, x)


def _box_along(x: Values, number: int, axis: Axis, border: str) -> Values:
    """Sum windows along one dimension: the box filter is separable."""
    if axis == Axis(axis.up, axis.up):
        return x
    x = extend(x, [axis.around if k == number else (0, 0) for k in range(x.ndim)], border)
    if axis.down == 1:
        met = x[(*[slice(None)] * number, slice(0, axis.reach, axis.dilation))]
        total: Values = np.sum(met, axis=number, keepdims=True)
        return total
    front = np.moveaxis(x, number, -1)
    parts = [front[at] for _, at in taps([axis])]
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return np.moveaxis(total, -1, number)


def debox_axes(
    x: Shape,
    *,
    size: Ints,
    border: str,
    padding: Padding,
    stride: Ints,
    dilation: Ints,
    output_shape: Ints,
) -> list[Axis]:
    """Return the axes of a reverse window over all dimensions of `x`, after all checks."""
    exact("size", size, len(x))
    one_of("border", border, BORDERS)
    return reverse_windows(x, size, padding, stride, dilation, output_shape, border)


def debox_shape(x: Shape, *, normalize: bool, **attributes: Any) -> Shape:  # noqa: ARG001
    """Return the shape of `debox`."""
    return tuple(axis.up for axis in debox_axes(x, **attributes))


def debox(x: Values, *, normalize: bool, **attributes: Any) -> Values:
    """Spread each item over a window; with an ignored border the average is over what is there."""
    axes = debox_axes(x.shape, **attributes)
    border = attributes["border"]
    out = widen(x)
    for number, axis in enumerate(axes):
        out = _debox_along(out, number, axis, border)
    if normalize and border == "ignore":
        for number, axis in enumerate(axes):
            ones = np.ones(axis.down, out.dtype)
            out = out / along(np.maximum(_debox_along(ones, 0, axis, border), 1), number, out.ndim)
    elif normalize:
        out = out / out.dtype.type(volume(attributes["size"]))
    return narrow(out, x)


def _debox_along(x: Values, number: int, axis: Axis, border: str) -> Values:
    if axis == Axis(axis.down, axis.down):
        return x
    wide, (grown,), crop = _reversed_input(np.moveaxis(x, number, -1), [axis], border)
    full = np.zeros((*wide.shape[:-1], grown.full), x.dtype)
    for _, at in taps([grown]):
        full[at] += wide
    return np.moveaxis(extend(full, crop), -1, number)


define("conv", shape=conv_shape, run=conv)
define("deconv", shape=deconv_shape, run=deconv)
define("box", shape=box_shape, run=box)
define("debox", shape=debox_shape, run=debox)
define("separable_conv", shape=separable_conv_shape, run=separable_conv)
define("separable_deconv", shape=separable_deconv_shape, run=separable_deconv)
