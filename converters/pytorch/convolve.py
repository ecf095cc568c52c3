"""Convolutions and their reverses."""

from typing import Any

from nnefx.converters.pytorch.cast import spread
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


def convolved(
    g: Importer, x: Tensor, weight: Tensor, bias: Tensor | None, **attributes: Any
) -> Any:
    """Emit `conv` or `deconv`; attributes that are the defaults are left out."""
    op = attributes.pop("op", "conv")
    biases = [] if bias is None else [g.viewed(bias, (1, bias.volume))]
    for name in ("stride", "dilation"):
        if set(attributes[name]) <= {1}:
            del attributes[name]
    if attributes["groups"] == 1:
        del attributes["groups"]
    return g.add(op, x, weight, *biases, **attributes)


def _forward(
    g: Importer, x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    count = weight.rank - 2
    batched = x if x.rank == weight.rank else g.viewed(x, (1, *x.shape))
    steps, gaps = spread(stride, count), spread(dilation, count)
    if isinstance(padding, str):
        around = [
            _same(size, gap) if padding == "same" else (0, 0)
            for size, gap in zip(weight.shape[2:], gaps)
        ]
    else:
        around = [(amount, amount) for amount in spread(padding, count)]
    result = convolved(
        g, batched, weight, bias, padding=around, stride=steps, dilation=gaps, groups=groups
    )
    return g.viewed(result, g.shape)


def _same(size: int, gap: int) -> tuple[int, int]:
    total = (size - 1) * gap
    return total // 2, total - total // 2


@rules.on("conv1d", "conv2d", "conv3d", "conv1d.padding", "conv2d.padding", "conv3d.padding")
def conv(
    g: Importer, input: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Any:  # fmt: skip
    return _forward(g, input, weight, bias, stride, padding, dilation, groups)


@rules.on("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input")
def conv_transpose(
    g: Importer, input: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Any = 1,
    padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    return _reverse(g, input, weight, bias, stride, padding, dilation, groups)


@rules.on("convolution", "_convolution")
def convolution(
    g: Importer, input: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, transposed: bool = False, output_padding: Any = 0,
    groups: int = 1, benchmark: Any = None, deterministic: Any = None, cudnn_enabled: Any = None,
    allow_tf32: Any = None,
) -> Any:  # fmt: skip
    if transposed:
        return _reverse(g, input, weight, bias, stride, padding, dilation, groups)
    return _forward(g, input, weight, bias, stride, padding, dilation, groups)


def _reverse(
    g: Importer, x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    """Emit `deconv`; the export knows the shape that output_padding leads to."""
    count = weight.rank - 2
    batched = x if x.rank == weight.rank else g.viewed(x, (1, *x.shape))
    steps, gaps, amounts = spread(stride, count), spread(dilation, count), spread(padding, count)
    shape = list(g.shape if x.rank == weight.rank else (1, *g.shape))
    before, after, extra = [], [], []
    for axis in range(count):
        size = (weight.shape[2 + axis] - 1) * gaps[axis] + 1
        full = (batched.shape[2 + axis] - 1) * steps[axis] + size
        before.append(amounts[axis])
        # what lies beyond the window of the last item holds nothing but the bias
        after.append(full - amounts[axis] - shape[2 + axis])
        extra.append(max(-after[axis], 0))
    around = [(first, max(last, 0)) for first, last in zip(before, after)]
    if any(extra):
        return _with_rim(g, batched, weight, bias, around, steps, gaps, groups, extra)
    result = convolved(
        g, batched, weight, bias, op="deconv", padding=around, stride=steps, dilation=gaps,
        groups=groups,
    )  # fmt: skip
    return g.viewed(result, g.shape)


def _with_rim(
    g: Importer, x: Tensor, weight: Tensor, bias: Any, around: Any, steps: Any, gaps: Any,
    groups: int, extra: list[int],
) -> Any:  # fmt: skip
    """Add what output_padding asks for beyond the last window: zeros, before the bias."""
    result = convolved(
        g, x, weight, None, op="deconv", padding=around, stride=steps, dilation=gaps, groups=groups
    )
    result = g.pad(result, padding=[(0, 0), (0, 0), *((0, amount) for amount in extra)])
    if bias is not None:
        result = g.add("add", result, g.viewed(bias, (1, bias.volume)))
    return g.viewed(result, g.shape)


@rules.on("im2col")
def im2col(
    g: Importer, self: Tensor, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    from nnefx.converters.pytorch.windows import column_index

    x = self if self.rank == 4 else g.viewed(self, (1, *self.shape))
    around = spread(padding, 2)
    if any(around):
        x = g.pad(x, padding=[(0, 0), (0, 0), *((amount, amount) for amount in around)])
    batch, channels, height, width = x.shape
    index, _ = column_index((height, width), kernel_size, dilation, stride)
    flat = g.viewed(x, (batch, channels, height * width))
    return g.viewed(g.gather(flat, g.known(index), axis=2), g.shape)


@rules.on("col2im")
def col2im(
    g: Importer, self: Tensor, output_size: Any, kernel_size: Any, dilation: Any, padding: Any,
    stride: Any,
) -> Any:  # fmt: skip
    """Emit `deconv` with an identity filter: every column goes back to the window it came from."""
    import numpy as np

    if self.kind != "scalar":
        raise Reject(None, "it is supported for scalars only", "NX704")
    sizes, gaps = spread(kernel_size, 2), spread(dilation, 2)
    steps, around = spread(stride, 2), spread(padding, 2)
    x = self if self.rank == 3 else g.viewed(self, (1, *self.shape))
    batch, rows, count = x.shape
    channels = rows // (sizes[0] * sizes[1])
    blocks = [
        (output_size[axis] + 2 * around[axis] - (sizes[axis] - 1) * gaps[axis] - 1) // steps[axis]
        + 1
        for axis in range(2)
    ]
    taps = sizes[0] * sizes[1]
    spreading = np.zeros((rows, 1, *sizes), np.float32)
    for row in range(rows):
        spreading[row, 0, row % taps // sizes[1], row % taps % sizes[1]] = 1
    assert count == blocks[0] * blocks[1]
    ends = [
        (blocks[axis] - 1) * steps[axis] + (sizes[axis] - 1) * gaps[axis] + 1 - output_size[axis]
        for axis in range(2)
    ]
    result = g.deconv(
        g.viewed(x, (batch, rows, *blocks)),
        g.known(spreading, "fold_filter"),
        padding=[(amount, end - amount) for amount, end in zip(around, ends)],
        stride=steps,
        dilation=gaps,
        groups=channels,
        output_shape=[batch, channels, *output_size],
    )
    return g.viewed(result, g.shape)
