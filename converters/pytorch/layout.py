"""Shapes and the order of items."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import axes_of, axis_of, converted, emitted, scalar
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def each(function: Callable[[Tensor], Any], x: Any) -> Any:
    """Apply a function that only moves items to a tensor, or to both parts of a complex one."""
    if not isinstance(x, Complex):
        return function(x)
    re, im = function(x.re), function(x.im)
    if isinstance(re, list):
        return [Complex(*parts) for parts in zip(re, im)]
    return Complex(re, im)


@rules.on("view", "view.default", "reshape", "_unsafe_view", "view_copy", "_reshape_alias",
          "_reshape_copy", "view_as", "reshape_as")  # fmt: skip
def view(
    g: Importer, self: Any, *, size: Any = None, shape: Any = None, stride: Any = None,
    other: Any = None,
) -> Any:  # fmt: skip
    return each(lambda x: g.viewed(x, g.shape), self)


@rules.on("view.dtype")
def view_dtype(g: Importer, self: Tensor, dtype: Any) -> Any:
    if self.array is None:
        raise Reject(None, "items cannot be read as another type when the model runs", "NX704")
    return g.known(self.array.view(g.dtype))


@rules.on("flatten.using_ints", "unflatten.int", "unsqueeze", "squeeze", "squeeze.dim",
          "squeeze.dims", "unsqueeze_copy", "squeeze_copy")  # fmt: skip
def reshaped(
    g: Importer, self: Any, *, dim: Any = None, start_dim: Any = None, end_dim: Any = None,
    sizes: Any = None,
) -> Any:  # fmt: skip
    return each(lambda x: g.viewed(x, g.shape), self)


@rules.on("expand", "expand_as", "expand_copy", "broadcast_to")
def expand(
    g: Importer, self: Any, *, size: Any = None, other: Any = None, implicit: Any = False
) -> Any:
    return each(lambda x: expanded(g, x, g.shape), self)


def expanded(g: Importer, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return `x`, aligned on the right, with its extents of 1 repeated."""
    led = g.viewed(x, (1,) * (len(shape) - x.rank) + x.shape)
    repeats = [new // old if old else 1 for new, old in zip(shape, led.shape)]
    if all(count == 1 for count in repeats):
        return led
    if led.array is not None:
        return g.known(np.broadcast_to(led.array, tuple(shape)), led.name)
    result = g.tile(led, repeats=repeats)
    assert isinstance(result, Tensor)
    return result


@rules.on("permute", "permute_copy")
def permute(g: Importer, self: Any, dims: list[int]) -> Any:
    return each(lambda x: transposed(g, x, [axis_of(axis, x.rank) for axis in dims]), self)


def transposed(g: Importer, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return `x` with permuted axes: a mere reshape where only extents of 1 move."""
    if list(axes) == list(range(x.rank)):
        return x
    wide = [axis for axis in axes if x.shape[axis] != 1]
    if wide == sorted(wide):
        return g.viewed(x, [x.shape[axis] for axis in axes])
    result = g.transpose(x, axes=list(axes))
    assert isinstance(result, Tensor)
    return result


@rules.on("transpose.int", "transpose.default", "transpose_copy.int", "swapdims")
def transpose(g: Importer, self: Any, dim0: int, dim1: int) -> Any:
    return _swapped(g, self, dim0, dim1)


@rules.on("swapaxes")
def swapaxes(g: Importer, self: Any, axis0: int, axis1: int) -> Any:
    return _swapped(g, self, axis0, axis1)


@rules.on("t", "numpy_T", "mT", "adjoint", "t_copy")
def flipped_axes(g: Importer, self: Any) -> Any:
    rank = len(self.shape)
    return self if rank < 2 else _swapped(g, self, rank - 2, rank - 1)


def _swapped(g: Importer, x: Any, first: int, second: int) -> Any:
    rank = len(x.shape)
    axes = list(range(rank))
    if rank:
        a, b = first % rank, second % rank
        axes[a], axes[b] = axes[b], axes[a]
    return each(lambda item: transposed(g, item, axes), x)


@rules.on("cat", "concat", "concatenate")
def cat(g: Importer, tensors: list[Any], *, dim: int = 0) -> Any:
    return joined(g, [item for item in tensors if math.prod(item.shape)], dim)


def joined(g: Importer, tensors: list[Any], dim: int) -> Any:
    """Return tensors joined along an axis, in the type of the result."""
    if any(isinstance(item, Complex) for item in tensors):
        return Complex(
            joined(g, [item.re for item in tensors], dim),
            joined(g, [item.im for item in tensors], dim),
        )
    if not tensors:
        return g.known(np.zeros(g.shape, g.dtype))
    items = [converted(g, item, g.dtype) for item in tensors]
    if len(items) == 1:
        return items[0]
    return g.concat(items, axis=axis_of(dim, items[0].rank))


@rules.on("stack")
def stack(g: Importer, tensors: list[Any], *, dim: int = 0) -> Any:
    if any(isinstance(item, Complex) for item in tensors):
        parts = [item.re for item in tensors], [item.im for item in tensors]
        return Complex(*(g.stack(part, axis=axis_of(dim, part[0].rank + 1)) for part in parts))
    items = [converted(g, item, g.dtype) for item in tensors]
    return g.stack(items, axis=axis_of(dim, items[0].rank + 1))


@rules.on("split.Tensor", "split.sizes", "split_with_sizes", "split_with_sizes_copy", "split_copy",
          "chunk", "tensor_split.sections", "tensor_split.indices", "unsafe_split",
          "unsafe_chunk", "hsplit.int", "vsplit.int")  # fmt: skip
def split(
    g: Importer, self: Any, *, split_size: Any = None, split_sizes: Any = None, chunks: Any = None,
    sections: Any = None, indices: Any = None, dim: int = 0,
) -> Any:  # fmt: skip
    axis = axis_of(dim, len(self.shape))
    extents = [int(meta.shape[axis]) for meta in g.metas]
    return each(lambda x: parts_of(g, x, axis, extents), self)


def parts_of(g: Importer, x: Tensor, axis: int, extents: list[int]) -> list[Tensor]:
    """Return the parts of `x` along an axis; its extents must add up to that of `x`."""
    if len(extents) == 1:
        return [x]
    if 0 in extents:
        raise Reject(None, "a part has no items", "NX706")
    common = math.gcd(*extents)
    return list(g.split(x, axis=axis, ratios=[extent // common for extent in extents]))


@rules.on("unbind.int", "unbind")
def unbind(g: Importer, self: Any, *, dim: int = 0) -> Any:
    axis = axis_of(dim, len(self.shape))
    return each(lambda x: list(g.unstack(x, axis=axis)), self)


@rules.on("slice.Tensor", "slice_copy.Tensor")
def slice_(
    g: Importer, self: Any, *, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    axis = axis_of(dim, len(self.shape))
    return each(lambda x: sliced(g, x, axis, start, end, step), self)


def sliced(
    g: Importer, x: Tensor, axis: int, start: int | None, end: int | None, step: int = 1
) -> Tensor:
    """Return what Python's slice leaves of an axis."""
    extent = x.shape[axis]
    first, last, _ = slice(start, end, step).indices(extent)
    if (first, last, step) == (0, extent, 1):
        return x
    if last <= first:
        if x.array is None:
            raise Reject(None, "its result has no items", "NX706")
        return g.known(np.take(x.array, [], axis), x.name)
    if x.array is not None:
        index = (slice(None),) * axis + (slice(first, last, step),)
        return g.known(x.array[index], x.name)
    # an end of 0 stands for all the rest, where the stride is 1
    stride = {} if step == 1 else {"stride": [step]}
    if last == extent and step == 1:
        last = 0
    result = g.slice(x, axes=[axis], begin=[first], end=[last], **stride)
    assert isinstance(result, Tensor)
    return result


@rules.on("narrow")
def narrow(g: Importer, self: Any, dim: int, start: Any, length: int) -> Any:
    if isinstance(start, Tensor):
        raise Reject(None, "its start must be a number", "NX705")
    axis = axis_of(dim, len(self.shape))
    first = start % self.shape[axis] if self.shape[axis] else 0
    return each(lambda x: sliced(g, x, axis, first, first + length), self)


@rules.on("select.int", "select_copy.int")
def select(g: Importer, self: Any, dim: int, index: int) -> Any:
    axis = axis_of(dim, len(self.shape))
    first = index % self.shape[axis]
    return each(lambda x: g.viewed(sliced(g, x, axis, first, first + 1), g.shape), self)


@rules.on("slice_scatter", "slice_scatter.default")
def slice_scatter(
    g: Importer, self: Tensor, src: Tensor, *, dim: int = 0, start: Any = None, end: Any = None,
    step: int = 1,
) -> Any:  # fmt: skip
    axis = axis_of(dim, self.rank)
    first, last, _ = slice(start, end, step).indices(self.shape[axis])
    part = converted(g, src, g.dtype)
    if part.volume == 0:
        return self
    return replaced(g, self, part, axis, list(range(first, last, step)))


@rules.on("select_scatter", "select_scatter.default")
def select_scatter(g: Importer, self: Tensor, src: Tensor, dim: int, index: int) -> Any:
    axis = axis_of(dim, self.rank)
    part = converted(g, src, g.dtype)
    shape = (*self.shape[:axis], 1, *self.shape[axis + 1 :])
    return replaced(g, self, g.viewed(part, shape), axis, [index % self.shape[axis]])


def replaced(g: Importer, x: Tensor, part: Tensor, axis: int, places: list[int]) -> Tensor:
    """Return `x` with the items at `places` of an axis taken from `part`, in order."""
    extent = x.shape[axis]
    if places == list(range(places[0], places[-1] + 1)):
        pieces = [sliced(g, x, axis, 0, places[0])] if places[0] else []
        pieces.append(part)
        if places[-1] + 1 < extent:
            pieces.append(sliced(g, x, axis, places[-1] + 1, None))
        result = pieces[0] if len(pieces) == 1 else g.concat(pieces, axis=axis)
    else:  # both behind each other, then the right ones of them in order
        order = np.arange(extent)
        order[places] = extent + np.arange(len(places))
        both = g.concat([x, part], axis=axis)
        result = g.gather(both, g.known(order), axis=axis)
    assert isinstance(result, Tensor)
    return result


@rules.on("repeat", "tile")
def repeat(g: Importer, self: Any, *, repeats: Any = None, dims: Any = None) -> Any:
    counts = list(repeats if repeats is not None else dims)

    def repeated(x: Tensor) -> Tensor:
        led = g.viewed(x, (1,) * (len(counts) - x.rank) + x.shape)
        times = [1] * (led.rank - len(counts)) + counts
        result = led if set(times) <= {1} else g.tile(led, repeats=times)
        assert isinstance(result, Tensor)
        return result

    return each(repeated, self)


@rules.on("repeat_interleave.self_int")
def repeat_interleave(
    g: Importer, self: Tensor, repeats: int, *, dim: int | None = None, output_size: Any = None
) -> Any:
    x = g.viewed(self, (self.volume,)) if dim is None else self
    axis = axis_of(dim or 0, x.rank)
    inner = g.viewed(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
    tiled = g.tile(inner, repeats=[repeats if i == axis + 1 else 1 for i in range(inner.rank)])
    return g.viewed(tiled, g.shape)


@rules.on("fliplr")
def fliplr(g: Importer, self: Any) -> Any:
    return flip(g, self, [1])


@rules.on("flipud")
def flipud(g: Importer, self: Any) -> Any:
    return flip(g, self, [0])


@rules.on("flip")
def flip(g: Importer, self: Any, dims: list[int]) -> Any:
    rank = len(self.shape)
    axes = [axis for axis in axes_of(dims, rank) if self.shape[axis] > 1] if dims else []

    def flipped(x: Tensor) -> Tensor:
        if not axes:
            return x
        if x.array is not None:
            return g.known(np.flip(x.array, tuple(axes)), x.name)
        begin = [-1] * len(axes)
        end = [-x.shape[axis] - 1 for axis in axes]
        result = g.slice(x, axes=axes, begin=begin, end=end, stride=begin)
        assert isinstance(result, Tensor)
        return result

    return each(flipped, self)


@rules.on("roll")
def roll(g: Importer, self: Tensor, shifts: Any, *, dims: Any = ()) -> Any:
    amounts = [shifts] if isinstance(shifts, int) else list(shifts)
    if not dims:
        flat = g.viewed(self, (self.volume,))
        return g.viewed(_rolled(g, flat, 0, amounts[0]), self.shape)
    result = self
    for axis, amount in zip(dims, amounts):
        result = _rolled(g, result, axis_of(axis, self.rank), amount)
    return result


def _rolled(g: Importer, x: Tensor, axis: int, amount: int) -> Tensor:
    extent = x.shape[axis]
    cut = -amount % extent
    if not cut:
        return x
    pieces = [sliced(g, x, axis, cut, None), sliced(g, x, axis, 0, cut)]
    result = g.concat(pieces, axis=axis)
    assert isinstance(result, Tensor)
    return result


@rules.on("pixel_shuffle")
def pixel_shuffle(g: Importer, self: Tensor, upscale_factor: int) -> Any:
    *lead, channels, height, width = self.shape
    r, n = upscale_factor, len(lead)
    inner = g.viewed(self, (*lead, channels // r**2, r, r, height, width))
    moved = transposed(g, inner, [*range(n), n, n + 3, n + 1, n + 4, n + 2])
    return g.viewed(moved, g.shape)


@rules.on("pixel_unshuffle")
def pixel_unshuffle(g: Importer, self: Tensor, downscale_factor: int) -> Any:
    *lead, channels, height, width = self.shape
    r, n = downscale_factor, len(lead)
    inner = g.viewed(self, (*lead, channels, height // r, r, width // r, r))
    moved = transposed(g, inner, [*range(n), n, n + 2, n + 4, n + 1, n + 3])
    return g.viewed(moved, g.shape)


@rules.on("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(g: Importer, self: Tensor, groups: int) -> Any:
    batch, channels, *rest = self.shape
    inner = g.viewed(self, (batch, groups, channels // groups, *rest))
    moved = transposed(g, inner, [0, 2, 1, *range(3, inner.rank)])
    return g.viewed(moved, self.shape)


@rules.on("as_strided", "as_strided_copy")
def as_strided(
    g: Importer, self: Tensor, size: Any, stride: Any, *, storage_offset: Any = None
) -> Any:
    index = np.full(size, storage_offset or 0, np.int64)
    for axis, (extent, step) in enumerate(zip(size, stride)):
        steps = np.arange(extent) * step
        index += steps.reshape([-1 if i == axis else 1 for i in range(len(size))])
    if index.size and index.max() >= self.volume:
        raise Reject(None, "it reads memory that its operand does not show", "NX706")
    flat = g.viewed(self, (self.volume,))
    picked = g.gather(flat, g.known(index.reshape(-1)), axis=0)
    return g.viewed(picked, size)


@rules.on("diagonal", "diagonal_copy")
def diagonal(g: Importer, self: Tensor, *, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    positions = np.arange(self.volume).reshape(self.shape)
    picked = np.diagonal(positions, offset, dim1, dim2)
    flat = g.viewed(self, (self.volume,))
    return g.viewed(g.gather(flat, g.known(picked.reshape(-1)), axis=0), picked.shape)


@rules.on("unfold")
def unfold(g: Importer, self: Tensor, dimension: int, size: int, step: int) -> Any:
    if not self.rank:
        return g.viewed(self, g.shape)
    axis = axis_of(dimension, self.rank)
    count = (self.shape[axis] - size) // step + 1
    index = (np.arange(count)[:, None] * step + np.arange(size)[None, :]).astype(np.int64)
    picked = g.gather(self, g.known(index), axis=axis)
    rank = self.rank + 1
    order = [*range(axis + 1), *range(axis + 2, rank), axis + 1]
    return transposed(g, picked, order)


@rules.on("diagonal_scatter")
def diagonal_scatter(
    g: Importer, self: Tensor, src: Tensor, *, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Any:
    positions = np.arange(self.volume).reshape(self.shape)
    places = np.diagonal(positions, offset, dim1, dim2).reshape(-1)
    order = np.arange(self.volume)
    order[places] = self.volume + np.arange(places.size)
    both = g.concat([g.viewed(self, (self.volume,)), g.viewed(src, (src.volume,))], axis=0)
    return g.viewed(g.gather(both, g.known(order), axis=0), self.shape)


def _triangular(name: str, keep: Callable[..., Any]) -> None:
    @rules.on(name)
    def rule(g: Importer, self: Tensor, *, diagonal: int = 0) -> Any:
        mask = keep(np.ones(self.shape[-2:]), diagonal).astype(bool)
        if self.array is not None:
            return g.known(np.where(mask, self.array, np.zeros((), self.dtype)))
        shaped = g.known(np.broadcast_to(mask, (1,) * (self.rank - 2) + mask.shape))
        zero = {"scalar": 0.0, "integer": 0, "logical": False}[self.kind]
        return g.select(shaped, self, zero)


_triangular("tril", np.tril)
_triangular("triu", np.triu)


@rules.on("view_as_real", "view_as_real_copy")
def view_as_real(g: Importer, self: Complex) -> Any:
    return g.stack([self.re, self.im], axis=len(self.shape))


@rules.on("view_as_complex", "view_as_complex_copy")
def view_as_complex(g: Importer, self: Tensor) -> Any:
    return Complex(*g.unstack(self, axis=self.rank - 1))


@rules.on("complex")
def complex_(g: Importer, real: Tensor, imag: Tensor) -> Any:
    shape = np.broadcast_shapes(real.shape, imag.shape)
    return Complex(expanded(g, real, shape), expanded(g, imag, shape))


@rules.on("real")
def real(g: Importer, self: Any) -> Any:
    return self.re if isinstance(self, Complex) else self


@rules.on("imag")
def imag(g: Importer, self: Complex) -> Any:
    return self.im


@rules.on("conj", "_conj", "_conj_physical")
def conj(g: Importer, self: Any) -> Any:
    return Complex(self.re, g.neg(self.im)) if isinstance(self, Complex) else self


@rules.on("angle")
def angle(g: Importer, self: Any) -> Any:
    if not isinstance(self, Complex):
        x = scalar(g, self)
        return (
            g.select(g.lt(x, 0.0), float(np.pi), 0.0)
            if x.rank == 0
            else g.mul(g.sub(1.0, g.sign(g.add("add", g.sign(x), 0.5))), float(np.pi / 2))
        )
    return g.nnefx_atan2(self.im, self.re)


@rules.on("polar")
def polar(g: Importer, abs: Tensor, angle: Tensor) -> Any:
    return Complex(emitted(g, "mul", abs, g.cos(angle)), emitted(g, "mul", abs, g.sin(angle)))
