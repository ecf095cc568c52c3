"""TensorFlow operators that move items, reduce them, or make them up."""

from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import indices as at
from nnefx.converters.tensorflow import moving as move
from nnefx.converters.tensorflow.axes import axes_of, axis_of, ints, tensor, transposed
from nnefx.converters.tensorflow.graph.importer import GraphImporter as Importer
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.ops import Reject

_REDUCE = {
    "Sum": "sum_reduce", "Max": "max_reduce", "Min": "min_reduce", "Prod": "prod_reduce",
    "Mean": "mean_reduce", "Any": "any_reduce", "All": "all_reduce",
}  # fmt: skip


@rules.on("Const")
def const(g: Importer, *, value: Any, dtype: Any = None) -> Tensor:
    from nnefx.converters.tensorflow.graph.quiet import tf

    array = tf.make_ndarray(value)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise Reject(None, "texts have no counterpart", "NX704")
    result = g.known(array.astype(np.float32) if array.dtype.name == "bfloat16" else array)
    result.kept = result.dtype.kind == "f" and result.volume > 1
    return result


@rules.on(
    "Identity", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot", "EnsureShape",
    "PlaceholderWithDefault", "NextIteration", "LoopCond", "ReadVariableOp", "OptimizationBarrier",
)  # fmt: skip
def identity(g: Importer, x: Any, *, shape: Any = None) -> Any:
    return [x]


@rules.on("IdentityN")
def identity_n(g: Importer, *tensors: Any) -> Any:
    return list(tensors)


@rules.on("Placeholder")
def placeholder(g: Importer, *, shape: Any = None) -> Any:
    raise Reject(None, "this input is not among those of the model", "NX708")


@rules.on(*_REDUCE)
def reduce(g: Importer, x: Tensor, axes: Const, *, keep_dims: bool = False) -> Tensor:
    return move.reduced(g, _REDUCE[g.kind], x, axes_of(axes, x.rank), keep_dims)


@rules.on("EuclideanNorm")
def euclidean_norm(g: Importer, x: Tensor, axes: Const, *, keep_dims: bool = False) -> Tensor:
    total = move.reduced(g, "sum_reduce", tensor(g.sqr(x)), axes_of(axes, x.rank), keep_dims)
    return tensor(g.sqrt(total))


@rules.on("ArgMax", "ArgMin")
def arg_max(g: Importer, x: Tensor, axis: Const, *, output_type: Any = np.int64) -> Tensor:
    op = "argmax_reduce" if g.kind == "ArgMax" else "argmin_reduce"
    place = axis_of(ints(axis)[0], x.rank)
    name = f"nnefx_integer_{op}" if x.kind == "integer" else op
    found = tensor(g.add(name, x, axes=[place]))
    return g.typed(move.squeezed(g, found, [place]), output_type)


@rules.on("Reshape")
def reshape(g: Importer, x: Tensor, shape: Const) -> Tensor:
    return move.reshaped(g, x, ints(shape))


@rules.on("Transpose")
def transpose(g: Importer, x: Tensor, perm: Const) -> Tensor:
    return transposed(g, x, [axis_of(axis, x.rank) for axis in ints(perm)])


@rules.on("Squeeze")
def squeeze(g: Importer, x: Tensor, *, squeeze_dims: Any = ()) -> Tensor:
    return move.dropped(g, x, squeeze_dims)


@rules.on("ExpandDims")
def expand_dims(g: Importer, x: Tensor, axis: Const) -> Tensor:
    return move.unsqueezed(g, x, axis_of(ints(axis)[0], x.rank + 1))


@rules.on("ConcatV2")
def concat_v2(g: Importer, *tensors: Tensor, N: int = 0) -> Tensor:
    *items, axis = tensors
    return move.joined(g, items, _axis(axis))


@rules.on("Concat")
def concat(g: Importer, *tensors: Tensor, N: int = 0) -> Tensor:
    axis, *items = tensors
    return move.joined(g, items, _axis(axis))


def _axis(item: Tensor) -> int:
    if item.array is None:
        raise Reject("axis", "the axis must be known", "NX705")
    return ints(item.array)[0]


@rules.on("Pack", "Stack")
def pack(g: Importer, *tensors: Tensor, axis: int = 0, N: int = 0) -> Tensor:
    return move.stacked(g, tensors, axis)


@rules.on("Unpack", "Unstack")
def unpack(g: Importer, x: Tensor, *, num: int = 0, axis: int = 0) -> Any:
    return move.unstacked(g, x, axis)


