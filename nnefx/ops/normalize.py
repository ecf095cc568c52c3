"""Normalization operations (NNEF 1.0.5, section 4.9.4).

Their bodies run as fast as a kernel would, but for `batch_normalization`.
"""

from collections.abc import Sequence

import numpy as np

from nnefx.ops.broadcast import Tensor, broadcast_arrays, broadcast_shape, check_axes
from nnefx.ops.channels import is_per_channel, per_channel
from nnefx.ops.elementwise import fitting, ieee
from nnefx.ops.registry import Reject, Shape, define


def _local(input: Shape, *, size: Sequence[int], **_: float) -> Shape:
    """Return the input's shape: the window moves by 1 and is padded to keep every extent."""
    if len(size) != len(input):
        raise Reject("size", f"size has {len(size)} items, expected {len(input)}, the input's rank")
    for extent in size:
        if extent < 1:
            raise Reject("size", f"size has {extent}, expected 1 or more")
    return input


define("local_response_normalization", shape=_local)
define("local_mean_normalization", shape=_local)
define("local_variance_normalization", shape=_local)
define("local_contrast_normalization", shape=_local)


def _along_axes(input: Shape, *, axes: Sequence[int], **_: float) -> Shape:
    check_axes(axes, len(input))
    return input


define("l1_normalization", shape=_along_axes)
define("l2_normalization", shape=_along_axes)


def _batch_normalization(
    input: Shape,
    mean: Shape,
    variance: Shape,
    offset: Shape,
    scale: Shape,
    *,
    epsilon: float,  # noqa: ARG001
) -> Shape:
    shape = broadcast_shape(input, mean, parameter="mean")
    shape = broadcast_shape(shape, variance, parameter="variance")
    shape = broadcast_shape(shape, offset, parameter="offset")
    return broadcast_shape(shape, scale, parameter="scale")


def _run_batch_normalization(
    input: Tensor,
    mean: Tensor,
    variance: Tensor,
    offset: Tensor,
    scale: Tensor,
    *,
    epsilon: float,
    out: Tensor | None = None,
) -> Tensor:
    """Combine the small operands first: one pass each over the input for minus, times and plus."""
    x, mean, variance, offset, scale = broadcast_arrays(input, mean, variance, offset, scale)
    out = fitting(out, x, mean, variance, offset, scale)
    with ieee():
        factor = scale / np.sqrt(variance + epsilon)
        if is_per_channel(x, (mean, factor, offset)):
            steps = [(np.subtract, mean), (np.multiply, factor), (np.add, offset)]
            return per_channel(x, steps, out)
        return np.asarray((x - mean) * factor + offset)


define("batch_normalization", shape=_batch_normalization, run=_run_batch_normalization)
