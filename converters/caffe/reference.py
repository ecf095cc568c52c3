"""Caffe nets run by OpenCV, the engine that conversions are compared with.

Version 4 of OpenCV reads Caffe nets, version 5 does not.
"""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.caffe.caffemodel import Blob, write_weights
from nnefx.converters.caffe.net import Layer, Net, active
from nnefx.converters.caffe.prototxt import read_net
from nnefx.converters.caffe.read import read_net_with
from nnefx.converters.caffe.weights import RANDOM, ZERO, MadeUp, sibling
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

Array = NDArray[Any]
# Caffe takes the sides of prior boxes in whole pixels; OpenCV does not, unless they are.
_PIXELS = re.compile(rb"(\b(?:min|max)_size\s*:\s*\d+)\.\d*")
_INSTALL = "pip install 'opencv-python-headless<5'"


def run(
    source: str | os.PathLike[str],
    inputs: Mapping[str, Array],
    tensors: Sequence[str],
    *,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, Array]:
    """Run a net; return those of the blobs `tensors` that OpenCV can tell.

    Raises:
        NnefError: NX012 where OpenCV is missing or too new, NX707 where it refuses the net.
    """
    path = Path(source)
    net = read_net(path)
    with tempfile.TemporaryDirectory() as folder:
        stored = _weights(net, path, weights, inputs, Path(folder))
        text = Path(folder, path.name)
        text.write_bytes(_PIXELS.sub(rb"\1", path.read_bytes()))
        return _run(net, path, text, stored, inputs, tensors)


def _weights(
    net: Net, path: Path, weights: Any, inputs: Mapping[str, Array], folder: Path
) -> Path | None:
    """Return the file of the weights, after writing those that are made up."""
    if weights is None or str(weights) not in (RANDOM, ZERO):
        return sibling(path) if weights is None else Path(weights)
    made_up = Recorder(zero=str(weights) == ZERO)
    read_net_with(net, made_up, str(path), {name: a.shape for name, a in inputs.items()})
    file = folder / "weights.caffemodel"
    write_weights(file, made_up.blobs)
    return file


class Recorder(MadeUp):
    """Made-up weights that remember what they made, by layer."""

    def __init__(self, *, zero: bool = False) -> None:
        super().__init__(zero=zero)
        self.blobs: dict[str, list[Blob]] = {}

    def blob(self, layer: Layer, index: int, shape: tuple[int, ...], role: str) -> Array:
        """See `Weights.blob`."""
        items = super().blob(layer, index, shape, role)
        self.blobs.setdefault(layer.name, []).append(Blob(shape, items.reshape(-1)))
        return items


def _run(
    net: Net, path: Path, text: Path, weights: Path | None, inputs: Mapping[str, Array],
    tensors: Sequence[str],
) -> dict[str, Array]:  # fmt: skip
    cv2 = _opencv()
    layers = active(net.layers, net.state)
    pins = {name: pin for name in tensors if (pin := _pin(layers, name))}
    known = {layer.name: layer for layer in layers}
    try:
        engine = cv2.dnn.readNetFromCaffe(str(text), str(weights) if weights else "")
        engine.enableFusion(False)
        engine.enableWinograd(False)
        for name, array in inputs.items():
            engine.setInput(np.ascontiguousarray(array, np.float32), name)
        results = engine.forwardAndRetrieve([layer for layer, _ in pins.values()])
    except cv2.error as error:
        said = f"OpenCV: {error.err or str(error).splitlines()[0]}"
        raise NnefError("NX707", said, FileAt(str(path))) from None
    found = {
        name: np.array(tops[index])
        for (name, (_, index)), tops in zip(pins.items(), results)
        if index < len(tops)
    }
    for name in found:
        layer = known.get(pins[name][0])
        if layer is not None and layer.type == "DetectionOutput":
            found[name] = _rows(found[name], layer, next(iter(inputs.values())).shape[0])
    return found


def _opencv() -> Any:
    try:
        import cv2
    except ModuleNotFoundError:
        message = f"verifying needs the package 'opencv-python-headless': {_INSTALL}"
        raise NnefError("NX012", message) from None
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        message = f"OpenCV {cv2.__version__} does not read Caffe nets any more: {_INSTALL}"
        raise NnefError("NX012", message)
    return cv2


def _pin(layers: Sequence[Layer], blob: str) -> tuple[str, int] | None:
    """Return what OpenCV knows a blob by: the layer that makes it last, and which of its tops."""
    made = [layer for layer in layers if blob in layer.tops]
    if not made or made[-1].type == "Input":
        return None
    return made[-1].name, made[-1].tops.index(blob)


def _rows(table: Array, layer: Layer, batch: int) -> Array:
    """Return a table of detections with the rows that Caffe makes, in its order, by class."""
    keep = layer.parameters.get("detection_output_param", {}).get("keep_top_k", -1)
    rows = table.reshape(-1, 7)
    rows = rows[rows[:, 2] > 0]  # what is left over, OpenCV fills with zeros
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    filled = np.full((1, 1, max(batch * keep, len(rows)), 7), -1, np.float32)
    filled[0, 0, : len(rows)] = rows
    return filled
