"""Convolutions: any padding, stride, dilation and number of groups (openvx.md, 6.3 and 6.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.canonical import Slide, plane, slides, told
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import with_border
from nnefx.openvx.measure import Stored, measure
from nnefx.openvx.plan import Enum
from nnefx.openvx.rules import Const, Operand, UnsupportedError, lowers
from nnefx.openvx.scales import Scaling, Weights
from nnefx.openvx.storage import Slot
from nnefx.ops.shapes import Axis, windows

Array = NDArray[Any]
Padding = Sequence[tuple[int, int]]


def conv_scales(
    s: Scaling, out: Value, input: Operand, filter: Operand, bias: Operand, **_: Any
) -> None:
    """Inputs and weights share the digits of the sum."""
    if isinstance(input, Value) and isinstance(filter, Const) and isinstance(bias, Const):
        weights = filter.array()
        taps = int(np.prod(weights.shape[1:]))
        channels = filter.shape[1]
        s.weighted(out, input, Weights.of(weights, taps, bias.array(), channels))
    s.stored(out)


@lowers("conv", scales=conv_scales)
def conv(
    g: Emitter,
    out: Value,
    input: Operand,
    filter: Operand,
    bias: Operand,
    *,
    border: str,
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> None:
    """One ConvolutionLayer, or one for each block of groups."""
    if not isinstance(input, Value):
        raise UnsupportedError("the input is constant, only the filter may be")
    if not isinstance(filter, Const) or not isinstance(bias, Const):
        raise UnsupportedError("the filter is computed at run time, it must be constant")
    rank = len(filter.shape)
    if rank > 4:
        raise UnsupportedError(f"the filter has rank {rank}, at most 4 are handled")
    axes = windows(input.shape[2:], filter.shape[2:], padding, stride, dilation, border)
    x, axes_xy = g.read(input), plane(axes)
    if border != "constant":
        x, axes_xy = with_border(g, x, axes_xy, border)
    x, axes_xy = _cropped(g, x, axes_xy)
    layer = Layer(x, out, filter, bias, axes_xy, groups or input.shape[1], f"{out.name}_filter")
    layer.emit(g)


def _cropped(g: Emitter, x: Slot, axes: tuple[Axis, Axis]) -> tuple[Slot, tuple[Axis, Axis]]:
    """Cut off what negative padding leaves out at the start."""
    found = []
    for dim, axis in enumerate(axes):
        cut = max(-axis.before, 0)
        if cut:
            x = g.part(x, dim, cut, x.dims[dim])
            axis = Axis(
                axis.up - cut, axis.down, axis.size, axis.stride, axis.dilation, 0, axis.after
            )
        found.append(axis)
    return x, (found[0], found[1])


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution of a slot with constant weights in NNEF layout (O, I, [y,] x)."""

    x: Slot
    out: Value
    filter: Const
    bias: Const
    axes: tuple[Axis, Axis]
    groups: int
    hint: str

    def emit(self, g: Emitter) -> None:
        """Make the calls."""
        rounding, (along_x, along_y) = slides(g.profile, self.axes)
        multiplier = self._multiplier(g)
        if multiplier and not along_x.stride:
            along_x, along_y = (told(axis) for axis in self.axes)
        y = g.create(self.out)
        x = self._trimmed(g, along_x, along_y)
        blocks = 1 if multiplier else self._blocks(g)
        each = 1 if multiplier else self.groups // blocks
        inputs = x.dims[2] // blocks
        more = (along_x.trailing, along_y.trailing, along_x.stride, along_y.stride, multiplier)
        outputs = self.filter.shape[0] // blocks
        layer = replace(self, filter=_held(self.filter)) if blocks > 1 else self
        weigh = _Weigh(layer, (along_x, along_y), y.scale / self.x.scale, each, g.profile.dilation)
        for block in range(blocks):
            part_x = g.part(x, 2, block * inputs, (block + 1) * inputs)
            part_y = g.part(y, 2, block * outputs, (block + 1) * outputs)
            weights, bias, overflow = weigh.block(g, block, blocks, y.scale)
            g.convolve(
                part_x,
                weights,
                bias,
                part_y,
                padding=(along_x.padding, along_y.padding),
                rounding=rounding,
                dilation=(weigh.gap(along_x), weigh.gap(along_y)),
                overflow=overflow,
                more=more if along_x.stride else (),
            )
        self._report(g, blocks, each, weigh)

    def _multiplier(self, g: Emitter) -> int:
        """Return how many results each channel has, for one node that takes them apart, or 0."""
        depthwise = g.profile.extended and self.filter.shape[1] == 1 < self.groups
        return self.filter.shape[0] // self.groups if depthwise else 0

    def _trimmed(self, g: Emitter, along_x: Slide, along_y: Slide) -> Slot:
        x = g.part(self.x, 0, 0, self.x.dims[0] - along_x.crop)
        return g.part(x, 1, 0, self.x.dims[1] - along_y.crop)

    def _blocks(self, g: Emitter) -> int:
        """Return into how many nodes the groups go: few nodes waste multiplications on zeros."""
        if self.groups == 1:
            return 1
        points = int(np.prod([self.out.shape[0], *self.out.shape[2:]]))
        one = int(np.prod(self.filter.shape[1:])) * points
        one *= self.filter.shape[0] // self.groups
        divisors = [n for n in range(1, self.groups + 1) if self.groups % n == 0]
        return min(divisors, key=lambda n: n * g.profile.node_cost + one * self.groups**2 // n)

    def _report(self, g: Emitter, blocks: int, each: int, weigh: "_Weigh") -> None:
        points = int(np.prod([self.out.shape[0], *self.out.shape[2:]]))
        needed = points * int(np.prod(self.filter.shape))
        wide = each * needed
        report = weigh.stored.report(g.origin.source, g.origin.op, blocks, wide, needed)
        g.report.append(report)


@dataclass(slots=True)
class _Weigh:
    """Makes the weights and biases of a layer's blocks, and measures what storing does to them."""

    layer: Layer
    slides: tuple[Slide, Slide]
    scale: float
    each: int
    dilates: bool  # whether the target inserts zeros into a kernel
    stored: Stored = field(default_factory=Stored)

    def gap(self, slide: Slide) -> int:
        """Return the dilation argument; a grown kernel has its zeros inside."""
        grown = slide.before or slide.after or not self.dilates
        return 0 if grown else slide.dilation

    def block(
        self, g: Emitter, block: int, blocks: int, out_scale: float
    ) -> tuple[Slot, Slot | None, Enum]:
        """Return weights, bias and overflow policy of one block of groups."""
        layer = self.layer
        count = layer.filter.shape[0] // blocks
        part = slice(block * count, (block + 1) * count)
        suffix = "" if blocks == 1 else f"_{block}"
        make = self._maker(part)
        rows = np.asarray(layer.filter.array()[part], np.float64)
        biases = self._biases(part, count)
        found = measure(g, rows, biases, self.scale, out_scale)
        self.stored.add(found)
        label = layer.filter.label if blocks == 1 else ""
        shape = self._shape(rows.shape)
        hint = layer.filter.name or layer.hint
        weights = g.const(f"{hint}{suffix}", shape[::-1], make, self.scale, label)
        if biases is None:
            return weights, None, found.overflow
        bias = g.bias(f"{layer.out.name}_bias{suffix}", lambda: biases, count, out_scale)
        return weights, bias, found.overflow

    def _shape(self, rows: tuple[int, ...]) -> tuple[int, int, int, int]:
        along_x, along_y = self.slides
        extents = [s.reach if self.gap(s) == 0 else s.size for s in (along_y, along_x)]
        return rows[0], rows[1] * self.each, extents[0], extents[1]

    def _maker(self, part: slice) -> Callable[[], Array]:
        """Return what makes the real weights of a block: groups on the diagonal, zeros inside."""
        layer, (along_x, along_y) = self.layer, self.slides

        def make() -> Array:
            rows = np.asarray(layer.filter.array()[part])
            rows = rows.reshape((*rows.shape, 1, 1)[:4] if rows.ndim == 2 else rows.shape)
            if rows.ndim == 3:
                rows = rows[:, :, None, :]
            rows = _diagonal(rows, self.each)
            inner = [0 if self.gap(s) else s.dilation for s in (along_y, along_x)]
            edges = [(s.before, s.after) for s in (along_y, along_x)]
            return _with_zeros(rows, inner, edges)

        return make

    def _biases(self, part: slice, count: int) -> Array | None:
        if self.layer.bias.is_zero:
            return None
        values = np.asarray(self.layer.bias.array(), np.float64).reshape(-1)
        return values[part] if values.size > 1 else np.full(count, values[0])


def _held(const: Const) -> Const:
    """Compute a constant once, for the blocks that each take a part of it."""
    array = const.array()
    return replace(const, make=lambda: array)


def _diagonal(rows: Array, groups: int) -> Array:
    """Return (G * o, i, ...) as (G * o, G * i, ...) with zeros where groups do not meet."""
    if groups == 1:
        return rows
    count, inputs = len(rows) // groups, rows.shape[1]
    wide = np.zeros((len(rows), inputs * groups, *rows.shape[2:]), rows.dtype)
    for group in range(groups):
        part = slice(group * count, (group + 1) * count)
        wide[part, group * inputs : (group + 1) * inputs] = rows[part]
    return wide


def _with_zeros(rows: Array, inner: list[int], edges: list[tuple[int, int]]) -> Array:
    """Return a kernel with `inner` zeros between its items and zeros around."""
    if not any(inner) and not any(map(any, edges)):
        return rows
    kh, kw = ((k - 1) * (d + 1) + 1 for k, d in zip(rows.shape[2:], inner, strict=True))
    (top, bottom), (left, right) = edges
    wide = np.zeros((*rows.shape[:2], top + kh + bottom, left + kw + right), rows.dtype)
    wide[:, :, top : top + kh : inner[0] + 1, left : left + kw : inner[1] + 1] = rows
    return wide