@rules.on("Split")
def split(g: Importer, axis: Const, x: Tensor, *, num_split: int) -> Any:
    return move.split(g, x, ints(axis)[0], num_split)


@rules.on("SplitV")
def split_v(g: Importer, x: Tensor, sizes: Const, axis: Const, *, num_split: int) -> Any:
    return move.split_by(g, x, ints(axis)[0], ints(sizes))


@rules.on("Slice")
def slice_(g: Importer, x: Tensor, begin: Const, size: Const) -> Tensor:
    return move.cut(g, x, ints(begin), ints(size))


@rules.on("StridedSlice")
def strided_slice(
    g: Importer, x: Tensor, begin: Const, end: Const, strides: Const, *, begin_mask: int = 0,
    end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0,
) -> Tensor:  # fmt: skip
    return move.strided_slice(
        g, x, begin, end, strides, begin_mask=begin_mask, end_mask=end_mask,
        ellipsis_mask=ellipsis_mask, new_axis_mask=new_axis_mask, shrink_axis_mask=shrink_axis_mask,
    )  # fmt: skip


@rules.on("Pad", "PadV2")
def pad(g: Importer, x: Tensor, paddings: Const, value: Tensor | None = None) -> Tensor:
    return move.padded(g, x, paddings, value=0.0 if value is None else value)


@rules.on("MirrorPad")
def mirror_pad(g: Importer, x: Tensor, paddings: Const, *, mode: str = "REFLECT") -> Tensor:
    return move.padded(g, x, paddings, "reflect" if mode == "REFLECT" else "reflect-even")


@rules.on("Tile")
def tile(g: Importer, x: Tensor, repeats: Const) -> Tensor:
    times = ints(repeats)
    return x if set(times) <= {1} else g.typed(tensor(g.tile(x, repeats=times)), x.dtype)


@rules.on("BroadcastTo")
def broadcast_to(g: Importer, x: Tensor, shape: Const) -> Tensor:
    return move.spread(g, x, ints(shape))


@rules.on("BroadcastArgs")
def broadcast_args(g: Importer, x: Const, y: Const) -> Tensor:
    shape = np.broadcast_shapes(tuple(ints(x)), tuple(ints(y)))
    return g.known(np.array(shape), dtype=np.int32)


@rules.on("GatherV2")
def gather_v2(
    g: Importer, x: Tensor, indices: Tensor, axis: Const, *, batch_dims: int = 0
) -> Tensor:
    return move.gathered(g, x, indices, ints(axis)[0], batch_dims)


