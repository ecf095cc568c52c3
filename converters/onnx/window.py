"""Convolutions."""

from collections.abc import Sequence
from typing import Any

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.shapes import Padding, per_axis, unless_ones, window_padding
from nnefx.converters.onnx.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None


@rules.on("Conv")
def conv(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Ints = None, group: int = 1, kernel_shape: Ints = None, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    spatial = x.rank - 2
    stride = per_axis(strides, spatial, "strides")
    dilation = per_axis(dilations, spatial, "dilations")
    check_kernel(w, kernel_shape)
    padding = window_padding(x.shape[2:], w.shape[2:], pads, auto_pad, stride, dilation)
    return g.conv(
        x,
        w,
        biased(g, b),
        stride=unless_ones(stride),
        dilation=unless_ones(dilation),
        padding=padding,
        groups=group,
    )


@rules.on("ConvTranspose")
def conv_transpose(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Ints = None, group: int = 1, kernel_shape: Ints = None,
    output_padding: Ints = None, output_shape: Ints = None, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    spatial = x.rank - 2
    stride = per_axis(strides, spatial, "strides")
    dilation = per_axis(dilations, spatial, "dilations")
    check_kernel(w, kernel_shape)
    beyond = list(output_padding) if output_padding else [0] * spatial
    full = [
        (extent - 1) * step + (size - 1) * spread + 1
        for extent, step, size, spread in zip(x.shape[2:], stride, w.shape[2:], dilation)
    ]
    if output_shape:
        wanted = list(output_shape)[-spatial:]
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [extent * step for extent, step in zip(x.shape[2:], stride)]
    else:
        wanted = []
    if wanted:
        padding = _cropped(full, beyond, wanted, auto_pad)
    else:
        padding = window_padding(x.shape[2:], w.shape[2:], pads, auto_pad, stride, dilation)
        wanted = [
            extent + more - before - after
            for extent, more, (before, after) in zip(full, beyond, padding)
        ]
    return _deconv(g, x, w, b, full, wanted, padding, stride, dilation, group)


def _cropped(full: list[int], beyond: list[int], wanted: list[int], auto_pad: str) -> Padding:
    padding = []
    for extent, more, target in zip(full, beyond, wanted):
        total = extent + more - target
        if total < -1:  # the text halves it, and does not say which way a negative half is rounded
            text = f"extent {target} is beyond the reach of the filter, {extent + more}"
            raise Reject("output_shape", text, "NX702")
        less, rest = total // 2, total - total // 2
        padding.append((less, rest) if auto_pad == "SAME_UPPER" else (rest, less))
    return padding


def _deconv(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None, full: list[int], wanted: list[int],
    padding: Padding, stride: list[int], dilation: list[int], group: int,
) -> Any:  # fmt: skip
    """Emit `deconv`; what the output has behind the reach of the filter is the bias alone."""
    behind = [
        target - (extent - before) for extent, target, (before, _) in zip(full, wanted, padding)
    ]
    regular = [(before, max(-more, 0)) for (before, _), more in zip(padding, behind)]
    if all(more <= 0 for more in behind) and all(before >= 0 for before, _ in regular):
        return g.deconv(
            x,
            w,
            biased(g, b),
            stride=unless_ones(stride),
            dilation=unless_ones(dilation),
            padding=regular,
            groups=group,
        )
    crops = [max(before, 0) for before, _ in padding]
    y = g.deconv(
        x, w, stride=unless_ones(stride), dilation=unless_ones(dilation), groups=group,
        padding=[(crop, max(-more, 0)) for crop, more in zip(crops, behind)],
    )  # fmt: skip
    grown = [(max(-before, 0), max(more, 0)) for (before, _), more in zip(padding, behind)]
    y = g.pad(y, padding=[(0, 0), (0, 0), *grown])
    return y if b is None else g.add("add", y, biased(g, b))


def biased(g: Importer, b: Tensor | None) -> Any:
    """Return a bias of C items in the shape (1, C); a literal where it is one number, or none."""
    if b is None:
        return 0.0
    return g.viewed(b, () if b.known and b.volume == 1 else (1, b.volume))


def check_kernel(w: Tensor, kernel_shape: Ints) -> None:
    """Refuse a `kernel_shape` that is not the filter's."""
    if kernel_shape is not None and tuple(kernel_shape) != w.shape[2:]:
        text = f"kernel_shape {list(kernel_shape)} is not that of the filter {list(w.shape)}"
        raise Reject("kernel_shape", text, "NX304")
