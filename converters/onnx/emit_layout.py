"""Moves, reductions, products and normalization, written in ONNX."""

from math import prod
from typing import Any

import numpy as np

from nnefx.converters.onnx.emit import Writer, emits, ints
from nnefx.ir.graph import Node, Value
from nnefx.ops import Reject
from nnefx.ops.layout import slice_ranges, split_shape

_SQUASHED = {"all_reduce": "ReduceMin", "any_reduce": "ReduceMax"}
_REDUCE = {
    "sum_reduce": "ReduceSum", "max_reduce": "ReduceMax", "min_reduce": "ReduceMin",
    "mean_reduce": "ReduceMean", "nnefx_prod_reduce": "ReduceProd",
    "nnefx_integer_sum_reduce": "ReduceSum", "nnefx_integer_max_reduce": "ReduceMax",
    "nnefx_integer_min_reduce": "ReduceMin", "nnefx_integer_prod_reduce": "ReduceProd",
}  # fmt: skip
_POSITIONS = {
    "argmax_reduce": "ArgMax", "argmin_reduce": "ArgMin",
    "nnefx_integer_argmax_reduce": "ArgMax", "nnefx_integer_argmin_reduce": "ArgMin",
}  # fmt: skip


def value_of(item: Any) -> Value:
    """Return an operand that cannot be a literal."""
    assert isinstance(item, Value)
    return item


@emits("reshape", "squeeze", "unsqueeze")
def reshape(w: Writer, node: Node) -> Any:
    x = w.of(node.inputs["input"])
    if node.name == "reshape":
        return w.reshape(x, node.output.shape)
    kind = {"squeeze": "Squeeze", "unsqueeze": "Unsqueeze"}[node.name]
    return w.add(kind, x, w.const(ints(node.attributes["axes"])))


@emits("transpose")
def transpose(w: Writer, node: Node) -> Any:
    item, axes = value_of(node.inputs["input"]), list(node.attributes["axes"])
    return w.add("Transpose", w.of(item), perm=[*axes, *range(len(axes), item.rank)])


