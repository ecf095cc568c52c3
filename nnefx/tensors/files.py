"""Files as the tensor layer meets them: mapped to read, written beside and renamed."""

import errno
import io
import mmap
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import numpy as np

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

# Below this a file is read: a map costs a page, a file descriptor and two system calls.
_MAP_FROM = 1 << 16


@contextmanager
def os_errors(where: str) -> Iterator[None]:
    """Turn what the operating system refuses into NX001 (missing) or NX002 (anything else)."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NnefError("NX001", _what(error), FileAt(where)) from error
    except OSError as error:
        raise NnefError("NX002", _what(error), FileAt(where)) from error


def map_file(path: str, where: str) -> memoryview:
    """Return the bytes of a regular file, read-only, mapped unless it is small.

    The map lives as long as something refers to it; replacing the file by renaming does not
    disturb it.

    Raises:
        NnefError: NX001 where there is no file, NX002 where it is not regular or not readable.
    """
    with os_errors(where):
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = _open(path, flags)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NnefError("NX002", "path is not a regular file", FileAt(where))
            if status.st_size < _MAP_FROM:
                return memoryview(_read_all(descriptor, status.st_size))
            return memoryview(_map(descriptor, status.st_size))
        finally:
            os.close(descriptor)


@contextmanager
def written_beside(path: str, *, where: str | None = None) -> Iterator[BinaryIO]:
    """Open a new file beside `path` for writing, and rename it to `path` when all went well.

    On failure and on interrupt nothing is left and `path` is as it was.

    Raises:
        NnefError: NX001, NX002.
    """
    target = Path(path)
    if target.is_symlink():  # the link stays, the file it points to is replaced
        target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{token_hex(4)}.tmp")
    with os_errors(where or path):
        try:
            with open(beside, "xb") as file:
                yield file
            os.replace(beside, target)
        except BaseException:
            with suppress(FileNotFoundError):
                beside.unlink()
            raise


def copy_bytes(data: memoryview, path: str | None, offset: int, file: BinaryIO) -> None:
    """Append `data` to `file`; inside the kernel where `path` at `offset` holds the same bytes."""
    done = 0
    # A compressor is no BufferedWriter; its `fileno` would lead around it.
    if path is not None and isinstance(file, io.BufferedWriter) and hasattr(os, "copy_file_range"):
        done = _copy_in_kernel(path, offset, len(data), file)
    step = 1 << 24
    for start in range(done, len(data), step):
        file.write(data[start : start + step])


def _copy_in_kernel(path: str, offset: int, length: int, file: BinaryIO) -> int:
    """Return how many bytes were copied: fewer than `length` where the system cannot do it."""
    file.flush()
    target, done = file.fileno(), 0
    try:
        with open(path, "rb", buffering=0) as source:
            os.lseek(target, 0, os.SEEK_END)
            while done < length:
                copied = os.copy_file_range(
                    source.fileno(), target, min(length - done, 1 << 30), offset + done
                )
                if copied == 0:
                    break
                done += copied
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG):
            raise
    file.seek(0, os.SEEK_END)
    return done


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno != errno.EMFILE or not _raise_file_limit():
            raise
        return os.open(path, flags)


def _map(descriptor: int, size: int) -> mmap.mmap:
    """Map a file; before Python 3.13 each map keeps a file descriptor, so the limit may be met."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, trackfd=False)
    try:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno != errno.EMFILE or not _raise_file_limit():
            raise
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)


def _raise_file_limit() -> bool:
    """Raise the soft limit of open files to the hard one; say whether that changed anything."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return False
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True


def _read_all(descriptor: int, size: int) -> bytes:
    parts = []
    while size and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _what(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def forget(data: memoryview, begin: int, end: int) -> None:
    """Let the system take back the memory of a part of a mapped file; reading it again works.

    Without this, a scan of a large file would hold all of it until the end.
    """
    owner = data.obj
    if not isinstance(owner, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    shift = _address(data) - _address(memoryview(owner))
    first = -(-(shift + begin) // mmap.PAGESIZE) * mmap.PAGESIZE
    last = (shift + end) // mmap.PAGESIZE * mmap.PAGESIZE
    if last > first:
        owner.madvise(mmap.MADV_DONTNEED, first, last - first)


def _address(data: memoryview) -> int:
    return int(np.frombuffer(data, np.uint8).ctypes.data)
