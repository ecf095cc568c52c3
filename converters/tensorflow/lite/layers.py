"""TFLite operators with weights or windows, and normalizations."""

import struct
from typing import Any

from nnefx.converters.broadcast import aligned
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow import resize
from nnefx.converters.tensorflow.axes import (
    axes_of,
    axis_of,
    channels_first,
    channels_last,
    ints,
    tensor,
    transposed,
)
from nnefx.converters.tensorflow.blocks import conv_last, into_batch, out_of_batch
from nnefx.converters.tensorflow.indices import max_pool_with_index
from nnefx.converters.tensorflow.lite.importer import LiteImporter as Importer
from nnefx.converters.tensorflow.lite.tables import rules
from nnefx.converters.tensorflow.moving import reduced, squeezed
from nnefx.converters.tensorflow.normalize import faked, normalized_response
from nnefx.converters.tensorflow.window import biased, deconv, groups_of, padding_of, pool
from nnefx.ops import Reject

_PADDING = ("SAME", "VALID")


def _padding(number: int, count: int) -> Any:
    name = _PADDING[number] if 0 <= number < 2 else str(number)
    return padding_of(name, count)


def _filter(g: Importer, w: Tensor) -> Tensor:
    """Return a filter (O, ..., I) as (O, I, ...)."""
    return transposed(g, w, [0, w.rank - 1, *range(1, w.rank - 1)])


@rules.on("CONV_2D")
def conv_2d(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, padding: int = 0,
    stride_w: int = 1, stride_h: int = 1, dilation_w_factor: int = 1, dilation_h_factor: int = 1,
) -> Tensor:  # fmt: skip
    if x.rank != 4 or w.rank != 4:
        raise Reject(None, f"ranks {x.rank} and {w.rank}, expected 4", "NX304")
    first = _filter(g, w)
    groups = x.shape[3] // first.shape[1] if first.shape[1] else 0
    return conv_last(
        g, x, first, b, stride=[stride_h, stride_w],
        dilation=[dilation_h_factor, dilation_w_factor], padding=_padding(padding, 2),
        groups=groups,
    )  # fmt: skip


@rules.on("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, padding: int = 0,
    stride_w: int = 1, stride_h: int = 1, depth_multiplier: int = 0, dilation_w_factor: int = 1,
    dilation_h_factor: int = 1,
) -> Tensor:  # fmt: skip
    if x.rank != 4 or w.rank != 4 or w.shape[0] != 1:
        raise Reject(None, f"the filter has shape {list(w.shape)}, expected (1, H, W, C)", "NX304")
    first = transposed(g, w, [3, 0, 1, 2])
    return conv_last(
        g, x, first, b, stride=[stride_h, stride_w],
        dilation=[dilation_h_factor, dilation_w_factor], padding=_padding(padding, 2),
        groups=x.shape[3],
    )  # fmt: skip


@rules.on("CONV_3D")
def conv_3d(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, padding: int = 0,
    stride_d: int = 1, stride_w: int = 1, stride_h: int = 1, dilation_d_factor: int = 1,
    dilation_w_factor: int = 1, dilation_h_factor: int = 1,
) -> Tensor:  # fmt: skip
    first = transposed(g, w, [4, 3, 0, 1, 2])
    return conv_last(
        g, x, first, b, stride=[stride_d, stride_h, stride_w],
        dilation=[dilation_d_factor, dilation_h_factor, dilation_w_factor],
        padding=_padding(padding, 3), groups=groups_of(channels_first(g, x), first),
    )  # fmt: skip


@rules.on("CONV_3D_TRANSPOSE")
def conv_3d_transpose(
    g: Importer, shape: Const, w: Tensor, x: Tensor, b: Tensor | None = None, *, padding: int = 0,
    stride_d: int = 1, stride_w: int = 1, stride_h: int = 1, dilation_d_factor: int = 1,
    dilation_w_factor: int = 1, dilation_h_factor: int = 1,
) -> Tensor:  # fmt: skip
    target = ints(shape)
    y = deconv(
        g, channels_first(g, x), transposed(g, w, [4, 3, 0, 1, 2]), b,
        shape=[target[0], target[4], *target[1:4]], stride=[stride_d, stride_h, stride_w],
        dilation=[dilation_d_factor, dilation_h_factor, dilation_w_factor],
        padding=_padding(padding, 3),
    )  # fmt: skip
    return channels_last(g, y)


