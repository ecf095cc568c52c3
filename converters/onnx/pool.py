"""Pooling."""

from collections.abc import Sequence
from typing import Any

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.shapes import Padding, ceiled, per_axis, unless_ones, window_padding
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None


class Window:
    """The window of a pooling node, for all dimensions as NNEF wants it."""

    def __init__(
        self, x: Tensor, size: Sequence[int], strides: Ints, dilations: Ints, pads: Ints,
        auto_pad: str, ceil_mode: int,
    ) -> None:  # fmt: skip
        spatial = x.rank - 2
        if len(size) != spatial:
            raise Reject("kernel_shape", f"it has {len(size)} items, expected {spatial}", "NX304")
        stride = per_axis(strides, spatial, "strides")
        dilation = per_axis(dilations, spatial, "dilations")
        around = window_padding(x.shape[2:], size, pads, auto_pad, stride, dilation)
        self.size = [1, 1, *size]
        self.stride = [1, 1, *stride]
        self.dilation = [1, 1, *dilation]
        self.padding: Padding = [(0, 0), (0, 0), *around]
        extra = [0] * spatial
        if ceil_mode and auto_pad in ("NOTSET", "VALID"):
            extra = ceiled(x.shape[2:], size, around, stride, dilation)
        self.extra = [0, 0, *extra]

    @property
    def full(self) -> Padding:
        """The padding with what the last part window needs."""
        return [(before, after + more) for (before, after), more in zip(self.padding, self.extra)]

    def arguments(self, padding: Padding, border: str) -> dict[str, Any]:
        """Return the attributes of an NNEF pooling operation."""
        return {
            "size": self.size, "padding": padding, "border": border,
            "stride": unless_ones(self.stride), "dilation": unless_ones(self.dilation),
        }  # fmt: skip


@rules.on("MaxPool")
def max_pool(
    g: Importer, x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, dilations: Ints = None, pads: Ints = None, storage_order: int = 0,
    strides: Ints = None,
) -> Any:  # fmt: skip
    window = Window(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    arguments = window.arguments(window.full, "ignore")
    if g.wants(1):
        return g.nnefx_max_pool_with_index(
            _scalar(g, x), **arguments, column_major=bool(storage_order)
        )
    y = g.max_pool(_scalar(g, x), **arguments)
    return y if x.kind == "scalar" else g.typed(g.cast(y, dtype="integer"), x.dtype)


def _scalar(g: Importer, x: Tensor) -> Tensor:
    """Return small integers as scalars, which hold them exactly."""
    if x.kind == "integer" and x.dtype.itemsize > 2:
        raise Reject(None, f"pooling of {x.dtype.name} is not supported", "NX704")
    result = x if x.kind == "scalar" else g.cast(x, dtype="scalar")
    assert isinstance(result, Tensor)
    return result


@rules.on("AveragePool")
def average_pool(
    g: Importer, x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, count_include_pad: int = 0, dilations: Ints = None, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    window = Window(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if not count_include_pad:
        return g.avg_pool(x, **window.arguments(window.full, "ignore"))
    if not any(window.extra):
        return g.avg_pool(x, **window.arguments(window.padding, "constant"))
    # The padding counts, but not what lies behind it in the last part window.
    padded = g.pad(x, padding=window.padding) if any(map(any, window.padding)) else x
    extra = [(0, more) for more in window.extra]
    return g.avg_pool(padded, **window.arguments(extra, "ignore"))


@rules.on("LpPool")
def lp_pool(
    g: Importer, x: Tensor, *, kernel_shape: Sequence[int], auto_pad: str = "NOTSET",
    ceil_mode: int = 0, dilations: Ints = None, p: float = 2.0, pads: Ints = None,
    strides: Ints = None,
) -> Any:  # fmt: skip
    window = Window(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    arguments = window.arguments(window.full, "constant")
    return rooted(g, g.box(powered(g, x, p), **arguments), p)


def powered(g: Importer, x: Tensor, p: float) -> Any:
    """Return |x|^p."""
    if p == 2:
        return g.sqr(x)
    return g.abs(x) if p == 1 else g.pow(g.abs(x), float(p))


def rooted(g: Importer, x: Tensor, p: float) -> Any:
    """Return x^(1/p)."""
    if p == 2:
        return g.sqrt(x)
    return x if p == 1 else g.pow(x, 1.0 / p)


@rules.on("GlobalAveragePool")
def global_average_pool(g: Importer, x: Tensor) -> Any:
    return g.mean_reduce(x, axes=list(range(2, x.rank)))


@rules.on("GlobalMaxPool")
def global_max_pool(g: Importer, x: Tensor) -> Any:
    return g.max_reduce(x, axes=list(range(2, x.rank)))


@rules.on("GlobalLpPool")
def global_lp_pool(g: Importer, x: Tensor, *, p: float = 2) -> Any:
    return rooted(g, g.sum_reduce(powered(g, x, p), axes=list(range(2, x.rank))), p)


@rules.on("MaxUnpool")
def max_unpool(
    g: Importer, x: Tensor, index: Tensor, output_shape: Const | None = None, *,
    kernel_shape: Sequence[int], pads: Ints = None, strides: Ints = None,
) -> Any:  # fmt: skip
    stride = per_axis(strides, x.rank - 2, "strides")
    around = window_padding(x.shape[2:], kernel_shape, pads, "NOTSET", stride, stride)
    inferred = [
        (extent - 1) * step + size - before - after
        for extent, step, size, (before, after) in zip(x.shape[2:], stride, kernel_shape, around)
    ]
    shape = [*x.shape[:2], *inferred]
    target = shape if output_shape is None else [int(extent) for extent in output_shape]
    # Indices count in the tensor that was pooled, whose extents are the inferred ones.
    return g.nnefx_max_unpool(x, index, pooled_shape=shape, output_shape=target)
