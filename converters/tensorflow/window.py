"""Convolution and pooling on channels-first tensors, with TensorFlow's names for padding."""

from collections.abc import Sequence
from typing import Any

from nnefx.converters.scope import Scope, Tensor
from nnefx.converters.tensorflow.axes import tensor, transposed
from nnefx.ops import Reject

Padding = list[tuple[int, int]]


def padding_of(name: str, count: int, explicit: Sequence[int] = ()) -> Padding:
    """Return NNEF padding of `count` dimensions; SAME is exactly NNEF's automatic one, `[]`."""
    match name:
        case "SAME":
            return []
        case "VALID":
            return [(0, 0)] * count
        case "EXPLICIT" if len(explicit) == 2 * count:
            return [(explicit[2 * i], explicit[2 * i + 1]) for i in range(count)]
    raise Reject("padding", f"padding is '{name}'", "NX702")


def biased(g: Scope, b: Tensor | None) -> Any:
    """Return a bias of C items in the shape (1, C); a literal zero where there is none."""
    return 0.0 if b is None else g.viewed(b, (1, b.volume))


def filter_first(g: Scope, w: Tensor) -> Tensor:
    """Return a filter (..., I, O) as (O, I, ...)."""
    return transposed(g, w, [w.rank - 1, w.rank - 2, *range(w.rank - 2)])


def depthwise_first(g: Scope, w: Tensor) -> Tensor:
    """Return a depth-wise filter (..., C, M) as (C * M, 1, ...)."""
    first = transposed(g, w, [w.rank - 2, w.rank - 1, *range(w.rank - 2)])
    return g.viewed(first, (first.shape[0] * first.shape[1], 1, *first.shape[2:]))


def conv(
    g: Scope, x: Tensor, w: Tensor, b: Tensor | None, *, stride: Sequence[int],
    dilation: Sequence[int], padding: Padding, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Emit a convolution of (N, C, ...) with (O, C / groups, ...)."""
    if x.rank != w.rank:
        raise Reject("filter", f"filter has rank {w.rank}, the input {x.rank}")
    return tensor(
        g.conv(
            x, w, biased(g, b), padding=plainest(w.shape[2:], padding), groups=groups,
            **steps(stride, dilation),
        )
    )  # fmt: skip


def steps(stride: Sequence[int], dilation: Sequence[int]) -> dict[str, Any]:
    """Return the arguments that say how a window moves, those left out that are all 1."""
    given = {"stride": list(stride), "dilation": list(dilation)}
    return {name: items for name, items in given.items() if set(items) != {1}}


def plainest(sizes: Sequence[int], padding: Padding) -> Padding:
    """Return `[]` for no padding where automatic padding is none: for windows of one item."""
    return [] if set(sizes) == {1} and not any(map(any, padding)) else padding


def groups_of(x: Tensor, w: Tensor) -> int:
    """Return the number of groups of a convolution of `x` with `w`, both channels first."""
    if w.shape[1] == 0 or x.shape[1] % w.shape[1]:
        raise Reject("filter", f"filter takes {w.shape[1]} channels, the input has {x.shape[1]}")
    return x.shape[1] // w.shape[1]


def deconv(
    g: Scope, x: Tensor, w: Tensor, b: Tensor | None, *, shape: Sequence[int],
    stride: Sequence[int], dilation: Sequence[int], padding: Padding, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Emit a transposed convolution of (N, C, ...) with (C, O / groups, ...) to `shape`.

    What `shape` has behind the reach of the filter is the bias alone.
    """
    full = [
        (extent - 1) * step + (size - 1) * spread + 1
        for extent, step, size, spread in zip(x.shape[2:], stride, w.shape[2:], dilation)
    ]
    behind = [
        max(want - reach + before, 0) if padding else 0
        for want, reach, (before, _) in zip(shape[2:], full, padding or [(0, 0)] * len(full))
    ]
    attributes: dict[str, Any] = {"groups": groups, **steps(stride, dilation)}
    if not any(behind):
        return tensor(
            g.deconv(x, w, biased(g, b), padding=padding, output_shape=list(shape), **attributes)
        )
    inside = [want - more for want, more in zip(shape[2:], behind)]
    y = g.deconv(x, w, padding=padding, output_shape=[*shape[:2], *inside], **attributes)
    y = g.pad(y, padding=[(0, 0), (0, 0), *((0, more) for more in behind)])
    return tensor(y if b is None else g.add("add", y, biased(g, b)))


def pool(
    g: Scope, op: str, x: Tensor, *, size: Sequence[int], stride: Sequence[int], padding: Padding,
) -> Tensor:  # fmt: skip
    """Emit a pooling operation; the padding never counts."""
    plain = bool(padding) and not any(map(any, padding))
    border: dict[str, Any] = {} if plain else {"border": "ignore"}
    return tensor(
        g.add(op, x, size=list(size), padding=padding, **{**border, **steps(stride, [1])})
    )


def first_order(items: Sequence[int]) -> list[int]:
    """Return what is given per dimension, channels last, for channels first."""
    return [items[0], items[-1], *items[1:-1]]
