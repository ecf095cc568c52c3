"""Layers of single-shot detectors."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import rank4
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

Floats = Sequence[float]

MAX_BOXES = 1 << 22


@rules.on("PriorBox")
def prior_box(
    g: Importer, x: Tensor, image: Tensor | None = None, *, min_size: Floats,
    max_size: Floats = (), aspect_ratio: Floats = (), flip: bool = True, clip: bool = False,
    variance: Floats = (), img_size: int | None = None, img_h: int | None = None,
    img_w: int | None = None, step: float | None = None, step_h: float | None = None,
    step_w: float | None = None, offset: float = 0.5,
) -> Any:  # fmt: skip
    cells = rank4(x)
    if img_h or img_w or img_size:
        picture = (img_h or img_size or 0, img_w or img_size or 0)
    elif image is not None:
        picture = rank4(image)
    else:
        raise Reject("img_size", "neither img_size nor a second bottom tells the picture", "NX703")
    steps = (step_h or step or picture[0] / cells[0], step_w or step or picture[1] / cells[1])
    if min(*picture, *steps) <= 0:
        raise Reject("step", f"picture {list(picture)} and steps {list(steps)}", "NX706")
    sizes = _sizes(min_size, max_size, _ratios(aspect_ratio, flip))
    if math.prod(cells) * len(sizes) > MAX_BOXES:
        text = f"{math.prod(cells) * len(sizes)} prior boxes are more than {MAX_BOXES}"
        raise Reject("min_size", text, "NX706")
    boxes = _boxes(cells, picture, steps, offset, sizes)
    spread = list(variance) or [0.1]
    if len(spread) not in (1, 4) or min(spread) <= 0:
        text = f"variance is {spread}, expected one or four numbers above 0"
        raise Reject("variance", text, "NX703")
    boxes = np.clip(boxes, 0, 1) if clip else boxes
    variances = np.resize(np.asarray(spread, np.float32), boxes.size)
    return g.known(np.stack([boxes.astype(np.float32), variances])[None], dtype=np.float32)


def _ratios(given: Floats, flip: bool) -> list[float]:
    ratios = [1.0]
    for ratio in given:
        if ratio <= 0:
            raise Reject("aspect_ratio", f"aspect_ratio is {ratio}, expected more than 0", "NX706")
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if flip else [ratio]
    return ratios[1:]


def _sizes(low: Floats, high: Floats, ratios: Floats) -> list[tuple[float, float]]:
    """Return widths and heights of the boxes of a cell, in pixels, in Caffe's order."""
    if not low or (high and len(high) != len(low)):
        text = f"{len(low)} min_size and {len(high)} max_size, expected as many, and at least one"
        raise Reject("min_size", text, "NX703")
    if min(low) <= 0 or any(b <= a for a, b in zip(low, high)):
        text = f"min_size {list(low)} and max_size {list(high)} are not above 0 and rising"
        raise Reject("min_size", text, "NX706")
    sizes: list[tuple[float, float]] = []
    for index, side in enumerate(map(int, low)):  # Caffe takes whole pixels, whatever is said
        sizes.append((side, side))
        if high:
            middle = math.sqrt(side * int(high[index]))
            sizes.append((middle, middle))
        sizes += [(side * math.sqrt(ratio), side / math.sqrt(ratio)) for ratio in ratios]
    return sizes


def _boxes(
    cells: tuple[int, int], picture: tuple[int, int], steps: tuple[float, float], offset: float,
    sizes: Sequence[tuple[float, float]],
) -> NDArray[np.float64]:  # fmt: skip
    """Return left, top, right and bottom of all boxes as parts of the picture, row by row."""
    y = ((np.arange(cells[0]) + offset) * steps[0])[:, None, None]
    x = ((np.arange(cells[1]) + offset) * steps[1])[None, :, None]
    half = np.asarray(sizes) / 2
    shape = (*cells, len(sizes))
    edges = [x - half[:, 0], y - half[:, 1], x + half[:, 0], y + half[:, 1]]
    scaled = [np.broadcast_to(edge, shape) / picture[1 - i % 2] for i, edge in enumerate(edges)]
    return np.stack(scaled, axis=-1).reshape(-1)


@rules.on("DetectionOutput")
def detection_output(
    g: Importer, location: Tensor, confidence: Tensor, priors: Tensor, *, num_classes: int,
    share_location: bool = True, background_label_id: int = 0,
    nms_param: Mapping[str, Any] | None = None, code_type: str = "CORNER", keep_top_k: int = -1,
    variance_encoded_in_target: bool = False, confidence_threshold: float = -3.4028235e38,
) -> Any:  # fmt: skip
    nms = {"nms_threshold": 0.3, "top_k": -1, "eta": 1.0} | dict(nms_param or {})
    if priors.rank != 3 or priors.shape[1] != 2:
        text = f"the third bottom is {list(priors.shape)}, expected (1, 2, boxes * 4)"
        raise Reject(None, text, "NX304")
    batch = location.shape[0]
    return g.nnefx_detection_output(
        g.viewed(location, (batch, location.volume // batch)),
        g.viewed(confidence, (batch, confidence.volume // batch)),
        priors,
        classes=num_classes,
        share_location=share_location,
        background=background_label_id,
        code_type=code_type.lower(),
        variance_encoded=variance_encoded_in_target,
        confidence_threshold=confidence_threshold,
        overlap_threshold=nms["nms_threshold"],
        eta=nms["eta"],
        candidates=nms["top_k"],
        keep=keep_top_k,
    )
