"""Element-wise operations, reductions, products and moves, written in TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnefx.converters.tensorflow.graph.emit import TYPES, Held, Walk, emits
from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.ir.graph import Node, Value
from nnefx.ops.layout import reshape_shape, slice_ranges, split_shape

m = tf.math

_UNARY: dict[str, Callable[[Any], Any]] = {
    "copy": tf.identity, "neg": m.negative, "rcp": m.reciprocal, "exp": m.exp, "log": m.log,
    "sin": m.sin, "cos": m.cos, "tan": m.tan, "sinh": m.sinh, "cosh": m.cosh, "tanh": m.tanh,
    "asin": m.asin, "acos": m.acos, "atan": m.atan, "asinh": m.asinh, "acosh": m.acosh,
    "atanh": m.atanh, "abs": m.abs, "sign": m.sign, "not": m.logical_not, "floor": m.floor,
    "ceil": m.ceil, "round": lambda x: m.floor(x + 0.5), "sqr": m.square, "sqrt": m.sqrt,
    "rsqrt": m.rsqrt, "sigmoid": m.sigmoid, "relu": tf.nn.relu, "silu": tf.nn.silu,
    "softplus": tf.nn.softplus, "nnefx_erf": m.erf, "nnefx_round_even": m.round,
    "nnefx_gelu": lambda x: tf.nn.gelu(x, False), "nnefx_gelu_tanh": lambda x: tf.nn.gelu(x, True),
}  # fmt: skip
_BINARY: dict[str, Callable[..., Any]] = {
    "add": m.add, "sub": m.subtract, "mul": m.multiply, "div": m.divide, "pow": m.pow,
    "lt": m.less, "gt": m.greater, "le": m.less_equal, "ge": m.greater_equal, "eq": m.equal,
    "ne": m.not_equal, "and": m.logical_and, "or": m.logical_or, "min": m.minimum,
    "max": m.maximum, "select": tf.where, "nnefx_mod": m.floormod, "nnefx_atan2": m.atan2,
    "nnefx_integer_add": m.add, "nnefx_integer_sub": m.subtract, "nnefx_integer_mul": m.multiply,
    "nnefx_integer_min": m.minimum, "nnefx_integer_max": m.maximum, "nnefx_integer_eq": m.equal,
    "nnefx_integer_lt": m.less, "nnefx_integer_gt": m.greater,
}  # fmt: skip
_REDUCE: dict[str, Callable[..., Any]] = {
    "sum_reduce": tf.reduce_sum, "max_reduce": tf.reduce_max, "min_reduce": tf.reduce_min,
    "mean_reduce": tf.reduce_mean, "all_reduce": tf.reduce_all, "any_reduce": tf.reduce_any,
    "nnefx_prod_reduce": tf.reduce_prod,
}  # fmt: skip


@emits(*_UNARY)
def unary(walk: Walk, node: Node) -> Any:
    held = walk.of(next(iter(node.inputs.values())))
    return Held(_UNARY[node.name](held.tensor), held.last)


@emits(*_BINARY)
def binary(walk: Walk, node: Node) -> Any:
    operands, last = walk.alike(list(node.inputs.values()), node.output.rank)
    return Held(_BINARY[node.name](*operands), last)


@emits("clamp")
def clamp(walk: Walk, node: Node) -> Any:
    x, low, high = node.inputs.values()
    if low == 0.0 and high == 6.0 and isinstance(x, Value):
        held = walk.of(x)
        return Held(tf.nn.relu6(held.tensor), held.last)
    (item, least, most), last = walk.alike([x, low, high], node.output.rank)
    return Held(tf.maximum(tf.minimum(item, most), least), last)


@emits("leaky_relu")
def leaky_relu(walk: Walk, node: Node) -> Any:
    held = walk.of(node.inputs["x"])
    return Held(tf.nn.leaky_relu(held.tensor, node.attributes["alpha"]), held.last)


@emits("elu")
def elu(walk: Walk, node: Node) -> Any:
    held, alpha = walk.of(node.inputs["x"]), node.attributes["alpha"]
    x = held.tensor
    result = tf.nn.elu(x) if alpha == 1.0 else tf.where(x < 0, alpha * (tf.exp(x) - 1), x)
    return Held(result, held.last)


@emits("cast")
def cast(walk: Walk, node: Node) -> Any:
    held = walk.of(node.inputs["input"])
    assert node.dtype is not None
    return Held(tf.cast(held.tensor, TYPES[node.dtype]), held.last)


@emits(*_REDUCE)
def reduce(walk: Walk, node: Node) -> Any:
    item, axes = node.inputs["input"], node.attributes["axes"]
    assert isinstance(item, Value)
    held = walk.of(item)
    op = _REDUCE["mean_reduce"] if node.attributes.get("normalize") else _REDUCE[node.name]
    return Held(op(held.tensor, _moved(axes, item.rank, held), keepdims=True), held.last)


def _moved(axes: list[int], rank: int, held: Held) -> list[int]:
    """Return axes of NNEF as those of the tensor that is held."""
    if not held.last:
        return list(axes)
    return [0 if axis == 0 else rank - 1 if axis == 1 else axis - 1 for axis in axes]


@emits("argmax_reduce", "argmin_reduce")
def arg_reduce(walk: Walk, node: Node) -> Any:
    op = tf.argmax if node.name == "argmax_reduce" else tf.argmin
    (axis,) = node.attributes["axes"]
    found = op(walk.first(node.inputs["input"]), axis, output_type=tf.int32)
    return tf.expand_dims(found, axis)


@emits("softmax")
def softmax(walk: Walk, node: Node) -> Any:
    item, axes = node.inputs["x"], node.attributes["axes"]
    assert isinstance(item, Value)
    held = walk.of(item)
    places = _moved(axes, item.rank, held)
    if len(places) == 1:
        return Held(tf.nn.softmax(held.tensor, places[0]), held.last)
    power = tf.exp(held.tensor - tf.reduce_max(held.tensor, places, keepdims=True))
    return Held(power / tf.reduce_sum(power, places, keepdims=True), held.last)


@emits("matmul")
def matmul(walk: Walk, node: Node) -> Any:
    a, b = (walk.first(item) for item in node.inputs.values())
    return tf.matmul(
        a, b, transpose_a=node.attributes["transposeA"], transpose_b=node.attributes["transposeB"]
    )


@emits("linear")
def linear(walk: Walk, node: Node) -> Any:
    x, w, b = node.inputs.values()
    y = tf.matmul(walk.first(x), walk.first(w), transpose_b=True)
    bias = walk.known(b)
    if bias is not None and bias.size == node.output.shape[1] and node.output.rank == 2:
        return y + tf.reshape(walk.first(b), [-1])
    (added,), _ = walk.alike([b], node.output.rank)
    return y + added if bias is None or bias.any() else y


@emits("reshape")
def reshape(walk: Walk, node: Node) -> Any:
    item = node.inputs["input"]
    assert isinstance(item, Value)
    return tf.reshape(walk.first(item), reshape_shape(item.shape, **node.attributes))


@emits("squeeze", "unsqueeze")
def squeeze(walk: Walk, node: Node) -> Any:
    return tf.reshape(walk.first(node.inputs["input"]), node.output.shape)


@emits("transpose")
def transpose(walk: Walk, node: Node) -> Any:
    item, axes = node.inputs["input"], list(node.attributes["axes"])
    assert isinstance(item, Value)
    order = [*axes, *range(len(axes), item.rank)]
    held = walk.of(item)
    if held.last:
        order = _moved(order, item.rank, held)
    if order == list(range(item.rank)):
        return held.tensor
    return tf.transpose(held.tensor, order)


@emits("concat")
def concat(walk: Walk, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    tensors, last = walk.alike(list(items), node.output.rank)
    held = Held(None, last)
    return Held(
        tf.concat(tensors, _moved([node.attributes["axis"]], node.output.rank, held)[0]), last
    )


@emits("stack")
def stack(walk: Walk, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    return tf.stack([walk.first(item) for item in items], node.attributes["axis"])


@emits("unstack")
def unstack(walk: Walk, node: Node) -> Any:
    return list(tf.unstack(walk.first(node.inputs["value"]), axis=node.attributes["axis"]))


@emits("split")
def split(walk: Walk, node: Node) -> Any:
    item, axis = node.inputs["value"], node.attributes["axis"]
    assert isinstance(item, Value)
    sizes = [shape[axis] for shape in split_shape(item.shape, **node.attributes)]
    held = walk.of(item)
    parts = tf.split(held.tensor, sizes, _moved([axis], item.rank, held)[0])
    return [Held(part, held.last) for part in parts]


@emits("slice")
def slice_(walk: Walk, node: Node) -> Any:
    item = node.inputs["input"]
    assert isinstance(item, Value)
    ranges = slice_ranges(item.shape, **node.attributes)
    index = tuple(
        slice(r.start, r.stop if r.stop >= 0 else None, r.step) if len(r) else slice(0, 0)
        for r in ranges
    )
    return walk.first(item)[index]


@emits("tile")
def tile(walk: Walk, node: Node) -> Any:
    return tf.tile(walk.first(node.inputs["input"]), node.attributes["repeats"])


@emits("gather")
def gather(walk: Walk, node: Node) -> Any:
    x, indices = node.inputs.values()
    return tf.gather(walk.first(x), walk.first(indices), axis=node.attributes["axis"])


@emits("pad")
def pad(walk: Walk, node: Node) -> Any:
    item, pairs = node.inputs["input"], node.attributes["padding"]
    assert isinstance(item, Value)
    held = walk.of(item)
    order = _moved(list(range(item.rank)), item.rank, held)
    moved = [pairs[order.index(axis)] for axis in range(item.rank)]
    border, value = node.attributes["border"], node.attributes["value"]
    return Held(bordered(held.tensor, moved, border, value), held.last)


def bordered(x: Any, pairs: list[tuple[int, int]], border: str, value: float = 0.0) -> Any:
    """Return a tensor with a border of one of NNEF's kinds; negative amounts crop."""
    grow = [[max(before, 0), max(after, 0)] for before, after in pairs]
    if border == "replicate":
        for axis, (before, after) in enumerate(grow):
            if before or after:
                extent = x.shape[axis]
                x = tf.gather(
                    x, np.clip(np.arange(-before, extent + after), 0, extent - 1), axis=axis
                )
    elif any(map(any, grow)):
        modes = {"reflect": "REFLECT", "reflect-even": "SYMMETRIC"}
        fill = float(np.finfo(np.float32).min) if value == -np.inf else value
        x = tf.pad(x, grow, modes.get(border, "CONSTANT"), fill if border not in modes else 0)
    if any(min(pair) < 0 for pair in pairs):
        x = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pairs, x.shape))]
    return x


@emits("batch_normalization")
def batch_normalization(walk: Walk, node: Node) -> Any:
    items = list(node.inputs.values())
    (x, mean, variance, offset, scale), last = walk.alike(items, node.output.rank)
    result = tf.nn.batch_normalization(x, mean, variance, offset, scale, node.attributes["epsilon"])
    return Held(result, last)
