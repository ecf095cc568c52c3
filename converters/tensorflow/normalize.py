"""Normalization over channels, and rounding as in training for quantization."""

from typing import Any

from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.axes import channels_first, channels_last, tensor


def normalized_response(
    g: Any, x: Tensor, radius: int, bias: float, alpha: float, beta: float
) -> Tensor:
    """Normalize over 2 * radius + 1 channels; NNEF divides alpha by that number, so multiply."""
    size = 2 * radius + 1
    y = g.local_response_normalization(
        channels_first(g, x), size=[1, size, *[1] * (x.rank - 2)], alpha=float(alpha) * size,
        beta=float(beta), bias=float(bias),
    )  # fmt: skip
    return channels_last(g, tensor(y))


def faked(g: Any, x: Tensor, low: float, high: float, bits: int, narrow: bool) -> Tensor:
    """Round to the grid that TensorFlow nudges so that zero is on it."""
    least = 1 if narrow else 0
    scale = (high - low) / (2**bits - 1 - least)
    zero = least - low / scale
    point = int(min(max(round(zero), least), 2**bits - 1))
    y = g.clamp(x, (least - point) * scale, (2**bits - 1 - point) * scale)
    y = g.zero_point_linear_quantize(y, point, scale, bits=bits, signed=False, symmetric=False)
    return tensor(y)
