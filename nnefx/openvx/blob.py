"""Plan -> `.nxvx`: one file with the graph and its weights, ready to be mapped.

Weights are made, written and forgotten one tensor at a time; the tables, which are small, are
written over their places once the checksums of the data are known.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import isinf
from struct import pack, unpack
from typing import Any, BinaryIO

import numpy as np

from nnefx._version import __version__
from nnefx.openvx import blob_format as f
from nnefx.openvx.crc32c import crc32c
from nnefx.openvx.functions import DTYPES, ENUMS, FUNCTIONS, Kind, Param, enum_family
from nnefx.openvx.plan import (
    Arg,
    Call,
    Dims,
    Enum,
    Float,
    Int,
    Lut,
    Payload,
    Plan,
    Ref,
    Scalar,
    Struct,
    Tensor,
    View,
)
from nnefx.openvx.profiles import PROFILES
from nnefx.tensors.files import written_beside

_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the payloads of a blob are: offsets from the start of the file, by object name."""

    offsets: dict[str, int]
    size: int
    content_id: bytes


def write_blob(plan: Plan, path: str | os.PathLike[str]) -> Layout:
    """Write `plan` to `path`; the file is written beside and renamed.

    Raises:
        NnefError: NX0xx where it cannot be written.
    """
    writer = _Writer(plan)
    with written_beside(os.fspath(path)) as file:
        return writer.write(file)


