"""The layout of `.nxvx` files, to the byte; docs/blob.md says it in words."""

from dataclasses import dataclass
from struct import Struct

from nnefx.openvx.functions import FUNCTIONS, STRUCTS, Function, Kind, Param
from nnefx.openvx.plan import Role

MAGIC = b"NNEFXVX\x1a"
ENDIAN = 0x01020304
MAJOR, MINOR = 1, 0
HEADER_SIZE = 128
ALIGN = 64
PAGE = 4096
REQUIRED = 1
CALIBRATED = 1

# magic, endian, major, minor, file size, header size, section count, section table offset,
# profile, flags, least OpenVX, most dims, most node parameters, reserved, content id, CRC
HEADER = Struct("<8sIHHQIIQIIIIII32sI28x")
HEADER_CRC_AT = 96
SECTION = Struct("<4sIQQIIIIQ")  # type, flags, offset, size, record size, count, crc, align, 0
TENSOR = Struct("<IIIiII6QQQfiIII20x")
# name, kind, type, position, rank, flags, dims, data offset, data size, scale, fill, label, crc,
# NNEF name
VIEW = Struct("<IIII6Q6Q")  # name, parent, rank, 0, start, end
LUT = Struct("<IIIIQ")  # name, type, count, crc, data offset
SCALAR = Struct("<IId")  # name, type, value
NODE = Struct("<8I")  # op, NNEF name, first argument, arguments, kernel, NNEF op, text, 0
ARG = Struct("<BBHIQ")  # kind, direction, role, index, value
PORT = Struct("<IIII8Qdd")  # tensor, direction, name, rank, shape, scale, offset
NAME = Struct("<QIII4x")  # hash, kind, index, name
QUANT = Struct("<IId")  # tensor, 0, scale

RECORDS: dict[bytes, Struct] = {
    b"TENS": TENSOR,
    b"VIEW": VIEW,
    b"LUTS": LUT,
    b"SCAL": SCALAR,
    b"NODE": NODE,
    b"ARGS": ARG,
    b"GRIO": PORT,
    b"NAMI": NAME,
    b"QUAN": QUANT,
}

ROLES = (Role.INPUT, Role.OUTPUT, Role.CONST, Role.VIRTUAL, Role.PREFILLED, Role.STATE)

# Kinds of arguments, and of objects in the name index
IS_TENSOR, IS_VIEW, IS_LUT, IS_SCALAR, IS_INT, IS_ENUM, IS_FLOAT, IS_NULL = range(8)


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the section table."""

    type: bytes
    flags: int
    offset: int
    size: int
    record_size: int
    count: int
    crc: int
    align: int


def flat_params(function: Function) -> list[Param]:
    """Return a function's parameters with structures replaced by their fields."""
    flat: list[Param] = []
    for param in function.params:
        if param.kind in (Kind.STRUCT, Kind.SIZED_STRUCT):
            flat.extend(STRUCTS[param.of])
        else:
            flat.append(param)
    return flat


BY_CODE: dict[int, Function] = {function.code: function for function in FUNCTIONS.values()}


def fnv1a(text: bytes) -> int:
    """Return the 64-bit FNV-1a hash that the name index is sorted by."""
    value = 0xCBF29CE484222325
    for octet in text:
        value = (value ^ octet) * 0x100000001B3 % 2**64
    return value


def aligned(offset: int, align: int = ALIGN) -> int:
    """Return the next multiple of `align`."""
    return -(-offset // align) * align
