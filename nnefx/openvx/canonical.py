"""Windows as OpenVX can slide them: exact strides and symmetric padding from any NNEF window.

OpenVX infers the stride from the extents, and implementations infer it by different rules. A
window is accepted where all rules of the profile give the stride that is meant; otherwise zeros
are added to the kernel until the extents are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from nnefx.openvx.profiles import Profile
from nnefx.openvx.shapes import stride
from nnefx.ops.shapes import Axis


class Windows(TypedDict):
    """The attributes of an operation with windows over all axes of its input."""

    size: Sequence[int]
    padding: Sequence[tuple[int, int]]
    stride: Sequence[int]
    dilation: Sequence[int]


def plane(along: Sequence[Axis]) -> tuple[Axis, Axis]:
    """Return the spatial axes as (x, y): rank 3 has no y, rank 2 has none."""
    if not along:
        return Axis(1, 1), Axis(1, 1)
    return (along[0], Axis(1, 1)) if len(along) == 1 else (along[1], along[0])


@dataclass(frozen=True, slots=True)
class Slide:
    """One dimension of a window in OpenVX: `size` items every `step`, `dilation` zeros between.

    `before` and `after` are zeros that the kernel grows by; `crop` is how much of the input's end
    is left out, where that makes the extents exact. Where a target can be told, `stride` is what
    it is told, and `trailing` the padding at the end; else the stride is 0.
    """

    size: int
    padding: int
    dilation: int = 0
    before: int = 0
    after: int = 0
    crop: int = 0
    trailing: int = 0
    stride: int = 0

    @property
    def reach(self) -> int:
        """The extent of the window with its zeros."""
        return self.before + (self.size - 1) * (self.dilation + 1) + 1 + self.after


def infers(profile: Profile, axis: Axis, slide: Slide, rounding: str) -> bool:
    """Tell whether every rule that may be used gives the stride of `axis`."""
    slack = axis.up - slide.crop + 2 * slide.padding - slide.reach
    if axis.down == 1 or slack < 0:
        return slack == 0
    rules = {rounding, *(rule for rule in profile.size_rules if rule == "nearest")}
    extent = axis.up - slide.crop
    return all(
        stride(extent, slide.reach, slide.padding, axis.down, rule) == axis.stride for rule in rules
    )


def plain(profile: Profile, axis: Axis, rounding: str, dilated: bool = True) -> Slide | None:
    """Return the window without growing it, None where the stride would be another.

    Without padding, the end of the input that no window reaches can be left out.
    """
    before, after = axis.around
    dilation = axis.dilation - 1 if axis.size > 1 else 0
    if before < 0 or after > before or (dilation and not dilated):
        return None
    for crop in [0, -after] if before == 0 and -axis.up < after < 0 else [0]:
        slide = Slide(axis.size, before, dilation, crop=crop)
        if infers(profile, axis, slide, rounding):
            return slide
    return None


def grown(axis: Axis) -> Slide:
    """Return the window with zeros such that (down - 1) * stride + reach is the padded extent."""
    before, after = axis.around
    crop = min(max(-after, 0), axis.up - 1)
    after += crop
    padding = max(before, after, 0)
    dilation = axis.dilation - 1 if axis.size > 1 else 0
    return Slide(axis.size, padding, dilation, padding - before, padding - after, crop)


def told(axis: Axis) -> Slide:
    """Return the window for a target that is told padding of either side and the stride."""
    before, after = axis.around
    crop = min(max(-after, 0), axis.up - 1)
    dilation = axis.dilation - 1 if axis.size > 1 else 0
    trailing = max(after, 0)
    return Slide(axis.size, before, dilation, crop=crop, trailing=trailing, stride=axis.stride)


def slides(profile: Profile, axes: tuple[Axis, Axis]) -> tuple[str, list[Slide]]:
    """Return the rounding mode (one for both dimensions) and the windows that cost least."""
    choices = []
    for rounding in ("ceiling", "floor"):
        found: list[Slide] = []
        for axis in axes:
            slide = plain(profile, axis, rounding, profile.dilation)
            if slide is None:
                slide = grown(axis)
                if not infers(profile, axis, slide, rounding):
                    break
            found.append(slide)
        if len(found) == 2:
            area = found[0].reach * found[1].reach
            choices.append((area, rounding, found))
    _, rounding, best = min(choices, key=lambda choice: choice[0])
    if profile.extended and any(slide.before or slide.after for slide in best):
        return "FLOOR", [told(axis) for axis in axes]
    return rounding.upper(), best