@rules.on("TRANSPOSE_CONV")
def transpose_conv(
    g: Importer, shape: Const, w: Tensor, x: Tensor, b: Tensor | None = None, *, padding: int = 0,
    stride_w: int = 1, stride_h: int = 1,
) -> Tensor:  # fmt: skip
    n, height, width, channels = ints(shape)
    y = deconv(
        g, channels_first(g, x), transposed(g, w, [3, 0, 1, 2]), b,
        shape=[n, channels, height, width], stride=[stride_h, stride_w], dilation=[1, 1],
        padding=_padding(padding, 2),
    )  # fmt: skip
    return channels_last(g, y)


@rules.on("Convolution2DTransposeBias")
def transpose_conv_with_bias(g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    padding, stride_w, stride_h = _custom(g, 3)
    _, rows, columns, _ = w.shape
    n, height, width, _ = x.shape
    same = padding == 1
    target = [
        extent * step if same else (extent - 1) * step + size
        for extent, step, size in zip((height, width), (stride_h, stride_w), (rows, columns))
    ]
    y = deconv(
        g, channels_first(g, x), transposed(g, w, [3, 0, 1, 2]), b, shape=[n, w.shape[0], *target],
        stride=[stride_h, stride_w], dilation=[1, 1],
        padding=padding_of("SAME" if same else "VALID", 2),
    )  # fmt: skip
    return channels_last(g, y)


def _custom(g: Importer, count: int) -> tuple[int, ...]:
    """Return the first numbers of the custom options, which are a record of 32-bit integers."""
    raw = g.node.custom if g.node is not None else b""
    if len(raw) < 4 * count:
        raise Reject(None, f"custom options have {len(raw)} bytes, {4 * count} are due", "NX703")
    return struct.unpack_from(f"<{count}i", raw)


@rules.on("MaxPoolingWithArgmax2D")
def max_pool_with_argmax(g: Importer, x: Tensor) -> Any:
    padding, stride_w, stride_h, width, height = _custom(g, 5)
    return max_pool_with_index(
        g, x, [1, height, width, 1], [1, stride_h, stride_w, 1],
        "SAME" if padding == 1 else "VALID", x.dtype, False,
    )  # fmt: skip


@rules.on("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
def pool_2d(
    g: Importer, x: Tensor, *, padding: int = 0, stride_w: int = 1, stride_h: int = 1,
    filter_width: int = 1, filter_height: int = 1,
) -> Tensor:  # fmt: skip
    ops = {"AVERAGE_POOL_2D": "avg_pool", "MAX_POOL_2D": "max_pool", "L2_POOL_2D": "rms_pool"}
    assert g.node is not None
    y = pool(
        g, ops[g.node.kind], channels_first(g, x), size=[1, 1, filter_height, filter_width],
        stride=[1, 1, stride_h, stride_w], padding=_padding(padding, 4),
    )  # fmt: skip
    return channels_last(g, y)


@rules.on("FULLY_CONNECTED")
def fully_connected(
    g: Importer, x: Tensor, w: Tensor, b: Tensor | None = None, *, keep_num_dims: bool = False
) -> Tensor:
    outputs, inputs = w.shape
    if x.volume % max(inputs, 1):
        raise Reject("weights", f"the filter takes {inputs} items, there are {x.volume}", "NX304")
    y = tensor(g.linear(g.viewed(x, (x.volume // inputs, inputs)), w, biased(g, b)))
    return g.viewed(y, (*x.shape[:-1], outputs)) if keep_num_dims else y


@rules.on("BATCH_MATMUL")
def batch_matmul(
    g: Importer, x: Tensor, y: Tensor, *, adj_x: bool = False, adj_y: bool = False
) -> Tensor:
    left, right = aligned(g, x, y)
    return tensor(g.matmul(left, right, transposeA=bool(adj_x), transposeB=bool(adj_y)))


@rules.on("RESIZE_BILINEAR")
def resize_bilinear(
    g: Importer, x: Tensor, size: Const, *, align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    method = resize.convention(align_corners, half_pixel_centers)
    return channels_last(g, resize.bilinear(g, channels_first(g, x), ints(size), method))


@rules.on("RESIZE_NEAREST_NEIGHBOR")
def resize_nearest(
    g: Importer, x: Tensor, size: Const, *, align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> Tensor:  # fmt: skip
    method = resize.convention(align_corners, half_pixel_centers)
    return channels_last(g, resize.nearest(g, channels_first(g, x), ints(size), method))


@rules.on("SPACE_TO_BATCH_ND")
def space_to_batch_nd(g: Importer, x: Tensor, blocks: Const, paddings: Const) -> Tensor:
    return into_batch(g, x, blocks, paddings)


@rules.on("BATCH_TO_SPACE_ND")
def batch_to_space_nd(g: Importer, x: Tensor, blocks: Const, crops: Const) -> Tensor:
    return out_of_batch(g, x, blocks, crops)


@rules.on("SOFTMAX")
def softmax(g: Importer, x: Tensor, *, beta: float = 1.0) -> Tensor:
    scaled = x if beta in (0.0, 1.0) else g.mul(x, float(beta))
    return tensor(g.softmax(scaled, axes=[x.rank - 1]))


@rules.on("LOG_SOFTMAX")
def log_softmax(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.nnefx_log_softmax(x, axes=[x.rank - 1]))


@rules.on("L2_NORMALIZATION")
def l2_normalization(g: Importer, x: Tensor) -> Tensor:
    return tensor(g.l2_normalization(x, axes=[x.rank - 1], epsilon=1e-6))


@rules.on("LOCAL_RESPONSE_NORMALIZATION")
def local_response_normalization(
    g: Importer, x: Tensor, *, radius: int, bias: float, alpha: float, beta: float
) -> Tensor:
    return normalized_response(g, x, radius, bias, alpha, beta)


@rules.on("DEQUANTIZE")
def dequantize(g: Importer, x: Tensor) -> Tensor:
    return x


@rules.on("DENSIFY")
def densify(g: Importer, x: Tensor) -> Tensor:
    return x


@rules.on("QUANTIZE")
def quantize(g: Importer, x: Tensor) -> Tensor:
    """Where nothing else needs `x`, its own entry in graph.quant says it all."""
    assert g.node is not None
    if x.value is None or x.value in g.entries or g.users.get(g.node.inputs[0], 0) > 1:
        return tensor(g.copy(x))
    g.site.made.add(x.value)
    return g.copied(x)


@rules.on("FAKE_QUANT")
def fake_quant(
    g: Importer, x: Tensor, *, min: float, max: float, num_bits: int = 8,
    narrow_range: bool = False,
) -> Tensor:  # fmt: skip
    return faked(g, x, float(min), float(max), num_bits, bool(narrow_range))


@rules.on("EMBEDDING_LOOKUP")
def embedding_lookup(g: Importer, ids: Tensor, x: Tensor) -> Tensor:
    return tensor(g.gather(x, ids, axis=0))


@rules.on("MEAN")
def mean(g: Importer, x: Tensor, axes: Const, *, keep_dims: bool = False) -> Tensor:

    return reduced(g, "mean_reduce", x, axes_of(axes, x.rank), bool(keep_dims))


@rules.on("ARG_MAX", "ARG_MIN")
def arg_max(g: Importer, x: Tensor, axis: Const, *, output_type: int = 0) -> Tensor:

    assert g.node is not None
    op = "argmax_reduce" if g.node.kind == "ARG_MAX" else "argmin_reduce"
    at = axis_of(ints(axis)[0], x.rank)
    name = f"nnefx_integer_{op}" if x.kind == "integer" else op
    return squeezed(g, tensor(g.add(name, x, axes=[at])), [at])
