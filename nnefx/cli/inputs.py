"""Inputs of a model from files: .npy, .dat, .npz and pictures, or random ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.ir.graph import Graph, Value
from nnefx.source import FileAt

Arrays = NDArray[Any]
PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}


@dataclass(frozen=True, slots=True)
class Pixels:
    """How the numbers of a picture, 0 to 1, become those of an input: (x - mean) / std.

    Attributes:
        mean: one, or one for each channel.
        std: likewise.
        layout: of the input: "NCHW" or "NHWC".
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["NCHW", "NHWC"] = "NCHW"


PLAIN = Pixels()


def gather(graph: Graph, files: Mapping[str, str], seed: int | None) -> dict[str, Arrays]:
    """Return an array per graph input: from its file, or random where `seed` is given.

    Raises:
        NnefError: NX307 for names that the graph has not and inputs that are left over, NX001 and
            NX014 for files that cannot be read.
    """
    inputs: dict[str, Arrays] = {}
    known = {value.name: value for value in graph.inputs}
    for name, file in files.items():
        if name not in known:
            there = ", ".join(known) or "none"
            raise NnefError("NX307", f"no graph input is called '{name}'; there is {there}")
        inputs[name] = read_array(Path(file), known[name])
    missing = [value for value in graph.inputs if value.name not in inputs]
    if missing and seed is None:
        names = ", ".join(value.name for value in missing)
        raise NnefError("NX307", f"inputs are missing: {names} (--input NAME=FILE, or --random)")
    generator = np.random.default_rng(seed)
    return inputs | {value.name: random_input(value, generator) for value in missing}


def random_input(value: Value, generator: np.random.Generator) -> Arrays:
    """Return a random array for an input: normal, small integers, or coin tosses."""
    if value.dtype == "integer":
        return generator.integers(0, 8, value.shape)
    if value.dtype == "logical":
        return generator.random(value.shape) < 0.5
    return generator.standard_normal(value.shape, np.float32)


def read_array(path: Path, value: Value) -> Arrays:
    """Return the array of a file for `value`; a picture becomes its shape, scaled to 0..1."""
    if not path.exists():
        raise NnefError("NX001", "no such file", FileAt(str(path)))
    if path.suffix.lower() in PICTURES:
        return read_picture(path, value)
    if path.suffix == ".dat":
        from nnefx.tensors.dat import read_tensor

        return read_tensor(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError):  # numpy's own words advise to trust pickles
        message = "not a readable array: .npy, .npz, .dat or a picture is expected"
        raise NnefError("NX014", message, FileAt(str(path))) from None
    if isinstance(array, np.lib.npyio.NpzFile):
        if value.name not in array:
            message = f"the archive has no array '{value.name}'"
            raise NnefError("NX014", message, FileAt(str(path)))
        return np.asarray(array[value.name])
    return np.asarray(array)


def read_picture(path: Path, value: Value, pixels: Pixels = PLAIN) -> Arrays:
    """Return a picture in the shape of `value`, resized, its numbers as `pixels` says.

    Raises:
        NnefError: NX012 without Pillow; NX014 where the input is not one for pictures, has another
            number of channels than `pixels`, or the file cannot be read.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        message = "reading pictures needs Pillow: pip install nnefx[png]"
        raise NnefError("NX012", message, FileAt(str(path))) from None
    place = 1 if pixels.layout == "NCHW" else 3
    if len(value.shape) != 4 or value.shape[0] != 1 or value.shape[place] not in (1, 3):
        message = f"a picture does not fit the input '{value.name}' of shape {list(value.shape)}"
        raise NnefError("NX014", f"{message} as {pixels.layout}", FileAt(str(path)))
    channels = value.shape[place]
    for name, numbers in (("mean", pixels.mean), ("std", pixels.std)):
        if len(numbers) not in (1, channels):
            message = f"{name} has {len(numbers)} numbers, '{value.name}' has {channels} channels"
            raise NnefError("NX014", message, FileAt(str(path)))
    height, width = value.shape[2:] if place == 1 else value.shape[1:3]
    try:
        with Image.open(path) as image:
            sized = image.convert("L" if channels == 1 else "RGB").resize((width, height))
        shown = np.asarray(sized, np.float32).reshape(height, width, channels) / 255.0
    except (UnidentifiedImageError, OSError) as error:
        raise NnefError("NX014", f"not a readable picture: {error}", FileAt(str(path))) from None
    if pixels != PLAIN:
        mean, std = (np.asarray(numbers, np.float32) for numbers in (pixels.mean, pixels.std))
        shown = (shown - mean) / std
    return shown.transpose(2, 0, 1)[None] if place == 1 else shown[None]
