"""Operators that read images between their items, or put blocks into them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.shapes import per_axis, window_padding
from nnefx.converters.onnx.tables import rules
from nnefx.converters.onnx.window import check_kernel
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Ints = Sequence[int] | None

_SAMPLING = {"bilinear": "linear", "bicubic": "cubic"}


@rules.on("GridSample")
def grid_sample(
    g: Importer, x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear",
    padding_mode: str = "zeros",
) -> Any:  # fmt: skip
    return g.nnefx_grid_sample(
        x, grid, mode=_SAMPLING.get(mode, mode), border=padding_mode,
        align_corners=bool(align_corners),
    )  # fmt: skip


@rules.on("DeformConv")
def deform_conv(
    g: Importer, x: Tensor, w: Tensor, offset: Tensor, b: Tensor | None = None,
    mask: Tensor | None = None, *, dilations: Ints = None, group: int = 1,
    kernel_shape: Ints = None, offset_group: int = 1, pads: Ints = None, strides: Ints = None,
) -> Any:  # fmt: skip
    spatial = x.rank - 2
    stride = per_axis(strides, spatial, "strides")
    dilation = per_axis(dilations, spatial, "dilations")
    check_kernel(w, kernel_shape)
    padding = window_padding(x.shape[2:], w.shape[2:], pads, "NOTSET", stride, dilation)
    y = g.nnefx_deform_conv(
        x, w, offset, 1.0 if mask is None else mask, padding=padding, stride=stride,
        dilation=dilation, groups=group, offset_groups=offset_group,
    )  # fmt: skip
    return y if b is None else g.add("add", y, g.viewed(b, (1, b.volume)))


@rules.on("RoiAlign", since=16)
def roi_align(
    g: Importer, x: Tensor, rois: Tensor, batch: Tensor, *,
    coordinate_transformation_mode: str = "half_pixel", mode: str = "avg", output_height: int = 1,
    output_width: int = 1, sampling_ratio: int = 0, spatial_scale: float = 1.0,
) -> Any:  # fmt: skip
    if mode not in ("avg", "max"):
        raise Reject("mode", f"mode is '{mode}'", "NX702")
    return g.nnefx_roi_align(
        x, rois, batch, output_size=[output_height, output_width], sampling=sampling_ratio,
        scale=spatial_scale, half_pixel=coordinate_transformation_mode == "half_pixel",
        maximum=mode == "max",
    )  # fmt: skip


@rules.on("RoiAlign")
def roi_align_10(
    g: Importer, x: Tensor, rois: Tensor, batch: Tensor, *, mode: str = "avg",
    output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Any:  # fmt: skip
    return roi_align(
        g, x, rois, batch, coordinate_transformation_mode="output_half_pixel", mode=mode,
        output_height=output_height, output_width=output_width, sampling_ratio=sampling_ratio,
        spatial_scale=spatial_scale,
    )  # fmt: skip


@rules.on("Col2Im")
def col2im(
    g: Importer, x: Tensor, image: Const, block: Const, *, dilations: Ints = None,
    pads: Ints = None, strides: Ints = None,
) -> Any:  # fmt: skip
    count = len(image)
    around = list(pads) if pads else [0] * (2 * count)
    return g.nnefx_col2im(
        x, image_shape=image.tolist(), block_shape=block.tolist(),
        padding=[(around[i], around[i + count]) for i in range(count)],
        stride=per_axis(strides, count, "strides"),
        dilation=per_axis(dilations, count, "dilations"),
    )  # fmt: skip


@rules.on("NonMaxSuppression")
def non_max_suppression(
    g: Importer, boxes: Const, scores: Const, most: Const | None = None,
    overlap: Const | None = None, least: Const | None = None, *, center_point_box: int = 0,
) -> Tensor:  # fmt: skip
    limit = 0 if most is None else int(most.reshape(-1)[0])
    threshold = 0.0 if overlap is None else float(overlap.reshape(-1)[0])
    floor = -np.inf if least is None else float(least.reshape(-1)[0])
    found = [
        (batch, label, index)
        for batch, classes in enumerate(scores)
        for label, items in enumerate(classes)
        for index in _kept(_corners(boxes[batch], center_point_box), items, limit, threshold, floor)
    ]
    return g.known(np.array(found, np.int64).reshape(-1, 3))


def _corners(boxes: Any, centred: int) -> Any:
    if centred:
        half = boxes[:, 2:] / 2
        return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    pairs = np.sort(boxes.reshape(-1, 2, 2), axis=1)  # any two opposite corners may be given
    return pairs.reshape(-1, 4)


def _kept(boxes: Any, scores: Any, limit: int, threshold: float, floor: float) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if len(kept) >= limit or not scores[index] > floor:
            break
        if all(_overlap(boxes[index], boxes[other]) <= threshold for other in kept):
            kept.append(int(index))
    return kept


def _overlap(one: Any, two: Any) -> float:
    low, high = np.maximum(one[:2], two[:2]), np.minimum(one[2:], two[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    total = float(np.prod(one[2:] - one[:2]) + np.prod(two[2:] - two[:2])) - shared
    return shared / total if total > 0 else 0.0
