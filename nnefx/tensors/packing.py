"""Items of any width from 1 to 64 bits as a stream of bits (NNEF 1.0.5, section 5.2).

The specification says "little-endian" and "packed continuously" and leaves the order of bits open.
What Khronos' reader and writer do for 1 bit (first item in the highest bit of the first byte) is
followed for every width that is not whole bytes; the highest bit of an item comes first. Widths of
whole bytes are little-endian, so that 8, 16, 32 and 64 bits are plain arrays.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# A multiple of 8, so that a chunk of any width ends on a byte.
CHUNK_ITEMS = 1 << 16

Bytes = NDArray[np.uint8]


def container_bytes(bits: int) -> int:
    """Return the size in bytes of the smallest numpy integer that holds `bits` bits."""
    return next(size for size in (1, 2, 4, 8) if 8 * size >= bits)


def unpack(data: Bytes, count: int, bits: int, signed: bool) -> NDArray[np.generic]:
    """Return `count` integers of `bits` bits each, in the smallest type that holds them.

    `data` has exactly the bytes that they take; it is read chunk by chunk.
    """
    size = container_bytes(bits)
    result = np.empty(count, np.dtype(f"{'i' if signed else 'u'}{size}"))
    widen = _widen_bytes if bits % 8 == 0 else _widen_bits
    for start in range(0, count, CHUNK_ITEMS):
        stop = min(start + CHUNK_ITEMS, count)
        piece = data[start * bits // 8 : (stop * bits + 7) // 8]
        result[start:stop] = widen(piece, stop - start, bits, signed).view(result.dtype)
    return result


def pack(items: NDArray[np.generic], bits: int) -> Bytes:
    """Return the bytes of integers, of which the lowest `bits` bits are kept; for one chunk."""
    size = container_bytes(bits)
    if bits % 8 == 0:
        wide = items.astype(f"<u{size}", casting="unsafe").view(np.uint8).reshape(-1, size)
        return np.ascontiguousarray(wide[:, : bits // 8]).reshape(-1)
    high = items.astype(f">u{size}", casting="unsafe").view(np.uint8).reshape(-1, size)
    return np.packbits(np.unpackbits(high, axis=1)[:, 8 * size - bits :])


def padding_bits(length: int, count: int, bits: int) -> int:
    """Return how many bits of the last of `length` bytes hold no item."""
    return 8 * length - count * bits


def chunks(array: NDArray[np.generic], items: int) -> Iterator[NDArray[np.generic]]:
    """Yield the items of any array in row-major order, as lines, without copying it whole."""
    if array.flags.c_contiguous:
        line = array.reshape(-1)
        for start in range(0, array.size, items):
            yield line[start : start + items]
    else:
        for start in range(0, array.size, items):
            yield array.flat[start : start + items]


def _widen_bytes(piece: Bytes, count: int, bits: int, signed: bool) -> NDArray[np.generic]:
    size, width = container_bytes(bits), bits // 8
    narrow = piece.reshape(count, width)
    wide = np.zeros((count, size), np.uint8)
    wide[:, :width] = narrow
    if signed and width < size:
        wide[:, width:] = np.where(narrow[:, -1:] & 0x80, 0xFF, 0)
    return wide.view(f"<u{size}").reshape(-1).astype(f"u{size}", copy=False)


def _widen_bits(piece: Bytes, count: int, bits: int, signed: bool) -> NDArray[np.generic]:
    size = container_bytes(bits)
    narrow = np.unpackbits(piece, count=count * bits).reshape(count, bits)
    wide = np.zeros((count, 8 * size), np.uint8)
    wide[:, 8 * size - bits :] = narrow
    if signed:
        wide[:, : 8 * size - bits] = narrow[:, :1]
    return np.packbits(wide, axis=1).view(f">u{size}").reshape(-1).astype(f"u{size}")
