"""Tensor files (NNEF 1.0.5, section 5.2): opened as mapped arrays, written in one pass, checked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.source import FileAt
from nnefx.tensors import packing
from nnefx.tensors.files import copy_bytes, forget, map_file, os_errors, written_beside
from nnefx.tensors.header import (
    ALLOWED_BITS,
    HEADER_SIZE,
    MAX_DATA_LENGTH,
    MAX_RANK,
    Header,
    ItemType,
    data_length_of,
    data_type_of,
    encode_header,
    inspect_header,
    read_header,
)

__all__ = [
    "Header",
    "ItemType",
    "StoredTensor",
    "check_tensor",
    "data_type_of",
    "header_for",
    "inspect_header",
    "open_tensor",
    "read_header",
    "read_tensor",
    "tensor_bytes",
    "tensor_header",
    "write_stored",
    "write_tensor",
]

Array = NDArray[np.generic]
PathLike = str | os.PathLike[str]

_PLAIN_BITS = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor file that is already there, to be written elsewhere as it stands.

    `data` are its bytes from the header to the end; `path` and `offset` tell where they are on
    disk, None where they are not in a file of their own. `where` is for messages.
    """

    data: memoryview
    where: str
    path: str | None = None
    offset: int = 0

    def header(self) -> Header:
        """Return the header."""
        return read_header(self.data, self.where)


def tensor_header(path: PathLike) -> Header:
    """Return the header of a tensor file, checked against the size of the file.

    Raises:
        NnefError: NX001, NX002, NX401 to NX423.
    """
    where = os.fspath(path)
    return read_header(map_file(where, where), where)


def open_tensor(source: PathLike | memoryview | bytes, where: str | None = None) -> Array:
    """Return the tensor of a file, or of the bytes of one, as a read-only array.

    Floats and integers of 8, 16, 32 and 64 bits are a view of the mapped file, whatever its size;
    other widths are unpacked into the smallest integer that holds them, logical values into bool.
    Quantized items come as the integers that are stored. The shape is the one in the header.

    Raises:
        NnefError: NX001, NX002, NX401 to NX423.
    """
    if isinstance(source, memoryview | bytes):
        buffer, name = memoryview(source), where or "<buffer>"
    else:
        name = where or os.fspath(source)
        buffer = map_file(os.fspath(source), name)
    header = read_header(buffer, name)
    array = _items(header, buffer).reshape(header.shape)
    array.flags.writeable = False
    return array


def read_tensor(path: PathLike) -> Array:
    """Return the tensor of a file as an array in memory that may be changed.

    Raises:
        NnefError: NX001, NX002, NX401 to NX423.
    """
    return np.array(open_tensor(path))


def write_tensor(
    path: PathLike,
    array: Array,
    *,
    item_type: ItemType | None = None,
    bits: int | None = None,
    version: tuple[int, int] = (1, 0),
) -> None:
    """Write `array` of any layout and byte order as a tensor file, beside `path` and renamed.

    By default floats keep their width, integers keep width and sign, and bool takes 1 bit, the
    only form that Khronos' Python reader loads. `item_type` chooses the quantized types, or the
    sign of integers; `bits` packs integers into 1 to 64 bits, bool into 1 or 8.

    Raises:
        NnefError: NX001, NX002, NX403, NX404, NX419, NX407, NX409, NX420 to NX422.
    """
    where = os.fspath(path)
    array = np.asarray(array)
    header = header_for(array, item_type, bits, version, where)
    with written_beside(where) as file:
        for part in tensor_bytes(array, header, where):
            file.write(part)


def write_stored(tensor: StoredTensor, file: BinaryIO) -> None:
    """Append a tensor file to `file` as it stands, without the 4 extra bytes of old writers."""
    start = tensor.header().offset
    with os_errors(tensor.where):
        if start == HEADER_SIZE:
            copy_bytes(tensor.data, tensor.path, tensor.offset, file)
        else:
            file.write(tensor.data[:HEADER_SIZE])
            copy_bytes(tensor.data[start:], tensor.path, tensor.offset + start, file)


