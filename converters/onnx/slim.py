"""ONNX files without their weights: what is stored in the file is read where it lies.

Protobuf's own parser copies every weight. Here the file is mapped, the stored items of tensors are
replaced by a note that says where in the file they are (in the way of external data), and the rest,
which is small, goes to the parser.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

SMALL = 1024  # bytes; shorter items stay where they are

_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR = range(5)

# For each kind of message, the fields that hold messages which may hold weights.
_INSIDE: tuple[dict[int, int], ...] = (
    {ModelProto.GRAPH_FIELD_NUMBER: _GRAPH},
    {GraphProto.NODE_FIELD_NUMBER: _NODE, GraphProto.INITIALIZER_FIELD_NUMBER: _TENSOR},
    {NodeProto.ATTRIBUTE_FIELD_NUMBER: _ATTRIBUTE},
    {AttributeProto.T_FIELD_NUMBER: _TENSOR, AttributeProto.G_FIELD_NUMBER: _GRAPH},
    {},
)


class Damaged(Exception):
    """Raised where the bytes are no protobuf message, or end too early."""


def slim(path: Path) -> bytes:
    """Return the model of a file, serialized without the items of large tensors.

    Raises OSError where the file cannot be read, `Damaged` where it is no protobuf message.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            raise Damaged
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return b"".join(_message(data, 0, len(data), _MODEL, path.name))
    finally:
        data.close()


def _message(data: mmap.mmap, start: int, end: int, kind: int, name: str) -> Iterator[bytes]:
    position, note = start, b""
    while position < end:
        key, body = _varint(data, position, end)
        field, wire = key >> 3, key & 7
        if wire != 2:
            stop = _after(data, body, end, wire)
            yield data[position:stop]
            position = stop
            continue
        length, body = _varint(data, body, end)
        stop = body + length
        if stop > end:
            raise Damaged
        inner = _INSIDE[kind].get(field)
        if kind == _TENSOR and field == TensorProto.RAW_DATA_FIELD_NUMBER and length >= SMALL:
            note = _note(name, body, length)
        elif inner is not None and length >= SMALL:
            parts = b"".join(_message(data, body, stop, inner, name))
            yield _encoded(key) + _encoded(len(parts)) + parts
        else:
            yield data[position:stop]
        position = stop
    yield note  # last, for of a field that stands twice the last one counts


def _after(data: mmap.mmap, position: int, end: int, wire: int) -> int:
    """Return where a field that is no message ends."""
    if wire == 0:
        return _varint(data, position, end)[1]
    if wire not in (1, 5):
        raise Damaged
    stop = position + (8 if wire == 1 else 4)
    if stop > end:
        raise Damaged
    return stop


def _varint(data: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise Damaged


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _note(name: str, offset: int, length: int) -> bytes:
    """Return the fields of a tensor that say where its items lie."""
    tensor = TensorProto(data_location=TensorProto.EXTERNAL)
    for key, value in (("location", name), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return tensor.SerializeToString()