@dataclass(slots=True)
class _Strings:
    """The string section: every text once, NUL-terminated, the empty one first."""

    data: bytearray = field(default_factory=lambda: bytearray(b"\0"))
    known: dict[str, int] = field(default_factory=lambda: {"": 0})

    def __call__(self, text: str) -> int:
        if text not in self.known:
            self.known[text] = len(self.data)
            self.data += text.replace("\0", " ").encode() + b"\0"
        return self.known[text]


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.strings = _Strings()
        self.index = {item.name: i for group in _groups(plan) for i, item in enumerate(group)}
        self.crcs: dict[str, int] = {}
        self.offsets: dict[str, int] = {}

    def write(self, file: BinaryIO) -> Layout:
        data_start, end = self._place()
        digest = sha256()
        data_crc = self._write_data(file, data_start, end, digest)
        sections = list(self._sections())
        for _, content, _, _ in sections:
            digest.update(content)
        offset = f.aligned(f.HEADER_SIZE + (len(sections) + 1) * f.SECTION.size)
        table = bytearray()
        for name, content, record, count in sections:
            file.seek(offset)
            file.write(content)
            crc = crc32c(content)
            table += f.SECTION.pack(
                name, f.REQUIRED, offset, len(content), record, count, crc, f.ALIGN, 0
            )
            offset = f.aligned(offset + len(content))
        table += f.SECTION.pack(
            b"DATA", f.REQUIRED, data_start, end - data_start, 0, 0, data_crc, f.PAGE, 0
        )
        file.seek(f.HEADER_SIZE)
        file.write(table)
        file.seek(0)
        file.write(self._header(len(sections) + 1, end, digest.digest()))
        return Layout(self.offsets, end, digest.digest())

    # ---- Data

    def _payloads(self) -> Iterator[tuple[str, Payload]]:
        for tensor in self.plan.tensors:
            if tensor.payload is not None:
                yield tensor.name, tensor.payload
        for lut in self.plan.luts:
            yield lut.name, lut.payload

    def _place(self) -> tuple[int, int]:
        """Choose offsets: tables first, whose sizes are known, then the data on a page."""
        sections = list(self._sections())
        offset = f.aligned(f.HEADER_SIZE + (len(sections) + 1) * f.SECTION.size)
        for _, content, _, _ in sections:
            offset = f.aligned(offset + len(content))
        start = end = f.aligned(offset, f.PAGE)
        for name, payload in self._payloads():
            self.offsets[name] = f.aligned(end)
            end = self.offsets[name] + payload.nbytes
        return start, end

    def _write_data(self, file: BinaryIO, start: int, end: int, digest: Any) -> int:
        crc, place = 0, start
        file.seek(start)
        for name, payload in self._payloads():
            gap = bytes(self.offsets[name] - place)
            array = payload.read()
            stored = array.astype(array.dtype.newbyteorder("<"), copy=False)
            data: memoryview = stored.reshape(-1).view(np.uint8).data
            crc = crc32c(gap, crc)
            file.write(gap)
            own = 0
            for begin in range(0, len(data), _CHUNK):
                part = data[begin : begin + _CHUNK]
                file.write(part)
                own, crc = crc32c(part, own), crc32c(part, crc)
                digest.update(part)
            self.crcs[name] = own
            place = self.offsets[name] + len(data)
        assert place == end
        file.truncate(end)
        return crc

    # ---- Tables

    def _sections(self) -> Iterator[tuple[bytes, bytes, int, int]]:
        """Yield type, content, record size and count; strings come first in the file."""
        args: list[bytes] = []
        plan = self.plan
        tables: list[tuple[bytes, list[bytes]]] = [
            (b"TENS", [self._tensor(tensor) for tensor in plan.tensors]),
            (b"VIEW", [self._view(view) for view in plan.views]),
            (b"LUTS", [self._lut(lut) for lut in plan.luts]),
            (b"SCAL", [self._scalar(scalar) for scalar in plan.scalars]),
            (b"NODE", [self._node(call, args) for call in plan.calls]),
            (b"ARGS", args),
            (b"GRIO", [*self._ports()]),
            (b"NAMI", self._names()),
            (b"QUAN", [self._quant(i, tensor) for i, tensor in enumerate(plan.tensors)]),
        ]
        yield b"STRS", bytes(self.strings.data), 0, 0
        for name, records in tables:
            yield name, b"".join(records), f.RECORDS[name].size, len(records)
        yield b"META", self._meta(), 0, 0

    def _tensor(self, tensor: Tensor) -> bytes:
        size = tensor.payload.nbytes if tensor.payload else 0
        return f.TENSOR.pack(
            self.strings(tensor.name),
            f.ROLES.index(tensor.role),
            DTYPES[tensor.dtype][0],
            tensor.position,
            len(tensor.dims),
            0,
            *_six(tensor.dims, 1),
            self.offsets.get(tensor.name, 0),
            size,
            tensor.scale,
            tensor.fill,
            self.strings(tensor.label),
            self.crcs.get(tensor.name, 0),
            self.strings(tensor.source),
        )

    def _view(self, view: View) -> bytes:
        name, parent = self.strings(view.name), self.index[view.parent]
        return f.VIEW.pack(
            name, parent, len(view.start), 0, *_six(view.start, 0), *_six(view.end, 1)
        )

    def _lut(self, lut: Lut) -> bytes:
        crc, offset = self.crcs.get(lut.name, 0), self.offsets.get(lut.name, 0)
        return f.LUT.pack(self.strings(lut.name), DTYPES[lut.dtype][0], lut.count, crc, offset)

    def _scalar(self, scalar: Scalar) -> bytes:
        return f.SCALAR.pack(self.strings(scalar.name), DTYPES[scalar.dtype][0], scalar.value)

    def _node(self, call: Call, args: list[bytes]) -> bytes:
        function = FUNCTIONS[call.function]
        flat = _flat_args(call.args)
        first = len(args)
        for role, (param, arg) in enumerate(zip(f.flat_params(function), flat, strict=True)):
            args.append(self._arg(param, arg, role))
        return f.NODE.pack(
            function.code,
            self.strings(call.source),
            first,
            len(flat),
            self.strings(function.kernel),
            self.strings(call.op),
            self.strings(call.text),
            0,
        )

    def _arg(self, param: Param, arg: Arg, role: int) -> bytes:
        kind, index, value = f.IS_NULL, 0, 0
        match arg:
            case Ref(name):
                kind, index = _OBJECT_KINDS[param.kind], self.index[name]
                if isinstance(self.plan.objects[name], View):
                    kind = f.IS_VIEW
            case Int(number):
                kind, value = f.IS_INT, number % 2**64
            case Enum(name):
                kind, value = f.IS_ENUM, ENUMS[enum_family(name) or ""][name]
            case Float(number):
                kind, value = f.IS_FLOAT, unpack("<I", pack("<f", number))[0]
        return f.ARG.pack(kind, int(param.output), role, index, value)

    def _ports(self) -> Iterator[bytes]:
        for direction, names in enumerate((self.plan.inputs, self.plan.outputs)):
            for name in names:
                tensor = self.plan.tensor(name)
                shape = tensor.shape or tensor.dims[::-1]
                yield f.PORT.pack(
                    self.index[name],
                    direction,
                    self.strings(tensor.source or name),
                    len(shape),
                    *(*shape, *[1] * (8 - len(shape))),
                    tensor.scale,
                    0.0,
                )

    def _names(self) -> list[bytes]:
        found: dict[str, tuple[int, int]] = {}
        kinds = (f.IS_TENSOR, f.IS_VIEW, f.IS_LUT, f.IS_SCALAR)
        for kind, group in zip(kinds, _groups(self.plan), strict=True):
            for index, item in enumerate(group):
                for name in (item.name, getattr(item, "source", ""), getattr(item, "label", "")):
                    if name:
                        found.setdefault(name, (kind, index))
        rows = sorted((f.fnv1a(name.encode()), name.encode()) for name in found)
        return [
            f.NAME.pack(value, *found[name.decode()], self.strings(name.decode()))
            for value, name in rows
        ]

    def _quant(self, index: int, tensor: Tensor) -> bytes:
        return f.QUANT.pack(index, 0, tensor.scale)

    def _meta(self) -> bytes:
        meta = {
            "format_version": 1,
            "producer": f"nnefx {__version__}",
            "name": self.plan.name,
            "notes": list(self.plan.notes),
            "report": [
                {key: _finite(value) for key, value in asdict(line).items()}
                for line in self.plan.report
            ],
        }
        return json.dumps(meta, sort_keys=True).encode()

    def _header(self, count: int, size: int, content: bytes) -> bytes:
        plan = self.plan
        calibrated = any(tensor.scale != 1.0 for tensor in plan.tensors)
        head = f.HEADER.pack(
            f.MAGIC,
            f.ENDIAN,
            f.MAJOR,
            f.MINOR,
            size,
            f.HEADER_SIZE,
            count,
            f.HEADER_SIZE,
            PROFILES[plan.profile].code,
            f.CALIBRATED * calibrated,
            0x0102,
            max((len(tensor.dims) for tensor in plan.tensors), default=0),
            max((len(_flat_args(call.args)) for call in plan.calls), default=0),
            0,
            content,
            0,
        )
        crc = crc32c(head[: f.HEADER_CRC_AT])
        return head[: f.HEADER_CRC_AT] + pack("<I", crc) + head[f.HEADER_CRC_AT + 4 :]


_OBJECT_KINDS = {Kind.TENSOR: f.IS_TENSOR, Kind.LUT: f.IS_LUT, Kind.SCALAR: f.IS_SCALAR}


def _groups(plan: Plan) -> tuple[tuple[Any, ...], ...]:
    return plan.tensors, plan.views, plan.luts, plan.scalars


def _six(dims: Dims, fill: int) -> tuple[int, ...]:
    return (*dims, *[fill] * (6 - len(dims)))


def _flat_args(args: tuple[Arg, ...]) -> list[Arg]:
    flat: list[Arg] = []
    for arg in args:
        flat += [value for _, value in arg.fields] if isinstance(arg, Struct) else [arg]
    return flat


def _finite(value: Any) -> Any:
    infinite = isinstance(value, float) and isinf(value)
    return str(value) if infinite else value
