"""The simulator's fast integer arithmetic against the definition, item by item."""

import numpy as np
import pytest

from nnefx.openvx.arithmetic import (
    clamped_sum,
    exact_matmul,
    fit,
    saturated_sum,
    sum_products,
)


def c_divide(value, divisor):
    """Integer division as in C: toward zero."""
    return -(-value // divisor) if value < 0 else value // divisor


def by_definition(weights, columns, half, limit=2**40):
    out = np.zeros((weights.shape[0], columns.shape[1]))
    for o in range(weights.shape[0]):
        for p in range(columns.shape[1]):
            products = [int(w) * int(x) for w, x in zip(weights[o], columns[:, p])]
            rounded = [c_divide(product + half, 256) for product in products]
            out[o, p] = sum(max(min(number, limit - 1), -limit) for number in rounded)
    return out


@pytest.mark.parametrize("spread", [3, 200, 32767])
@pytest.mark.parametrize("points", [1, 40])
@pytest.mark.parametrize(
    ("policy", "half"),
    [("VX_ROUND_POLICY_TO_ZERO", 0), ("VX_ROUND_POLICY_TO_NEAREST_EVEN", 128)],
)
def test_every_product_is_rounded_as_c_does(spread, points, policy, half):
    rng = np.random.default_rng(spread)
    weights = rng.integers(-spread - 1, spread + 1, (5, 12)).astype(np.int16)
    columns = rng.integers(-32768, 32768, (12, points)).astype(np.int16)
    assert np.array_equal(
        sum_products(weights, columns, policy), by_definition(weights, columns, half)
    )


def test_the_extreme_products_are_exact():
    extremes = np.array([-32768, -32767, -257, -256, -255, -1, 0, 1, 255, 256, 257, 32767])
    weights, columns = extremes.astype(np.int16)[:, None], extremes.astype(np.int16)[None, :]
    expected = by_definition(weights, columns, 0)
    assert np.array_equal(sum_products(weights, columns, "VX_ROUND_POLICY_TO_ZERO"), expected)
    assert np.array_equal(exact_matmul(weights, columns), np.outer(extremes, extremes))


def test_rows_of_zeros_do_not_change_the_sum():
    weights = np.zeros((6, 6), np.int16)
    weights[[1, 4], [2, 5]] = [77, -300]
    columns = np.arange(-90, 90, dtype=np.int16).reshape(6, 30)
    expected = by_definition(weights, columns, 0)
    assert np.array_equal(sum_products(weights, columns, "VX_ROUND_POLICY_TO_ZERO"), expected)


def test_a_sum_of_more_than_float32_can_hold_is_exact():
    depth = 80_000
    weights, columns = np.full((1, depth), 255, np.int16), np.full((depth, 1), 255, np.int16)
    found = sum_products(weights, columns, "VX_ROUND_POLICY_TO_ZERO")
    assert found[0, 0] == depth * (255 * 255 // 256)


def test_saturation_clamps_after_each_channel():
    weights = np.array([[256 * 100, 256 * 100, -256 * 100]], np.int16)
    columns = np.full((3, 1), 256, np.int16)
    result = clamped_sum(weights, columns, np.zeros((1, 1)), 1, "VX_ROUND_POLICY_TO_ZERO")
    assert result[0, 0] == 32767 - 25600


@pytest.mark.parametrize("taps", [1, 3, 4])
@pytest.mark.parametrize("spread", [400, 2000, 20000])
def test_clamped_sums_are_those_of_the_definition(taps, spread):
    rng = np.random.default_rng(taps)
    weights = rng.integers(-spread, spread, (4, 24)).astype(np.int16)
    columns = rng.integers(-4000, 4000, (24, 30)).astype(np.int16)
    bias = rng.integers(-9000, 9000, (4, 1)).astype(float)
    total = bias + np.zeros((4, 30))
    for begin in range(0, 24, taps):
        part = slice(begin, begin + taps)
        sums = by_definition(weights[:, part], columns[part], 0, 32768)
        total = np.clip(total + sums, -32768, 32767)
    found = clamped_sum(weights, columns, bias, taps, "VX_ROUND_POLICY_TO_ZERO")
    assert np.array_equal(found, total)


@pytest.mark.parametrize(
    ("policy", "half"),
    [("VX_ROUND_POLICY_TO_ZERO", 0), ("VX_ROUND_POLICY_TO_NEAREST_EVEN", 128)],
)
def test_products_saturate_before_they_are_added(policy, half):
    rng = np.random.default_rng(4)
    weights = rng.integers(-32768, 32768, (5, 12)).astype(np.int16)
    weights[:, ::2] //= 300
    columns = rng.integers(-32768, 32768, (12, 30)).astype(np.int16)
    expected = by_definition(weights, columns, half, 32768)
    assert np.array_equal(saturated_sum(weights, columns, policy), expected)


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [("VX_CONVERT_POLICY_SATURATE", [32767, -32768]), ("VX_CONVERT_POLICY_WRAP", [-32768, 32767])],
)
def test_overflow_follows_the_policy(overflow, expected):
    assert fit(np.array([32768.0, -32769.0]), "int16", overflow).tolist() == expected
