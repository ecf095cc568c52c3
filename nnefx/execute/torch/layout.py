"""Kernels of shapes and the order of items."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnefx.execute.torch.operands import extended, tensors
from nnefx.execute.torch.table import define, shapes_of
from nnefx.ir.graph import Node
from nnefx.ops.layout import slice_ranges


def reshape(input: Tensor, *, shape: Sequence[int]) -> Tensor:
    """Return the items in another shape."""
    return tensors(input)[0].reshape(tuple(shape))


def _result_shape(node: Node) -> dict[str, Any]:
    return {"shape": list(node.output.shape)}


for _name in ("reshape", "squeeze", "unsqueeze"):
    define(_name, reshape, _result_shape)


def transpose(input: Tensor, *, axes: Sequence[int]) -> Tensor:
    """Permute the leading axes."""
    return input.permute(*axes, *range(len(axes), input.dim()))


def split(value: Tensor, *, axis: int, extents: Sequence[int]) -> list[Tensor]:
    """Cut a tensor into pieces along an axis."""
    return list(torch.split(value, list(extents), axis))


def _extents(node: Node) -> dict[str, Any]:
    axis = node.attributes["axis"]
    return {"axis": axis, "extents": [value.shape[axis] for value in node.values()]}


def concat(values: Sequence[Any], *, axis: int) -> Tensor:
    """Join tensors along an axis."""
    return torch.cat(tensors(*values), axis)


def stack(values: Sequence[Any], *, axis: int) -> Tensor:
    """Join tensors along a new axis."""
    return torch.stack(tensors(*values), axis)


def unstack(value: Tensor, *, axis: int) -> list[Tensor]:
    """Take a tensor apart along an axis."""
    return list(torch.unbind(value, axis))


def slice_(input: Tensor, *, ranges: Sequence[tuple[int, int, int, int]]) -> Tensor:
    """Take (start, stop, step) of axes; a negative step reverses."""
    x = input
    for axis, start, stop, step in ranges:
        if step < 0:
            count = len(range(start, stop, step))
            last = start + (count - 1) * step
            x = x.narrow(axis, last, start - last + 1).flip(axis)
            start, stop, step = 0, x.shape[axis], -step
        index = (slice(None),) * axis + (slice(start, stop, step),)
        x = x[index]
    return x


def _ranges(node: Node) -> dict[str, Any]:
    (shape,) = shapes_of(node)
    found = slice_ranges(shape, **node.attributes)
    return {
        "ranges": [
            (axis, item.start, item.stop, item.step)
            for axis, item in enumerate(found)
            if item != range(shape[axis])
        ]
    }


def pad(input: Tensor, *, padding: Any, border: str, value: float) -> Tensor:
    """Add a border."""
    return extended(input, padding, border, value)


def tile(input: Tensor, *, repeats: Sequence[int]) -> Tensor:
    """Repeat a tensor along its axes."""
    return input.repeat(*repeats) if repeats else input.clone()


def gather(input: Tensor, indices: Any, *, axis: int) -> Tensor:
    """Take slices along an axis by index."""
    index = tensors(indices)[0].to(input.device)
    picked = input.index_select(axis, index.reshape(-1))
    return picked.reshape(*input.shape[:axis], *index.shape, *input.shape[axis + 1 :])


define("transpose", transpose)
define("split", split, _extents)
define("concat", concat)
define("stack", stack)
define("unstack", unstack)
define("slice", slice_, _ranges)
define("pad", pad)
define("tile", tile)
define("gather", gather)