def header_for(
    array: Array,
    item_type: ItemType | None = None,
    bits: int | None = None,
    version: tuple[int, int] = (1, 0),
    where: str = "<tensor>",
) -> Header:
    """Return the header under which `array` is stored; its values are not looked at.

    Raises:
        NnefError: NX403, NX404, NX419, NX407, NX409, NX420, NX422.
    """
    if not all(0 <= part <= 255 for part in version):
        raise _refused("NX403", f"version is {version}, its parts are bytes", where)
    default, own_bits = _natural_type(array.dtype, where)
    item, width = default if item_type is None else item_type, own_bits if bits is None else bits
    _require_storable(array.dtype, own_bits, default, item, width, where)
    if array.ndim > MAX_RANK:
        raise _refused("NX404", f"rank is {array.ndim}, the maximum is {MAX_RANK}", where)
    if array.size == 0:
        axis = array.shape.index(0)
        raise _refused("NX419", f"extent {axis} is 0, expected at least 1", where)
    length = data_length_of(array.shape, width)
    if length > MAX_DATA_LENGTH:
        message = f"data takes {length} bytes, the format holds at most {MAX_DATA_LENGTH}"
        raise _refused("NX422", message, where)
    return Header(version, array.shape, width, item, length)


def tensor_bytes(array: Array, header: Header, where: str) -> Iterator[bytes | memoryview]:
    """Yield the tensor file of `array` in pieces; at no time are all of them in memory.

    Raises:
        NnefError: NX421 where a value does not fit the bits of an item.
    """
    yield encode_header(header)
    if header.item_type is ItemType.BOOL:
        for chunk in packing.chunks(array, packing.CHUNK_ITEMS):
            plain = np.ascontiguousarray(chunk).view(np.uint8)
            yield (np.packbits(plain) if header.bits == 1 else plain).data
    elif _keeps_form(array.dtype, header):
        little = array.dtype.newbyteorder("<")
        for chunk in packing.chunks(array, 1 << 20):
            yield np.ascontiguousarray(chunk, dtype=little).view(np.uint8).data
    else:
        for chunk in packing.chunks(array, packing.CHUNK_ITEMS):
            _require_range(chunk, header, where)
            yield packing.pack(chunk, header.bits).data


def check_tensor(
    path: PathLike | memoryview, where: str | None = None, *, scan: bool = True
) -> list[Diagnostic]:
    """Return every fault of a tensor file, or of the bytes of one, in the order of the file.

    With `scan` the data is read too, chunk by chunk: NaN and infinity are warnings.

    Raises:
        NnefError: NX001, NX002 where there is nothing to check.
    """
    if isinstance(path, memoryview):
        buffer, name = path, where or "<buffer>"
    else:
        name = where or os.fspath(path)
        buffer = map_file(os.fspath(path), name)
    header, faults = inspect_header(buffer, name)
    if header is None:
        return faults
    faults += _padding_faults(header, buffer, name)
    if scan and header.item_type is ItemType.FLOAT:
        faults += _value_faults(header, buffer, name)
    return faults


def _items(header: Header, buffer: memoryview) -> Array:
    """Return the items as one line."""
    item, bits, count = header.item_type, header.bits, header.count
    if bits in _PLAIN_BITS and item is not ItemType.BOOL:
        kind = "f" if item is ItemType.FLOAT else "i" if item.signed else "u"
        dtype = np.dtype(f"<{kind}{bits // 8}")
        return np.frombuffer(buffer, dtype, count, header.offset)
    data = np.frombuffer(buffer, np.uint8, header.data_length, header.offset)
    if item is not ItemType.BOOL:
        return packing.unpack(data, count, bits, item.signed)
    if bits == 1:
        return packing.unpack(data, count, 1, signed=False).view(np.bool_)
    return np.not_equal(data, 0)


_NATURAL: dict[str, ItemType] = {
    "f": ItemType.FLOAT,
    "u": ItemType.UINT,
    "i": ItemType.INT,
    "b": ItemType.BOOL,
}


