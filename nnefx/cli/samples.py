"""Calibration samples from files: an .npz of stacked inputs, or a folder of .npz and .npy files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.cli.inputs import PICTURES, read_picture
from nnefx.diagnostics import NnefError
from nnefx.ir.graph import Graph, Value
from nnefx.source import FileAt

Sample = dict[str, NDArray[Any]]


def read_samples(graph: Graph, path: Path) -> list[Sample]:
    """Return the samples of a file or folder.

    An array for an input of shape (1, C, H, W) may be that, or (K, C, H, W) for K samples; in
    general K may stand in place of a leading 1, or before the whole shape. Files that are no
    .npz hold the only input of the graph; pictures are scaled to 0..1.

    Raises:
        NnefError: NX001, NX014 (unreadable, empty, NaN inside), NX307 (names or shapes).
    """
    if not path.exists():
        raise NnefError("NX001", "no such file or folder", FileAt(str(path)))
    kinds = {".npz", ".npy", *PICTURES}
    files = (
        sorted(item for item in path.iterdir() if item.suffix.lower() in kinds)
        if path.is_dir()
        else [path]
    )
    samples = [sample for file in files for sample in _samples(graph, file)]
    if not samples:
        raise NnefError("NX014", "no samples: expected .npz, .npy or pictures", FileAt(str(path)))
    return samples


def _samples(graph: Graph, path: Path) -> Iterator[Sample]:
    if path.suffix.lower() in PICTURES:
        value = _only_input(graph, path)
        yield {value.name: read_picture(path, value)}
        return
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                arrays = {name: loaded[name] for name in loaded.files}
            else:
                arrays = {_only_input(graph, path).name: loaded}
    except (ValueError, OSError, EOFError) as error:
        message = f"not a readable array: {error}"
        raise NnefError("NX014", message, FileAt(str(path))) from None
    stacks = {value.name: _stack(value, arrays, path) for value in graph.inputs}
    counts = {len(stack) for stack in stacks.values()}
    if len(counts) > 1:
        message = f"inputs differ in their number of samples: {sorted(counts)}"
        raise NnefError("NX307", message, FileAt(str(path)))
    for index in range(counts.pop() if counts else 0):
        yield {name: stack[index] for name, stack in stacks.items()}


def _stack(value: Value, arrays: Mapping[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    at = FileAt(str(path))
    if value.name not in arrays:
        raise NnefError("NX307", f"no samples for input '{value.name}'", at)
    array = arrays[value.name]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NnefError("NX014", f"samples for '{value.name}' hold NaN or infinity", at)
    if array.shape == value.shape:
        return array[None]
    if array.shape[1:] == value.shape:
        return array
    if value.shape[:1] == (1,) and array.shape[1:] == value.shape[1:]:
        return array[:, None]
    message = f"samples for '{value.name}' have shape {list(array.shape)}"
    raise NnefError("NX307", f"{message}, the graph declares {list(value.shape)}", at)


def _only_input(graph: Graph, path: Path) -> Value:
    if len(graph.inputs) != 1:
        message = "the graph has several inputs: use .npz files with their names"
        raise NnefError("NX307", message, FileAt(str(path)))
    return graph.inputs[0]
