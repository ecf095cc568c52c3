"""Arithmetic of axes, pads and strides, as ONNX counts them."""

from collections.abc import Sequence

from nnefx.ops import Reject
from nnefx.ops.registry import Shape

Padding = list[tuple[int, int]]


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front; raise Reject where there is none."""
    if not -rank <= axis < max(rank, 1):
        raise Reject("axis", f"axis {axis} does not exist in rank {rank}", "NX304")
    return axis % max(rank, 1)


def axes_of(axes: Sequence[int], rank: int) -> list[int]:
    """Return axes counted from the front, in ascending order."""
    found = sorted(axis_of(int(axis), rank) for axis in axes)
    if len(set(found)) < len(found):
        raise Reject("axes", f"axes {list(axes)} name one twice", "NX304")
    return found


def window_padding(
    extents: Shape,
    sizes: Sequence[int],
    pads: Sequence[int] | None,
    auto_pad: str,
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Padding:
    """Return (before, after) per dimension of a window that moves over `extents`."""
    rank = len(extents)
    if auto_pad == "NOTSET":
        given = list(pads) if pads else [0] * (2 * rank)
        if len(given) != 2 * rank:
            raise Reject("pads", f"pads has {len(given)} items, expected {2 * rank}", "NX304")
        return [(given[i], given[i + rank]) for i in range(rank)]
    if auto_pad == "VALID":
        return [(0, 0)] * rank
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise Reject("auto_pad", f"auto_pad is '{auto_pad}'", "NX702")
    result = []
    for extent, size, stride, dilation in zip(extents, sizes, strides, dilations):
        steps = -(-extent // stride)
        total = max((steps - 1) * stride + (size - 1) * dilation + 1 - extent, 0)
        less, more = total // 2, total - total // 2
        result.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
    return result


def ceiled(
    extents: Shape,
    sizes: Sequence[int],
    padding: Padding,
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """Return what each dimension needs behind its padding so that the last part window counts."""
    extra = []
    for extent, size, (before, after), stride, dilation in zip(
        extents, sizes, padding, strides, dilations
    ):
        window = (size - 1) * dilation + 1
        steps = -(-(extent + before + after - window) // stride)
        if steps * stride >= extent + before:  # a window must not begin in the padding behind
            steps -= 1
        extra.append(max(steps * stride + window - extent - before - after, 0))
    return extra


def per_axis(values: Sequence[int] | None, count: int, name: str) -> list[int]:
    """Return one item per axis, ones where the attribute is absent."""
    if values is None or len(values) == 0:
        return [1] * count
    if len(values) != count:
        raise Reject(name, f"{name} has {len(values)} items, expected {count}", "NX304")
    return list(values)


def unless_ones(values: Sequence[int]) -> list[int]:
    """Return the values, or the empty array, which means the same, where all are 1."""
    return [] if set(values) <= {1} else list(values)
