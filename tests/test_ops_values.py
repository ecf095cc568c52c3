"""Kernels of the basic families at corner values, and broadcasting."""

from math import inf, nan

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnefx.ops import standard_ops
from nnefx.ops.broadcast import broadcast_arrays, broadcast_shape

OPS = standard_ops()


def f32(*values):
    return np.array(values, np.float32)


VALUES = [
    ("round", [-2.5, -1.5, -0.5, 0.49999997, 0.5, 1.5, 8388609], [-2, -1, 0, 0, 1, 2, 8388609]),
    ("round", [inf, -inf, nan], [inf, -inf, nan]),
    ("sign", [-3, -0.0, 0, 2], [-1, 0, 0, 1]),
    ("log", [0, -1, inf], [-inf, nan, inf]),
    ("rcp", [0, inf, 4], [inf, 0, 0.25]),
    ("rsqrt", [0, 4, -1], [inf, 0.5, nan]),
    ("exp", [1000, -1000], [inf, 0]),
    ("sigmoid", [-1000, 0, 1000], [0, 0.5, 1]),
    ("softplus", [-1000, 0, 1000], [0, np.log(2), 1000]),
    ("softplus", [-20], [2.0611537e-09]),
    ("relu", [-1, 0, 2, inf, nan], [0, 0, 2, inf, 0]),
    ("gelu", [1], [0.8457958]),  # an exact GELU gives 0.8413447
    ("silu", [-1000, 1], [0, 0.7310586]),
    ("tanh", [1000], [1]),
    ("asin", [2], [nan]),
]


@pytest.mark.parametrize(("op", "x", "expected"), VALUES)
def test_unary_kernel_at_corner_values(op, x, expected):
    assert_allclose(OPS[op].run(f32(*x)), f32(*expected), rtol=1e-6)


BINARY_VALUES = [
    ("div", [1, -1, 0], [0, 0, 0], [inf, -inf, nan]),
    ("pow", [2, 0, -8, 0], [-1, 0, 0.5, -1], [0.5, 1, nan, inf]),
    ("min", [nan, 1, nan], [1, nan, nan], [1, nan, nan]),
    ("max", [nan, 1, nan], [1, nan, nan], [1, nan, nan]),
    ("max", [-inf, 3], [2, inf], [2, inf]),
    ("eq", [nan, 1], [nan, 1], [0, 1]),
    ("ne", [nan, 1], [nan, 1], [1, 0]),
]


@pytest.mark.parametrize(("op", "x", "y", "expected"), BINARY_VALUES)
def test_binary_kernel_at_corner_values(op, x, y, expected):
    assert_array_equal(OPS[op].run(f32(*x), f32(*y)), f32(*expected))


def test_elu_keeps_the_precision_of_small_values():
    result = OPS["elu"].run(f32(-1e-6), alpha=1.0)
    assert_allclose(result, np.expm1(-1e-6), rtol=1e-6)


def test_softmax_of_large_values_is_finite():
    result = OPS["softmax"].run(f32(10000, 10000, 0).reshape(1, 3), axes=[1])
    assert_array_equal(result, [[0.5, 0.5, 0]])


def test_quantization_to_given_levels():
    x = f32(-2, -0.4, 0.1, 0.6, 9)
    run = OPS["min_max_linear_quantize"].run
    levels = run(x, f32(-1)[0], f32(1)[0], bits=2, signed=True, symmetric=True)
    assert_array_equal(levels, f32(-1, 0, 0, 1, 1))
    run = OPS["zero_point_linear_quantize"].run
    levels = run(x, np.array(1), f32(0.5)[0], bits=2, signed=True, symmetric=False)
    assert_array_equal(levels, f32(-1.5, -0.5, 0, 0, 0))
    levels = OPS["logarithmic_quantize"].run(f32(-3, 0, 0.01, 1.1, 9), f32(4)[0], bits=2)
    assert_array_equal(levels, f32(-4, 0, 0.5, 1, 4))


@pytest.mark.parametrize(
    ("dtype", "expected", "kind"),
    [("integer", [-1, 0, 2], np.int64), ("logical", [1, 0, 1], np.bool_)],
)
def test_cast_drops_fractions_and_tells_zero_from_others(dtype, expected, kind):
    result = OPS["cast"].run(f32(-1.5, 0, 2.9), dtype=dtype)
    assert result.dtype == kind
    assert_array_equal(result, np.array(expected, kind))


def test_cast_to_scalar_keeps_the_width_of_scalars():
    assert OPS["cast"].run(np.zeros(2, np.float64), dtype="scalar").dtype == np.float64
    assert OPS["cast"].run(np.array([True]), dtype="scalar").dtype == np.float32


def test_argmax_over_several_axes_counts_in_row_major_order():
    x = np.random.default_rng(3).standard_normal((2, 3, 4))
    for axes in ([1, 2], [2, 1]):
        result = OPS["argmax_reduce"].run(x, axes=axes)
        assert_array_equal(result.ravel(), x.reshape(2, 12).argmax(axis=1))


def test_argmax_over_no_axes_is_zero():
    assert_array_equal(OPS["argmax_reduce"].run(f32(3, 1), axes=[]), [0, 0])


def test_sum_of_many_float32_items_is_accurate():
    x = np.full((100000, 2), 0.1, np.float32)
    result = OPS["sum_reduce"].run(x, axes=[0], normalize=False)
    assert_allclose(result, [[10000, 10000]], rtol=1e-7)


def test_sum_of_no_tensors_is_the_literal_zero():
    assert OPS["add_n"].shape([]) == ()
    assert OPS["add_n"].run([]) == 0


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("scalar", [1.0, 2.0, 3.0, 4.0], f32(1, 2, 3, 4)),
        ("scalar", [0.5], f32(0.5, 0.5, 0.5, 0.5)),
        ("integer", [7], np.full(4, 7)),
        ("logical", [True, False, False, True], np.array([True, False, False, True])),
    ],
)
def test_constant_holds_its_values_in_row_major_order(dtype, value, expected):
    result = OPS["constant"].run(shape=[2, 2], value=value, dtype=dtype)
    assert result.dtype == expected.dtype
    assert_array_equal(result, expected.reshape(2, 2))


def test_constant_of_rank_0_and_of_singular_shape_hold_one_value():
    assert OPS["constant"].run(shape=[], value=[3.0], dtype="scalar").shape == ()
    assert OPS["constant"].run(shape=[1, 1], value=[3.0], dtype="scalar").shape == (1, 1)


# ---- broadcasting --------------------------------------------------------------------------------


def test_broadcasting_aligns_leading_dimensions():
    assert broadcast_shape((2, 3, 4, 5), (1, 3)) == (2, 3, 4, 5)
    assert broadcast_shape((2,), (1, 3), (2, 1, 4)) == (2, 3, 4)
    assert broadcast_shape() == ()


def test_literals_take_the_type_of_the_tensors_they_meet():
    _, two, index = broadcast_arrays(np.zeros((2, 3), np.float32), np.array(2.0), np.array(1))
    assert two.dtype == np.float32
    assert two.shape == (1, 1)
    assert index.dtype == np.int64


def test_mixed_widths_of_tensors_promote():
    x, y = broadcast_arrays(np.zeros(2, np.float32), np.zeros(2, np.float64))
    assert x.dtype == y.dtype == np.float64
