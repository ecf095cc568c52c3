"""Weights of a .caffemodel: found by a scan of the wire format, mapped, never parsed.

Protobuf's Python classes would copy every weight into a list. The scan only walks over the fields
down to the items of the blobs and leaves them where they are; names and shapes are left to
protobuf.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from nnefx.converters.caffe.schema import standard
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.files import map_file, written_beside

Array = NDArray[Any]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Fields of a blob: what holds its items, and as what. 12 is of a fork, which also tells the type.
_ITEMS: Mapping[int, np.dtype[Any]] = {5: np.dtype("<f4"), 8: np.dtype("<f8")}
_GRADIENTS = (6, 9)
_RAW_TYPE, _RAW = 10, 12
_RAW_TYPES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype("<f8"),
    1: np.dtype("<f4"),
    2: np.dtype("<f2"),
}
# The version of a layer: the field of the net, the fields of its name, and that of its blobs.
_LAYERS = {100: ((1,), 7), 2: ((4,), 6)}
_V0_LAYER, _V0_BLOBS = 1, 50


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its shape as stored, and its items as a view of the file."""

    shape: tuple[int, ...]
    items: Array


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    wire: int
    start: int  # of the field, its tag included
    payload: int
    end: int


def read_weights(path: Path) -> Mapping[str, tuple[Blob, ...]]:
    """Return the blobs of a file by the names of their layers.

    Raises:
        NnefError: NX001 for a missing file, NX710 for one that is damaged or cut short, with the
            offset of the byte where that shows.
    """
    try:
        data = map_file(str(path), str(path))
    except NnefError as error:
        fault = error.diagnostics[0]
        raise NnefError(fault.code, fault.message, FileAt(str(path))) from None
    return Scan(data, str(path)).layers()


def write_weights(path: Path, blobs: Mapping[str, Sequence[Blob]]) -> None:
    """Write blobs by the names of their layers, as 32-bit floats, one at a time.

    Raises:
        NnefError: NX002 where the file cannot be written.
    """
    with written_beside(str(path)) as file:
        for name, items in blobs.items():
            heads = [_head(blob) for blob in items]
            label = _length_delimited(1, name.encode())
            size = len(label) + sum(
                len(_tag(7, _BYTES)) + len(_varint(len(head) + 4 * blob.items.size)) + len(head)
                + 4 * blob.items.size
                for head, blob in zip(heads, items)
            )  # fmt: skip
            file.write(_tag(100, _BYTES) + _varint(size) + label)
            for head, blob in zip(heads, items):
                payload = np.ascontiguousarray(blob.items, "<f4")
                file.write(_tag(7, _BYTES) + _varint(len(head) + payload.nbytes) + head)
                file.write(payload.view(np.uint8).data)


def _head(blob: Blob) -> bytes:
    """Return the bytes of a blob that come before its items."""
    message: Any = standard()["BlobProto"]()
    message.shape.dim.extend(blob.shape)
    shape = bytes(message.SerializeToString())
    return shape + _tag(5, _BYTES) + _varint(4 * blob.items.size)


def _length_delimited(number: int, content: bytes) -> bytes:
    return _tag(number, _BYTES) + _varint(len(content)) + content


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


