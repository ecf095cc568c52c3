"""Filters and pooling over sliding windows, written in ONNX (NNEF 1.0.5, section 4.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Array, Writer, emits
from nnefx.converters.onnx.emit_layout import value_of
from nnefx.ir.graph import Node, Value
from nnefx.ops import Reject
from nnefx.ops.shapes import FILLING, Axis
from nnefx.ops.window import box_axes, conv_axes, debox_axes, deconv_axes

Pairs = Sequence[tuple[int, int]]
MOST = 3  # spatial dimensions that engines have kernels for


# ---- conv and deconv


@emits("conv", "nnefx_integer_conv")
def conv(w: Writer, node: Node) -> Any:
    item, filter_ = value_of(node.inputs["input"]), value_of(node.inputs["filter"])
    attributes = {"border": "constant", **node.attributes}
    axes, groups = conv_axes(item.shape, filter_.shape, **attributes)
    x, kernel = w.of(item), w.of(filter_)
    if node.name != "conv":
        x, kernel = w.cast(x, "scalar"), w.cast(kernel, "scalar")
    x, pads = _padded(w, x, [(0, 0), (0, 0)], item.shape, axes, attributes["border"])
    x, kernel, axes = _with_space(w, x, kernel, item, filter_, axes)
    bias = _bias(w, node.inputs.get("bias", 0.0), filter_.shape[0])
    y = w.add("Conv", x, kernel, *bias, **_geometry(axes, pads), group=groups)
    y = w.reshape(y, node.output.shape) if item.rank == 2 else y
    return y if node.name == "conv" else w.cast(w.add("Round", y), "integer")


def _with_space(
    w: Writer, x: str, kernel: str, item: Value, filter_: Value, axes: list[Axis]
) -> tuple[str, str, list[Axis]]:
    """Give images without spatial dimensions one."""
    if item.rank > MOST + 2:
        text = f"windows over {item.rank - 2} dimensions have no counterpart in ONNX engines"
        raise Reject("input", text, "NX603")
    if item.rank > 2:
        return x, kernel, axes
    x = w.reshape(x, (*item.shape, 1))
    return x, w.reshape(kernel, (*filter_.shape, 1)), [Axis(1, 1)]


def _padded(
    w: Writer, x: str, lead: Pairs, shape: tuple[int, ...], axes: Sequence[Axis], border: str,
    fill: float = 0.0,
) -> tuple[str, list[tuple[int, int]]]:  # fmt: skip
    """Return an input and the padding that ONNX adds to it itself."""
    around = [axis.around for axis in axes]
    simple = all(
        axis.before >= 0
        and (axis.up + axis.before + max(axis.around[1], 0) - axis.reach) // axis.stride + 1
        == axis.down
        for axis in axes
    )
    if border == "constant" and simple and fill == 0.0:
        return x, [(before, max(after, 0)) for before, after in around]
    return w.bordered(x, shape, [*lead, *around], border, fill), [(0, 0)] * len(axes)


def _geometry(axes: Sequence[Axis], pads: Pairs) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kernel_shape": [axis.size for axis in axes],
        "strides": [axis.stride for axis in axes],
        "dilations": [axis.dilation for axis in axes],
    }
    pads = list(pads) or [(0, 0)] * len(axes)
    return found | {"pads": [before for before, _ in pads] + [after for _, after in pads]}


def _bias(w: Writer, bias: Any, channels: int) -> list[str]:
    """Return no operand where the bias is zero, else one with an item per channel."""
    known = w.array(bias)
    if known is not None:
        items = np.broadcast_to(known.reshape(-1), (channels,))
        return [w.const(items.copy())] if items.any() else []
    item = value_of(bias)
    flat = w.vector(item)
    return [flat if item.volume == channels else w.add("Expand", flat, w.const([channels]))]


@emits("deconv")
def deconv(w: Writer, node: Node) -> Any:
    item, filter_ = value_of(node.inputs["input"]), value_of(node.inputs["filter"])
    axes, groups = deconv_axes(item.shape, filter_.shape, **node.attributes)
    border = node.attributes["border"]
    if item.rank == 2:
        axes = [Axis(1, 1)]
    x, kernel, _ = _with_space(w, w.of(item), w.of(filter_), item, filter_, axes)
    shape = (*item.shape, 1) if item.rank == 2 else item.shape
    bias = _bias(w, node.inputs["bias"], node.output.shape[1])
    y = spread(w, x, kernel, shape, axes, border, groups, bias)
    return w.reshape(y, node.output.shape) if item.rank == 2 else y


def spread(
    w: Writer, x: str, kernel: str, shape: tuple[int, ...], axes: Sequence[Axis], border: str,
    groups: int, bias: Sequence[str] = (),
) -> str:  # fmt: skip
    """Emit a ConvTranspose over the last dimensions, and crop or grow what it gives."""
    fits = all(axis.before >= 0 and axis.full >= axis.before + axis.up for axis in axes)
    if fits and border not in FILLING[1:]:
        pads = [(axis.before, axis.full - axis.before - axis.up) for axis in axes]
        return str(w.add("ConvTranspose", x, kernel, *bias, **_geometry(axes, pads), group=groups))
    around = [axis.around_reverse if border in FILLING[1:] else (0, 0) for axis in axes]
    x = w.bordered(x, shape, [(0, 0), (0, 0), *around], border)
    grown = [replace(axis, down=axis.down + sum(pair)) for axis, pair in zip(axes, around)]
    starts = [axis.before + pair[0] * axis.stride for axis, pair in zip(axes, around)]
    crop = [(-start, start + axis.up - axis.full) for start, axis in zip(starts, grown)]
    y = w.add("ConvTranspose", x, kernel, **_geometry(grown, []), group=groups)
    full = (1, 1, *(axis.full for axis in grown))
    y = w.bordered(y, full, [(0, 0), (0, 0), *crop])
    if not bias:
        return y
    (one,) = bias
    return str(w.add("Add", y, w.reshape(one, [1, -1, *[1] * len(axes)])))


# ---- windows over any dimensions, made into windows over the spatial ones of an image


class Image:
    """A tensor as an image that windows slide over in its last dimensions.

    Where no window spans batch or channels, it is the tensor itself; else the dimensions with a
    window come last and the others make the batch of an image of one channel.
    """

    def __init__(self, w: Writer, item: Value, axes: Sequence[Axis]) -> None:
        self.w = w
        self.rank = item.rank
        moving = [n for n, axis in enumerate(axes) if axis != Axis(axis.up, axis.up)]
        self.plain = 2 < item.rank <= MOST + 2 and not {0, 1} & set(moving)
        if not self.plain and len(moving) > MOST:
            text = f"windows over {len(moving)} dimensions have no counterpart in ONNX engines"
            raise Reject("size", text, "NX603")
        self.inner = list(range(2, item.rank)) if self.plain else moving or [item.rank - 1]
        self.outer = [n for n in range(item.rank) if n not in self.inner]
        self.order = [*self.outer, *self.inner]
        self.axes = [axes[n] for n in self.inner]
        self.lead = item.shape[:2] if self.plain else (prod(item.shape[n] for n in self.outer), 1)
        self._outer = [item.shape[n] for n in self.outer]

    def enter(self, x: str, shape: Sequence[int]) -> str:
        """Return a tensor of the given shape as such an image."""
        if self.plain:
            return x
        x = self.w.transposed(x, self.order)
        return self.w.reshape(x, (*self.lead, *(shape[n] for n in self.inner)))

    def leave(self, y: str, extents: Sequence[int]) -> str:
        """Return an image of the given spatial extents in the order of the tensor."""
        if self.plain:
            return y
        y = self.w.reshape(y, [*self._outer, *extents])
        return self.w.transposed(y, list(np.argsort(self.order)))


def _is_small(axes: Sequence[Axis], pads: Pairs) -> bool:
    """Tell whether engines take the padding of a pool: less than the window."""
    return all(max(pair) < axis.size for axis, pair in zip(axes, pads))


@emits("max_pool", "argmax_pool", "max_pool_with_index")
def max_pool(w: Writer, node: Node) -> Any:
    item, border = value_of(node.inputs["input"]), node.attributes["border"]
    image = Image(w, item, box_axes(item.shape, **node.attributes))
    x, shape = image.enter(w.of(item), item.shape), (*image.lead, *(a.up for a in image.axes))
    if node.name == "max_pool" and border == "constant":
        # onnxruntime takes a Pad of zeros for the padding of a MaxPool, which is of no value
        y = _maxima(w, x, shape, image.axes, "ignore", 0)[0]
        limit = _zero_where_border(image.axes)
        y = w.add("Max", y, w.const(limit)) if np.isfinite(limit).any() else y
        return image.leave(y, [axis.down for axis in image.axes])
    results = _maxima(w, x, shape, image.axes, border, 0 if node.name == "max_pool" else 2)
    found = [image.leave(y, [axis.down for axis in image.axes]) for y in results]
    return found if node.name == "max_pool_with_index" else found[-1]


def _maxima(
    w: Writer, x: str, shape: tuple[int, ...], axes: Sequence[Axis], border: str, count: int
) -> list[str]:
    """Return the maxima of an image and, if two are asked for, where in the window they are."""
    pads = [(max(axis.before, 0), max(axis.around[1], 0)) for axis in axes]
    simple = all(min(axis.before, axis.around[1]) >= 0 for axis in axes)
    if border != "ignore" or not simple or not _is_small(axes, pads):
        fill = -np.inf if border == "ignore" else 0.0
        around = [axis.around for axis in axes]
        border = "constant" if border == "ignore" else border
        x = w.bordered(x, shape, [(0, 0), (0, 0), *around], border, np.float32(fill))
        pads = [(0, 0)] * len(pads)
    found = w.add("MaxPool", x, count=count, **_geometry(axes, pads))
    if not count:
        return [found]
    return [found[0], _in_window(w, found[1], axes, pads)]


def _zero_where_border(axes: Sequence[Axis]) -> Array:
    """Return 0 for windows that meet the border, minus infinity for the others."""
    outside: Array = np.zeros([1] * len(axes), np.bool_)
    for number, axis in enumerate(axes):
        places = np.arange(axis.down)[:, None] * axis.stride - axis.before
        places = places + np.arange(axis.size) * axis.dilation
        beside = np.asarray(((places < 0) | (places >= axis.up)).any(1))
        outside = outside | _along(beside, number, len(axes))
    return np.where(outside, np.float32(0), np.float32(-np.inf))


def _in_window(w: Writer, flat: str, axes: Sequence[Axis], pads: Pairs) -> str:
    """Turn positions in the whole tensor into positions in the window."""
    extents = [
        axis.up if any(pair) or not any(axis.around) else axis.full
        for axis, pair in zip(axes, pads)
    ]
    index, below, inside = "", prod(extents), prod(axis.size for axis in axes)
    for number, (axis, extent, (before, _)) in enumerate(zip(axes, extents, pads)):
        below, inside = below // extent, inside // axis.size
        place = w.add("Mod", w.add("Div", flat, w.const(below)), w.const(extent))
        start = _along(np.arange(axis.down) * axis.stride - before, number, len(axes))
        tap = w.add("Div", w.add("Sub", place, w.const(start)), w.const(axis.dilation))
        term = w.add("Mul", tap, w.const(inside))
        index = w.add("Add", index, term) if index else term
    return index


def _along(items: Array, number: int, rank: int) -> Array:
    """Return a list as a tensor that varies in one dimension only."""
    return items.reshape([-1 if n == number else 1 for n in range(rank)])


@emits("box", "avg_pool")
def box(w: Writer, node: Node) -> Any:
    item, a = value_of(node.inputs["input"]), node.attributes
    normalize = a.get("normalize", True)
    window = {name: given for name, given in a.items() if name != "normalize"}
    image = Image(w, item, box_axes(item.shape, **window))
    axes, border = image.axes, a["border"]
    shape = (*image.lead, *(axis.up for axis in axes))
    ignore = border == "ignore" and normalize and any(any(axis.around) for axis in axes)
    x, pads = _padded(
        w, image.enter(w.of(item), item.shape), [(0, 0), (0, 0)], shape, axes,
        "constant" if border == "ignore" else border,
    )  # fmt: skip
    if all(axis.dilation == 1 for axis in axes) and _is_small(axes, pads):
        counted = not (ignore and any(map(any, pads)))
        geometry = _geometry(axes, pads)
        del geometry["dilations"]
        y = w.add("AveragePool", x, **geometry, count_include_pad=int(counted))
        factor = _factor(axes, normalize, ignore and counted)
    else:
        y = _summed(w, x, image, pads)
        factor = _factor(axes, normalize, ignore) / _volume(axes)
    if factor.size > 1 or factor.flat[0] != 1:
        y = w.add("Mul", y, w.const(factor))
    return image.leave(y, [axis.down for axis in axes])


def _factor(axes: Sequence[Axis], normalize: bool, ignore: bool) -> Array:
    """Return what to multiply the averages of full windows with."""
    factor = np.ones((), np.float64) if normalize else np.asarray(_volume(axes))
    if ignore:
        for number, axis in enumerate(axes):
            places = np.arange(axis.down)[:, None] * axis.stride - axis.before
            places = places + np.arange(axis.size) * axis.dilation
            inside = ((places >= 0) & (places < axis.up)).sum(1)
            factor = factor * _along(axis.size / np.maximum(inside, 1), number, len(axes))
    return np.asarray(factor, np.float32)


def _volume(axes: Sequence[Axis]) -> float:
    return float(prod(axis.size for axis in axes))


def _summed(w: Writer, x: str, image: Image, pads: Pairs) -> str:
    """Emit a sum over windows as a convolution of each channel with ones."""
    channels = image.lead[1]
    ones = np.ones((channels, 1, *(axis.size for axis in image.axes)), np.float32)
    return str(w.add("Conv", x, w.const(ones), **_geometry(image.axes, pads), group=channels))


@emits("debox")
def debox(w: Writer, node: Node) -> Any:
    item, a = value_of(node.inputs["input"]), node.attributes
    window: Mapping[str, Any] = {n: given for n, given in a.items() if n != "normalize"}
    axes = debox_axes(item.shape, **window)
    reverse = [replace(axis, up=axis.down) if _is_still(axis) else axis for axis in axes]
    image = Image(w, item, reverse)
    x = image.enter(w.of(item), item.shape)
    shape = (*image.lead, *(axis.down for axis in image.axes))
    channels = image.lead[1]
    ones = np.ones((channels, 1, *(axis.size for axis in image.axes)), np.float32)
    y = spread(w, x, w.const(ones), shape, image.axes, a["border"], channels)
    factor = np.ones((), np.float64)
    for number, axis in enumerate(image.axes if a["normalize"] else ()):
        share = _met(axis) if a["border"] == "ignore" else np.full(1, float(axis.size))
        factor = factor / _along(np.maximum(share, 1), number, len(image.axes))
    if factor.size > 1 or factor.flat[0] != 1:
        y = w.add("Mul", y, w.const(np.asarray(factor, np.float32)))
    return image.leave(y, [axis.up for axis in image.axes])


def _is_still(axis: Axis) -> bool:
    return axis == Axis(axis.down, axis.down)


def _met(axis: Axis) -> Array:
    """Return how many items reach each place of the output."""
    places = np.arange(axis.down)[:, None] * axis.stride - axis.before
    places = places + np.arange(axis.size) * axis.dilation
    places = places[(places >= 0) & (places < axis.up)]
    return np.bincount(places, minlength=axis.up).astype(np.float64)
