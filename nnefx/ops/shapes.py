"""Arithmetic of shapes: how windows slide, how padding is found, which arguments are valid.

NNEF 1.0.5, section 4.3, speaks of an up-scaled and a down-scaled space. A basic operation (conv,
box) goes from the first to the second, a reverse one (deconv, debox) goes back; `Axis` describes
both. Everything here raises `Reject` with the name of the parameter at fault.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from nnefx.ops.registry import MAX_EXTENT, Reject, Shape

Padding = Sequence[tuple[int, int]]

FILLING = ("constant", "replicate", "reflect", "reflect-even")
BORDERS = ("ignore", *FILLING)


@dataclass(frozen=True, slots=True)
class Axis:
    """How a window slides along one dimension; extents and steps are in items.

    `before` and `after` are the padding, in the up-scaled space; they may be negative.
    """

    up: int
    down: int
    size: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def reach(self) -> int:
        """The extent of the dilated window."""
        return (self.size - 1) * self.dilation + 1

    @property
    def full(self) -> int:
        """The extent that all positions of the window cover together."""
        return (self.down - 1) * self.stride + self.reach

    @property
    def around(self) -> tuple[int, int]:
        """How far a basic operation reads outside its input (negative: how much it leaves out)."""
        return self.before, self.full - self.before - self.up

    @property
    def around_reverse(self) -> tuple[int, int]:
        """How far a reverse operation reads outside its input, on either side."""
        first = -((self.reach - 1 - self.before) // self.stride)
        last = (self.up - 1 + self.before) // self.stride
        return max(-first, 0), max(last - self.down + 1, 0)


def items(name: str, values: Sequence[int], count: int) -> Sequence[int]:
    """Return `values`, or ones where it is empty; else it must have `count` positive items."""
    if not values:
        return (1,) * count
    exact(name, values, count)
    return values


def exact(name: str, values: Sequence[int], count: int) -> None:
    """Reject `values` unless it has `count` positive items."""
    if len(values) != count:
        raise Reject(name, f"{name} has {len(values)} items, expected {count}")
    positive(name, values)


def positive(name: str, values: Iterable[int]) -> None:
    """Reject a value below 1."""
    for value in values:
        if value < 1:
            raise Reject(name, f"{name} has item {value}, expected a positive one")


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Reject a string that is not among `allowed`."""
    if value not in allowed:
        known = ", ".join(f"'{word}'" for word in allowed)
        raise Reject(name, f"{name} is '{value}', expected one of {known}")


def check_axis(axis: int, rank: int, name: str = "axis") -> None:
    """Reject an axis that a tensor of `rank` dimensions does not have."""
    if not 0 <= axis < rank:
        raise Reject(name, f"{name} is {axis}, expected 0 to {rank - 1}")


def windows(
    extents: Shape,
    size: Sequence[int],
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
    border: str = "constant",
) -> list[Axis]:
    """Return the axes of a basic operation on an input of `extents` (section 4.3).

    Lengths are those of `extents`; `padding` empty means automatic padding.
    """
    around = tuple(map(tuple, padding))
    return list(
        _windows(tuple(extents), tuple(size), around, tuple(stride), tuple(dilation), border)
    )


@lru_cache(maxsize=1024)  # kernels ask again in every run what the shape rule has asked
def _windows(
    extents: Shape,
    size: Shape,
    padding: Padding,
    stride: Shape,
    dilation: Shape,
    border: str,
) -> list[Axis]:
    padding_ = _padding(padding, len(extents))
    strides = items("stride", stride, len(extents))
    dilations = items("dilation", dilation, len(extents))
    axes = []
    for number, (up, f, s, d) in enumerate(zip(extents, size, strides, dilations)):
        reach = (f - 1) * d + 1
        if padding_ is None:
            before, after = _automatic(up, -(-up // s), reach, s)
        else:
            before, after = padding_[number]
        if before + up + after < reach:
            raise Reject(
                "padding" if padding_ else None,
                f"window reaches over {reach} items in dimension {number} of the window, "
                f"the padded input has {before + up + after}",
            )
        axis = Axis(up, (before + up + after - reach) // s + 1, f, s, d, before, after)
        _check_extent("padding", axis.full)
        check_border(border, up, axis.around)
        axes.append(axis)
    return axes


def reverse_windows(
    extents: Shape,
    size: Sequence[int],
    padding: Padding,
    stride: Sequence[int],
    dilation: Sequence[int],
    output_shape: Sequence[int],
    border: str = "constant",
) -> list[Axis]:
    """Return the axes of a reverse operation on an input of `extents` (section 4.3).

    Lengths are those of `extents`; `output_shape` may be empty, and so may `padding`.
    """
    padding_ = _padding(padding, len(extents))
    strides = items("stride", stride, len(extents))
    dilations = items("dilation", dilation, len(extents))
    if output_shape:
        exact("output_shape", output_shape, len(extents))
    axes = []
    for number, (down, f, s, d) in enumerate(zip(extents, size, strides, dilations)):
        wanted = output_shape[number] if output_shape else None
        given = None if padding_ is None else padding_[number]
        axis = _reverse_axis(down, f, s, d, given, wanted)
        _check_extent("output_shape" if output_shape else "stride", max(axis.up, axis.full))
        check_border(border, down, axis.around_reverse)
        axes.append(axis)
    return axes


def _reverse_axis(
    down: int, f: int, s: int, d: int, given: tuple[int, int] | None, wanted: int | None
) -> Axis:
    reach = (f - 1) * d + 1
    if given is None:
        up = down * s if wanted is None else wanted
        scaled = -(-up // s)
        before, after = _automatic(up, scaled, reach, s)
    else:
        before, after = given
        up = (down - 1) * s + reach - before - after if wanted is None else wanted
        scaled = (before + up + after - reach) // s + 1
    if up < 1:
        raise Reject("padding", f"padding ({before},{after}) leaves an output of extent {up}")
    if scaled != down:
        raise Reject(
            "output_shape",
            f"output_shape has item {up}, which scales down to {scaled}, "
            f"but the input has extent {down}",
        )
    return Axis(up, down, f, s, d, before, after)


def _padding(padding: Padding, count: int) -> Padding | None:
    if padding and len(padding) != count:
        raise Reject("padding", f"padding has {len(padding)} items, expected {count} or none")
    return padding or None


def _automatic(up: int, down: int, reach: int, stride: int) -> tuple[int, int]:
    total = max((down - 1) * stride + reach - up, 0)
    return total // 2, total - total // 2


def _check_extent(name: str, extent: int) -> None:
    if extent > MAX_EXTENT:
        raise Reject(name, f"window needs an extent of {extent}, more than {MAX_EXTENT}")


def check_border(border: str, extent: int, around: tuple[int, int]) -> None:
    """Reject reading further outside of `extent` items than a reflecting border is defined for."""
    if border not in ("reflect", "reflect-even"):
        return
    limit = extent - 1 if border == "reflect" else extent
    if max(around) > limit:
        raise Reject(
            "border",
            f"'{border}' border is defined for up to {limit} items beside {extent}, "
            f"{max(around)} are needed",
        )


def volume(shape: Sequence[int]) -> int:
    """Return the number of items of a tensor of `shape`."""
    return prod(shape)