class Scan:
    """A walk over the bytes of a caffemodel."""

    def __init__(self, data: memoryview, path: str) -> None:
        self.data = data
        self.path = path

    def layers(self) -> Mapping[str, tuple[Blob, ...]]:
        """Return the blobs by the names of their layers; layers without blobs are left out."""
        if bytes(self.data[:8]) == b"\x89HDF\r\n\x1a\n":
            self._fail("an HDF5 file; only binary caffemodels are read", 0)
        found: dict[str, tuple[Blob, ...]] = {}
        seen = False
        for field in self.fields(0, len(self.data)):
            if field.number in _LAYERS and field.wire == _BYTES:
                seen = True
                name, blobs = self._layer(field, *_LAYERS[field.number])
                if blobs:
                    found[name] = blobs
        if not seen:
            self._fail("not a caffemodel: it holds no layers", 0)
        return found

    def fields(self, start: int, end: int) -> Iterator[_Field]:
        """Yield the fields of the message between two offsets."""
        position = start
        while position < end:
            tag, after = self._varint(position, end)
            number, wire = tag >> 3, tag & 7
            if wire == _BYTES:
                length, payload = self._varint(after, end)
                stop = payload + length
            elif wire == _VARINT:
                payload, (_, stop) = after, self._varint(after, end)
            elif wire in (_FIXED32, _FIXED64):
                payload, stop = after, after + (4 if wire == _FIXED32 else 8)
            else:
                self._fail(f"damaged: wire type {wire} of field {number} does not exist", position)
            if number == 0:
                self._fail("damaged: a field has the number 0", position)
            if stop > end:
                text = f"cut short: field {number} ends at byte {stop}, its message at {end}"
                self._fail(text, position)
            yield _Field(number, wire, position, payload, stop)
            position = stop

    def _layer(
        self, layer: _Field, names: tuple[int, ...], blobs: int
    ) -> tuple[str, tuple[Blob, ...]]:
        name, found = "", []
        for field in self.fields(layer.payload, layer.end):
            if field.wire != _BYTES:
                continue
            if field.number in names:
                name = self._text(field)
            elif field.number == blobs:
                found.append(self._blob(field))
            elif field.number == _V0_LAYER and blobs == _LAYERS[2][1]:
                name, inner = self._layer(field, (1,), _V0_BLOBS)
                found += inner
        return name, tuple(found)

    def _blob(self, blob: _Field) -> Blob:
        parts: list[Array] = []
        kind: np.dtype[Any] = np.dtype("<f4")
        rest = bytearray()
        for field in self.fields(blob.payload, blob.end):
            if field.number in _ITEMS:
                parts.append(self._items(field, _ITEMS[field.number]))
            elif field.number == _RAW_TYPE and field.wire == _VARINT:
                code = self._varint(field.payload, field.end)[0]
                if code not in _RAW_TYPES:
                    self._fail(f"raw items of type {code} are unknown", field.start)
                kind = _RAW_TYPES[code]
            elif field.number == _RAW:
                parts.append(self._items(field, kind))
            elif field.number not in _GRADIENTS:
                rest += self.data[field.start : field.end]
        return self._shaped(parts, bytes(rest), blob)

    def _items(self, field: _Field, kind: np.dtype[Any]) -> Array:
        size = field.end - field.payload
        if size % kind.itemsize:
            self._fail(f"damaged: {size} bytes are no whole number of items", field.start)
        count = size // kind.itemsize
        return np.frombuffer(self.data, kind, count, field.payload)

    def _shaped(self, parts: list[Array], rest: bytes, blob: _Field) -> Blob:
        message: Any = standard()["BlobProto"]()
        try:
            message.ParseFromString(rest)
        except DecodeError:
            self._fail("damaged: the shape of a blob cannot be read", blob.start)
        legacy = [message.HasField(name) for name in ("num", "channels", "height", "width")]
        if message.HasField("shape") or not any(legacy):
            shape = tuple(message.shape.dim)
        else:
            shape = (message.num, message.channels, message.height, message.width)
        items = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0, "<f4")])
        volume = int(np.prod(shape, dtype=np.int64)) if min(shape, default=0) >= 0 else -1
        if volume != items.size:
            text = f"damaged: a blob of shape {list(shape)} has {items.size} items"
            self._fail(text, blob.start)
        return Blob(shape, items)

    def _text(self, field: _Field) -> str:
        return bytes(self.data[field.payload : field.end]).decode("utf-8", errors="replace")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        start = position
        while position < end:
            byte = self.data[position]
            value |= (byte & 0x7F) << shift
            position += 1
            if byte < 0x80:
                return value, position
            shift += 7
            if shift > 63:
                self._fail("damaged: a number is longer than ten bytes", start)
        self._fail("cut short: it ends inside a number", start)
        raise AssertionError

    def _fail(self, text: str, offset: int) -> None:
        raise NnefError("NX710", text, FileAt(self.path, offset))
