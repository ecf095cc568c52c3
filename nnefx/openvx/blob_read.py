"""`.nxvx` -> Plan. The file is taken for hostile: nothing is used before it is checked."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from struct import pack, unpack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.openvx import blob_format as f
from nnefx.openvx.check import check_plan
from nnefx.openvx.crc32c import crc32c
from nnefx.openvx.functions import DTYPES, ENUMS, STRUCTS, Kind, Param
from nnefx.openvx.plan import (
    Arg,
    Call,
    Enum,
    Float,
    Int,
    Lut,
    Null,
    Payload,
    Plan,
    Ref,
    Role,
    Scalar,
    Struct,
    Tensor,
    View,
)
from nnefx.openvx.profiles import PROFILES
from nnefx.source import FileAt
from nnefx.tensors.files import map_file

_TYPES = {code: name for name, (code, _, _) in DTYPES.items()}
_PROFILES = {entry.code: name for name, entry in PROFILES.items()}
_KNOWN = {b"STRS", b"META", b"DATA", b"NNEF", b"SIGN", *f.RECORDS}


def read_blob(path: str | os.PathLike[str], *, verify: bool = True) -> Plan:
    """Return the plan of a blob; its weights are views of the mapped file.

    Args:
        path: the file.
        verify: compare the checksum of the data as well, which reads all of it.

    Raises:
        NnefError: NX660 where it is no blob or of another version, NX661 where it is damaged,
            NX650 where its plan cannot be built; with the byte where that was found.
    """
    name = os.fspath(path)
    return _Reader(map_file(name, name), name).plan(verify)


@dataclass(slots=True)
class _Reader:
    data: memoryview
    path: str

    def fail(self, code: str, message: str, offset: int = -1) -> NnefError:
        return NnefError(code, message, FileAt(self.path, offset))

    def plan(self, verify: bool) -> Plan:
        header = self._header()
        sections = self._sections(header[6], header[7])
        for name, section in sections.items():
            if verify or name != b"DATA":
                self._check_crc(section)
        tables = _Tables(self, sections)
        plan = tables.plan(_PROFILES[header[8]])
        try:
            check_plan(plan)
        except NnefError as error:
            first = error.diagnostics[0]
            raise self.fail(first.code, first.message) from None
        return plan

    def _header(self) -> tuple[Any, ...]:
        if len(self.data) < f.HEADER_SIZE or bytes(self.data[:8]) != f.MAGIC:
            raise self.fail("NX660", "file is no nnefx blob", 0)
        header = f.HEADER.unpack_from(self.data)
        if header[1] != f.ENDIAN:
            raise self.fail("NX660", f"endian mark is {header[1]:#x}, not {f.ENDIAN:#x}", 8)
        if header[2] != f.MAJOR:
            raise self.fail("NX660", f"format version is {header[2]}, expected {f.MAJOR}", 12)
        if header[15] != crc32c(self.data[: f.HEADER_CRC_AT]):
            raise self.fail("NX661", "checksum of the header is wrong", f.HEADER_CRC_AT)
        if header[4] != len(self.data):
            raise self.fail("NX661", f"file has {len(self.data)} bytes, not {header[4]}", 16)
        if header[5] < f.HEADER_SIZE or header[8] not in _PROFILES:
            raise self.fail("NX661", "header size or profile is unknown", 24)
        return header

    def _sections(self, count: int, table: int) -> dict[bytes, f.Section]:
        size = len(self.data)
        if (
            table < f.HEADER_SIZE
            or table % 8
            or table > size
            or count > (size - table) // f.SECTION.size
        ):
            raise self.fail("NX661", "section table is outside of the file", 28)
        found: dict[bytes, f.Section] = {}
        last = table + count * f.SECTION.size
        for number in range(count):
            at = table + number * f.SECTION.size
            section = f.Section(*f.SECTION.unpack_from(self.data, at)[:8])
            if section.offset < last or section.offset % f.ALIGN:
                raise self.fail("NX661", f"section {number} overlaps or is not aligned", at + 8)
            if section.size > size or section.offset > size - section.size:
                raise self.fail("NX661", f"section {number} is outside of the file", at + 8)
            last = section.offset + section.size
            if section.type in found:
                raise self.fail("NX661", f"section {_quoted(section.type)} is there twice", at)
            if section.type in _KNOWN:
                found[section.type] = section
            elif section.flags & f.REQUIRED:
                raise self.fail("NX660", f"section {_quoted(section.type)} is unknown", at)
        if missing := sorted(({b"STRS", b"DATA"} | set(f.RECORDS)) - set(found) - {b"QUAN"}):
            raise self.fail("NX661", f"section {_quoted(missing[0])} is missing", 28)
        return found

    def _check_crc(self, section: f.Section) -> None:
        content = self.data[section.offset : section.offset + section.size]
        if crc32c(content) != section.crc:
            message = f"checksum of section {_quoted(section.type)} is wrong"
            raise self.fail("NX661", message, section.offset)


class _Tables:
    """The records of all sections as objects of the plan."""

    def __init__(self, reader: _Reader, sections: dict[bytes, f.Section]) -> None:
        self.reader = reader
        self.sections = sections
        strings = sections[b"STRS"]
        self.strings = bytes(reader.data[strings.offset : strings.offset + strings.size])
        if not self.strings.startswith(b"\0") or not self.strings.endswith(b"\0"):
            raise reader.fail("NX661", "strings are not terminated", strings.offset)
        try:
            self.strings.decode()
        except UnicodeDecodeError as error:
            at = strings.offset + error.start
            raise reader.fail("NX661", "string is not UTF-8", at) from None

    def plan(self, profile: str) -> Plan:
        rows = self._rows(b"TENS")
        scales = self._scales(len(rows))
        tensors = [self._tensor(row, at, scales.get(index)) for index, (row, at) in enumerate(rows)]
        self.tensors = tensors
        views = [self._view(row, at) for row, at in self._rows(b"VIEW")]
        luts = [self._lut(row, at) for row, at in self._rows(b"LUTS")]
        scalars = [self._scalar(row, at) for row, at in self._rows(b"SCAL")]
        self.objects: list[list[Any]] = [[*tensors], [*views], [*luts], [*scalars]]
        self._check_names()
        args = self._rows(b"ARGS")
        calls = [self._call(row, at, args) for row, at in self._rows(b"NODE")]
        ports = [self._port(row, at) for row, at in self._rows(b"GRIO")]
        meta = self._meta()
        notes: Any = meta.get("notes", [])
        notes = notes if isinstance(notes, list) else []
        return Plan(
            str(meta.get("name", "graph")),
            profile,
            tuple(name for direction, name in ports if direction == 0),
            tuple(name for direction, name in ports if direction == 1),
            tuple(self.tensors),
            tuple(views),
            tuple(luts),
            tuple(scalars),
            tuple(calls),
            notes=tuple(str(note) for note in notes),
        )

    def _rows(self, name: bytes) -> list[tuple[tuple[Any, ...], int]]:
        """Return the records of a section with their offsets; longer records are newer ones."""
        section, record = self.sections[name], f.RECORDS[name]
        if section.record_size < record.size or section.count * section.record_size > section.size:
            raise self.reader.fail(
                "NX661", f"records of {_quoted(name)} do not fit", section.offset
            )
        places = (section.offset + i * section.record_size for i in range(section.count))
        return [(record.unpack_from(self.reader.data, at), at) for at in places]

    def _text(self, offset: int, at: int) -> str:
        if offset >= len(self.strings):
            raise self.reader.fail("NX661", f"string {offset} is outside of the strings", at)
        try:
            return self.strings[offset : self.strings.index(b"\0", offset)].decode()
        except UnicodeDecodeError:
            raise self.reader.fail("NX661", f"string {offset} is not UTF-8", at) from None

    def _scales(self, tensors: int) -> dict[int, float]:
        """Return the exact scales by the index of their tensor; record i belongs to tensor i."""
        rows = self._rows(b"QUAN") if b"QUAN" in self.sections else []
        for index, (row, at) in enumerate(rows):
            if row[0] != index or index >= tensors:
                raise self.reader.fail("NX661", f"scale {index} belongs to no tensor", at)
        return {row[0]: row[2] for row, _ in rows}

    def _check_names(self) -> None:
        """Check the name index, which other readers look names up in."""
        last = 0
        for (value, kind, index, name), at in self._rows(b"NAMI"):
            if kind >= len(self.objects) or index >= len(self.objects[kind]):
                raise self.reader.fail("NX661", "name belongs to no object", at + 8)
            if value < last:
                raise self.reader.fail("NX661", "names are not sorted", at)
            if value != f.fnv1a(self._text(name, at + 16).encode()):
                raise self.reader.fail("NX661", "hash of a name is wrong", at)
            last = value

    def _type(self, code: int, at: int) -> str:
        if code not in _TYPES:
            raise self.reader.fail("NX661", f"type {code} is unknown", at)
        return _TYPES[code]

    def _rank(self, rank: int, at: int) -> int:
        if not 1 <= rank <= 6:
            raise self.reader.fail("NX661", f"rank {rank} is not 1 to 6", at)
        return rank

    def _tensor(self, row: tuple[Any, ...], at: int, scale: float | None) -> Tensor:
        name, kind, type_, position, rank = row[:5]
        if kind >= len(f.ROLES):
            raise self.reader.fail("NX661", f"tensor kind {kind} is unknown", at + 4)
        dims = tuple(row[6 : 6 + self._rank(rank, at + 16)])
        dtype, role = self._type(type_, at + 8), f.ROLES[kind]
        payload = None
        if role is Role.CONST:
            payload = self._payload(row[12], row[13], dims[::-1], dtype, at + 72)
        return Tensor(
            self._text(name, at),
            dims,
            dtype,
            position,
            role,
            row[14] if scale is None else scale,
            row[15],
            self._text(row[18], at + 104),
            self._text(row[16], at + 96),
            payload=payload,
        )

    def _payload(
        self, offset: int, size: int, shape: tuple[int, ...], dtype: str, at: int
    ) -> Payload:
        data = self.sections[b"DATA"]
        inside = data.offset <= offset and size <= data.size
        if not inside or offset - data.offset > data.size - size or offset % f.ALIGN:
            raise self.reader.fail("NX661", "payload is outside of the data", at)
        if prod(shape) * np.dtype(dtype).itemsize != size:
            raise self.reader.fail("NX661", f"payload of {size} bytes does not fit {shape}", at)
        content = self.reader.data[offset : offset + size]

        def view() -> NDArray[Any]:
            little = np.dtype(dtype).newbyteorder("<")
            return np.frombuffer(content, little).reshape(shape).astype(dtype, copy=False)

        return Payload(shape, dtype, view)

    def _view(self, row: tuple[Any, ...], at: int) -> View:
        name, parent, rank = row[:3]
        rank = self._rank(rank, at + 8)
        if parent >= len(self.tensors):
            raise self.reader.fail("NX661", f"parent {parent} is no tensor", at + 4)
        start, end = tuple(row[4 : 4 + rank]), tuple(row[10 : 10 + rank])
        return View(self._text(name, at), self.tensors[parent].name, start, end)

    def _lut(self, row: tuple[Any, ...], at: int) -> Lut:
        name, type_, count, _, offset = row
        dtype = self._type(type_, at + 4)
        size = count * np.dtype(dtype).itemsize
        return Lut(self._text(name, at), dtype, self._payload(offset, size, (count,), dtype, at))

    def _scalar(self, row: tuple[Any, ...], at: int) -> Scalar:
        name, type_, value = row
        return Scalar(self._text(name, at), self._type(type_, at + 4), value)

    def _call(self, row: tuple[Any, ...], at: int, args: list[tuple[tuple[Any, ...], int]]) -> Call:
        op, source, first, count, kernel, nnef_op, text, _ = row
        function = f.BY_CODE.get(op)
        if function is None:
            raise self.reader.fail("NX660", f"node operation {op} is unknown", at)
        flat = f.flat_params(function)
        if count != len(flat) or first > len(args) or count > len(args) - first:
            raise self.reader.fail("NX661", f"arguments of {function.name} are missing", at + 8)
        self._text(kernel, at + 16)
        values = [
            self._arg(param, *entry)
            for param, entry in zip(flat, args[first : first + count], strict=True)
        ]
        return Call(
            function.name,
            tuple(_nested(function.params, values)),
            self._text(nnef_op, at + 20),
            self._text(source, at + 4),
            self._text(text, at + 24),
        )

    def _arg(self, param: Param, row: tuple[Any, ...], at: int) -> Arg:
        kind, _, _, index, value = row
        if kind < len(self.objects):
            if index >= len(self.objects[kind]):
                raise self.reader.fail("NX661", f"argument index {index} is unknown", at + 4)
            return Ref(self.objects[kind][index].name)
        maker = _MAKERS.get(kind)
        if maker is None:
            raise self.reader.fail("NX661", f"argument kind {kind} is unknown", at)
        arg = maker(param, value)
        if arg is None:
            raise self.reader.fail("NX661", f"argument value {value} is unknown", at + 8)
        return arg

    def _port(self, row: tuple[Any, ...], at: int) -> tuple[int, str]:
        index, direction, name, rank = row[:4]
        if index >= len(self.tensors) or direction > 1 or rank > 8:
            raise self.reader.fail("NX661", "graph input or output is unknown", at)
        self._text(name, at + 8)  # other readers use it
        tensor = self.tensors[index]
        if prod(row[4 : 4 + rank]) != tensor.volume:
            raise self.reader.fail("NX661", "shape of an input or output does not fit", at + 16)
        values = {name: getattr(tensor, name) for name in tensor.__slots__}
        self.tensors[index] = Tensor(**{**values, "shape": tuple(row[4 : 4 + rank])})
        return direction, tensor.name

    def _meta(self) -> dict[str, Any]:
        section = self.sections.get(b"META")
        if section is None:
            return {}
        content = bytes(self.reader.data[section.offset : section.offset + section.size])
        try:
            meta = json.loads(content)
        except (ValueError, RecursionError):
            raise self.reader.fail("NX661", "META is no JSON", section.offset) from None
        return meta if isinstance(meta, dict) else {}


def _quoted(section: bytes) -> str:
    """Return the type of a section as messages show it, whatever bytes it has."""
    return repr(section)[1:]


def _enum(param: Param, value: int) -> Arg | None:
    members = ENUMS.get(param.of, {})
    return next((Enum(name) for name, code in members.items() if code == value), None)


def _int(_param: Param, value: int) -> Arg:
    return Int(value - 2**64 if value >= 2**63 else value)


def _float(_param: Param, value: int) -> Arg:
    return Float(unpack("<f", pack("<I", value % 2**32))[0])


_MAKERS: dict[int, Callable[[Param, int], Arg | None]] = {
    f.IS_INT: _int,
    f.IS_ENUM: _enum,
    f.IS_FLOAT: _float,
    f.IS_NULL: lambda _param, _value: Null(),
}


def _nested(params: tuple[Param, ...], values: list[Arg]) -> list[Arg]:
    """Put the fields of structures together again."""
    args: list[Arg] = []
    rest = iter(values)
    for param in params:
        if param.kind in (Kind.STRUCT, Kind.SIZED_STRUCT):
            fields = tuple((item.name, next(rest)) for item in STRUCTS[param.of])
            args.append(Struct(param.of, fields))
        else:
            args.append(next(rest))
    return args