def _natural_type(dtype: np.dtype[np.generic], where: str) -> tuple[ItemType, int]:
    """Return the item type and width that keep `dtype` as it is."""
    item = _NATURAL.get(dtype.kind)
    bits = 1 if item is ItemType.BOOL else 8 * dtype.itemsize
    if item is None or (item is ItemType.FLOAT and bits not in ALLOWED_BITS[item]):
        message = f"array is {dtype}, expected float16/32/64, an integer of 8 to 64 bits, or bool"
        raise _refused("NX420", message, where)
    return item, bits


def _require_storable(
    dtype: np.dtype[np.generic],
    own_bits: int,
    default: ItemType,
    item: ItemType,
    bits: int,
    where: str,
) -> None:
    """Refuse pairs of array type and item type that would need a conversion of values."""
    if not 1 <= bits <= 64:
        raise _refused("NX407", f"bits per item is {bits}, expected 1 to 64", where)
    if (item in ALLOWED_BITS or default in ALLOWED_BITS) and item is not default:
        message = f"array is {dtype}, it cannot be stored as {item.name.lower()} items"
        raise _refused("NX420", message, where)
    if item in ALLOWED_BITS and bits not in ALLOWED_BITS[item]:
        wanted = " or ".join(map(str, ALLOWED_BITS[item]))
        message = f"bits per item is {bits}, {item.name.lower()} items have {wanted}"
        raise _refused("NX409", message, where)
    if item is ItemType.FLOAT and bits != own_bits:
        raise _refused("NX420", f"array is {dtype}, convert it to store {bits} bits", where)


def _keeps_form(dtype: np.dtype[np.generic], header: Header) -> bool:
    """Whether the items of an array are the items of the file, but for their byte order."""
    same_sign = dtype.kind == "f" or (dtype.kind == "i") is header.item_type.signed
    return same_sign and header.bits == 8 * dtype.itemsize


def _require_range(chunk: Array, header: Header, where: str) -> None:
    low, high = int(chunk.min()), int(chunk.max())
    signed, bits = header.item_type.signed, header.bits
    first = -(1 << (bits - 1)) if signed else 0
    last = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    if low < first or high > last:
        value = low if low < first else high
        message = f"value {value} does not fit {bits} bits, expected {first} to {last}"
        raise _refused("NX421", message, where)


def _padding_faults(header: Header, buffer: memoryview, where: str) -> Iterator[Diagnostic]:
    spare = packing.padding_bits(header.data_length, header.count, header.bits)
    last = header.offset + header.data_length - 1
    if spare and buffer[last] & ((1 << spare) - 1):
        message = f"last byte is padded with 0x{buffer[last] & ((1 << spare) - 1):x}, expected 0"
        yield Diagnostic("NX416", message, FileAt(where, last))


def _value_faults(header: Header, buffer: memoryview, where: str) -> Iterator[Diagnostic]:
    """Warn of the first NaN and the first infinity, with how many there are."""
    items = _items(header, buffer)
    first: dict[str, int] = {}
    count = {"NaN": 0, "infinity": 0}
    start = 0
    for chunk in packing.chunks(items, 1 << 20):
        if not np.isfinite(chunk).all():
            for name, test in (("NaN", np.isnan), ("infinity", np.isinf)):
                hits = np.flatnonzero(test(chunk))
                count[name] += len(hits)
                if len(hits):
                    first.setdefault(name, start + int(hits[0]))
        done, start = start, start + len(chunk)
        forget(buffer, *(header.offset + index * header.bits // 8 for index in (done, start)))
    for name, index in first.items():
        message = f"data has {count[name]} items that are {name}, the first is item {index}"
        at = FileAt(where, header.offset + index * header.bits // 8)
        yield Diagnostic("NX417", message, at, Severity.WARNING)


def _refused(code: str, message: str, where: str) -> NnefError:
    return NnefError(code, message, FileAt(where))
