"""Operators that move items: reshaping, transposing, slicing, joining, padding."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.shapes import axes_of, axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None


@rules.on("Identity")
def identity(g: Importer, x: Tensor) -> Tensor:
    return x


@rules.on("Reshape", since=5)
def reshape(g: Importer, x: Tensor, shape: Const, *, allowzero: int = 0) -> Tensor:
    return reshaped(g, x, [int(extent) for extent in shape], allowzero)


@rules.on("Reshape")
def reshape_old(
    g: Importer, x: Tensor, *, shape: Sequence[int] = (), consumed_inputs: Any = None
) -> Tensor:
    return reshaped(g, x, list(shape), 0)


def reshaped(g: Importer, x: Tensor, shape: list[int], allowzero: int = 0) -> Tensor:
    """Return `x` in a shape that may hold 0 (the same extent) and one -1 (what is left)."""
    if not allowzero:
        if any(not extent and i >= x.rank for i, extent in enumerate(shape)):
            raise Reject("shape", f"shape {shape} keeps an extent that does not exist", "NX304")
        shape = [extent or x.shape[i] for i, extent in enumerate(shape)]
    rest = math.prod(extent for extent in shape if extent != -1)
    if shape.count(-1) == 1 and rest and x.volume % rest == 0:
        shape[shape.index(-1)] = x.volume // rest
    if math.prod(shape) != x.volume or min(shape, default=1) < 0:
        raise Reject("shape", f"shape {list(x.shape)} cannot become {shape}", "NX304")
    return g.viewed(x, shape)


@rules.on("Flatten")
def flatten(g: Importer, x: Tensor, *, axis: int = 1) -> Tensor:
    at = axis if axis == x.rank else axis_of(axis, x.rank)
    return g.viewed(x, (math.prod(x.shape[:at]), math.prod(x.shape[at:])))


@rules.on("Squeeze", since=13)
def squeeze(g: Importer, x: Tensor, axes: Const | None = None) -> Tensor:
    return squeeze_old(g, x, axes=None if axes is None else [int(axis) for axis in axes])


@rules.on("Squeeze")
def squeeze_old(g: Importer, x: Tensor, *, axes: Ints = None) -> Tensor:
    every = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    chosen = every if axes is None else axes_of(axes, x.rank)
    if any(x.shape[axis] != 1 for axis in chosen):
        raise Reject("axes", f"axes {chosen} of shape {list(x.shape)} are not all 1", "NX304")
    return squeezed(g, x, chosen)


def squeezed(g: Importer, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` without the given axes of extent 1."""
    shape = tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    if not axes:
        return x
    if x.known:
        return g.viewed(x, shape)
    result = g.squeeze(x, axes=list(axes))
    assert isinstance(result, Tensor)
    return result


@rules.on("Unsqueeze", since=13)
def unsqueeze(g: Importer, x: Tensor, axes: Const) -> Tensor:
    return unsqueeze_old(g, x, axes=[int(axis) for axis in axes.reshape(-1)])


@rules.on("Unsqueeze")
def unsqueeze_old(g: Importer, x: Tensor, *, axes: Sequence[int]) -> Tensor:
    return unsqueezed(g, x, axes_of(axes, x.rank + len(axes)))