@rules.on("Gather", "ResourceGather")
def gather(g: Importer, x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    return move.gathered(g, x, indices, 0, batch_dims)


@rules.on("GatherNd")
def gather_nd(g: Importer, x: Tensor, indices: Tensor, *, bad_indices_policy: str = "") -> Tensor:
    return at.gather_nd(g, x, indices)


@rules.on("ScatterNd")
def scatter_nd(
    g: Importer, indices: Tensor, updates: Tensor, shape: Const, *, bad_indices_policy: str = ""
) -> Tensor:
    return at.scatter_nd(g, indices, updates, ints(shape))


_WRITES = {"Update": "none", "Add": "add", "Max": "max", "Min": "min"}


@rules.on(*(f"TensorScatter{name}" for name in _WRITES))
def tensor_scatter(
    g: Importer, x: Tensor, indices: Tensor, updates: Tensor, *, bad_indices_policy: str = ""
) -> Tensor:
    return at.written(g, x, indices, updates, _WRITES[g.kind.removeprefix("TensorScatter")])


@rules.on("TopKV2")
def top_k(g: Importer, x: Tensor, k: Const, *, sorted: bool = True) -> Any:
    return at.top_k(g, x, ints(k)[0])


@rules.on("Cumsum", "Cumprod")
def cumsum(
    g: Importer, x: Tensor, axis: Const, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    op = f"nnefx_{g.kind.lower()}"
    place = axis_of(ints(axis)[0], x.rank)
    y = g.add(op, x, axis=place, exclusive=exclusive, reverse=reverse)
    return g.typed(tensor(y), x.dtype)


@rules.on("OneHot")
def one_hot(
    g: Importer, indices: Tensor, depth: Const, on: Tensor, off: Tensor, *, axis: int = -1
) -> Tensor:
    return move.one_hot(g, indices, ints(depth)[0], on, off, axis)


@rules.on("ReverseV2")
def reverse(g: Importer, x: Tensor, axes: Const) -> Tensor:
    return move.reversed_along(g, x, axes_of(axes, x.rank))


@rules.on("ReverseSequence")
def reverse_sequence(
    g: Importer, x: Tensor, lengths: Tensor, *, seq_dim: int, batch_dim: int = 0
) -> Tensor:
    y = g.nnefx_reverse_sequence(x, lengths, batch_axis=batch_dim, time_axis=seq_dim)
    return g.typed(tensor(y), x.dtype)


@rules.on("Roll")
def roll(g: Importer, x: Tensor, shift: Const, axis: Const) -> Tensor:
    y = x
    for amount, place in zip(ints(shift), ints(axis)):
        at_axis = axis_of(place, x.rank)
        extent = x.shape[at_axis]
        cut = (-amount) % extent
        if cut:
            y = move.joined(
                g, [_part(g, y, at_axis, cut, extent), _part(g, y, at_axis, 0, cut)], at_axis
            )
    return y


def _part(g: Importer, x: Tensor, axis: int, begin: int, end: int) -> Tensor:
    first = [begin if i == axis else 0 for i in range(x.rank)]
    last = [end if i == axis else extent for i, extent in enumerate(x.shape)]
    return move.sliced(g, x, first, last, [1] * x.rank)


@rules.on("Shape")
def shape_of(g: Importer, x: Tensor, *, out_type: Any = np.int32) -> Tensor:
    return g.known(np.array(x.shape), dtype=out_type)


@rules.on("ShapeN")
def shape_n(g: Importer, *tensors: Tensor, out_type: Any = np.int32, N: int = 0) -> Any:
    return [g.known(np.array(x.shape), dtype=out_type) for x in tensors]


@rules.on("Size")
def size_of(g: Importer, x: Tensor, *, out_type: Any = np.int32) -> Tensor:
    return g.known(np.array(x.volume), dtype=out_type)


@rules.on("Rank")
def rank_of(g: Importer, x: Tensor) -> Tensor:
    return g.known(np.array(x.rank), dtype=np.int32)


@rules.on("Fill")
def fill(g: Importer, shape: Const, value: Tensor) -> Tensor:
    return move.spread(g, value, ints(shape))


@rules.on("ZerosLike", "OnesLike")
def like(g: Importer, x: Any) -> Any:
    if not isinstance(x, Tensor):
        raise Reject(None, f"zeros like a {type(x).__name__.lower()} are not supported", "NX704")
    make = np.zeros if g.kind == "ZerosLike" else np.ones
    return g.known(make(x.shape, x.dtype))


@rules.on("Range")
def range_(g: Importer, start: Const, limit: Const, delta: Const) -> Tensor:
    items = np.arange(start.reshape(-1)[0], limit.reshape(-1)[0], delta.reshape(-1)[0])
    return g.known(items, dtype=start.dtype)


@rules.on("LinSpace")
def lin_space(g: Importer, start: Const, stop: Const, num: Const) -> Tensor:
    return g.known(np.linspace(float(start), float(stop), int(num)), dtype=start.dtype)


@rules.on("Where")
def where(g: Importer, condition: Const) -> Tensor:
    return g.known(np.argwhere(condition), dtype=np.int64)


@rules.on("MatrixBandPart")
def matrix_band_part(g: Importer, x: Tensor, lower: Const, upper: Const) -> Tensor:
    rows, columns = x.shape[-2:]
    offset = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    low, high = int(lower), int(upper)
    mask = ((low < 0) | (-offset <= low)) & ((high < 0) | (offset <= high))
    kept, items = aligned(g, g.known(mask), x)
    zero = g.known(np.zeros((), x.dtype))
    return g.typed(tensor(g.select(kept, items, zero)), x.dtype)


@rules.on("MatrixDiagV3", "MatrixDiag", "MatrixDiagV2")
def matrix_diag(g: Importer, x: Tensor, *rest: Tensor, align: str = "") -> Tensor:
    if rest and any(
        item.array is None or item.array.reshape(-1)[0] not in (0, -1) for item in rest
    ):
        raise Reject("k", "only the main diagonal is supported", "NX702")
    return move.on_diagonal(g, x)


@rules.on("InvertPermutation")
def invert_permutation(g: Importer, x: Const) -> Tensor:
    return g.known(np.argsort(x), dtype=x.dtype)
