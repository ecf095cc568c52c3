"""Exact fixed point sums of products, by both rounding rules that implementations follow.

OpenVX's text rounds a sum of products once. The Khronos sample implementation and the conformance
tests round every product on its own. Integers below 2**53 are exact in float64, so BLAS does the
first; the second is split into sums that are linear, and products of 8 by 8 bits that are not.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rounding = Literal["once", "product"]
Floats = NDArray[np.float64]
Array = NDArray[Any]

_CHUNK = 1 << 15  # items of a scratch buffer that stays in the cache
_LARGEST = 32767
_BLOCK = 32  # channels that are added at once where sums come near the limits
_EXACT = 1 << 16  # products below 256 whose sum float32 holds exactly
_STEP = 6000  # multiplications that take as long as the start of a loop's step


def round_to(values: Floats, policy: str) -> Floats:
    """Round to whole numbers by a VX_ROUND_POLICY_ name."""
    return np.trunc(values) if policy.endswith("TO_ZERO") else np.rint(values)


def fit(values: Floats, dtype: str, overflow: str) -> Array:
    """Bring whole numbers into an integer type by a VX_CONVERT_POLICY_ name."""
    limits = np.iinfo(dtype)
    if overflow.endswith("SATURATE"):
        return np.clip(values, limits.min, limits.max).astype(dtype)
    span = 2.0**limits.bits
    return (values - np.floor((values - limits.min) / span) * span).astype(dtype)


def sum_once(weights: Array, columns: Array) -> Floats:
    """Return the exact products' sums, (O, K) by (K, P) -> (O, P)."""
    return exact_matmul(weights, columns)


