"""Models written as a folder or an archive: streamed, reproducible, all or nothing."""

import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Protocol, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.compress import Compression, GzipWriter
from nnefx.tensors.container import Member
from nnefx.tensors.dat import StoredTensor, header_for, tensor_bytes, write_stored
from nnefx.tensors.files import copy_bytes, os_errors, written_beside
from nnefx.tensors.header import HEADER_SIZE, ItemType
from nnefx.tensors.pages import release
from nnefx.tensors.paths import GRAPH, member_name, tensor_name

__all__ = ["ContainerWriter", "StoreOptions", "container_writer", "write_container"]

Array = NDArray[np.generic]

TAR_SUFFIXES = (".tar",)
GZIP_SUFFIXES = (".tgz", ".tar.gz")
_UNSUPPORTED = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".zip", ".7z", ".rar")
_RECORD = 20 * tarfile.BLOCKSIZE


class StoreOptions(TypedDict, total=False):
    """How an array is stored; see `write_tensor`."""

    item_type: ItemType | None
    bits: int | None


# A label, what to store under it, and how; without options the array is stored as it is.
Stored = tuple[str, Array | StoredTensor] | tuple[str, Array | StoredTensor, StoreOptions]


class _Sink(Protocol):
    """Takes files one after the other."""

    def file(self, name: str, size: int, /) -> "_Opened": ...


class _Opened(Protocol):
    def __enter__(self) -> BinaryIO: ...

    def __exit__(self, *_: Any) -> bool | None: ...


class ContainerWriter:
    """Takes the files of a model, one by one; see `container_writer`."""

    def __init__(self, path: str, sink: _Sink) -> None:
        self._path = path
        self._sink = sink
        self._names: dict[str, str] = {}

    def text(self, name: str, text: str) -> None:
        """Write a text as UTF-8, such as graph.nnef."""
        self.data(name, text.encode("utf-8"))

    def data(self, name: str, content: bytes | Member) -> None:
        """Write a file as it is: bytes, or a file of another container.

        Raises:
            NnefError: NX002, NX005, NX007.
        """
        name = self._claim(member_name(name, FileAt(self._path)))
        if isinstance(content, bytes):
            with self._sink.file(name, len(content)) as file:
                file.write(content)
            return
        data = content.data()
        with self._sink.file(name, len(data)) as file:
            copy_bytes(data, content.path, content.offset, file)

    def tensor(
        self,
        label: str,
        content: Array | StoredTensor,
        *,
        item_type: ItemType | None = None,
        bits: int | None = None,
    ) -> None:
        """Write the file of a variable: an array, or a tensor file that is copied as it stands.

        Raises:
            NnefError: NX002, NX005, NX007, and what `write_tensor` raises.
        """
        name = self._claim(tensor_name(label, FileAt(self._path)))
        where = f"{self._path}/{name}"
        if isinstance(content, StoredTensor):
            with self._sink.file(name, HEADER_SIZE + content.header().data_length) as file:
                write_stored(content, file)
            return
        array = np.asarray(content)
        header = header_for(array, item_type, bits, where=where)
        with self._sink.file(name, HEADER_SIZE + header.data_length) as file:
            for part in tensor_bytes(array, header, where):
                file.write(part)
                release(part)
        release(array)

    def _claim(self, name: str) -> str:
        other = self._names.setdefault(name.casefold(), name)
        if other is not name:
            message = f"{name} is written twice" if other == name else f"{name} and {other} clash"
            raise NnefError("NX007", message, FileAt(self._path))
        return name


