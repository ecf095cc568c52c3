"""The 128-byte header of a tensor file (NNEF 1.0.5, section 5.2) and all that can be wrong in it.

The fields, all little-endian: magic `4E EF`, version (2 bytes), data length, rank, 8 extents, bits
per item, item type (low half: type, high half: vendor), 32 bytes of deprecated parameters, and 44
reserved bytes.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.source import FileAt
from nnefx.types import INTEGER, LOGICAL, SCALAR

HEADER_SIZE = 128
MAGIC = b"\x4e\xef"
MAX_RANK = 8
MAX_BITS = 64
MAX_DATA_LENGTH = 2**32 - 1

_FIELDS = struct.Struct("<2s2B2I8I2I32s44s")
_AT_VERSION, _AT_LENGTH, _AT_RANK, _AT_EXTENTS = 2, 4, 8, 12
_AT_BITS, _AT_TYPE, _AT_PARAMETERS, _AT_RESERVED = 44, 48, 52, 84
# Writers of 2018 (before the fix of NNEF-Tools in October that year) wrote 20 instead of 19
# reserved words, so that the data starts at 132.
_OLD_EXTRA = 4
# Errors that leave no doubt about the data, so that the file is still read.
_HARMLESS = frozenset({"NX418", "NX413"})


class ItemType(IntEnum):
    """The item types that Khronos specifies (vendor 0)."""

    FLOAT = 0
    UINT = 1
    QUINT = 2
    QINT = 3
    INT = 4
    BOOL = 5

    @property
    def signed(self) -> bool:
        """Whether items are two's complement numbers."""
        return self in (ItemType.QINT, ItemType.INT)


# Section 5.2.1: which data-type of the graph may be stored as which item types.
DATA_TYPES: dict[ItemType, str] = {
    ItemType.FLOAT: SCALAR,
    ItemType.QUINT: SCALAR,
    ItemType.QINT: SCALAR,
    ItemType.UINT: INTEGER,
    ItemType.INT: INTEGER,
    ItemType.BOOL: LOGICAL,
}
ITEM_TYPES: dict[str, tuple[ItemType, ...]] = {
    name: tuple(item for item, data in DATA_TYPES.items() if data == name)
    for name in (SCALAR, INTEGER, LOGICAL)
}


