"""Arithmetic of axes and windows, as Caffe does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Padding = list[tuple[int, int]]


def axis_of(axis: int, rank: int, name: str = "axis") -> int:
    """Return an axis counted from the front; raise Reject where there is none."""
    if not -rank <= axis < rank:
        raise Reject(name, f"{name} is {axis}, the blob has {rank} axes", "NX703")
    return axis % rank


def per_axis(
    given: Sequence[int] | int | None, high: int | None, wide: int | None, default: int | None,
    count: int, name: str,
) -> list[int]:  # fmt: skip
    """Return one number per spatial axis, from the ways in which a layer may tell them.

    Args:
        given: the field without suffix: nothing, one number, or one per axis.
        high: the field that ends in `_h`.
        wide: the field that ends in `_w`.
        default: what it is when it is not told; None where it must be.
        count: the number of spatial axes.
        name: the name of the field.
    """
    items = [given] if isinstance(given, int) else list(given or ())
    if high is not None or wide is not None:
        if items or count != 2 or ((high is None or wide is None) and default is None):
            text = f"{name}: either {name}, or both {name}_h and {name}_w of a 2-D layer"
            raise Reject(name, text, "NX703")
        assert default is not None or (high is not None and wide is not None)
        return [default or 0 if item is None else item for item in (high, wide)]
    if not items:
        if default is None:
            raise Reject(name, f"{name} is missing", "NX703")
        return [default] * count
    if len(items) not in (1, count):
        raise Reject(name, f"{name} has {len(items)} items, expected 1 or {count}", "NX703")
    return items * count if len(items) == 1 else items


def positive(numbers: Sequence[int], name: str) -> list[int]:
    """Return the numbers; raise Reject where one is not above 0."""
    if min(numbers, default=1) < 1:
        raise Reject(name, f"{name} is {list(numbers)}, expected 1 or more", "NX706")
    return list(numbers)


@dataclass(frozen=True, slots=True)
class Pool:
    """The windows of a pooling layer.

    Attributes:
        extra: what the last window needs behind the padding.
        beyond: whether a last window lies outside of the padded input, as a stride that is
            longer than the window can make it.
    """

    size: list[int]
    stride: list[int]
    pad: list[int]
    out: list[int]
    extra: list[int]
    beyond: bool

    def arguments(self, padding: Padding, border: str) -> dict[str, Any]:
        """Return the attributes of an NNEF operation for blobs of four dimensions."""
        return {
            "size": [1, 1, *self.size], "stride": [1, 1, *self.stride],
            "dilation": [1, 1, 1, 1], "padding": padding, "border": border,
        }  # fmt: skip

    @property
    def padding(self) -> Padding:
        """The padding of all four dimensions."""
        return [(0, 0), (0, 0), *((pad, pad) for pad in self.pad)]

    @property
    def full(self) -> Padding:
        """The padding with what the last windows need."""
        around = ((pad, pad + more) for pad, more in zip(self.pad, self.extra))
        return [(0, 0), (0, 0), *around]


def pool_windows(
    extents: Sequence[int], size: Sequence[int], stride: Sequence[int], pad: Sequence[int],
    *, ceil: bool,
) -> Pool:  # fmt: skip
    """Return the windows of a pooling layer: as many as Caffe makes.

    The count is rounded up (or down), and where anything is padded, a last window that would
    begin in the padding behind the input is left out.
    """
    spans = [extent + 2 * p - k for extent, p, k in zip(extents, pad, size)]
    if min(spans) < 0:
        # The division rounds away from an empty result, so that Caffe still makes a window.
        out = [max(-(-span // s) if ceil else span // s, -1) + 1 for span, s in zip(spans, stride)]
        if min(out) < 1:
            text = f"the window {list(size)} is larger than the input {list(extents)}"
            raise Reject("kernel_size", text, "NX706")
    else:
        out = [(-(-span // s) if ceil else span // s) + 1 for span, s in zip(spans, stride)]
    if any(pad):
        out = [
            n - 1 if (n - 1) * s >= extent + p else n
            for n, s, extent, p in zip(out, stride, extents, pad)
        ]
    extra = [
        max((n - 1) * s + k - extent - 2 * p, 0)
        for n, s, k, extent, p in zip(out, stride, size, extents, pad)
    ]
    beyond = any((n - 1) * s >= extent + p for n, s, extent, p in zip(out, stride, extents, pad))
    return Pool(list(size), list(stride), list(pad), out, extra, beyond)


def rank4(x: Tensor) -> tuple[int, int]:
    """Return height and width; raise Reject where the blob has not four dimensions."""
    if x.rank != 4:
        text = f"the blob has {x.rank} dimensions, expected 4 (N, C, H, W)"
        raise Reject(None, text, "NX703")
    return x.shape[2], x.shape[3]
