"""Operators that move items: slicing, padding, joining, gathering, blocks of space."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned
from nnefx.converters.scope import Scope, Tensor
from nnefx.converters.tensorflow.axes import axes_of, axis_of, ints, tensor, transposed
from nnefx.ops import Reject


def reshaped(g: Scope, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return `x` in a shape that may hold one -1."""
    target = list(shape)
    rest = math.prod(extent for extent in target if extent != -1)
    if target.count(-1) == 1 and rest and x.volume % rest == 0:
        target[target.index(-1)] = x.volume // rest
    if math.prod(target) != x.volume or min(target, default=1) < 0:
        raise Reject("shape", f"shape {list(x.shape)} cannot become {target}", "NX304")
    return g.viewed(x, target)


def squeezed(g: Scope, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` without axes of extent 1."""
    if any(x.shape[axis] != 1 for axis in axes):
        raise Reject("axes", f"axes {list(axes)} of {list(x.shape)} are not all 1", "NX304")
    if not axes:
        return x
    if x.known:
        return g.viewed(x, [extent for axis, extent in enumerate(x.shape) if axis not in axes])
    return tensor(g.squeeze(x, axes=list(axes)))


def unsqueezed(g: Scope, x: Tensor, axis: int) -> Tensor:
    """Return `x` with an axis of extent 1 added where the result has `axis`."""
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return g.viewed(x, shape) if x.known else tensor(g.unsqueeze(x, axes=[axis]))


def dropped(g: Scope, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` without the axes that a Squeeze names, all those of extent 1 where none is."""
    every = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    return squeezed(g, x, axes_of(axes, x.rank) if axes else every)


def stacked(g: Scope, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Return the tensors along a new axis."""
    place = axis_of(axis, tensors[0].rank + 1)
    if len(tensors) == 1:
        return unsqueezed(g, tensors[0], place)
    return tensor(g.stack(list(tensors), axis=place))


def unstacked(g: Scope, x: Tensor, axis: int) -> Any:
    """Return the items of `x` along an axis, each without the axis."""
    place = axis_of(axis, x.rank)
    if x.shape[place] == 1:
        return [squeezed(g, x, [place])]
    return g.unstack(x, axis=place)


def split(g: Scope, x: Tensor, axis: int, count: int) -> Any:
    """Return `count` equal parts of `x` along an axis."""
    if count <= 1:
        return [x]
    return g.split(x, axis=axis_of(axis, x.rank), ratios=[1] * count)


def split_by(g: Scope, x: Tensor, axis: int, sizes: Sequence[int]) -> Any:
    """Return parts of `x` along an axis; one size may be -1, which is what is left."""
    place, parts = axis_of(axis, x.rank), list(sizes)
    if parts.count(-1) == 1:
        parts[parts.index(-1)] = x.shape[place] - sum(parts) - 1
    return [x] if len(parts) == 1 else g.split(x, axis=place, ratios=parts)


def cut(g: Scope, x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    """Return the box of `x` that Slice names; a size of -1 goes to the end."""
    last = [
        extent if count == -1 else start + count
        for start, count, extent in zip(begin, size, x.shape)
    ]
    return sliced(g, x, begin, last, [1] * x.rank)


def on_diagonal(g: Scope, x: Tensor) -> Tensor:
    """Return matrices with the last axis of `x` on their main diagonals, zero elsewhere."""
    mask = g.known(np.eye(x.shape[-1], dtype=bool))
    chosen, row = aligned(g, mask, unsqueezed(g, x, x.rank - 1))
    zero = g.known(np.zeros((), x.dtype))
    return g.typed(tensor(g.select(chosen, row, zero)), x.dtype)


def reduced(g: Scope, op: str, x: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Reduce over axes; integers by the custom operations."""
    if not axes:
        return x
    y = x
    if x.kind == "integer":
        if op == "mean_reduce":
            total = reduced(g, "sum_reduce", x, axes, True)
            count = g.known(math.prod(x.shape[a] for a in axes), dtype=x.dtype)
            y = tensor(g.nnefx_integer_div(total, count))
        else:
            y = tensor(g.add(f"nnefx_integer_{op}", x, axes=axes))
    else:
        name = "nnefx_prod_reduce" if op == "prod_reduce" else op
        y = tensor(g.add(name, x, axes=axes))
    y = g.typed(y, x.dtype) if y.kind == x.kind else y
    return y if keep else squeezed(g, y, axes)


def joined(g: Scope, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Return the tensors one behind the other; what has no items is left out."""
    full = [item for item in tensors if item.volume] or list(tensors[:1])
    if len(full) == 1:
        return full[0]
    return tensor(g.concat(full, axis=axis_of(axis, full[0].rank)))


def padded(
    g: Scope, x: Tensor, amounts: Any, border: str = "constant", value: Tensor | float = 0.0
) -> Tensor:
    """Add a border; `amounts` is (rank, 2)."""
    pairs = [(int(before), int(after)) for before, after in np.asarray(amounts).reshape(-1, 2)]
    if len(pairs) != x.rank:
        raise Reject("paddings", f"{len(pairs)} pairs for rank {x.rank}", "NX304")
    if not any(map(any, pairs)):
        return x
    if isinstance(value, Tensor):
        if value.array is None:
            raise Reject("value", "the value of the padding must be known", "NX705")
        value = float(str(value.array.reshape(-1)[0]))
    if x.array is not None and border == "constant":
        return g.known(np.pad(x.array, pairs, constant_values=x.dtype.type(value)))
    if x.kind == "integer":
        y = g.nnefx_integer_pad(x, padding=pairs, border=border, value=int(value))
        return g.typed(tensor(y), x.dtype)
    if x.kind == "logical":
        raise Reject(None, "padding of logical tensors is not supported", "NX704")
    return tensor(g.pad(x, padding=pairs, border=border, value=value))


def sliced(
    g: Scope, x: Tensor, begin: Sequence[int], end: Sequence[int], stride: Sequence[int]
) -> Tensor:
    """Slice every axis as numpy does: ends are clamped, -extent - 1 lies before the first item."""
    ranges = [
        range(extent)[slice(*_limits(b, e, s))]
        for extent, b, e, s in zip(x.shape, begin, end, stride)
    ]
    if x.array is not None:
        items = x.array[np.ix_(*ranges)] if x.rank else x.array
        result = g.known(items, x.name)
        result.kept = x.kept
        return result
    axes = [axis for axis, (r, extent) in enumerate(zip(ranges, x.shape)) if r != range(extent)]
    if not axes:
        return x
    if any(len(ranges[axis]) == 0 for axis in axes):
        raise Reject(None, f"the slice of {list(x.shape)} has no items", "NX706")
    steps = [ranges[axis].step if len(ranges[axis]) > 1 else 1 for axis in axes]
    starts = [ranges[axis].start for axis in axes]
    ends = [_stop(ranges[axis], step, x.shape[axis]) for axis, step in zip(axes, steps)]
    strides = {} if all(step == 1 for step in steps) else {"stride": steps}
    return tensor(g.slice(x, axes=axes, begin=starts, end=ends, **strides))


def _limits(begin: int | None, end: int | None, step: int) -> tuple[int | None, int | None, int]:
    return begin, end, step


def _stop(picked: range, step: int, extent: int) -> int:
    """Return the end of a slice; before the first item it is -extent - 1, which clamps."""
    if len(picked) == 1:
        return picked[0] + 1
    stop = picked[-1] + (1 if step > 0 else -1)
    return stop if stop >= 0 else -extent - 1


def strided_slice(
    g: Scope, x: Tensor, begin: Any, end: Any, strides: Any, *, begin_mask: int, end_mask: int,
    ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int,
) -> Tensor:  # fmt: skip
    """Slice with TensorFlow's five masks; bit i of a mask is about item i of the specification."""
    first, last, step = ints(begin), ints(end), ints(strides)
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    entries = [tuple(bool(mask >> i & 1) for mask in masks) for i in range(len(first))]
    spec: list[tuple[int | None, int | None, int]] = []
    shape: list[int | None] = []  # what each dimension of the result is: an axis, or None for new
    dropped: list[int] = []
    for i, (from_start, to_end, ellipsis, new, shrink) in enumerate(entries):
        if ellipsis:
            rest = x.rank - sum(not n and not e for _, _, e, n, _ in entries)
            shape += range(len(spec), len(spec) + rest)
            spec += [(None, None, 1)] * rest
        elif new:
            shape.append(None)
        else:
            axis = len(spec)
            if axis >= x.rank:
                raise Reject("begin", f"{len(first)} items for rank {x.rank}", "NX304")
            if shrink:
                at = first[i] + x.shape[axis] if first[i] < 0 else first[i]
                if not 0 <= at < x.shape[axis]:
                    raise Reject("begin", f"index {first[i]} of {x.shape[axis]} items", "NX304")
                spec.append((at, at + 1, 1))
                dropped.append(axis)
            else:
                spec.append(
                    (None if from_start else first[i], None if to_end else last[i], step[i])
                )
                shape.append(axis)
    shape += range(len(spec), x.rank)
    spec += [(None, None, 1)] * (x.rank - len(spec))
    y = sliced(g, x, *zip(*spec)) if spec else x
    y = squeezed(g, y, dropped)
    for axis, source in enumerate(shape):
        if source is None:
            y = unsqueezed(g, y, axis)
    return y


def gathered(g: Scope, x: Tensor, indices: Tensor, axis: int, batch: int = 0) -> Tensor:
    """Return the slices of `x` along `axis` that the indices name."""
    axis = axis_of(axis, x.rank)
    if batch:
        raise Reject("batch_dims", f"batch_dims = {batch} is not supported", "NX702")
    if x.array is not None and indices.array is not None:
        return g.known(np.take(x.array, indices.array, axis), x.name)
    if indices.array is not None and indices.rank == 0:
        at = int(indices.array) % x.shape[axis]
        begin = [at if i == axis else None for i in range(x.rank)]
        end = [at + 1 if i == axis else None for i in range(x.rank)]
        return squeezed(g, sliced(g, x, begin, end, [1] * x.rank), [axis])  # type: ignore[arg-type]
    return g.typed(tensor(g.gather(x, indices, axis=axis)), x.dtype)


def one_hot(
    g: Scope, indices: Tensor, depth: int, on: Tensor, off: Tensor, axis: int = -1
) -> Tensor:
    """Return `on` at each index along a new axis of `depth` items, `off` elsewhere."""
    rank = indices.rank + 1
    at = axis_of(axis, rank)
    spread = unsqueezed(g, indices, at)
    shape = [depth if i == at else 1 for i in range(rank)]
    every = g.known(np.arange(depth).reshape(shape), dtype=np.int64)
    hit = tensor(g.nnefx_integer_eq(spread, every))
    values = [g.viewed(item, ()) for item in (on, off)]
    return g.typed(tensor(g.select(hit, *values)), on.dtype)


def reversed_along(g: Scope, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` with the order of items along axes turned round."""
    begin = [-1 if i in axes else None for i in range(x.rank)]
    end = [None] * x.rank
    step = [-1 if i in axes else 1 for i in range(x.rank)]
    return sliced(g, x, begin, end, step)  # type: ignore[arg-type]


def space_to_depth(g: Scope, x: Tensor, block: int) -> Tensor:
    """Move blocks of (N, H, W, C) into channels, the place in the block before the channel."""
    n, h, w, c = x.shape
    if h % block or w % block:
        raise Reject("block_size", f"{block} does not divide {[h, w]}", "NX304")
    y = g.viewed(x, (n, h // block, block, w // block, block, c))
    y = transposed(g, y, [0, 1, 3, 2, 4, 5])
    return g.viewed(y, (n, h // block, w // block, block * block * c))


def depth_to_space(g: Scope, x: Tensor, block: int) -> Tensor:
    """Move channels of (N, H, W, C) into blocks."""
    n, h, w, c = x.shape
    if c % (block * block):
        raise Reject("block_size", f"{block} squared does not divide {c} channels", "NX304")
    y = g.viewed(x, (n, h, w, block, block, c // (block * block)))
    y = transposed(g, y, [0, 1, 3, 2, 4, 5])
    return g.viewed(y, (n, h * block, w * block, c // (block * block)))


def space_to_batch(g: Scope, x: Tensor, blocks: Sequence[int], paddings: Any) -> Tensor:
    """Move blocks of the dimensions after the first into the batch, the place first."""
    count = len(blocks)
    around = np.zeros((x.rank, 2), np.int64)
    around[1 : count + 1] = np.asarray(paddings).reshape(count, 2)
    y = padded(g, x, around)
    rest = y.shape[count + 1 :]
    shape = [y.shape[0]]
    for extent, block in zip(y.shape[1:], blocks):
        if extent % block:
            raise Reject("block_shape", f"{block} does not divide {extent}", "NX304")
        shape += [extent // block, block]
    inner, outer = [2 * i + 2 for i in range(count)], [2 * i + 1 for i in range(count)]
    tail = list(range(2 * count + 1, 2 * count + 1 + len(rest)))
    out = [y.shape[0] * math.prod(blocks), *(shape[i] for i in outer), *rest]
    y = transposed(g, g.viewed(y, (*shape, *rest)), [*inner, 0, *outer, *tail])
    return g.viewed(y, out)


def batch_to_space(g: Scope, x: Tensor, blocks: Sequence[int], crops: Any) -> Tensor:
    """Move parts of the batch back into the dimensions after it."""
    count, whole = len(blocks), math.prod(blocks)
    if x.shape[0] % whole:
        raise Reject("block_shape", f"{whole} blocks do not divide {x.shape[0]}", "NX304")
    rest = x.shape[count + 1 :]
    shape = (*blocks, x.shape[0] // whole, *x.shape[1:])
    order = [count]
    for i in range(count):
        order += [count + 1 + i, i]
    order += range(2 * count + 1, len(shape))
    y = transposed(g, g.viewed(x, shape), order)
    spatial = [extent * block for extent, block in zip(x.shape[1:], blocks)]
    y = g.viewed(y, (x.shape[0] // whole, *spatial, *rest))
    cut = np.asarray(crops).reshape(count, 2)
    begin = [0, *(int(pair[0]) for pair in cut), *([0] * len(rest))]
    end = [y.shape[0], *(e - int(p[1]) for e, p in zip(spatial, cut)), *rest]
    return sliced(g, y, begin, end, [1] * y.rank)


def spread(g: Scope, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return `x` repeated to a shape that it broadcasts to, from the right."""
    if x.array is not None:
        return g.known(np.broadcast_to(x.array, shape).copy())
    led = (1,) * (len(shape) - x.rank) + x.shape
    repeats = [target // extent if extent == 1 else 1 for extent, target in zip(led, shape)]
    if any(e * r != t for e, r, t in zip(led, repeats, shape)):
        raise Reject("shape", f"shape {list(x.shape)} does not spread to {list(shape)}", "NX304")
    y = g.viewed(x, led)
    return y if set(repeats) <= {1} else g.typed(tensor(g.tile(y, repeats=repeats)), x.dtype)


def overwritten(g: Scope, x: Tensor, update: Tensor, begin: Sequence[int]) -> Tensor:
    """Return `x` with `update` in the place of the items from `begin` on."""
    starts = [
        min(max(first, 0), extent - size)
        for first, extent, size in zip(begin, x.shape, update.shape)
    ]
    y = update
    for axis in reversed(range(x.rank)):
        before, after = starts[axis], starts[axis] + update.shape[axis]
        if before == 0 and after == x.shape[axis]:
            continue
        low = [starts[i] if i < axis else 0 for i in range(x.rank)]
        high = [starts[i] + update.shape[i] if i < axis else x.shape[i] for i in range(x.rank)]
        ends = [(0, before), (after, x.shape[axis])]
        around = [
            sliced(
                g, x, [*low[:axis], b, *low[axis + 1 :]], [*high[:axis], e, *high[axis + 1 :]],
                [1] * x.rank,
            ) if e > b else None
            for b, e in ends
        ]  # fmt: skip
        y = joined(g, [item for item in (around[0], y, around[1]) if item is not None], axis)
    return y
