"""Photographs, and squares cut out of them; calibration and evaluation share no photograph."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quantization.corpora import FACES, PHOTOS, TEXT, files

Array = NDArray[Any]

SETS = {"calibration": 0, "evaluation": 1}
PEOPLE = {"bus.jpg", "zidane.jpg"}  # taken more often: else nearly all answers are "no person"
OFTEN = 4
PATTERNS = (
    ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"),
    ("imagenet_*.jpg",),
    ("*.jpg",),
    ("*.jpg",),
    ("*.jpg",),
)


def photographs(which: str) -> list[Image.Image]:
    """Return the photographs of "calibration" or "evaluation", every other one."""
    found = [
        path
        for corpus, patterns in zip((*PHOTOS, TEXT), PATTERNS, strict=True)
        for pattern in patterns
        for path in files(corpus, pattern)
    ]
    chosen = [path for index, path in enumerate(found) if index % 2 == SETS[which]]
    often = [path for path in chosen if path.name in PEOPLE] * (OFTEN - 1)
    return [Image.open(path).convert("RGB") for path in (*chosen, *often)]


def squares(which: str, count: int, extent: int) -> Iterator[Array]:
    """Yield squares of the photographs in turn, uint8 of shape (extent, extent, 3).

    Each is a quarter to the whole of the shorter side, anywhere, every other one mirrored.
    """
    random = np.random.default_rng([1913, 2 + SETS[which]])
    pictures = photographs(which)
    for index in range(count):
        picture = pictures[index % len(pictures)]
        side = int(min(picture.size) * random.uniform(0.25, 1))
        x = int(random.integers(picture.width - side + 1))
        y = int(random.integers(picture.height - side + 1))
        cut = picture.crop((x, y, x + side, y + side))
        scaled = cut.resize((extent, extent), Image.Resampling.BOX, reducing_gap=2)
        pixels = np.asarray(scaled)
        yield pixels[:, ::-1] if random.random() < 0.5 else pixels


def faces(which: str) -> Iterator[tuple[Array, int]]:
    """Yield grey pictures of 0 to 1 of shape (24, 24), and whether they show a face (1).

    Each of the 200 pictures is 25 pixels wide: it is cut at its four corners, and mirrored.
    """
    (path,) = files(FACES, "lfw_subset.npy")
    pictures = np.load(path).astype(np.float32)  # the first hundred are faces
    for index in range(SETS[which], len(pictures), 2):
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            cut = pictures[index, y : y + 24, x : x + 24]
            yield cut, int(index < 100)
            yield cut[:, ::-1], int(index < 100)


def tiny(which: str) -> Iterator[tuple[Array, int]]:
    """Yield pictures of (32, 32, 3) with their classes: of CIFAR-10, for calibration CIFAR-100."""
    for path in files(PHOTOS[1], "cifar10_*.png" if SETS[which] else "cifar100_*.png"):
        yield np.asarray(Image.open(path).convert("RGB")), int(path.stem.rpartition("_")[2])
