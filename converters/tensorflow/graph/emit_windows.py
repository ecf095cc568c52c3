"""Windows and resampling, written in TensorFlow on channels-last tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.tensorflow.graph.emit import Held, Walk, emits
from nnefx.converters.tensorflow.graph.emit_ops import bordered
from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.converters.tensorflow.resize import weights
from nnefx.ir.graph import Node, Value
from nnefx.ops import Reject
from nnefx.ops.shapes import Axis, reverse_windows, windows


def _value(item: Any) -> Value:
    assert isinstance(item, Value)
    return item


def _last(pairs: Sequence[Any]) -> list[Any]:
    """Return what is given per dimension of NNEF in the order of a channels-last tensor."""
    return [pairs[0], *pairs[2:], pairs[1]]


def _image(walk: Walk, item: Value) -> Any:
    """Return a channels-last image; one dimension becomes two."""
    x = walk.last(item)
    return tf.expand_dims(x, 1) if item.rank == 3 else x


def _result(y: Any, rank: int) -> Held:
    return Held(tf.squeeze(y, 1) if rank == 3 else y, True)


def _two(items: Sequence[int], fill: int = 1) -> list[int]:
    """Return spatial items with a leading one for images of one dimension."""
    return [fill, *items] if len(items) == 1 else list(items)


def _is_same(axes: Sequence[Axis]) -> bool:
    """Tell whether padding is what TensorFlow calls SAME."""
    for axis in axes:
        total = max((-(-axis.up // axis.stride) - 1) * axis.stride + axis.reach - axis.up, 0)
        if axis.around != (total // 2, total - total // 2):
            return False
    return True


@emits("conv")
def conv(walk: Walk, node: Node) -> Any:
    item, w = _value(node.inputs["input"]), _value(node.inputs["filter"])
    a = node.attributes
    axes = windows(item.shape[2:], w.shape[2:], a["padding"], a["stride"], a["dilation"])
    x, rank = _image(walk, item), item.rank
    same = _is_same(axes) and a["border"] in ("constant", "ignore")
    if not same:
        around = [(0, 0), *([(0, 0)] if rank == 3 else []), *(x.around for x in axes), (0, 0)]
        x = bordered(x, around, "constant" if a["border"] == "ignore" else a["border"])
    groups = a["groups"] or item.shape[1]
    y = _convolved(
        x, _filter(walk, w), groups, _two([x.stride for x in axes]),
        _two([x.dilation for x in axes]), "SAME" if same else "VALID",
    )  # fmt: skip
    return _result(_biased(walk, y, node.inputs["bias"]), rank)


def _filter(walk: Walk, w: Value) -> Any:
    """Return (O, I, ...) as (..., I, O)."""
    first = walk.first(w)
    if w.rank == 3:
        first = tf.expand_dims(first, 2)
    rank = len(first.shape)
    return tf.transpose(first, [*range(2, rank), 1, 0])


def _convolved(
    x: Any, w: Any, groups: int, stride: list[int], dilation: list[int], padding: str
) -> Any:
    channels, depth = x.shape[-1], len(stride)
    if groups == channels and depth == 2 and len(set(stride)) == 1:
        rows, columns, _, outputs = w.shape
        # (H, W, 1, C * M) of NNEF to (H, W, C, M)
        filter_ = tf.reshape(w, [rows, columns, channels, outputs // channels])
        if groups > 1 and (stride[0] == 1 or set(dilation) == {1}):
            return tf.nn.depthwise_conv2d(x, filter_, [1, *stride, 1], padding, dilations=dilation)
    if groups == 1:
        return tf.nn.convolution(x, w, strides=stride, padding=padding, dilations=dilation)
    parts = zip(tf.split(x, groups, -1), tf.split(w, groups, -1))
    return tf.concat(
        [
            tf.nn.convolution(part, f, strides=stride, padding=padding, dilations=dilation)
            for part, f in parts
        ],
        -1,
    )


def _biased(walk: Walk, y: Any, bias: Any) -> Any:
    known = walk.known(bias)
    if known is not None and known.size == 1 and not known.any():
        return y
    return y + tf.reshape(walk.first(bias), [-1])


@emits("deconv")
def deconv(walk: Walk, node: Node) -> Any:
    item, w = _value(node.inputs["input"]), _value(node.inputs["filter"])
    a, rank = node.attributes, item.rank
    axes = reverse_windows(
        item.shape[2:], w.shape[2:], a["padding"], a["stride"], a["dilation"], a["output_shape"][2:]
    )
    groups = a["groups"] or node.output.shape[1]
    same = all(
        (axis.before, -(-axis.up // axis.stride)) == (max(axis.full - axis.up, 0) // 2, axis.down)
        for axis in axes
    )
    extents = [axis.up if same else axis.full for axis in axes]
    y = _deconvolved(walk, item, w, groups, axes, extents, "SAME" if same else "VALID")
    if not same:
        cut = [(-axis.before, axis.up + axis.before - axis.full) for axis in axes]
        y = bordered(y, [(0, 0), *([(0, 0)] if rank == 3 else []), *cut, (0, 0)], "constant")
    return _result(_biased(walk, y, node.inputs["bias"]), rank)


def _deconvolved(
    walk: Walk, item: Value, w: Value, groups: int, axes: Sequence[Axis], extents: list[int],
    padding: str,
) -> Any:  # fmt: skip
    x, filter_ = _image(walk, item), _filter(walk, w)
    if any(axis.dilation > 1 for axis in axes):
        known = walk.known(w)
        if known is None:
            raise Reject("dilation", "a computed filter cannot be dilated", "NX612")
        filter_ = tf.constant(_spread(known, axes))
    stride, shape = _two([axis.stride for axis in axes]), _two(extents)
    results = []
    inputs = zip(tf.split(x, groups, -1), tf.split(filter_, groups, -1))
    for part, f in inputs:
        target = [item.shape[0], *shape, f.shape[-2]]
        results.append(tf.nn.conv_transpose(part, f, target, stride, padding))
    return tf.concat(results, -1) if groups > 1 else results[0]


def _spread(filter_: Any, axes: Sequence[Axis]) -> Any:
    """Return (I, O, ...) with zeros between its items, as (..., O, I)."""
    full = np.zeros((*filter_.shape[:2], *(axis.reach for axis in axes)), np.float32)
    full[(slice(None), slice(None), *(slice(None, None, axis.dilation) for axis in axes))] = filter_
    return full.transpose(*range(2, full.ndim), 1, 0)


@emits("max_pool", "avg_pool", "box")
def pool(walk: Walk, node: Node) -> Any:
    item, a = _value(next(iter(node.inputs.values()))), node.attributes
    axes = windows(item.shape, a["size"], a["padding"], a["stride"], a["dilation"])
    if any(axis.size != 1 or axis.stride != 1 or any(axis.around) for axis in axes[:2]):
        return _pooled_over_channels(walk, node, item, axes)
    inner = axes[2:]
    x = _image(walk, item)
    ignore = a["border"] == "ignore"
    same = ignore and _is_same(inner)
    lead = [(0, 0)] * (2 if item.rank == 3 else 1)
    around = [*lead, *(axis.around for axis in inner), (0, 0)]
    largest = node.name == "max_pool"
    if not same:
        fill = -np.inf if ignore and largest else 0.0
        x = bordered(x, around, "constant" if ignore else a["border"], fill)
    kind, padding = ("MAX" if largest else "AVG"), ("SAME" if same else "VALID")
    y = _slid(x, inner, kind, padding)
    y = _counted(node, y, item, around, inner, same)
    return _result(y, item.rank)


def _slid(x: Any, axes: Sequence[Axis], kind: str, padding: str) -> Any:
    stride, dilation = _two([a.stride for a in axes]), _two([a.dilation for a in axes])
    size = _two([a.size for a in axes])
    if set(dilation) != {1}:
        return tf.nn.pool(x, size, kind, stride, padding, dilations=dilation)
    op = {"MAX": tf.nn.max_pool, "AVG": tf.nn.avg_pool}[kind]
    return op(x, size, stride, padding)


def _counted(
    node: Node, y: Any, item: Value, around: list[tuple[int, int]], axes: Sequence[Axis], same: bool
) -> Any:
    """Turn averages over full windows into sums, or into averages over what is not border."""
    if node.name == "max_pool":
        return y
    total = float(np.prod([axis.size for axis in axes]))
    normalize = node.name == "avg_pool" or node.attributes["normalize"]
    ignore = node.attributes["border"] == "ignore"
    if not normalize:
        return _times(y, total) if not same else y * _shares(item, around, axes) * total
    if ignore and not same and any(map(any, around)):
        return y / _shares(item, around, axes)
    return y


def _times(y: Any, factor: float) -> Any:
    return y if factor == 1 else y * factor


def _shares(item: Value, around: list[tuple[int, int]], axes: Sequence[Axis]) -> Any:
    """Return which part of each window lies inside, as a constant image of one channel."""
    ones = np.ones((1, *([1] if item.rank == 3 else []), *item.shape[2:], 1), np.float32)
    inside = np.pad(ones, [(max(b, 0), max(a, 0)) for b, a in around])
    return tf.constant(_averaged(inside, axes))


def _averaged(inside: Any, axes: Sequence[Axis]) -> Any:
    result = inside
    lead = inside.ndim - 1 - len(axes)
    for number, axis in enumerate(axes):
        place = np.arange(axis.down)[:, None] * axis.stride + np.arange(axis.size) * axis.dilation
        result = np.take(result, place, lead + number).mean(lead + number + 1)
    return result.astype(np.float32)


def _pooled_over_channels(walk: Walk, node: Node, item: Value, axes: Sequence[Axis]) -> Any:
    """Slide along any dimension: the window's items one by one, as slices."""
    a = node.attributes
    if a["border"] == "ignore" and node.name != "max_pool":
        raise Reject("border", "averages over channels cannot ignore the border", "NX612")
    fill = -np.inf if a["border"] == "ignore" else 0.0
    border = "constant" if a["border"] == "ignore" else a["border"]
    x = bordered(walk.first(item), [axis.around for axis in axes], border, fill)
    for number, axis in enumerate(axes):
        if axis.size == 1 and axis.stride == 1:
            continue
        parts = []
        for place in range(axis.size):
            begin = place * axis.dilation
            stop = begin + (axis.down - 1) * axis.stride + 1
            index = [slice(None)] * item.rank
            index[number] = slice(begin, stop, axis.stride)
            parts.append(x[tuple(index)])
        stacked = tf.stack(parts)
        x = tf.reduce_max(stacked, 0) if node.name == "max_pool" else tf.reduce_sum(stacked, 0)
    total = float(np.prod([axis.size for axis in axes]))
    if node.name == "avg_pool" or (node.name == "box" and a["normalize"]):
        x = x / total
    return x


