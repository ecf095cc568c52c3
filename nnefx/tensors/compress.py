"""Writing gzip with all processors: blocks are compressed side by side, into one plain stream.

Each block is primed with the end of the one before it and ends on a whole byte, so that the parts
stand behind each other as if they had been compressed in one go: every reader of gzip takes the
result. It does not depend on how many processors there are.
"""

import os
import struct
import zlib
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal, Self

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Compression = Literal["none", "fast", "default", "best"]

LEVELS: Mapping[Compression, int] = {"none": 0, "fast": 1, "default": 6, "best": 9}

_BLOCK = 1 << 20
_WINDOW = 1 << 15  # how far back deflate looks
_MEMORY = 9  # of zlib's levels; the most, 256 KiB for each block at work
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"  # deflate, no name, no time, no system


class GzipWriter:
    """A file to write to; `close` ends the stream, not the file that it goes to."""

    def __init__(self, out: BinaryIO, compression: Compression = "default") -> None:
        self._out = out
        self._level = LEVELS[compression]
        self._block = bytearray()
        self._before = b""
        self._sum = zlib.crc32(b"")
        self._size = 0
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[bytes]] = deque()
        out.write(_HEADER)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; what is given may change afterwards."""
        view = memoryview(data).cast("B")
        self._sum = zlib.crc32(view, self._sum)
        self._size += len(view)
        done = 0
        while done < len(view):
            part = view[done : done + _BLOCK - len(self._block)]
            self._block += part
            done += len(part)
            if len(self._block) == _BLOCK:
                self._submit()
        return len(view)

    def close(self) -> None:
        """Write what is left, and the sum that readers check."""
        try:
            while self._pending:
                self._out.write(self._pending.popleft().result())
            self._out.write(_deflated(bytes(self._block), self._before, self._level, last=True))
            self._out.write(struct.pack("<II", self._sum, self._size & 0xFFFFFFFF))
        finally:
            self._stop()

    def _submit(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        job = self._pool.submit(_deflated, block, self._before, self._level, last=False)
        self._pending.append(job)
        self._before = block[-_WINDOW:]
        if len(self._pending) > 2 * (os.cpu_count() or 1):  # memory stays bounded
            self._out.write(self._pending.popleft().result())

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stop()


def _deflated(block: bytes, before: bytes, level: int, *, last: bool) -> bytes:
    """Return a block compressed, on whole bytes; zlib lets other threads run meanwhile."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, _MEMORY, zdict=before)
    return packer.compress(block) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
