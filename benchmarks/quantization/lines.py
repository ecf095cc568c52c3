"""Lines of text as pictures: words of a dictionary, in a hundred fonts, on photographs or plain.

Calibration and evaluation share neither a font nor a background nor a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.quantization.corpora import TEXT, files

Array = NDArray[Any]

HEIGHT = 48
LONGEST = 22  # characters; a longer line does not fit the recogniser's width
DISPLAY = ("SEASRN", "FFF_Tusj", "Capture_it", "Walkway")  # letters that are pictures, or hairlines
SETS = {"calibration": 0, "evaluation": 1}


@dataclass(frozen=True, slots=True)
class Line:
    """A picture of a line of text, and the text."""

    picture: Image.Image
    text: str


def lines(which: str, count: int) -> Iterator[Line]:
    """Yield the first `count` lines of "calibration" or "evaluation"; always the same ones."""
    part = SETS[which]
    random = np.random.default_rng([1913, part])
    fonts = [path for path in files(TEXT, "*.ttf") if not path.name.startswith(DISPLAY)][part::2]
    grounds = [Image.open(path).convert("RGB") for path in files(TEXT, "*.jpg")[part::2]]
    words = _words()
    for _ in range(count):
        text = _text(random, words)
        font = ImageFont.truetype(fonts[random.integers(len(fonts))], int(random.integers(24, 64)))
        ground = grounds[random.integers(len(grounds))] if random.random() < 0.4 else None
        yield Line(_draw(random, text, font, ground), text)


def prepared(picture: Image.Image, width: int) -> Array:
    """Return a picture as the OCR networks take it, float32 of shape (1, 3, 48, width).

    The height becomes 48 and the width follows, at most `width`; values go from [0, 255] to
    [-1, 1], the channels are blue, green, red, and what is left of the width is 0.
    """
    taken = min(width, round(picture.width * HEIGHT / picture.height))
    scaled = picture.resize((taken, HEIGHT), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled, np.float32)[:, :, ::-1].transpose(2, 0, 1)
    array = np.zeros((1, 3, HEIGHT, width), np.float32)
    array[0, :, :, :taken] = pixels / 127.5 - 1
    return array


def _words() -> list[str]:
    """Return the words of the dictionary that are plain ASCII and not a single letter."""
    (path,) = files(TEXT, "en.txt")
    found = path.read_text(encoding="utf-8").split()
    return [word for word in found if word.isascii() and 1 < len(word) <= 12]


def _text(random: np.random.Generator, words: list[str]) -> str:
    text = ""
    for _ in range(random.integers(1, 5)):
        word = words[random.integers(len(words))]
        style = random.random()
        if style < 0.2:
            word = word.upper()
        elif style < 0.35:
            word = f"{random.integers(10000)}"
        if len(text) + 1 + len(word) > LONGEST:
            break
        text = f"{text} {word}".strip()
    return text or "text"


def _draw(
    random: np.random.Generator,
    text: str,
    font: ImageFont.FreeTypeFont,
    ground: Image.Image | None,
) -> Image.Image:
    left, top, right, bottom = font.getbbox(text)
    margin = int(random.integers(3, 12))
    area = (round(right - left) + 2 * margin, round(bottom - top) + 2 * margin)
    dark = random.random() < 0.7
    ink = tuple(int(part) for part in random.integers(0, 80, 3))
    paper = tuple(int(part) for part in random.integers(170, 256, 3))
    ink, paper = (ink, paper) if dark else (paper, ink)
    picture = Image.new("RGB", area, paper)
    if ground is not None:
        x = random.integers(ground.width - 64)
        y = random.integers(ground.height - 64)
        crop = ground.crop((x, y, x + 64, y + 64)).resize(area)
        picture = Image.blend(crop, picture, random.uniform(0.5, 0.9))
    ImageDraw.Draw(picture).text((margin - left, margin - top), text, font=font, fill=ink)
    turned = picture.rotate(random.uniform(-2, 2), Image.Resampling.BILINEAR, fillcolor=paper)
    blurred = turned.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    noise = random.normal(0, random.uniform(0, 12), (area[1], area[0], 3))
    return Image.fromarray(np.clip(np.asarray(blurred) + noise, 0, 255).astype(np.uint8))
