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


def _accumulate(weights: Array, columns: Array, bias: float) -> Floats:
    """Sum trunc(w x + bias) over k; what is left of a row of zeros is skipped."""
    rows, points = weights.shape[0], columns.shape[1]
    total = np.zeros((rows, points), weights.dtype)
    spans = [_span(weights[:, k]) for k in range(weights.shape[1])]
    width = max(_CHUNK // max(rows, 1), 256)
    for begin in range(0, points, width):
        part = total[:, begin : begin + width]
        scratch = np.empty_like(part)
        for k, (low, high) in enumerate(spans):
            if low == high:
                continue
            out = scratch[low:high]
            column = columns[k, begin : begin + width]
            np.multiply(weights[low:high, k, None], column[None, :], out=out)
            if bias:
                out += bias
            np.trunc(out, out=out)
            part[low:high] += out
    return total.astype(np.float64)


def _span(column: Array) -> tuple[int, int]:
    nonzero = np.flatnonzero(column)
    return (int(nonzero[0]), int(nonzero[-1]) + 1) if nonzero.size else (0, 0)


def clamp_by_channel(
    weights: Array, columns: Array, bias: Floats, taps: int, policy: str
) -> Floats:
    """Like sum_products plus bias, saturated to int16 after each channel of `taps` taps."""
    total = bias + np.zeros((weights.shape[0], columns.shape[1]))
    for begin in range(0, weights.shape[1], taps):
        part = slice(begin, begin + taps)
        total += sum_products(weights[:, part], columns[part], policy)
        np.clip(total, -32768, 32767, out=total)
    return total


def may_saturate(weights: Array, columns: Array, bias: Floats) -> NDArray[np.bool_]:
    """Tell for each column whether some partial sum could leave int16."""
    reach = exact_matmul(np.abs(weights.astype(np.int32)), np.abs(columns.astype(np.int32)))
    reach = reach / 256.0 + np.abs(bias) + weights.shape[1]
    unsafe: NDArray[np.bool_] = (reach > 32767).any(axis=0)
    return unsafe
