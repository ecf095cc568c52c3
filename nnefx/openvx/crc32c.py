"""CRC-32C (Castagnoli) of large buffers with numpy: many lanes at once, then joined.

The checksum is linear over GF(2): a buffer is cut into lanes of equal length, all lanes advance
together eight bytes a step through tables of 16 bits, and their results are joined by the matrix
that appends zeros.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_LANES = 1 << 14
_SMALL = 2048

Words = NDArray[np.uint32]


def crc32c(data: Any, crc: int = 0) -> int:
    """Return the checksum of a bytes-like object, continued from that of what came before."""
    octets = np.frombuffer(data, np.uint8)
    state = crc ^ 0xFFFFFFFF
    while octets.size >= _SMALL:
        lanes = min(1 << (octets.size // 64).bit_length() - 1, _LANES)
        length = octets.size // (8 * lanes) * 8
        state = _bulk(octets[: lanes * length].reshape(lanes, length), state)
        octets = octets[lanes * length :]
    table = _byte_table()
    for octet in octets.tolist():
        state = table[(state ^ octet) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def _bulk(lanes: NDArray[np.uint8], state: int) -> int:
    """Advance over a power of two of lanes, which follow each other in the buffer."""
    far, second, first, near = _wide_tables()
    words = lanes.view("<u2").reshape(len(lanes), -1, 4)
    states: Words = np.zeros(len(lanes), np.uint32)
    states[0] = state
    halves = states.view("<u2").reshape(-1, 2)
    for step in range(words.shape[1]):
        four = words[:, step]
        new = far[four[:, 0] ^ halves[:, 0]]
        new ^= second[four[:, 1] ^ halves[:, 1]]
        new ^= first[four[:, 2]]
        new ^= near[four[:, 3]]
        states[:] = new
    matrix = _append_zeros(lanes.shape[1])
    while len(states) > 1:
        states = _apply(matrix, states[0::2]) ^ states[1::2]
        matrix = _apply(matrix, matrix)
    return int(states[0])


def _apply(matrix: Words, vectors: Words) -> Words:
    """Multiply vectors of 32 bits by a matrix that is given by its columns."""
    result = np.zeros_like(vectors)
    for bit in range(32):
        result ^= np.where((vectors >> np.uint32(bit)) & np.uint32(1), matrix[bit], np.uint32(0))
    return result


@cache
def _append_zeros(count: int) -> Words:
    """Return the matrix that advances a state over `count` bytes of zeros."""
    table = np.array(_byte_table(), np.uint32)
    power = np.uint32(1) << np.arange(32, dtype=np.uint32)
    one = table[power & np.uint32(0xFF)] ^ (power >> np.uint32(8))
    result = power
    while count:
        if count & 1:
            result = _apply(one, result)
        one = _apply(one, one)
        count >>= 1
    return result


@cache
def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


@cache
def _wide_tables() -> tuple[Words, Words, Words, Words]:
    """Return what 16 bits contribute that stand 8, 6, 4 and 2 bytes before the new state."""
    values = np.arange(1 << 16, dtype=np.uint32)
    near = _apply(_append_zeros(2), values)
    first = _apply(_append_zeros(2), near)
    second = _apply(_append_zeros(2), first)
    return _apply(_append_zeros(2), second), second, first, near
