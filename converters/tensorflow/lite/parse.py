"""TFLite flatbuffer -> records. Whatever the bytes are, it ends in records or in an NnefError.

The generated accessors of the `tflite` package raise odd exceptions where offsets leave the file,
and vectors can claim any length; both are caught here, at the only place that touches the bytes.
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from nnefx.converters.tensorflow.lite import sparse
from nnefx.converters.tensorflow.lite.schema import (
    Array,
    LiteFile,
    LiteGraph,
    LiteNode,
    LiteTensor,
    Scales,
    Signature,
)
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

_NAMED = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4",
    "UINT64": "<u8", "BOOL": "?", "INT4": "i1",
}  # fmt: skip

# The item types by their numbers in the schema.
TYPES = {v: _NAMED[name] for name, v in vars(tflite.TensorType).items() if name in _NAMED}

MAX_RANK = 8


def open_file(path: Path) -> LiteFile:
    """Map a TFLite file and return what it holds; stored tensors are views of the map.

    Raises:
        NnefError: NX001 where there is no file, NX710 where it is no TFLite file or is corrupt.
    """
    try:
        with path.open("rb") as stream:
            data: Any = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise NnefError("NX710", f"it cannot be mapped: {error}", FileAt(str(path))) from None
    return parse(data, str(path))


def parse(data: Any, name: str) -> LiteFile:
    """Return what the bytes of a TFLite file hold; `name` is for messages.

    Raises:
        NnefError: NX710 where they are no TFLite file or corrupt.
    """
    at = FileAt(name)
    if len(data) < 8 or bytes(data[4:8]) != b"TFL3":
        raise NnefError("NX710", "not a TFLite file: the identifier 'TFL3' is missing", at)
    with _guarded(at):
        return _Parser(data).file()


class Corrupt(ValueError):
    """Raised where the bytes contradict themselves; never leaves this module."""


@contextmanager
def _guarded(at: FileAt) -> Iterator[None]:
    try:
        yield
    except Corrupt as error:
        raise NnefError("NX710", f"the file is corrupt: {error}", at) from None
    except (struct.error, IndexError, TypeError, ValueError, OverflowError, KeyError) as error:
        # what the accessors raise where an offset leads out of the file
        text = f"the file is corrupt: an offset leads out of it ({type(error).__name__})"
        raise NnefError("NX710", text, at) from None


class _Parser:
    def __init__(self, data: Any) -> None:
        self.data = data
        self.size = len(data)
        self.model = tflite.Model.GetRootAs(data, 0)
        self.types = {
            value: name for name, value in vars(tflite.TensorType).items() if name[0] != "_"
        }

    def file(self) -> LiteFile:
        model = self.model
        kinds = [
            (_kind(code), code.Version())
            for code in self._items(model.OperatorCodesLength(), model.OperatorCodes)
        ]
        graphs = tuple(
            self._graph(graph, kinds)
            for graph in self._items(model.SubgraphsLength(), model.Subgraphs)
        )
        if not graphs:
            raise Corrupt("it holds no graph")
        signatures = tuple(
            self._signature(item, graphs)
            for item in self._items(model.SignatureDefsLength(), model.SignatureDefs)
        )
        return LiteFile(graphs, signatures)

    def _items(self, length: int, item: Callable[[int], Any]) -> Iterator[Any]:
        if not 0 <= length <= self.size // 4:
            raise Corrupt(f"a vector claims {length} items")
        return map(item, range(length))

    def _vector(self, table: Any, name: str) -> Array:
        """Return a vector of numbers; empty where the field is absent."""
        length = getattr(table, f"{name}Length")()
        if length == 0:
            return np.zeros(0, np.int64)
        if not 0 < length <= self.size:
            raise Corrupt(f"a vector claims {length} items")
        return np.asarray(getattr(table, f"{name}AsNumpy")())

    def _ints(self, table: Any, name: str) -> tuple[int, ...]:
        return tuple(int(item) for item in self._vector(table, name))

    def _graph(self, graph: Any, kinds: list[tuple[str, int]]) -> LiteGraph:
        tensors = tuple(
            self._tensor(item) for item in self._items(graph.TensorsLength(), graph.Tensors)
        )
        nodes = tuple(
            self._node(item, index, kinds, len(tensors))
            for index, item in enumerate(self._items(graph.OperatorsLength(), graph.Operators))
        )
        inputs, outputs = self._ints(graph, "Inputs"), self._ints(graph, "Outputs")
        _check_indices((*inputs, *outputs), len(tensors), least=0)
        return LiteGraph(_text(graph.Name()), tensors, inputs, outputs, nodes)

    def _tensor(self, tensor: Any) -> LiteTensor:
        shape = self._ints(tensor, "Shape")
        kind = self.types.get(tensor.Type(), f"type {tensor.Type()}")
        dtype = np.dtype(_NAMED[kind]) if kind in _NAMED else None
        if len(shape) > MAX_RANK or min(shape, default=1) < 0:
            raise Corrupt(f"a tensor has the shape {list(shape)}")
        signature = self._ints(tensor, "ShapeSignature")
        dynamic = tuple(i for i, extent in enumerate(signature[: len(shape)]) if extent < 0)
        name = _text(tensor.Name())
        data = self._data(tensor, name, shape, kind, dtype)
        scales = self._scales(tensor.Quantization(), shape) if dtype is not None else None
        return LiteTensor(
            name, shape, kind, dtype, data, scales, dynamic, bool(tensor.IsVariable())
        )

    def _data(
        self, tensor: Any, name: str, shape: tuple[int, ...], kind: str, dtype: Any
    ) -> Array | None:
        index = tensor.Buffer()
        if not 0 <= index < max(self.model.BuffersLength(), 1):
            raise Corrupt(f"tensor '{name}' names buffer {index}")
        raw = self._buffer(self.model.Buffers(index)) if index else None
        if raw is None or dtype is None or tensor.IsVariable():
            return None
        sparsity = tensor.Sparsity()
        if sparsity is not None:
            items = raw.view(dtype) if raw.size % dtype.itemsize == 0 else raw
            return sparse.dense(items, shape, self._sparsity(sparsity))
        count = int(np.prod(shape, dtype=np.float64))
        if kind == "INT4":
            if raw.size != (count + 1) // 2:
                raise Corrupt(f"tensor '{name}' has {raw.size} bytes for {count} items of 4 bits")
            return _unpacked(raw, count).reshape(shape)
        if raw.size != count * dtype.itemsize:
            raise Corrupt(f"tensor '{name}' has {raw.size} bytes, {count * dtype.itemsize} are due")
        return np.asarray(raw.view(dtype).reshape(shape))

    def _buffer(self, buffer: Any) -> Array | None:
        """Return the bytes of a buffer, None where it is empty; large files keep them behind."""
        offset, size = (buffer.Offset(), buffer.Size()) if hasattr(buffer, "Offset") else (0, 0)
        if offset > 1 and size:
            if offset + size > self.size:
                raise Corrupt(f"a buffer ends at {offset + size}, the file at {self.size}")
            return np.frombuffer(self.data, np.uint8, size, offset)
        raw: Array = self._vector(buffer, "Data")
        return np.asarray(raw.view(np.uint8)) if raw.size else None

    def _scales(self, table: Any, shape: tuple[int, ...]) -> Scales | None:
        if table is None:
            return None
        scale = self._vector(table, "Scale").astype(np.float32)
        zero = self._vector(table, "ZeroPoint").astype(np.int64)
        if scale.size == 0 or not np.any(scale):
            return None
        axis = table.QuantizedDimension()
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise Corrupt(f"{scale.size} scales along dimension {axis} of shape {list(shape)}")
        if not np.isfinite(scale).all() or zero.size not in (0, 1, scale.size):
            raise Corrupt("the quantization of a tensor is not finite or uneven")
        return Scales(scale, zero if zero.size else np.zeros(1, np.int64), axis)

    def _sparsity(self, table: Any) -> sparse.Sparsity:
        levels = []
        for item in self._items(table.DimMetadataLength(), table.DimMetadata):
            if item.Format() == tflite.DimensionType.DENSE:
                levels.append(sparse.Level(item.DenseSize(), None, None))
            else:
                segments = self._index(item.ArraySegmentsType(), item.ArraySegments())
                indices = self._index(item.ArrayIndicesType(), item.ArrayIndices())
                levels.append(sparse.Level(0, segments, indices))
        order = self._ints(table, "TraversalOrder")
        return sparse.Sparsity(order, self._ints(table, "BlockMap"), tuple(levels))

    def _index(self, kind: int, union: Any) -> Array:
        names = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}
        if union is None or kind not in names:
            raise Corrupt("a sparse tensor has no indices")
        table = getattr(tflite, names[kind])()
        table.Init(union.Bytes, union.Pos)
        return self._vector(table, "Values").astype(np.int64)

    def _node(self, node: Any, index: int, kinds: list[tuple[str, int]], count: int) -> LiteNode:
        code = node.OpcodeIndex()
        if not 0 <= code < len(kinds):
            raise Corrupt(f"operator {index} names operator code {code}")
        inputs, outputs = self._ints(node, "Inputs"), self._ints(node, "Outputs")
        _check_indices((*inputs, *outputs), count, least=-1)
        kind, version = kinds[code]
        between = self._ints(node, "Intermediates")
        custom = self._vector(node, "CustomOptions").astype(np.uint8).tobytes()
        options = self._options(node)
        return LiteNode(kind, version, index, inputs, outputs, options, custom, between)

    def _options(self, node: Any) -> dict[str, Any]:
        union, kind = node.BuiltinOptions(), _options_names("").get(node.BuiltinOptionsType())
        if kind is None and hasattr(node, "BuiltinOptions2"):
            union, kind = (
                node.BuiltinOptions2(),
                _options_names("2").get(node.BuiltinOptions2Type()),
            )
        if union is None or kind is None:
            return {}
        table = getattr(import_module(f"tflite.{kind}"), kind)()
        table.Init(union.Bytes, union.Pos)
        return {
            field: self._ints(table, method) if vector else getattr(table, method)()
            for field, method, vector in _fields(kind)
        }

    def _signature(self, item: Any, graphs: tuple[LiteGraph, ...]) -> Signature:
        graph = item.SubgraphIndex()
        if not 0 <= graph < len(graphs):
            raise Corrupt(f"a signature names graph {graph}")
        sides = []
        for side in ("Inputs", "Outputs"):
            entries = self._items(getattr(item, f"{side}Length")(), getattr(item, side))
            sides.append({_text(entry.Name()): entry.TensorIndex() for entry in entries})
            _check_indices(tuple(sides[-1].values()), len(graphs[graph].tensors), least=0)
        return Signature(_text(item.SignatureKey()), graph, *sides)


def _check_indices(indices: tuple[int, ...], count: int, least: int) -> None:
    for index in indices:
        if not least <= index < count:
            raise Corrupt(f"tensor {index} is named, there are {count}")


def _text(raw: Any) -> str:
    return bytes(raw).decode("utf-8", errors="replace") if raw is not None else ""


def _unpacked(raw: Array, count: int) -> Array:
    """Return 4-bit integers, the lower half of each byte first."""
    signed = raw.view(np.int8)
    halves = np.stack([np.left_shift(signed, 4) >> 4, signed >> 4], axis=1)
    return halves.reshape(-1)[:count]


@cache
def _operators() -> dict[int, str]:
    return {v: name for name, v in vars(tflite.BuiltinOperator).items() if name[0] != "_"}


def _kind(code: Any) -> str:
    """Return the name of an operator; codes above 127 are in a field of their own."""
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    name = _operators().get(number, f"operator {number}")
    return _text(code.CustomCode()) if name == "CUSTOM" else name


@cache
def _options_names(which: str) -> dict[int, str]:
    table = getattr(tflite, f"BuiltinOptions{which}")
    return {v: name for name, v in vars(table).items() if name[0] != "_" and name != "NONE"}


@cache
def _fields(kind: str) -> tuple[tuple[str, str, bool], ...]:
    """Return (snake_case name, accessor, whether it is a vector) of each field of a table."""
    table = getattr(import_module(f"tflite.{kind}"), kind)
    names = [name for name in vars(table) if name[0].isupper() and "BufferHas" not in name]
    vectors = {name[: -len("Length")] for name in names if f"{name[:-6]}AsNumpy" in names}
    suffixes = ("Length", "AsNumpy", "IsNone")
    plain = [
        name for name in names
        if name != "Init" and not name.startswith("GetRootAs")
        and not any(name == vector + suffix for vector in vectors for suffix in suffixes)
    ]  # fmt: skip
    return tuple((_snake(name), name, name in vectors) for name in plain)


def _snake(name: str) -> str:
    out = ""
    for i, letter in enumerate(name):
        if letter.isupper() and i and (name[i - 1].islower() or name[i + 1 : i + 2].islower()):
            out += "_"
        out += letter.lower()
    return out
