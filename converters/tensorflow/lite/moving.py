"""TFLite operators that move items, reduce them, or make them up."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import indices as at
from nnefx.converters.tensorflow import moving as move
from nnefx.converters.tensorflow.axes import axes_of, axis_of, ints, tensor, transposed
from nnefx.converters.tensorflow.lite.importer import LiteImporter as Importer
from nnefx.converters.tensorflow.lite.tables import rules
from nnefx.ops import Reject

_REDUCE = {
    "SUM": "sum_reduce", "REDUCE_MAX": "max_reduce", "REDUCE_MIN": "min_reduce",
    "REDUCE_PROD": "prod_reduce", "REDUCE_ANY": "any_reduce", "REDUCE_ALL": "all_reduce",
}  # fmt: skip


@rules.on(*_REDUCE)
def reduce(g: Importer, x: Tensor, axes: Const, *, keep_dims: bool = False) -> Tensor:
    assert g.node is not None
    return move.reduced(g, _REDUCE[g.node.kind], x, axes_of(axes, x.rank), bool(keep_dims))


@rules.on("RESHAPE")
def reshape(
    g: Importer, x: Tensor, shape: Tensor | None = None, *, new_shape: Sequence[int] = ()
) -> Tensor:
    """Where the shape is only computed when the model runs, the file tells what it will be."""
    if shape is not None and shape.array is not None:
        return move.reshaped(g, x, ints(shape.array))
    if shape is None or new_shape:
        return move.reshaped(g, x, list(new_shape))
    return move.reshaped(g, x, g.results[0].shape)


@rules.on("TRANSPOSE")
def transpose(g: Importer, x: Tensor, perm: Const) -> Tensor:
    return transposed(g, x, [axis_of(axis, x.rank) for axis in ints(perm)])


@rules.on("SQUEEZE")
def squeeze(g: Importer, x: Tensor, *, squeeze_dims: Sequence[int] = ()) -> Tensor:
    return move.dropped(g, x, squeeze_dims)


@rules.on("EXPAND_DIMS")
def expand_dims(g: Importer, x: Tensor, axis: Const) -> Tensor:
    return move.unsqueezed(g, x, axis_of(ints(axis)[0], x.rank + 1))


@rules.on("CONCATENATION")
def concatenation(g: Importer, *tensors: Tensor, axis: int = 0) -> Tensor:
    return move.joined(g, tensors, axis)


@rules.on("PACK")
def pack(g: Importer, *tensors: Tensor, axis: int = 0, values_count: int = 0) -> Tensor:
    return move.stacked(g, tensors, axis)


@rules.on("UNPACK")
def unpack(g: Importer, x: Tensor, *, num: int = 0, axis: int = 0) -> Any:
    return move.unstacked(g, x, axis)


@rules.on("SPLIT")
def split(g: Importer, axis: Const, x: Tensor, *, num_splits: int = 0) -> Any:
    return move.split(g, x, ints(axis)[0], num_splits)


@rules.on("SPLIT_V")
def split_v(g: Importer, x: Tensor, sizes: Const, axis: Const, *, num_splits: int = 0) -> Any:
    return move.split_by(g, x, ints(axis)[0], ints(sizes))


@rules.on("SLICE")
def slice_(g: Importer, x: Tensor, begin: Const, size: Const) -> Tensor:
    return move.cut(g, x, ints(begin), ints(size))


@rules.on("STRIDED_SLICE")
def strided_slice(
    g: Importer, x: Tensor, begin: Const, end: Const, strides: Const, *, begin_mask: int = 0,
    end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0,
    offset: bool = False,
) -> Tensor:  # fmt: skip
    last = end + begin if offset else end
    return move.strided_slice(
        g, x, begin, last, strides, begin_mask=begin_mask, end_mask=end_mask,
        ellipsis_mask=ellipsis_mask, new_axis_mask=new_axis_mask, shrink_axis_mask=shrink_axis_mask,
    )  # fmt: skip


@rules.on("PAD", "PADV2")
def pad(g: Importer, x: Tensor, paddings: Const, value: Tensor | None = None) -> Tensor:
    return move.padded(g, x, paddings, value=0.0 if value is None else value)


@rules.on("MIRROR_PAD")
def mirror_pad(g: Importer, x: Tensor, paddings: Const, *, mode: int = 0) -> Tensor:
    return move.padded(g, x, paddings, "reflect-even" if mode else "reflect")


@rules.on("TILE")
def tile(g: Importer, x: Tensor, repeats: Const) -> Tensor:
    return g.typed(tensor(g.tile(x, repeats=ints(repeats))), x.dtype)


@rules.on("BROADCAST_TO")
def broadcast_to(g: Importer, x: Tensor, shape: Const) -> Tensor:
    return move.spread(g, x, ints(shape))


@rules.on("GATHER")
def gather(
    g: Importer, x: Tensor, indices: Tensor, *, axis: int = 0, batch_dims: int = 0
) -> Tensor:
    return move.gathered(g, x, indices, axis, batch_dims)


@rules.on("GATHER_ND")
def gather_nd(g: Importer, x: Tensor, indices: Tensor) -> Tensor:
    return at.gather_nd(g, x, indices)


@rules.on("SCATTER_ND")
def scatter_nd(g: Importer, indices: Tensor, updates: Tensor, shape: Const) -> Tensor:
    return at.scatter_nd(g, indices, updates, ints(shape))


@rules.on("TOPK_V2")
def top_k(g: Importer, x: Tensor, k: Const) -> Any:
    return at.top_k(g, x, ints(k)[0])


@rules.on("CUMSUM")
def cumsum(
    g: Importer, x: Tensor, axis: Const, *, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    return at.summed_up(g, x, axis_of(ints(axis)[0], x.rank), bool(exclusive), bool(reverse))


@rules.on("ONE_HOT")
def one_hot(
    g: Importer, indices: Tensor, depth: Const, on: Tensor, off: Tensor, *, axis: int = -1
) -> Tensor:
    return move.one_hot(g, indices, ints(depth)[0], on, off, axis)


@rules.on("REVERSE_V2")
def reverse(g: Importer, x: Tensor, axes: Const) -> Tensor:
    return move.reversed_along(g, x, axes_of(axes, x.rank))


@rules.on("REVERSE_SEQUENCE")
def reverse_sequence(
    g: Importer, x: Tensor, lengths: Tensor, *, seq_dim: int = 0, batch_dim: int = 0
) -> Tensor:
    y = g.nnefx_reverse_sequence(x, lengths, batch_axis=batch_dim, time_axis=seq_dim)
    return g.typed(tensor(y), x.dtype)


@rules.on("SPACE_TO_DEPTH")
def space_to_depth(g: Importer, x: Tensor, *, block_size: int = 1) -> Tensor:
    return move.space_to_depth(g, x, block_size)


@rules.on("DEPTH_TO_SPACE")
def depth_to_space(g: Importer, x: Tensor, *, block_size: int = 1) -> Tensor:
    return move.depth_to_space(g, x, block_size)


@rules.on("SHAPE")
def shape_of(g: Importer, x: Tensor, *, out_type: int = 2) -> Tensor:
    return g.known(np.array(x.shape), dtype=g.results[0].dtype)


@rules.on("RANK")
def rank_of(g: Importer, x: Tensor) -> Tensor:
    return g.known(np.array(x.rank), dtype=np.int32)


@rules.on("FILL")
def fill(g: Importer, shape: Const, value: Tensor) -> Tensor:
    return move.spread(g, value, ints(shape))


@rules.on("RANGE")
def range_(g: Importer, start: Const, limit: Const, delta: Const) -> Tensor:
    items = np.arange(start.reshape(-1)[0], limit.reshape(-1)[0], delta.reshape(-1)[0])
    return g.known(items, dtype=g.results[0].dtype)


@rules.on("DYNAMIC_UPDATE_SLICE")
def dynamic_update_slice(g: Importer, x: Tensor, update: Tensor, begin: Const) -> Tensor:
    return move.overwritten(g, x, update, ints(begin))


@rules.on("MATRIX_DIAG")
def matrix_diag(g: Importer, x: Tensor) -> Tensor:
    return move.on_diagonal(g, x)


@rules.on("IF")
def if_(
    g: Importer, condition: Const, *inputs: Tensor, then_subgraph_index: int = 0,
    else_subgraph_index: int = 0,
) -> Any:  # fmt: skip
    taken = then_subgraph_index if bool(np.all(condition)) else else_subgraph_index
    return g.called(taken, inputs)


MAX_STEPS = 4096


@rules.on("WHILE")
def while_(
    g: Importer, *inputs: Tensor, cond_subgraph_index: int = 0, body_subgraph_index: int = 0
) -> Any:
    """Unrolled: the condition has to be known before the model runs."""
    state = list(inputs)
    for _ in range(MAX_STEPS):
        (condition,) = g.called(cond_subgraph_index, state)
        if condition.array is None:
            text = "how often it runs is only known when the model runs"
            raise Reject(None, text, "NX705")
        if not bool(condition.array.all()):
            return state
        state = g.called(body_subgraph_index, state)
    raise Reject(None, f"it runs more than {MAX_STEPS} times", "NX715")


@rules.on("CALL")
def call(g: Importer, *inputs: Tensor, subgraph: int = 0) -> Any:
    return g.called(subgraph, inputs)
