"""Two pictures of one line of text, as the text-direction classifier wants them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 48, 192  # what the classifier was trained on
MARGIN = 8

Array = NDArray[np.float32]


def draw(text: str, size: int = 34) -> Image.Image:
    """Return a picture of `text`, black on white, in the font that Pillow brings along."""
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = font.getbbox(text)
    area = (round(right - left) + 2 * MARGIN, round(bottom - top) + 2 * MARGIN)
    picture = Image.new("RGB", area, "white")
    ImageDraw.Draw(picture).text((MARGIN - left, MARGIN - top), text, font=font, fill="black")
    return picture


def prepare(picture: Image.Image) -> Array:
    """Return the picture as the classifier's input, float32 of shape (1, 3, 48, 192).

    The height becomes 48 and the width follows, at most 192; values go from [0, 255] to [-1, 1],
    the channels are blue, green, red, and what is left of the width is 0.
    """
    width = min(WIDTH, round(picture.width * HEIGHT / picture.height))
    scaled = picture.resize((width, HEIGHT), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled, dtype=np.float32)[:, :, ::-1].transpose(2, 0, 1)
    array = np.zeros((1, 3, HEIGHT, WIDTH), dtype=np.float32)
    array[0, :, :, :width] = (pixels / 255 - 0.5) / 0.5
    return array


def write(folder: Path, text: str) -> dict[str, Array]:
    """Write `upright` and `turned`, each as .png and .npy, and return the arrays by name."""
    upright = draw(text)
    pictures = {"upright": upright, "turned": upright.rotate(180)}
    arrays = {name: prepare(picture) for name, picture in pictures.items()}
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
        np.save(folder / f"{name}.npy", arrays[name])
    return arrays
