"""ONNX files: the protobuf read once, weights as views of it or of the files beside it."""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto

from nnefx.converters.onnx.slim import Damaged, slim
from nnefx.diagnostics import NnefError
from nnefx.ops import Reject
from nnefx.source import FileAt, ModelAt

Array = NDArray[Any]

DTYPES: Mapping[int, np.dtype[Any]] = {
    TensorProto.FLOAT: np.dtype(np.float32),
    TensorProto.UINT8: np.dtype(np.uint8),
    TensorProto.INT8: np.dtype(np.int8),
    TensorProto.UINT16: np.dtype(np.uint16),
    TensorProto.INT16: np.dtype(np.int16),
    TensorProto.INT32: np.dtype(np.int32),
    TensorProto.INT64: np.dtype(np.int64),
    TensorProto.BOOL: np.dtype(np.bool_),
    TensorProto.FLOAT16: np.dtype(np.float16),
    TensorProto.DOUBLE: np.dtype(np.float64),
    TensorProto.UINT32: np.dtype(np.uint32),
    TensorProto.UINT64: np.dtype(np.uint64),
    TensorProto.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
}

# The field of TensorProto that holds the items where they are not raw.
_FIELDS: Mapping[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT32: "uint64_data",
    TensorProto.UINT64: "uint64_data",
}


def dtype_of(elem_type: int) -> np.dtype[Any]:
    """Return the numpy type of ONNX items; raise Reject for types that NNEF cannot hold."""
    if elem_type not in DTYPES:
        known = elem_type in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(elem_type) if known else str(elem_type)
        raise Reject(None, f"items of type {name.lower()} have no counterpart in NNEF", "NX704")
    return DTYPES[elem_type]


def load(path: Path) -> onnx.ModelProto:
    """Return the model of a file; the items of large tensors stay where they are.

    Raises NnefError: NX001 where there is no such file, NX710 where it is no ONNX model.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(slim(path))
    except OSError as error:
        raise NnefError("NX001", f"{path}: {error.strerror}", FileAt(str(path))) from None
    except (DecodeError, Damaged):
        message = "not a readable ONNX file: the protobuf is damaged or cut short"
        raise NnefError("NX710", message, FileAt(str(path))) from None
    return model


class Store:
    """Turns the tensors of a model into arrays; `folder` is where external data may lie."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        self.path = path
        self._maps: dict[Path, mmap.mmap] = {}

    def array(self, tensor: TensorProto) -> Array:
        """Return the items of a tensor, without a copy where they are stored as bytes.

        Raises NnefError: NX711 where they are missing or too few, NX712 where they lie outside.
        """
        dtype = dtype_of(tensor.data_type)
        shape = tuple(tensor.dims)
        if any(extent < 0 for extent in shape):
            self._fail("NX711", tensor, f"negative extent in shape {list(shape)}")
        if tensor.data_location == TensorProto.EXTERNAL:
            array = self._external(tensor, dtype, shape)
        elif tensor.HasField("raw_data"):
            array = self._view(tensor, tensor.raw_data, dtype, shape)
        else:
            array = self._items(tensor, dtype, shape)
        if array.dtype == ml_dtypes.bfloat16:
            return array.astype(np.float32).astype(ml_dtypes.bfloat16)
        return array

    def _view(self, tensor: TensorProto, data: Any, dtype: Any, shape: tuple[int, ...]) -> Array:
        expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if len(data) != expected:
            self._fail("NX711", tensor, f"{len(data)} bytes, shape {list(shape)} needs {expected}")
        items = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)
        return np.asarray(items.reshape(shape))

    def _items(self, tensor: TensorProto, dtype: Any, shape: tuple[int, ...]) -> Array:
        items = np.asarray(getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data")))
        expected = int(np.prod(shape, dtype=np.int64))
        if items.size != expected:
            self._fail("NX711", tensor, f"{items.size} items, shape {list(shape)} needs {expected}")
        if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            return np.asarray(items.astype(np.uint16).view(dtype).reshape(shape))
        return np.asarray(items.astype(dtype).reshape(shape))

    def _external(self, tensor: TensorProto, dtype: Any, shape: tuple[int, ...]) -> Array:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        file = self._contained(tensor, entries.get("location", ""))
        count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        try:
            offset, length = int(entries.get("offset", 0)), int(entries.get("length", count))
        except ValueError:
            self._fail("NX711", tensor, "offset or length of the external data is no number")
        if length != count:
            self._fail("NX711", tensor, f"{length} bytes, shape {list(shape)} needs {count}")
        data = self._mapped(tensor, file)
        if offset < 0 or offset + length > len(data):
            text = f"bytes {offset} to {offset + length}, '{file.name}' has {len(data)}"
            self._fail("NX711", tensor, text)
        return self._view(tensor, memoryview(data)[offset : offset + length], dtype, shape)

    def _contained(self, tensor: TensorProto, location: str) -> Path:
        folder = self.folder.resolve()
        # No file system has names with a null byte: the path cannot even be resolved.
        file = (folder / location.partition("\0")[0]).resolve()
        if not location or "\0" in location or not file.is_relative_to(folder):
            shown = location.replace("\0", "\\0")
            self._fail("NX712", tensor, f"external data '{shown}' lies outside of the folder")
        return file

    def _mapped(self, tensor: TensorProto, file: Path) -> mmap.mmap:
        if file not in self._maps:
            try:
                with file.open("rb") as stream:
                    self._maps[file] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                self._fail("NX711", tensor, f"external data '{file.name}': {error}")
        return self._maps[file]

    def _fail(self, code: str, tensor: TensorProto, text: str) -> Any:
        raise NnefError(code, text, ModelAt(self.path, f"tensor '{tensor.name}'"))


def attributes(node: onnx.NodeProto, store: Store) -> dict[str, Any]:
    """Return a node's attributes as Python values; graphs and types stay as they are."""
    return {item.name: _attribute(item, store) for item in node.attribute}


def _attribute(item: onnx.AttributeProto, store: Store) -> Any:
    kind = item.type
    types = onnx.AttributeProto
    if kind == types.FLOAT:
        return float(str(np.float32(item.f)))
    if kind == types.INT:
        return item.i
    if kind == types.STRING:
        return _text(item.s)
    if kind == types.TENSOR:
        return store.array(item.t)
    if kind == types.GRAPH:
        return item.g
    if kind == types.FLOATS:
        return [float(str(np.float32(value))) for value in item.floats]
    if kind == types.INTS:
        return list(item.ints)
    if kind == types.STRINGS:
        return [_text(value) for value in item.strings]
    text = f"attribute '{item.name}' is of a type that is not handled"
    raise Reject(item.name, text, "NX702")


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs that a node holds."""
    for item in node.attribute:
        if item.HasField("g"):
            yield item.g
        yield from item.graphs
