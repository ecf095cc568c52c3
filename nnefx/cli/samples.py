"""Calibration samples from files: an .npz of stacked inputs, or a folder of files and pictures."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nnefx.cli.inputs import PICTURES, PLAIN, Pixels, read_picture
from nnefx.diagnostics import NnefError
from nnefx.ir.graph import Graph, Value
from nnefx.source import FileAt

Sample = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The samples of a file or folder, read one at a time and as often as they are gone through.

    An array for an input of shape (1, C, H, W) may be that, (C, H, W), or (K, C, H, W) for K
    samples; in general K may stand in place of a leading 1, or before the whole shape. Files that
    are no .npz hold the only input of the graph.

    Attributes:
        graph: the graph whose inputs they are.
        path: an .npz or .npy file, a picture, or a folder of those.
        pixels: how the numbers of pictures become those of the input.
        limit: how many samples are read at most.

    Raises:
        NnefError: NX001, NX014 (unreadable, empty, NaN inside), NX307 (names or shapes).
    """

    graph: Graph
    path: Path
    pixels: Pixels = PLAIN
    limit: int | None = None

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples in the order of the files' names."""
        empty = True
        for sample in islice(self._all(), self.limit):
            empty = False
            yield sample
        if empty:
            message = "no samples: expected .npz, .npy or pictures"
            raise NnefError("NX014", message, FileAt(str(self.path)))

    def _all(self) -> Iterator[Sample]:
        if not self.path.exists():
            raise NnefError("NX001", "no such file or folder", FileAt(str(self.path)))
        kinds = {".npz", ".npy", *PICTURES}
        files = (
            sorted(item for item in self.path.iterdir() if item.suffix.lower() in kinds)
            if self.path.is_dir()
            else [self.path]
        )
        for file in files:
            if file.suffix.lower() in PICTURES:
                value = _only_input(self.graph, file)
                yield {value.name: read_picture(file, value, self.pixels)}
            else:
                yield from _samples(self.graph, file)


def read_samples(graph: Graph, path: Path) -> list[Sample]:
    """Return all samples of a file or folder at once; see `SampleFiles`."""
    return list(SampleFiles(graph, path))


def _samples(graph: Graph, path: Path) -> Iterator[Sample]:
    try:
        with ExitStack() as held:
            if zipfile.is_zipfile(path):
                archive = held.enter_context(zipfile.ZipFile(path))
                files = {
                    n.removesuffix(".npy"): partial(archive.open, n) for n in archive.namelist()
                }
            else:
                files = {_only_input(graph, path).name: partial(path.open, "rb")}
            stacks = {v.name: _stack(v, _opened(v, files, path, held), path) for v in graph.inputs}
            counts = {stack.count for stack in stacks.values()}
            if len(counts) > 1:
                message = f"inputs differ in their number of samples: {sorted(counts)}"
                raise NnefError("NX307", message, FileAt(str(path)))
            for index in range(counts.pop() if counts else 0):
                yield {name: stack.next(index, name) for name, stack in stacks.items()}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        message = f"not a readable array: {error}"
        raise NnefError("NX014", message, FileAt(str(path))) from None


def _opened(
    value: Value, files: Mapping[str, Callable[[], Any]], path: Path, held: ExitStack
) -> IO[bytes]:
    """Open the array of an input."""
    if value.name not in files:
        there = ", ".join(files) or "none"
        message = f"no samples for input '{value.name}'; there is {there}"
        raise NnefError("NX307", message, FileAt(str(path)))
    file: IO[bytes] = held.enter_context(files[value.name]())
    return file


@dataclass(slots=True)
class _Stack:
    """An array in a file that is read sample by sample.

    Attributes:
        file: at the first item that was not read yet.
        path: for messages.
        shape: of a sample.
        count: how many there are.
        dtype: of the items.
        whole: the array, where its order does not allow to read it in parts.
    """

    file: IO[bytes]
    path: Path
    shape: tuple[int, ...]
    count: int
    dtype: np.dtype[Any]
    whole: NDArray[Any] | None = None

    def next(self, index: int, name: str) -> NDArray[Any]:
        """Return the next sample."""
        if self.whole is not None:
            array = self.whole[index]
        else:
            size = self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))
            data = self.file.read(size)
            if len(data) < size:
                raise ValueError(f"'{name}' ends in sample {index}")
            array = np.frombuffer(data, self.dtype).reshape(self.shape)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            message = f"samples for '{name}' hold NaN or infinity, first in sample {index}"
            raise NnefError("NX014", message, FileAt(str(self.path)))
        return np.asarray(array)


def _stack(value: Value, file: IO[bytes], path: Path) -> _Stack:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, turned, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if shape == value.shape or (value.shape[:1] == (1,) and shape == value.shape[1:]):
        count = 1
    elif shape[1:] == value.shape or (value.shape[:1] == (1,) and shape[1:] == value.shape[1:]):
        count = shape[0]
    else:
        message = f"samples for '{value.name}' have shape {list(shape)}"
        message = f"{message}, the graph declares {list(value.shape)}"
        raise NnefError("NX307", message, FileAt(str(path)))
    whole = None
    if turned:
        items = np.frombuffer(file.read(), dtype)
        whole = items.reshape(shape, order="F").reshape(count, *value.shape)
    return _Stack(file, path, value.shape, count, dtype, whole)


def _only_input(graph: Graph, path: Path) -> Value:
    if len(graph.inputs) != 1:
        message = "the graph has several inputs: use .npz files with their names"
        raise NnefError("NX307", message, FileAt(str(path)))
    return graph.inputs[0]