@contextmanager
def container_writer(
    path: str | os.PathLike[str], *, force: bool = False, compression: Compression = "default"
) -> Iterator[ContainerWriter]:
    """Write a model to `path`: `.tar`, `.tgz` and `.tar.gz` are archives, all else is a folder.

    Files go beside `path` first and take its place when the block ends well; on failure and on
    interrupt nothing is left, and what was there stays. Maps of replaced files stay valid.
    Archives of the same files are the same bytes. `compression` is that of `.tgz`.

    Raises:
        NnefError: NX001, NX002, NX010 (exists, and may not be replaced), NX011 (suffix).
    """
    where = os.fspath(path)
    target = _target(where)
    suffix = target.name.lower()
    if suffix.endswith(_UNSUPPORTED):
        message = f"{target.name} is of a kind that is not written, expected a folder, .tar or .tgz"
        raise NnefError("NX011", message, FileAt(where))
    packed = suffix.endswith(TAR_SUFFIXES + GZIP_SUFFIXES)
    _require_replaceable(target, where, packed, force)
    with os_errors(where), ExitStack() as stack:
        stack.enter_context(_parents(target))
        if packed:
            file = stack.enter_context(written_beside(str(target), where=where))
            sink = stack.enter_context(
                _tar(file, compression if suffix.endswith(GZIP_SUFFIXES) else None)
            )
            yield ContainerWriter(where, sink)
        else:
            folder = stack.enter_context(_folder_beside(target))
            yield ContainerWriter(where, _FolderSink(folder))


def write_container(
    path: str | os.PathLike[str],
    texts: Mapping[str, str],
    tensors: Iterable[Stored] = (),
    extra: Mapping[str, bytes | Member] | None = None,
    *,
    force: bool = False,
    compression: Compression = "default",
) -> None:
    """Write a model in one go: texts and extra files by name, tensors in the order they come.

    Each tensor is written before the next one is asked for, so that `tensors` may make them.

    Raises:
        NnefError: NX001, NX002, NX005, NX007, NX010, NX011, and what `write_tensor` raises.
    """
    with container_writer(path, force=force, compression=compression) as writer:
        for name in sorted(texts):
            writer.text(name, texts[name])
        for label, content, *options in tensors:
            writer.tensor(label, content, **(options[0] if options else {}))
        for name in sorted(extra or {}):
            writer.data(name, (extra or {})[name])


class _FolderSink:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, name: str, _size: int, /) -> _Opened:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb")


class _TarSink:
    """Writes members with nothing that differs between runs: no times, users, or folders."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.written = 0

    @contextmanager
    def _member(self, name: str, size: int) -> Iterator[BinaryIO]:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o644
        head = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
        self._out.write(head)
        yield self._out
        spare = -size % tarfile.BLOCKSIZE
        self._out.write(bytes(spare))
        self.written += len(head) + size + spare

    def file(self, name: str, size: int, /) -> _Opened:
        return self._member(name, size)


@contextmanager
def _tar(file: BinaryIO, compression: Compression | None) -> Iterator[_TarSink]:
    if compression is not None:
        with GzipWriter(file, compression) as packed:
            out = cast(BinaryIO, packed)
            sink = _TarSink(out)
            yield sink
            out.write(_end(sink.written))
    else:
        sink = _TarSink(file)
        yield sink
        file.write(_end(sink.written))


def _end(written: int) -> bytes:
    length = 2 * tarfile.BLOCKSIZE
    return bytes(length + -(written + length) % _RECORD)


def _target(where: str) -> Path:
    """Return the path to be made or replaced; a link stays, what it points to is replaced."""
    path = Path(where)
    return Path(os.path.realpath(path)) if path.is_symlink() or path.name in ("", "..") else path


def _require_replaceable(target: Path, where: str, packed: bool, force: bool) -> None:
    """Refuse to replace what is there, unless forced, and even then what is not a model."""
    if not target.exists():
        return
    at = FileAt(where)
    if target.is_dir() is packed:
        found, wanted = ("folder", "file") if packed else ("file", "folder")
        raise NnefError("NX010", f"path is a {found}, expected a {wanted} or nothing", at)
    if not force:
        raise NnefError("NX010", "path exists and is not replaced unless forced", at)
    if target.is_dir() and any(target.iterdir()) and not (target / GRAPH).is_file():
        message = f"folder is not replaced, it has files but no {GRAPH}"
        raise NnefError("NX010", message, at)


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders above `target`; on failure remove those that were made."""
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # somebody else may have put something there
            for folder in missing:
                folder.rmdir()
        raise


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Make a folder beside `target` and put it in its place at the end."""
    token = token_hex(4)
    beside = target.with_name(f".{target.name}.{token}.tmp")
    old = target.with_name(f".{target.name}.{token}.old")
    beside.mkdir()
    try:
        yield beside
        if target.exists():
            target.rename(old)
        beside.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
