"""Custom operation `nnefx_detection_output`: the last layer of single-shot detectors."""

from typing import Any

import numpy as np

from nnefx.ops.broadcast import Tensor, show
from nnefx.ops.registry import Reject, Shape, define

_CODES = ("corner", "center_size", "corner_size")


def _detection_shape(
    location: Shape, confidence: Shape, priors: Shape, *, classes: int, share_location: bool,
    background: int, code_type: str, candidates: int, keep: int, eta: float,
    overlap_threshold: float, **_: Any,
) -> Shape:  # fmt: skip
    if code_type not in _CODES:
        raise Reject("code_type", f"code_type is '{code_type}', expected one of {list(_CODES)}")
    if classes < 1 or len(priors) != 3 or priors[1] != 2 or priors[2] % 4:
        text = f"priors have shape {show(priors)}, expected [1,2,boxes * 4]"
        raise Reject("classes" if classes < 1 else "priors", text)
    if not 0 < eta <= 1 or overlap_threshold < 0:
        raise Reject(
            "eta", f"eta is {eta}, threshold {overlap_threshold}, expected 0 to 1, 0 or more"
        )
    boxes = priors[2] // 4
    places = boxes * 4 * (1 if share_location else classes)
    if len(location) != 2 or location[1] != places:
        expected = f"[{confidence[0]},{places}]"
        raise Reject("location", f"location has shape {show(location)}, expected {expected}")
    if confidence != (location[0], boxes * classes):
        expected = f"[{location[0]},{boxes * classes}]"
        raise Reject("confidence", f"confidence has shape {show(confidence)}, expected {expected}")
    counted = classes - (0 <= background < classes)
    most = counted * (min(candidates, boxes) if candidates > -1 else boxes)
    return (1, 1, location[0] * max(keep if keep > -1 else most, 1), 7)


def _detection_output(
    location: Tensor, confidence: Tensor, priors: Tensor, *, classes: int, share_location: bool,
    background: int, code_type: str, variance_encoded: bool, confidence_threshold: float,
    overlap_threshold: float, eta: float, candidates: int, keep: int,
) -> Tensor:  # fmt: skip
    shape = _detection_shape(
        location.shape, confidence.shape, priors.shape, classes=classes, eta=eta, keep=keep,
        share_location=share_location, background=background, code_type=code_type,
        candidates=candidates, overlap_threshold=overlap_threshold,
    )  # fmt: skip
    boxes = priors.shape[2] // 4
    prior, variance = priors[0].reshape(2, boxes, 1, 4)
    coded = location.reshape(len(location), boxes, -1, 4)
    found = []
    for picture, scores in enumerate(confidence.reshape(len(location), boxes, classes)):
        places = decode(coded[picture], prior, variance, code_type, variance_encoded)
        rows = []
        for label in range(classes):
            if label == background:
                continue
            own = places[:, 0 if share_location else label]
            kept = suppress(
                own, scores[:, label], confidence_threshold, overlap_threshold, eta, candidates
            )
            heads = [[picture, label, scores[index, label]] for index in kept]
            rows += [[*head, *own[index]] for head, index in zip(heads, kept)]
        found += _best(rows, keep)
    return _filled(found, shape, len(location), location.dtype)


def decode(
    coded: Tensor, prior: Tensor, variance: Tensor, code_type: str, variance_encoded: bool
) -> Tensor:
    """Return boxes of shape (boxes, classes, 4) from what a detector says about its prior boxes."""
    scaled = coded if variance_encoded else coded * variance
    extent = prior[..., 2:] - prior[..., :2]
    if code_type == "corner":
        return np.asarray(prior + scaled)
    if code_type == "corner_size":
        return np.asarray(prior + scaled * np.concatenate([extent, extent], axis=-1))
    center = (prior[..., :2] + prior[..., 2:]) / 2 + scaled[..., :2] * extent
    half = np.exp(scaled[..., 2:]) * extent / 2
    return np.concatenate([center - half, center + half], axis=-1)


def suppress(
    boxes: Tensor, scores: Tensor, threshold: float, overlap: float, eta: float, candidates: int
) -> list[int]:
    """Return the boxes that overlap no better one, the best first.

    `eta` below 1 lowers the overlap that is allowed with every box, as long as it is above 0.5.
    """
    above = np.flatnonzero(scores > threshold)
    order = above[np.argsort(-scores[above], kind="stable")]
    order = order[:candidates] if candidates > -1 else order
    kept: list[int] = []
    for index in order:
        if kept and overlaps(boxes[index], boxes[kept]).max() > overlap:
            continue
        kept.append(int(index))
        if eta < 1 and overlap > 0.5:
            overlap *= eta
    return kept


def overlaps(box: Tensor, others: Tensor) -> Tensor:
    """Return what parts of their unions a box shares with others."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    both = _area(box[None]) + _area(others) - shared
    parts: Tensor = np.divide(shared, both, out=np.zeros_like(shared), where=shared > 0)
    return parts


def _area(boxes: Tensor) -> Tensor:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))


def _best(rows: list[Any], keep: int) -> list[Any]:
    """Return the rows of greatest confidence, those of a class together."""
    if not -1 < keep < len(rows):
        return rows
    best = sorted(rows, key=lambda row: -row[2])[:keep]
    return sorted(best, key=lambda row: row[1])


def _filled(found: list[Any], shape: Shape, pictures: int, dtype: Any) -> Tensor:
    table = np.full(shape, -1, dtype)
    if found:
        table[0, 0, : len(found)] = found
    else:  # nothing in any picture: a row for each says so
        table[0, 0, :pictures, 0] = np.arange(pictures)
    return table


define("nnefx_detection_output", shape=_detection_shape, run=_detection_output)