# Integers of all kinds may have any width up to 64.
ALLOWED_BITS: dict[ItemType, tuple[int, ...]] = {
    ItemType.FLOAT: (16, 32, 64),
    ItemType.BOOL: (1, 8),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a tensor file says about its data.

    `data_length` is in bytes, `offset` is where the data starts (128; 132 in files of old
    writers). `parameters` are the 32 deprecated bytes as they stand in the file.
    """

    version: tuple[int, int]
    shape: tuple[int, ...]
    bits: int
    item_type: ItemType
    data_length: int
    offset: int = HEADER_SIZE
    parameters: bytes = bytes(32)

    @property
    def count(self) -> int:
        """The number of items; 1 for rank 0."""
        return math.prod(self.shape)

    @property
    def quantized(self) -> bool:
        """Whether the items are codes that graph.quant says how to read."""
        return self.item_type in (ItemType.QUINT, ItemType.QINT)


def data_type_of(header: Header) -> str:
    """Return the data-type of the graph that `header` stores, such as scalar (section 5.2.1)."""
    return DATA_TYPES[header.item_type]


def data_length_of(shape: tuple[int, ...], bits: int) -> int:
    """Return the length in bytes of the packed data of a tensor."""
    return (math.prod(shape) * bits + 7) // 8


def encode_header(header: Header) -> bytes:
    """Return the 128 bytes of `header`; the rank is at most 8."""
    extents = header.shape + (0,) * (MAX_RANK - len(header.shape))
    return _FIELDS.pack(
        MAGIC,
        *header.version,
        header.data_length,
        len(header.shape),
        *extents,
        header.bits,
        header.item_type,
        header.parameters,
        bytes(44),
    )


def read_header(buffer: memoryview | bytes, where: str) -> Header:
    """Return the header of the tensor file that `buffer` holds as a whole; allocates no data.

    Faults that leave the data beyond doubt (extents after the rank, reserved bytes, the 4 extra
    bytes of old writers) are left to `check_tensor`.

    Raises:
        NnefError: NX401 to NX423, one diagnostic per fault; `where` is the path to show.
    """
    header, faults = inspect_header(buffer, where)
    errors = [fault for fault in faults if fault.severity is Severity.ERROR]
    if header is None or any(fault.code not in _HARMLESS for fault in errors):
        raise NnefError.of([fault for fault in errors if fault.code not in _HARMLESS])
    return header


def inspect_header(
    buffer: memoryview | bytes, where: str
) -> tuple[Header | None, list[Diagnostic]]:
    """Return the header, None where it cannot be understood, and every fault of it."""
    faults: list[Diagnostic] = []
    size = len(buffer)
    if size < HEADER_SIZE:
        faults.append(
            _fault("NX401", f"file has {size} bytes, a tensor header has {HEADER_SIZE}", where, 0)
        )
        return None, faults
    magic, major, minor, length, rank, *rest = _FIELDS.unpack_from(buffer)
    extents, (bits, code, parameters, reserved) = tuple(rest[:MAX_RANK]), rest[MAX_RANK:]
    if magic != MAGIC:
        found = magic.hex(" ")
        faults.append(_fault("NX402", f"magic is {found}, expected {MAGIC.hex(' ')}", where, 0))
        return None, faults
    faults += _form_faults((major, minor), rank, extents, where)
    faults += _type_faults(bits, code, where)
    faults += _reserved_faults(code, parameters, reserved, where)
    if any(f.severity is Severity.ERROR and f.code not in _HARMLESS for f in faults):
        return None, faults
    item = _effective_type(code, parameters)
    header = Header((major, minor), extents[:rank], bits, item, length, HEADER_SIZE, parameters)
    return _with_length(header, buffer, where, faults)


def _form_faults(
    version: tuple[int, int], rank: int, extents: tuple[int, ...], where: str
) -> Iterator[Diagnostic]:
    if version != (1, 0):
        found = f"{version[0]}.{version[1]}"
        yield _fault("NX403", f"version is {found}, expected 1.0", where, _AT_VERSION)
    if rank > MAX_RANK:
        yield _fault("NX404", f"rank is {rank}, the maximum is {MAX_RANK}", where, _AT_RANK)
        return
    for axis, extent in enumerate(extents):
        at = _AT_EXTENTS + 4 * axis
        if axis < rank and extent == 0:
            yield _fault("NX419", f"extent {axis} is 0, expected at least 1", where, at)
        if axis >= rank and extent != 0:
            message = f"extent {axis} is {extent}, expected 0 because the rank is {rank}"
            yield _fault("NX418", message, where, at)


def _type_faults(bits: int, code: int, where: str) -> Iterator[Diagnostic]:
    if not 1 <= bits <= MAX_BITS:
        yield _fault("NX407", f"bits per item is {bits}, expected 1 to {MAX_BITS}", where, _AT_BITS)
    if code >> 16:
        vendor, item = code >> 16, code & 0xFFFF
        message = f"item type {item} is of vendor 0x{vendor:04x}, only Khronos types are known"
        yield _fault("NX423", message, where, _AT_TYPE)
    elif code > max(ItemType):
        message = f"item type is {code}, expected 0 to {int(max(ItemType))}"
        yield _fault("NX423", message, where, _AT_TYPE)
    elif 1 <= bits <= MAX_BITS and bits not in ALLOWED_BITS.get(ItemType(code), (bits,)):
        name, wanted = ItemType(code).name.lower(), ALLOWED_BITS[ItemType(code)]
        message = f"bits per item is {bits}, {name} items have {' or '.join(map(str, wanted))}"
        yield _fault("NX409", message, where, _AT_BITS)


def _reserved_faults(
    code: int, parameters: bytes, reserved: bytes, where: str
) -> Iterator[Diagnostic]:
    if any(parameters):
        if code == ItemType.UINT and any(parameters[:4]):
            message = "signedness is told by a deprecated parameter, expected item type 4"
        else:
            message = "item type has deprecated parameters, expected zeros (graph.quant holds them)"
        yield _fault("NX415", message, where, _AT_PARAMETERS, Severity.WARNING)
    if any(reserved):
        at = _AT_RESERVED + next(i for i, byte in enumerate(reserved) if byte)
        yield _fault("NX414", "reserved header byte is not 0", where, at, Severity.WARNING)


def _effective_type(code: int, parameters: bytes) -> ItemType:
    """Return the item type; before 1.0.3 a parameter said that an integer is signed."""
    if code == ItemType.UINT and any(parameters[:4]):
        return ItemType.INT
    return ItemType(code)


def _with_length(
    header: Header, buffer: memoryview | bytes, where: str, faults: list[Diagnostic]
) -> tuple[Header | None, list[Diagnostic]]:
    """Compare the declared length with the extents and with the file."""
    shape = ", ".join(map(str, header.shape))
    needed, length = data_length_of(header.shape, header.bits), header.data_length
    if needed != length:
        message = f"data length is {length}, extents [{shape}] of {header.bits} bits take {needed}"
        faults.append(_fault("NX410", message, where, _AT_LENGTH))
    present = len(buffer) - HEADER_SIZE
    if present == length + _OLD_EXTRA and not any(buffer[HEADER_SIZE : HEADER_SIZE + _OLD_EXTRA]):
        message = (
            "header has 4 extra bytes, as old writers put them; data starts at 132, expected 128"
        )
        faults.append(_fault("NX413", message, where, HEADER_SIZE))
        header = replace(header, offset=HEADER_SIZE + _OLD_EXTRA)
    elif present < length:
        message = f"file has {present} bytes of data, the header declares {length}"
        faults.append(_fault("NX411", message, where, len(buffer)))
    elif present > length:
        message = f"file has {present - length} bytes after the {length} declared bytes of data"
        faults.append(_fault("NX412", message, where, HEADER_SIZE + length))
    broken = any(fault.code in ("NX410", "NX411", "NX412") for fault in faults)
    return (None if broken else header), faults


def _fault(
    code: str, message: str, where: str, offset: int, severity: Severity = Severity.ERROR
) -> Diagnostic:
    return Diagnostic(code, message, FileAt(where, offset), severity)