def unsqueezed(g: Importer, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` with axes of extent 1 added where the result has `axes`."""
    rest = iter(x.shape)
    rank = x.rank + len(axes)
    shape = tuple(1 if axis in axes else next(rest) for axis in range(rank))
    if x.known:
        return g.viewed(x, shape)
    result = g.unsqueeze(x, axes=list(axes))
    assert isinstance(result, Tensor)
    return result


@rules.on("Transpose")
def transpose(g: Importer, x: Tensor, *, perm: Ints = None) -> Tensor:
    return transposed(g, x, list(perm) if perm is not None else list(range(x.rank))[::-1])


def transposed(g: Importer, x: Tensor, axes: list[int]) -> Tensor:
    """Return `x` with its axes in another order."""
    if sorted(axes) != list(range(x.rank)):
        raise Reject("perm", f"perm {axes} does not order {x.rank} axes", "NX304")
    if axes == list(range(x.rank)):
        return x
    result = g.transpose(x, axes=axes)
    assert isinstance(result, Tensor)
    return result


@rules.on("Concat", since=4)
def concat(g: Importer, *tensors: Tensor, axis: int) -> Tensor:
    return joined(g, tensors, axis_of(axis, tensors[0].rank))


@rules.on("Concat")
def concat_old(g: Importer, *tensors: Tensor, axis: int = 1) -> Tensor:
    return joined(g, tensors, axis_of(axis, tensors[0].rank))


def joined(g: Importer, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Return the tensors one behind the other; known ones without items are left out."""
    full = [tensor for tensor in tensors if tensor.volume] or list(tensors[:1])
    if len(full) == 1:
        return full[0]
    result = g.concat(full, axis=axis)
    assert isinstance(result, Tensor)
    return result


@rules.on("Slice", since=10)
def slice_(
    g: Importer, x: Tensor, starts: Const, ends: Const, axes: Const | None = None,
    steps: Const | None = None,
) -> Tensor:  # fmt: skip
    chosen = range(len(starts)) if axes is None else axes
    strides = [1] * len(starts) if steps is None else steps
    return sliced(
        g, x, [axis_of(int(axis), x.rank) for axis in chosen],
        [int(v) for v in starts], [int(v) for v in ends], [int(v) for v in strides],
    )  # fmt: skip


@rules.on("Slice")
def slice_old(
    g: Importer, x: Tensor, *, starts: Sequence[int], ends: Sequence[int], axes: Ints = None
) -> Tensor:
    chosen = range(len(starts)) if axes is None else axes
    at = [axis_of(axis, x.rank) for axis in chosen]
    return sliced(g, x, at, list(starts), list(ends), [1] * len(at))


def sliced(
    g: Importer, x: Tensor, axes: list[int], starts: list[int], ends: list[int], steps: list[int]
) -> Tensor:
    """Return the items that Python's slices pick along the axes."""
    picked = [
        (axis, range(*slice(start, end, step).indices(x.shape[axis])))
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    ]
    picked = [(axis, r) for axis, r in picked if r != range(x.shape[axis])]
    if not picked:
        return x
    if x.array is not None:
        index: list[Any] = [slice(None)] * x.rank
        for axis, r in picked:
            index[axis] = slice(r.start, r.stop if r.stop >= 0 else None, r.step)
        return g.known(x.array[tuple(index)])
    if any(len(r) == 0 for _, r in picked):
        counts = {axis: len(r) for axis, r in picked}
        return empty(g, x, [counts.get(axis, extent) for axis, extent in enumerate(x.shape)])
    stops = [r.stop if r.stop >= 0 else -1 - x.shape[axis] for axis, r in picked]
    strides = [r.step for _, r in picked]
    result = g.slice(
        x, axes=[axis for axis, _ in picked], begin=[r.start for _, r in picked], end=stops,
        stride=strides if set(strides) != {1} else [],
    )  # fmt: skip
    assert isinstance(result, Tensor)
    return result


@rules.on("Split", since=13)
def split(
    g: Importer, x: Tensor, sizes: Const | None = None, *, axis: int = 0,
    num_outputs: int | None = None,
) -> Any:  # fmt: skip
    return divided(g, x, axis_of(axis, x.rank), None if sizes is None else sizes.tolist())


@rules.on("Split", since=2)
def split_old(g: Importer, x: Tensor, *, axis: int = 0, split: Ints = None) -> Any:
    return divided(g, x, axis_of(axis, x.rank), None if split is None else list(split))


@rules.on("Split")
def split_oldest(
    g: Importer, x: Tensor, sizes: Const | None = None, *, axis: int = 0, split: Ints = None
) -> Any:
    given = split if sizes is None else sizes.tolist()
    return divided(g, x, axis_of(axis, x.rank), None if given is None else list(given))


def divided(g: Importer, x: Tensor, axis: int, sizes: list[int] | None) -> Any:
    """Return `x` in parts along an axis: of the given sizes, or as many equal ones as are named."""
    extent = x.shape[axis]
    if sizes is None:
        count = len(g.site.wanted)
        part = -(-extent // count)
        sizes = [min(part, extent - part * i) for i in range(count)]
    if sum(sizes) != extent or min(sizes) < 0:
        raise Reject("split", f"parts {sizes} do not make up the extent {extent}", "NX304")
    if len(sizes) == 1:
        return [x]
    if x.array is not None:
        bounds = np.cumsum(sizes)[:-1]
        return [g.known(part) for part in np.split(x.array, bounds, axis)]
    full = [size for size in sizes if size]
    unit = math.gcd(*full)
    ratios = [size // unit for size in full]
    parts = iter(g.split(x, axis=axis, ratios=ratios) if len(full) > 1 else [x])
    nothing = [0 if i == axis else extent for i, extent in enumerate(x.shape)]
    return [next(parts) if size else empty(g, x, nothing) for size in sizes]


def empty(g: Importer, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a known tensor without items, of the type of `x`."""
    return g.known(np.zeros(tuple(shape), x.dtype))


@rules.on("Expand")
def expand(g: Importer, x: Tensor, shape: Const) -> Tensor:
    return expanded(g, x, tuple(int(extent) for extent in shape))


def expanded(g: Importer, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return `x` repeated to the common shape of its own and `shape`."""
    try:
        target = np.broadcast_shapes(x.shape, shape)
    except ValueError:
        raise Reject("shape", f"{list(x.shape)} does not expand to {list(shape)}") from None
    if x.array is not None:
        return g.known(np.broadcast_to(x.array, target))
    if 0 in target:
        return empty(g, x, target)
    full = g.viewed(x, (1,) * (len(target) - x.rank) + x.shape)
    return repeated(g, full, [new // old for new, old in zip(target, full.shape)])


@rules.on("Tile", since=6)
def tile(g: Importer, x: Tensor, repeats: Const) -> Tensor:
    return repeated(g, x, [int(count) for count in repeats])


def repeated(g: Importer, x: Tensor, repeats: list[int]) -> Tensor:
    """Return `x` repeated along its axes."""
    if all(count == 1 for count in repeats):
        return x
    if 0 in repeats:
        return empty(g, x, [extent * count for extent, count in zip(x.shape, repeats)])
    result = g.tile(x, repeats=repeats)
    assert isinstance(result, Tensor)
    return result


@rules.on("DepthToSpace")
def depth_to_space(g: Importer, x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b, rest = blocksize, c // blocksize**2
    if mode == "DCR":
        parts = transposed(g, g.viewed(x, (n, b, b, rest, h, w)), [0, 3, 4, 1, 5, 2])
    else:
        parts = transposed(g, g.viewed(x, (n, rest, b, b, h, w)), [0, 1, 4, 2, 5, 3])
    return g.viewed(parts, (n, rest, h * b, w * b))


@rules.on("SpaceToDepth")
def space_to_depth(g: Importer, x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    order = [0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4]
    parts = transposed(g, g.viewed(x, (n, c, h // b, b, w // b, b)), order)
    return g.viewed(parts, (n, c * b * b, h // b, w // b))


@rules.on("Trilu")
def trilu(g: Importer, x: Tensor, k: Const | None = None, *, upper: int = 1) -> Any:
    offset = 0 if k is None else int(k.reshape(-1)[0])
    ones = np.ones(x.shape[-2:], np.bool_)
    mask = np.triu(ones, offset) if upper else np.tril(ones, offset)
    kept = g.known(mask.reshape((1,) * (x.rank - 2) + mask.shape))
    zero = {"scalar": 0.0, "integer": 0, "logical": False}[x.kind]
    return g.select(kept, x, zero)