@emits("concat")
def concat(w: Writer, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    return w.add("Concat", *map(w.of, items), axis=node.attributes["axis"])


@emits("stack")
def stack(w: Writer, node: Node) -> Any:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    axis = node.attributes["axis"]
    wide = [w.add("Unsqueeze", w.of(item), w.const(ints([axis]))) for item in items]
    return w.add("Concat", *wide, axis=axis)


@emits("split")
def split(w: Writer, node: Node) -> Any:
    item, axis = value_of(node.inputs["value"]), node.attributes["axis"]
    sizes = [shape[axis] for shape in split_shape(item.shape, **node.attributes)]
    return w.add("Split", w.of(item), w.const(ints(sizes)), count=len(sizes), axis=axis)


@emits("unstack")
def unstack(w: Writer, node: Node) -> Any:
    item, axis = value_of(node.inputs["value"]), node.attributes["axis"]
    count = item.shape[axis]
    parts = w.add("Split", w.of(item), w.const(ints([1] * count)), count=count, axis=axis)
    return [w.add("Squeeze", part, w.const(ints([axis]))) for part in parts]


@emits("slice")
def slice_(w: Writer, node: Node) -> Any:
    item, axes = value_of(node.inputs["input"]), list(node.attributes["axes"])
    ranges = [slice_ranges(item.shape, **node.attributes)[axis] for axis in axes]
    if not all(map(len, ranges)):
        raise Reject("end", "nothing is left of the tensor", "NX603")
    # a stop of -1 is the place before the first item, which ONNX writes as a very low number
    ends = [r.stop if r.stop >= 0 else -(1 << 31) for r in ranges]
    steps = [r.step for r in ranges]
    return w.slice(
        w.of(item), axes, [r.start for r in ranges], ends, steps if set(steps) != {1} else ()
    )


@emits("pad", "nnefx_integer_pad")
def pad(w: Writer, node: Node) -> Any:
    item, a = value_of(node.inputs["input"]), node.attributes
    x = w.bordered(w.of(item), item.shape, a["padding"], a["border"], a["value"])
    return x if any(map(any, a["padding"])) else w.add("Identity", x)


@emits("tile")
def tile(w: Writer, node: Node) -> Any:
    return w.add("Tile", w.of(node.inputs["input"]), w.const(ints(node.attributes["repeats"])))


@emits("gather")
def gather(w: Writer, node: Node) -> Any:
    x, indices = map(w.of, node.inputs.values())
    return w.add("Gather", x, indices, axis=node.attributes["axis"])


# ---- reductions


@emits(*_REDUCE)
def reduce(w: Writer, node: Node) -> Any:
    x, axes = w.of(node.inputs["input"]), node.attributes["axes"]
    kind = "ReduceMean" if node.attributes.get("normalize") else _REDUCE[node.name]
    return w.reduce(kind, x, axes) if axes else w.add("Identity", x)


@emits(*_SQUASHED)
def squashed(w: Writer, node: Node) -> Any:
    x, axes = w.of(node.inputs["input"]), node.attributes["axes"]
    if not axes:
        return w.add("Identity", x)
    return w.cast(w.reduce(_SQUASHED[node.name], w.cast(x, "integer"), axes), "logical")


@emits(*_POSITIONS)
def position(w: Writer, node: Node) -> Any:
    item, axes = value_of(node.inputs["input"]), node.attributes["axes"]
    kind = _POSITIONS[node.name]
    if len(axes) == 1:
        return w.add(kind, w.of(item), axis=axes[0], keepdims=1)
    kept = [axis for axis in range(item.rank) if axis not in axes]
    rows = w.transposed(w.of(item), [*kept, *sorted(axes)])
    flat = w.reshape(rows, [prod(item.shape[axis] for axis in kept), -1])
    return w.reshape(w.add(kind, flat, axis=1, keepdims=1), node.output.shape)


@emits("moments")
def moments(w: Writer, node: Node) -> Any:
    x, axes = w.of(node.inputs["input"]), node.attributes["axes"]
    if not axes:
        return [w.add("Identity", x), w.add("Sub", x, x)]
    mean = w.reduce("ReduceMean", x, axes)
    centered = w.add("Sub", x, mean)
    return [mean, w.reduce("ReduceMean", w.add("Mul", centered, centered), axes)]


# ---- products and normalization


@emits("matmul", "nnefx_integer_matmul")
def matmul(w: Writer, node: Node) -> Any:
    a, b = map(value_of, node.inputs.values())
    turned = [node.attributes.get(f"transpose{name}", False) for name in "AB"]
    return w.add(
        "MatMul", *(_turned(w, item) if t else w.of(item) for item, t in zip((a, b), turned))
    )


def _turned(w: Writer, item: Value) -> str:
    """Return an operand with its last two dimensions swapped."""
    known = w.array(item)
    if known is not None:
        return w.const(np.swapaxes(known, -1, -2))
    if item in w.integers:
        return str(w.integers[item].turned(w))
    return w.transposed(w.of(item), [*range(item.rank - 2), item.rank - 1, item.rank - 2])


@emits("linear")
def linear(w: Writer, node: Node) -> Any:
    x, filter_, bias = node.inputs.values()
    known = w.array(bias)
    if node.output.rank == 2 and value_of(filter_).shape[0] == node.output.shape[1]:
        operands = [w.of(x), w.of(filter_)]
        if bias in w.integers and bias.volume == node.output.shape[1]:
            operands.append(w.vector(bias))
        elif known is None or known.any():
            operands.append(*w.aligned([bias], 2))
        return w.add("Gemm", *operands, transB=1)
    product = w.add("MatMul", w.of(x), _turned(w, value_of(filter_)))
    if known is not None and not known.any():
        return product
    return w.add("Add", product, *w.aligned([bias], node.output.rank))


@emits("batch_normalization")
def batch_normalization(w: Writer, node: Node) -> Any:
    item, *rest = node.inputs.values()
    epsilon = node.attributes["epsilon"]
    arrays = [_per_channel(w.array(other), node.output.shape) for other in rest]
    fits = isinstance(item, Value) and item.shape == node.output.shape and item.rank > 1
    if fits and all(array is not None for array in arrays):
        mean, variance, offset, scale = map(w.const, arrays)
        return w.add(
            "BatchNormalization", w.of(item), scale, offset, mean, variance, epsilon=epsilon
        )
    x, mean, variance, offset, scale = w.aligned([item, *rest], node.output.rank)
    deviation = w.add("Sqrt", w.add("Add", variance, w.const(np.float32(epsilon))))
    y = w.add("Div", w.add("Sub", x, mean), deviation)
    return w.add("Add", w.add("Mul", y, scale), offset)


def _per_channel(array: Any, shape: tuple[int, ...]) -> Any:
    """Return items as one per channel, None where they differ in other dimensions too."""
    if array is None or len(shape) < 2 or array.size not in (1, shape[1]):
        return None
    if array.size > 1 and (array.ndim < 2 or array.shape[1] != array.size):
        return None
    return np.broadcast_to(array.reshape(-1), shape[1:2]).copy()


def is_plain_lrn(node: Node) -> bool:
    """Tell whether ONNX has a local response normalization: over an odd number of channels."""
    size = node.attributes["size"]
    return len(size) > 2 and size[1] % 2 == 1 and {*size[:1], *size[2:]} == {1}


@emits("local_response_normalization")
def local_response_normalization(w: Writer, node: Node) -> Any:
    a = node.attributes
    return w.add(
        "LRN", w.of(node.inputs["input"]), size=a["size"][1], alpha=a["alpha"], beta=a["beta"],
        bias=a["bias"],
    )  # fmt: skip
