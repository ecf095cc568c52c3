"""Importers: models of other frameworks become NNEF graphs. Each is loaded when it is needed."""

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from nnefx.converters.imported import Imported
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

# Format, the module that reads it (`read(source, ...) -> Imported`), and the extra it needs.
FORMATS = {
    "onnx": ("nnefx.converters.onnx.read", "onnx"),
    "caffe": ("nnefx.converters.caffe.read", "caffe"),
    "tensorflow": ("nnefx.converters.tensorflow.graph.read", "tensorflow"),
    "keras": ("nnefx.converters.tensorflow.graph.read", "tensorflow"),
    "tflite": ("nnefx.converters.tensorflow.lite.read", "tflite"),
    "pytorch": ("nnefx.converters.pytorch.read", "torch"),
    "nnef": ("nnefx.converters.nnef", ""),
}
_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")  # package.module:attribute
# Format, the module that writes it (`write(model, path, format=..., force=...)`), its extra.
WRITERS = {
    "onnx": ("nnefx.converters.onnx.write", "onnx"),
    "tflite": ("nnefx.converters.tensorflow.graph.write", "tensorflow"),
    "tensorflow": ("nnefx.converters.tensorflow.graph.write", "tensorflow"),
    "openvx-nnef": ("nnefx.openvx.folder", ""),
}
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_SUFFIXES = {
    ".onnx": "onnx",
    ".tflite": "tflite",
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pb": "tensorflow",
    ".pbtxt": "tensorflow",
    ".meta": "tensorflow",
    ".prototxt": "caffe",
    ".caffemodel": "caffe",
    ".pt2": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".jit": "pytorch",
    ".nnef": "nnef",
    ".tgz": "nnef",
    ".tar": "nnef",
}


def guess_format(source: str | os.PathLike[str]) -> str:
    """Return the format of a file or folder, told by its content first, then by its suffix.

    Raises:
        NnefError: NX001 where nothing is there, NX701 where it is of no known format.
    """
    path = Path(source)
    if not path.exists() and _ATTRIBUTE.match(os.fspath(source)):
        return "pytorch"
    if not path.exists():
        raise NnefError("NX001", "no such file or folder", FileAt(str(path)))
    if path.is_dir() and (path / "graph.nnef").exists():
        return "nnef"
    if path.is_dir() and any((path / name).exists() for name in _SAVED_MODEL):
        return "tensorflow"
    if path.name.endswith(".tar.gz"):
        return "nnef"
    known = _SUFFIXES.get(path.suffix.lower())
    if known:
        return known
    formats = ", ".join(FORMATS)
    message = f"the format cannot be told from the name; say it with --from: {formats}"
    raise NnefError("NX701", message, FileAt(str(path)))


def read(
    source: str | os.PathLike[str],
    *,
    format: str | None = None,
    input_shapes: Mapping[Any, Sequence[int]] | None = None,
    **options: Any,
) -> Imported:
    """Import a model.

    Args:
        source: the file or folder.
        format: a key of `FORMATS`, guessed when missing.
        input_shapes: shapes by the source's own input names.
        options: what the reader of that format takes beside; those that are None are left out.

    Raises:
        NnefError: NX701 for an unknown format, NX012 for a missing extra, NX7xx of the reader.
    """
    name = format or guess_format(source)
    if name not in FORMATS:
        raise NnefError("NX701", f"unknown format '{name}'; there is {', '.join(FORMATS)}")
    if not isinstance(source, str) and not Path(source).exists():
        raise NnefError("NX001", "no such file or folder", FileAt(str(source)))
    module, extra = FORMATS[name]
    try:
        reader = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("nnefx"):
            raise
        message = f"reading {name} needs the package '{error.name}': pip install 'nnefx[{extra}]'"
        raise NnefError("NX012", message, FileAt(str(source))) from None
    given = {key: value for key, value in options.items() if value is not None}
    for key in sorted(given.keys() - signature(reader.read).parameters.keys()):
        raise NnefError("NX708", f"format {name} takes no '{key}'", FileAt(str(source)))
    imported = reader.read(source, input_shapes=input_shapes or {}, **given)
    assert isinstance(imported, Imported)
    return imported


def guess_target(path: str | os.PathLike[str]) -> str:
    """Return the format that an output's name asks for; `nnef` where it asks for no other."""
    return {".tflite": "tflite", ".onnx": "onnx"}.get(Path(path).suffix.lower(), "nnef")


def write(model: Any, path: str | os.PathLike[str], *, format: str, force: bool = False) -> None:
    """Write a model in another framework's format.

    Args:
        model: the model.
        path: the file or folder.
        format: a key of `WRITERS`.
        force: replace what is there.

    Raises:
        NnefError: NX701 for an unknown format, NX012 for a missing extra, NX6xx for what the
            format cannot hold.
    """
    if format not in WRITERS:
        raise NnefError("NX701", f"unknown format '{format}'; there is {', '.join(WRITERS)}, nnef")
    module, extra = WRITERS[format]
    try:
        writer = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("nnefx"):
            raise
        message = f"writing {format} needs the package '{error.name}': pip install 'nnefx[{extra}]'"
        raise NnefError("NX012", message, FileAt(str(path))) from None
    writer.write(model, path, format=format, force=force)


def is_zip_with(path: Path, member: str) -> bool:
    """Tell whether a file is a zip archive that holds a member whose name ends in `member`."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(member) for name in archive.namelist())