@emits("local_response_normalization")
def local_response_normalization(walk: Walk, node: Node) -> Any:
    item, a = _value(node.inputs["input"]), node.attributes
    size = a["size"]
    x = walk.last(item)
    if item.rank == 4 and list(size[:1] + size[2:]) == [1, 1, 1] and size[1] % 2:
        radius = size[1] // 2
        y = tf.nn.local_response_normalization(
            x, radius, a["bias"], a["alpha"] / size[1], a["beta"]
        )
        return Held(y, True)
    squares = tf.square(walk.first(item))
    axes = windows(item.shape, size, [], [], [])
    for number, axis in enumerate(axes):
        before, after = axis.around
        pads = [(before, after) if i == number else (0, 0) for i in range(item.rank)]
        wide = bordered(squares, pads, "constant")
        index = [slice(None)] * item.rank
        parts = []
        for place in range(axis.size):
            index[number] = slice(place, place + axis.down)
            parts.append(wide[tuple(index)])
        squares = tf.add_n(parts)
    energy = squares / float(np.prod(size))
    return walk.first(item) / tf.pow(a["bias"] + a["alpha"] * energy, a["beta"])


@emits("nearest_upsample", "nearest_downsample", "area_downsample")
def nearest(walk: Walk, node: Node) -> Any:
    item, factor = _value(node.inputs["input"]), node.attributes["factor"]
    x = walk.first(item)
    if node.name == "nearest_upsample":
        if item.rank == 4:
            size = node.output.shape[2:]
            return Held(tf.raw_ops.ResizeNearestNeighbor(images=walk.last(item), size=size), True)
        for axis, times in enumerate(factor, start=2):
            x = tf.repeat(x, times, axis)
        return x
    if node.name == "nearest_downsample":
        return x[(slice(None), slice(None), *(slice(None, None, step) for step in factor))]
    blocks = [n for extent, f in zip(node.output.shape[2:], factor) for n in (extent, f)]
    inner = list(range(3, 3 + 2 * len(factor), 2))
    return tf.reduce_mean(tf.reshape(x, [*item.shape[:2], *blocks]), inner)


@emits("multilinear_upsample")
def multilinear_upsample(walk: Walk, node: Node) -> Any:
    item, a = _value(node.inputs["input"]), node.attributes
    edge = a["border"] == "replicate" or a["method"] == "aligned"
    if item.rank != 4 or not edge:
        raise Reject("border", f"border '{a['border']}' has no counterpart in TensorFlow", "NX612")
    size = node.output.shape[2:]
    if a["method"] == "symmetric" or a["method"] == "asymmetric":
        half = a["method"] == "symmetric"
        y = tf.raw_ops.ResizeBilinear(
            images=walk.last(item), size=size, half_pixel_centers=half, align_corners=False
        )
        return Held(y, True)
    rows, columns = (weights(e, t, "aligned") for e, t in zip(item.shape[2:], size))
    return tf.matmul(
        tf.matmul(rows[None, None], walk.first(item)), columns[None, None], transpose_b=True
    )