def exact_matmul(a: Array, b: Array) -> Floats:
    """Multiply integer matrices exactly through float64, in pieces where 2**53 is not enough."""
    peak = _peak(a) * _peak(b)
    depth = a.shape[1]
    step = depth if peak == 0 else max(int(2**53 // peak), 1)
    left, right = a.astype(np.float64), b.astype(np.float64)
    if step >= depth:
        return left @ right
    raise OverflowError(f"a sum of {depth} products of up to {peak} exceeds 53 bits")


def _peak(values: Array) -> int:
    if not values.size:
        return 0
    return max(abs(int(values.max())), abs(int(values.min())))


def sum_products(weights: Array, columns: Array, policy: str) -> Floats:
    """Return the sums of products that are each divided by 256 and rounded, (O, K) x (K, P).

    Nearest rounding is that of the sample: (product + 128) / 256 with C's division.
    """
    if not policy.endswith("TO_ZERO"):
        return _accumulate(weights / 256.0, columns.astype(np.float64), 0.5)
    # x = 256 a + b and w = 256 c + d with the signs of x and w:
    # trunc(x w / 256) = a w + b c + trunc(b d / 256)
    x, w = columns.astype(np.int32), weights.astype(np.int32)
    a, c = _high(x), _high(w)
    b, d = x - 256 * a, w - 256 * c
    total = exact_matmul(w, a)
    if c.any():
        total += exact_matmul(c, b)
    low = _accumulate((d / 256.0).astype(np.float32), b.astype(np.float32), 0.0)
    return total + low


def _high(values: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.where(values < 0, -((-values) >> 8), values >> 8).astype(np.int32)


def saturated_sum(weights: Array, columns: Array, policy: str) -> Floats:
    """Like sum_products, but every product is saturated to int16 before it is added."""
    total = sum_products(weights, columns, policy)
    shift = 0.0 if policy.endswith("TO_ZERO") else 0.5
    tops = _tops(weights.T) * _tops(columns)
    for k in np.flatnonzero(tops >= 256.0 * _LARGEST):
        products = np.trunc(np.outer(weights[:, k], columns[k] / 256.0) + shift)
        total += np.clip(products, -_LARGEST - 1, _LARGEST) - products
    return total


def _tops(rows: Array) -> Floats:
    """Return the largest magnitude of each row."""
    tops: Floats = np.abs(rows.astype(np.float64)).max(axis=1, initial=0.0)
    return tops


def _accumulate(weights: Array, columns: Array, bias: float) -> Floats:
    """Sum trunc(w x + bias) over k, by the loop that is shorter: over k, or over the columns."""
    rows, depth = weights.shape
    points = columns.shape[1]
    total: Floats = np.zeros((rows, points))
    for begin in range(0, depth, _EXACT):  # sums of more would leave what float32 holds
        w, x = weights[:, begin : begin + _EXACT], columns[begin : begin + _EXACT]
        low, high = _spans(w)
        width = max(_CHUNK // max(rows, 1), 256)
        steps = int(np.count_nonzero(high > low)) * -(-points // width)
        filled = int((high - low).sum()) * points
        if steps * _STEP + filled < points * _STEP + w.size * points:
            total += _by_item(w, x, bias, low, high, width)
        else:
            total += _by_column(w, x, bias)
    return total


def _spans(weights: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each k the rows from the first to after the last that are not 0, or (0, 0)."""
    full = weights != 0
    some = full.any(axis=0)
    low, high = full.argmax(axis=0), len(full) - full[::-1].argmax(axis=0)
    return np.where(some, low, 0), np.where(some, high, 0)


def _by_item(
    weights: Array,
    columns: Array,
    bias: float,
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    width: int,
) -> Array:
    """Add the products of one k after the other, `width` columns at a time."""
    rows, points = weights.shape[0], columns.shape[1]
    total = np.zeros((rows, points), weights.dtype)
    turned = np.ascontiguousarray(weights.T)[:, :, None]
    for begin in range(0, points, width):
        part = total[:, begin : begin + width]
        scratch = np.empty_like(part)
        for k in np.flatnonzero(high > low).tolist():
            span = slice(low[k], high[k])
            out = scratch[span]
            np.multiply(turned[k, span], columns[k, begin : begin + width], out=out)
            if bias:
                out += bias
            np.trunc(out, out=out)
            part[span] += out
    return total


def _by_column(weights: Array, columns: Array, bias: float) -> Array:
    """Add all products of one column after the other."""
    total = np.zeros((weights.shape[0], columns.shape[1]), weights.dtype)
    turned = np.ascontiguousarray(columns.T)
    count = max(_CHUNK // max(weights.shape[1], 1), 1)
    for begin in range(0, len(weights), count):
        part = weights[begin : begin + count]
        scratch = np.empty_like(part)
        for point, column in enumerate(turned):
            np.multiply(part, column, out=scratch)
            if bias:
                np.add(scratch, bias, out=scratch)
            np.trunc(scratch, out=scratch)
            total[begin : begin + count, point] = scratch.sum(axis=1)
    return total


def clamped_sum(weights: Array, columns: Array, bias: Floats, taps: int, policy: str) -> Floats:
    """Like saturated_sum plus bias, and saturated to int16 after each channel of `taps` taps.

    Where no sum on the way can saturate, channels are added at once: all of them, or else some at
    a time, with what may saturate among those done channel by channel.
    """
    depth = weights.shape[1]
    total: Floats = bias + np.zeros((weights.shape[0], columns.shape[1]))
    width = taps * _BLOCK if _may_saturate(total, weights, columns).any() else depth
    for begin in range(0, depth, width):
        w, x = weights[:, begin : begin + width], columns[begin : begin + width]
        rows, places = np.nonzero(_may_saturate(total, w, x))
        careful = _one_by_one(total, w, x, rows, places, taps, policy)
        total += sum_products(w, x, policy)
        total[rows, places] = careful
    return total


def _may_saturate(total: Floats, weights: Array, columns: Array) -> NDArray[np.bool_]:
    """Tell where a partial sum could leave int16 on the way, whatever the order."""
    reach = exact_matmul(np.abs(weights.astype(np.int32)), np.abs(columns.astype(np.int32)))
    reach = reach / 256.0 + weights.shape[1]
    unsafe: NDArray[np.bool_] = np.abs(total) + reach > _LARGEST
    return unsafe


def _one_by_one(
    total: Floats,
    weights: Array,
    columns: Array,
    rows: NDArray[np.intp],
    places: NDArray[np.intp],
    taps: int,
    policy: str,
) -> Floats:
    """Add the channels in turn, with saturation, to the sums at (rows, places)."""
    sums = np.empty(len(rows))
    depth = weights.shape[1]
    shift = 0.0 if policy.endswith("TO_ZERO") else 0.5
    count = max(_CHUNK * 8 // depth, 1)
    for begin in range(0, len(rows), count):
        part = slice(begin, begin + count)
        products = weights[rows[part]] * (columns.T[places[part]] / 256.0)
        products = np.clip(np.trunc(products + shift), -_LARGEST - 1, _LARGEST)
        channels = products.reshape(len(products), -1, taps).sum(axis=2)
        state = total[rows[part], places[part]]
        for channel in channels.T:
            state = np.clip(state + channel, -_LARGEST - 1, _LARGEST)
        sums[part] = state
    return sums
