"""TensorFlow operators with weights or windows, and normalizations."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnefx.converters.broadcast import aligned
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import resize
from nnefx.converters.tensorflow.axes import (
    channels_first,
    channels_last,
    ints,
    tensor,
    transposed,
)
from nnefx.converters.tensorflow.blocks import conv_last, into_batch, out_of_batch
from nnefx.converters.tensorflow.einsum import einsum
from nnefx.converters.tensorflow.graph.importer import GraphImporter as Importer
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.converters.tensorflow.indices import max_pool_with_index
from nnefx.converters.tensorflow.moving import depth_to_space as to_space
from nnefx.converters.tensorflow.moving import space_to_depth as to_depth
from nnefx.converters.tensorflow.normalize import normalized_response
from nnefx.converters.tensorflow.window import (
    conv,
    deconv,
    depthwise_first,
    filter_first,
    first_order,
    groups_of,
    padding_of,
    pool,
)
from nnefx.ops import Reject

Ints = Sequence[int]
_FIRST = ("NCHW", "NCDHW", "NCW")


def _spatial(items: Ints, data_format: str) -> list[int]:
    """Return the items for spatial dimensions of an attribute that has one per dimension."""
    if data_format in _FIRST:
        return list(items[2:])
    if items and (items[0] != 1 or items[-1] != 1):
        raise Reject(None, f"{list(items)} moves along batch or channels", "NX702")
    return list(items[1:-1])


def _explicit(items: Ints, data_format: str) -> list[int]:
    return list(items[4:]) if data_format in _FIRST else list(items[2:-2])


@rules.on("Conv2D", "Conv3D")
def conv_2d(
    g: Importer, x: Tensor, w: Tensor, *, strides: Ints, padding: str,
    data_format: str = "NHWC", dilations: Ints = (), explicit_paddings: Ints = (),
) -> Tensor:  # fmt: skip
    return _convolved(
        g, x, filter_first(g, w), strides, padding, data_format, dilations, explicit_paddings
    )


@rules.on("DepthwiseConv2dNative")
def depthwise_conv_2d(
    g: Importer, x: Tensor, w: Tensor, *, strides: Ints, padding: str,
    data_format: str = "NHWC", dilations: Ints = (), explicit_paddings: Ints = (),
) -> Tensor:  # fmt: skip
    first = depthwise_first(g, w)
    return _convolved(g, x, first, strides, padding, data_format, dilations, explicit_paddings)


def _convolved(
    g: Importer, x: Tensor, w: Tensor, strides: Ints, padding: str, data_format: str,
    dilations: Ints, explicit: Ints,
) -> Tensor:  # fmt: skip
    count = w.rank - 2
    stride = _spatial(strides, data_format)
    dilation = _spatial(dilations, data_format) or [1] * count
    around = padding_of(padding, count, _explicit(explicit, data_format))
    if data_format in _FIRST:
        return conv(
            g, x, w, None, stride=stride, dilation=dilation, padding=around, groups=groups_of(x, w)
        )
    if w.shape[1] == 0 or x.shape[-1] % w.shape[1]:
        text = f"the filter takes {w.shape[1]} channels, the input has {x.shape[-1]}"
        raise Reject("filter", text, "NX304")
    return conv_last(
        g, x, w, None, stride=stride, dilation=dilation, padding=around,
        groups=x.shape[-1] // w.shape[1],
    )  # fmt: skip


@rules.on("Conv2DBackpropInput", "Conv3DBackpropInputV2")
def conv_2d_transpose(
    g: Importer, sizes: Const, w: Tensor, x: Tensor, *, strides: Ints, padding: str,
    data_format: str = "NHWC", dilations: Ints = (), explicit_paddings: Ints = (),
) -> Tensor:  # fmt: skip
    return _transposed_conv(
        g, sizes, filter_first(g, w), x, strides, padding, data_format, dilations,
        explicit_paddings, 1,
    )  # fmt: skip


@rules.on("DepthwiseConv2dNativeBackpropInput")
def depthwise_conv_2d_transpose(
    g: Importer, sizes: Const, w: Tensor, x: Tensor, *, strides: Ints, padding: str,
    data_format: str = "NHWC", dilations: Ints = (), explicit_paddings: Ints = (),
) -> Tensor:  # fmt: skip
    return _transposed_conv(
        g, sizes, depthwise_first(g, w), x, strides, padding, data_format, dilations,
        explicit_paddings, w.shape[2],
    )  # fmt: skip


def _transposed_conv(
    g: Importer, sizes: Any, w: Tensor, x: Tensor, strides: Ints, padding: str, data_format: str,
    dilations: Ints, explicit: Ints, groups: int,
) -> Tensor:  # fmt: skip
    """Filters are (O, I, ...) of the convolution that is undone, which is what `deconv` takes."""
    target, count = ints(sizes), w.rank - 2
    first = data_format in _FIRST
    if len(target) == count:
        channels = w.shape[1] * groups
        target = [x.shape[0], channels, *target] if first else [x.shape[0], *target, channels]
    y = deconv(
        g, x if first else channels_first(g, x), w, None,
        shape=target if first else first_order(target), stride=_spatial(strides, data_format),
        dilation=_spatial(dilations, data_format) or [1] * count,
        padding=padding_of(padding, count, _explicit(explicit, data_format)), groups=groups,
    )  # fmt: skip
    return y if first else channels_last(g, y)


@rules.on("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")
def pool_2d(
    g: Importer, x: Tensor, *, ksize: Ints, strides: Ints, padding: str,
    data_format: str = "NHWC", explicit_paddings: Ints = (),
) -> Tensor:  # fmt: skip
    op = "max_pool" if g.kind.startswith("Max") else "avg_pool"
    return _pooled(g, op, x, ksize, strides, padding, data_format, explicit_paddings)


@rules.on("MaxPoolV2")
def max_pool_v2(
    g: Importer, x: Tensor, ksize: Const, strides: Const, *, padding: str,
    data_format: str = "NHWC",
) -> Tensor:  # fmt: skip
    return _pooled(g, "max_pool", x, ints(ksize), ints(strides), padding, data_format, ())


def _pooled(
    g: Importer, op: str, x: Tensor, ksize: Ints, strides: Ints, padding: str, data_format: str,
    explicit: Ints,
) -> Tensor:  # fmt: skip
    if data_format in _FIRST:
        around = padding_of(padding, x.rank, explicit)
        return pool(g, op, x, size=ksize, stride=strides, padding=around)
    pairs = [*explicit[:2], *explicit[-2:], *explicit[2:-2]]
    y = pool(
        g, op, channels_first(g, x), size=first_order(ksize), stride=first_order(strides),
        padding=padding_of(padding, x.rank, pairs),
    )  # fmt: skip
    return channels_last(g, y)


@rules.on("MaxPoolWithArgmax")
def max_pool_with_argmax(
    g: Importer, x: Tensor, *, ksize: Ints, strides: Ints, padding: str,
    include_batch_in_index: bool = False, Targmax: Any = np.int64,
) -> Any:  # fmt: skip
    return max_pool_with_index(
        g, x, list(ksize), list(strides), padding, np.dtype(Targmax), include_batch_in_index
    )


@rules.on("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def fused_batch_norm(
    g: Importer, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, *,
    epsilon: float = 1e-4, data_format: str = "NHWC", is_training: bool = True,
    exponential_avg_factor: float = 1.0,
) -> Any:  # fmt: skip
    first = data_format in _FIRST
    y = x if first else channels_first(g, x)
    values = [g.viewed(item, (1, item.volume)) for item in (mean, variance, offset, scale)]
    if is_training:
        axes = [0, *range(2, x.rank)]
        moments = g.moments(y, axes=axes)
        values[0], values[1] = moments
    result = tensor(g.batch_normalization(y, *values, epsilon=epsilon))
    result = result if first else channels_last(g, result)
    return [result, mean, variance, mean, variance, mean]


@rules.on("LRN")
def lrn(
    g: Importer, x: Tensor, *, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0,
    beta: float = 0.5,
) -> Tensor:  # fmt: skip
    return normalized_response(g, x, depth_radius, bias, alpha, beta)


@rules.on("L2Loss")
def l2_loss(g: Importer, x: Tensor) -> Tensor:
    axes = list(range(x.rank))
    total = g.squeeze(g.sum_reduce(g.sqr(x), axes=axes), axes=axes)
    return tensor(g.mul(total, 0.5))


@rules.on("Softmax")
def softmax(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.softmax(x, axes=[x.rank - 1]))


@rules.on("LogSoftmax")
def log_softmax(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.nnefx_log_softmax(x, axes=[x.rank - 1]))


@rules.on("MatMul")
def mat_mul(
    g: Importer, x: Tensor, y: Tensor, *, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    if x.kind == "integer":
        left = transposed(g, x, [1, 0]) if transpose_a else x
        right = transposed(g, y, [1, 0]) if transpose_b else y
        return g.typed(tensor(g.nnefx_integer_matmul(left, right)), x.dtype)
    if y.known and not x.known and not transpose_a:
        return tensor(g.linear(x, y if transpose_b else transposed(g, y, [1, 0])))
    return tensor(g.matmul(x, y, transposeA=transpose_a, transposeB=transpose_b))


@rules.on("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_mat_mul(
    g: Importer, x: Tensor, y: Tensor, *, adj_x: bool = False, adj_y: bool = False
) -> Tensor:
    left, right = aligned(g, x, y)
    return tensor(g.matmul(left, right, transposeA=adj_x, transposeB=adj_y))


@rules.on("Einsum")
def einsum_(g: Importer, *tensors: Tensor, equation: str, N: int = 0) -> Tensor:
    return einsum(g, tensors, equation)


Resize = Callable[[Any, Tensor, Ints, str], Tensor]


def _resized(
    g: Importer, x: Tensor, size: Any, method: Resize, align_corners: bool, half_pixel: bool
) -> Tensor:
    way = resize.convention(align_corners, half_pixel)
    if x.kind == "integer":
        raise Reject(None, f"resizing of {x.dtype.name} is not supported", "NX704")
    return channels_last(g, method(g, channels_first(g, x), ints(size), way))


@rules.on("ResizeBilinear")
def resize_bilinear(
    g: Importer, x: Tensor, size: Const, *, align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    return _resized(g, x, size, resize.bilinear, align_corners, half_pixel_centers)


@rules.on("ResizeNearestNeighbor")
def resize_nearest(
    g: Importer, x: Tensor, size: Const, *, align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    return _resized(g, x, size, resize.nearest, align_corners, half_pixel_centers)


@rules.on("ResizeArea")
def resize_area(g: Importer, x: Tensor, size: Const, *, align_corners: bool = False) -> Tensor:
    target = ints(size)
    factors = [extent // t for extent, t in zip(x.shape[1:3], target)]
    if align_corners or any(t * f != e for t, f, e in zip(target, factors, x.shape[1:3])):
        raise Reject("size", f"{target} does not divide {list(x.shape[1:3])}", "NX702")
    return channels_last(g, tensor(g.area_downsample(channels_first(g, x), factor=factors)))


@rules.on("ResizeBicubic")
def resize_bicubic(
    g: Importer, x: Tensor, size: Const, *, align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    return _resized(g, x, size, resize.bicubic, align_corners, half_pixel_centers)


@rules.on("SpaceToBatchND")
def space_to_batch_nd(g: Importer, x: Tensor, blocks: Const, paddings: Const) -> Tensor:
    return into_batch(g, x, blocks, paddings)


@rules.on("BatchToSpaceND")
def batch_to_space_nd(g: Importer, x: Tensor, blocks: Const, crops: Const) -> Tensor:
    return out_of_batch(g, x, blocks, crops)


@rules.on("SpaceToBatch")
def space_to_batch(g: Importer, x: Tensor, paddings: Const, *, block_size: int) -> Tensor:
    return into_batch(g, x, [block_size, block_size], paddings)


@rules.on("BatchToSpace")
def batch_to_space(g: Importer, x: Tensor, crops: Const, *, block_size: int) -> Tensor:
    return out_of_batch(g, x, [block_size, block_size], crops)


@rules.on("SpaceToDepth", "DepthToSpace")
def space_to_depth(g: Importer, x: Tensor, *, block_size: int, data_format: str = "NHWC") -> Tensor:
    move = to_depth if g.kind == "SpaceToDepth" else to_space
    if data_format == "NCHW":
        return channels_first(g, move(g, channels_last(g, x), block_size))
    if data_format != "NHWC":
        raise Reject("data_format", f"data_format is '{data_format}'", "NX702")
    return move(g, x, block_size)
