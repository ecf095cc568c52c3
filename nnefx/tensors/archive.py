"""Archives of models: tar, plain or compressed, indexed without being unpacked.

A compressed archive is decompressed once, into a file without a name that the system removes when
nothing refers to it any more; members are ranges of the mapped tar. No name of a member ever
reaches the file system.
"""

import bz2
import gzip
import lzma
import mmap
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.files import map_file, os_errors
from nnefx.tensors.paths import member_name

_STEP = 1 << 20
# The longest header of one member (a pax header with a long path) that is believed.
_MAX_HEADER = 1 << 20

_KINDS: dict[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_FOREIGN: dict[bytes, str] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may hold before it is taken for an attack.

    A compressed archive may grow to `max_bytes`, and beyond `free_bytes` to no more than
    `max_ratio` times its size.
    """

    max_bytes: int = 64 << 30
    max_files: int = 100_000
    max_ratio: int = 200
    free_bytes: int = 1 << 30
    max_text: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Span:
    """Where a member is: `size` bytes from `offset` of a mapped archive."""

    offset: int
    size: int


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def open_archive(path: str, limits: Limits) -> tuple[memoryview, dict[str, Span], bool]:
    """Return the bytes of the tar, where its members are, and whether `path` itself is that tar.

    Raises:
        NnefError: NX001, NX002, NX003 (no archive, or damaged), NX005 to NX008.
    """
    data = map_file(path, path)
    kind = next((kind for magic, kind in _KINDS.items() if data[: len(magic)] == magic), None)
    foreign = next((kind for magic, kind in _FOREIGN.items() if data[: len(magic)] == magic), None)
    if foreign:
        message = f"file is a {foreign} archive, expected a folder, .tar or .tgz"
        raise NnefError("NX003", message, FileAt(path))
    tar = data if kind is None else _decompressed(path, kind, len(data), limits)
    return tar, index_tar(tar, path, limits), kind is None


def index_tar(tar: memoryview, path: str, limits: Limits) -> dict[str, Span]:
    """Return the files of a tar by their names.

    Raises:
        NnefError: NX003, NX005 (name leaves the model), NX006 (link or device), NX007
            (duplicate), NX008 (limits).
    """
    members: dict[str, Span] = {}
    seen: dict[str, str] = {}
    with _damage(path), tarfile.open(fileobj=_Window(tar, path), mode="r:") as archive:  # type: ignore[call-overload]
        for count, info in enumerate(archive):
            if count >= limits.max_files:
                message = f"archive has more than {limits.max_files} members"
                raise NnefError("NX008", message, FileAt(path))
            name = _checked_name(info, path, len(tar))
            if name is None:
                continue
            if (other := seen.setdefault(name.casefold(), name)) != name or name in members:
                message = f"member {name!r} is the same file as {other!r}"
                raise NnefError("NX007", message, FileAt(path, info.offset))
            members[name] = Span(info.offset_data, info.size)
        _require_end(tar, archive.offset, path)
    if not members:
        raise NnefError("NX003", "archive holds no files, expected a model", FileAt(path))
    return _without_root(members)


def _checked_name(info: tarfile.TarInfo, path: str, size: int) -> str | None:
    """Return the name of a file, None for a folder; refuse everything else."""
    at = FileAt(path, info.offset)
    if info.isdir():
        if info.name.replace("\\", "/").strip("./"):
            member_name(info.name, at)
        return None
    if not info.isreg() or info.issparse():
        what = "a link" if info.islnk() or info.issym() else "not a regular file"
        raise NnefError("NX006", f"member {info.name!r} is {what}", at)
    if info.size < 0 or info.offset_data + info.size > size:
        message = f"member {info.name!r} has {info.size} bytes, the archive ends before"
        raise NnefError("NX003", message, at)
    return member_name(info.name, at)


def _require_end(tar: memoryview, offset: int, path: str) -> None:
    """Refuse a tar that stops before its end marker: `tarfile` takes damage for the end."""
    block = tar[offset : offset + tarfile.BLOCKSIZE]
    if len(block) < tarfile.BLOCKSIZE or any(block):
        message = "archive is damaged, expected a member or the end marker"
        raise NnefError("NX003", message, FileAt(path, offset))


def _without_root(members: dict[str, Span]) -> dict[str, Span]:
    """Drop the folder that all members are in, where the archive was made of a folder as such."""
    root = next(iter(members)).partition("/")[0] + "/"
    if f"{root}graph.nnef" not in members or not all(name.startswith(root) for name in members):
        return members
    return {name.removeprefix(root): span for name, span in members.items()}


class _Window:
    """A tar in memory as a file for `tarfile`, which reads headers only: long reads are refused."""

    def __init__(self, data: memoryview, path: str) -> None:
        self._data, self._path, self._pos = data, path, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            message = f"header of a member takes {size} bytes"
            raise NnefError("NX008", message, FileAt(self._path, self._pos))
        part = self._data[self._pos : self._pos + size].tobytes()
        self._pos += len(part)
        return part

    def seek(self, pos: int) -> int:
        self._pos = pos
        return pos

    def tell(self) -> int:
        return self._pos


def _decompressed(path: str, kind: str, packed: int, limits: Limits) -> memoryview:
    allowed = min(limits.max_bytes, max(limits.free_bytes, packed * limits.max_ratio))
    with os_errors(path), _damage(path), tempfile.TemporaryFile() as file:
        with _opened(path, kind) as stream:
            size = 0
            while part := stream.read(_STEP):
                size += len(part)
                if size > allowed:
                    message = f"archive of {packed} bytes unpacks to more than {allowed}"
                    raise NnefError("NX008", message, FileAt(path))
                file.write(part)
        file.flush()
        if not size:
            raise NnefError("NX003", "archive is empty", FileAt(path))
        return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))


def _opened(path: str, kind: str) -> BinaryIO | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if kind == "gzip":
        return gzip.open(path)
    return bz2.open(path) if kind == "bzip2" else lzma.open(path)


@contextmanager
def _damage(path: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        message = f"file is not a whole tar archive: {str(error).lower()}"
        if path.endswith(".nnef"):
            message = "file is no archive; for a text, name the folder that has it as graph.nnef"
        raise NnefError("NX003", message, FileAt(path)) from error
    except OSError as error:
        if error.errno is not None:  # bz2 reports damage without a number
            raise
        raise NnefError("NX003", "archive is damaged", FileAt(path)) from error
    except (ValueError, RecursionError) as error:  # tarfile, on numbers and on chains of headers
        raise NnefError("NX003", "archive has a damaged header", FileAt(path)) from error
