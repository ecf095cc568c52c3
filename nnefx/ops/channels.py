"""Steps that meet each channel with a value of its own, in the order that items have in memory.

An image whose channels are innermost meets a vector of 32 values in ten thousand short runs, each
of which costs as much as some hundred items; a row of many pixels and the vector as often do not.
Parts that a core caches take all steps one after the other.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from nnefx.ops.kernels import Values

_PART = 128 << 10  # items at a time
_ROW = 4 << 10  # items of the longest row of pixels

Step = tuple[np.ufunc, Values]


def is_per_channel(x: Values, vectors: Iterable[Values]) -> bool:
    """Tell whether `x` is (B, C, ...), and all vectors are (1, C, 1, ...), or single values."""
    return x.ndim > 1 and all(
        vector.ndim == x.ndim
        and vector.size == vector.shape[1] in (1, x.shape[1])
        and vector.dtype == x.dtype
        for vector in vectors
    )


def per_channel(x: Values, steps: Sequence[Step], out: Values | None = None) -> Values:
    """Return `x` (B, C, ...) after steps such as (np.add, bias), for which `is_per_channel` holds.

    The result is `out` if there is one, which is `x` or a new array in the order of `x`.
    """
    target = np.empty_like(x) if out is None else out
    vectors = [vector for _, vector in steps]
    channels = x.shape[1]
    if x.flags.c_contiguous:
        source, goal = x.reshape(len(x) * channels, -1), target.reshape(len(x) * channels, -1)
        vectors = [_repeated(vector, channels, len(x))[:, None] for vector in vectors]
    elif (pixels := x.transpose(order := (0, *range(2, x.ndim), 1))).flags.c_contiguous:
        count = _divisor(x.size // channels, _ROW // channels)
        source = pixels.reshape(-1, count * channels)
        goal = target.transpose(order).reshape(source.shape)
        vectors = [_repeated(vector, channels, count)[None] for vector in vectors]
    else:
        source, goal = x, target
    step = max(1, _PART // (source.size // len(source)))
    for first in range(0, len(source), step):
        part = slice(first, first + step)
        given = source[part]
        for (function, _), vector in zip(steps, vectors):
            function(given, vector if len(vector) == 1 else vector[part], out=goal[part])
            given = goal[part]
    return target


def _repeated(vector: Values, channels: int, count: int) -> Values:
    """Return the items of all channels, as often as told."""
    if vector.size != channels:
        return np.full(channels * count, vector.item(), vector.dtype)
    return np.concatenate([vector.reshape(-1)] * count)


def _divisor(number: int, limit: int) -> int:
    """Return the largest divisor up to a limit, or 1."""
    return next((item for item in range(min(limit, number), 1, -1) if number % item == 0), 1)
