"""Convolutions, box filters and pooling, against two engines and the formulas as loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnefx.ops import Reject, correlate, depthwise
from oracles import (
    attributes,
    call,
    grid,
    khronos,
    onnx_run,
    random,
    reverse_windows,
    windows,
)

ZERO = np.zeros((), np.float32)
BORDERS = ["constant", "replicate", "reflect", "reflect-even"]


def close(got, expected):
    assert got.dtype == np.float32
    assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


# ---- conv and deconv against onnxruntime

CONVS = [  # input, filter, padding, stride, dilation, groups
    ((2, 3, 9), (4, 3, 3), [(1, 1)], [1], [1], 1),
    ((2, 4, 11), (6, 2, 4), [(0, 3)], [3], [2], 2),
    ((1, 3, 8, 7), (5, 3, 1, 1), [(0, 0), (0, 0)], [1, 1], [1, 1], 1),
    ((2, 4, 8, 7), (6, 2, 1, 1), [(0, 0), (0, 0)], [2, 3], [1, 1], 2),
    ((2, 3, 8, 7), (5, 3, 1, 1), [(1, 2), (0, 1)], [2, 1], [1, 1], 1),
    ((2, 3, 10, 9), (4, 3, 3, 2), [(1, 2), (0, 1)], [2, 1], [1, 2], 1),
    ((1, 6, 10, 9), (9, 2, 3, 3), [(1, 1), (2, 0)], [1, 2], [2, 1], 3),
    ((2, 4, 6, 6), (4, 1, 3, 3), [(1, 1), (1, 1)], [1, 1], [1, 1], 4),
    ((2, 4, 7, 6), (8, 1, 3, 2), [(2, 1), (1, 0)], [2, 3], [2, 1], 4),
    ((1, 2, 5, 6, 7), (3, 2, 2, 3, 1), [(1, 0), (1, 1), (0, 2)], [1, 2, 3], [1, 1, 2], 1),
    ((2, 4, 5, 4, 6), (4, 1, 3, 2, 2), [(1, 1), (0, 1), (0, 0)], [2, 1, 1], [1, 1, 2], 4),
]


def pads(padding):
    return [pair[0] for pair in padding] + [pair[1] for pair in padding]


@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv_agrees_with_onnxruntime(case):
    x, f, padding, stride, dilation, groups = case
    x, f, b = random(*x), random(*f, seed=2), random(1, f[0], seed=3)
    expected = onnx_run(
        "Conv", [x, f, b[0]], pads=pads(padding), strides=stride, dilations=dilation, group=groups
    )
    got = call("conv", x, f, b, padding=padding, stride=stride, dilation=dilation, groups=groups)
    close(got, expected)


DECONVS = [  # input, filter (c, C/groups, ...), padding, stride, dilation, groups
    ((2, 3, 5), (3, 4, 3), [(1, 1)], [2], [1], 1),
    ((2, 4, 5), (4, 3, 4), [(0, 2)], [3], [2], 2),
    ((1, 3, 4, 5), (3, 2, 1, 1), [(0, 0), (0, 0)], [1, 1], [1, 1], 1),
    ((2, 3, 4, 5), (3, 2, 4, 3), [(1, 2), (0, 1)], [2, 1], [1, 2], 1),
    ((1, 6, 4, 5), (6, 2, 3, 3), [(1, 1), (2, 0)], [1, 2], [2, 1], 3),
    ((2, 4, 6, 5), (4, 1, 3, 3), [(1, 1), (1, 1)], [2, 2], [1, 1], 4),
    ((2, 4, 3, 5), (4, 2, 2, 3), [(0, 0), (1, 0)], [3, 1], [1, 1], 4),
    ((1, 2, 3, 4, 3), (2, 3, 2, 3, 1), [(1, 0), (1, 1), (0, 0)], [1, 2, 3], [1, 1, 2], 1),
]


@pytest.mark.parametrize("case", DECONVS, ids=str)
def test_deconv_agrees_with_onnxruntime(case):
    x, f, padding, stride, dilation, groups = case
    channels = f[1] * groups
    x, f, b = random(*x), random(*f, seed=2), random(1, channels, seed=3)
    given = {"pads": pads(padding), "strides": stride, "dilations": dilation, "group": groups}
    expected = onnx_run("ConvTranspose", [x, f, b[0]], **given)
    got = call("deconv", x, f, b, padding=padding, stride=stride, dilation=dilation, groups=groups)
    close(got, expected)


def test_deconv_output_shape_keeps_what_rounding_loses():
    x, f = random(1, 2, 4, 4), random(2, 3, 3, 3, seed=2)
    given = {"pads": [1, 1, 1, 1], "strides": [2, 2], "output_padding": [1, 0]}
    got = call("deconv", x, f, ZERO, padding=[(1, 1)] * 2, stride=[2, 2], output_shape=[1, 3, 8, 7])
    close(got, onnx_run("ConvTranspose", [x, f], **given))


# ---- automatic padding, against the interpreter of Khronos

SCALES = grid(extent=[5, 6, 7], size=[1, 2, 3, 4], stride=[1, 2, 3], dilation=[1, 2])


@pytest.mark.parametrize("case", SCALES, ids=lambda case: str(list(case.values())))
def test_automatic_padding_agrees_with_khronos(tmp_path, case):
    extent, size = case["extent"], case["size"]
    x, f = random(1, 2, extent, 4), random(2, 2, size, 2, seed=2)
    given = {"stride": [case["stride"], 1], "dilation": [case["dilation"], 1]}
    for op in ("conv", "deconv"):
        close(call(op, x, f, ZERO, **given), khronos(tmp_path, op, [x, f, "0.0"], given)[0])
    window = {"size": [1, 1, size, 2]} | {name: [1, 1, *value] for name, value in given.items()}
    for op in ("box", "debox", "avg_pool", "max_pool"):
        close(call(op, x, **window), khronos(tmp_path, op, [x], window)[0])
    averaged = window | {"border": "ignore", "normalize": True, "padding": [(0, 0)] * 3 + [(1, 0)]}
    if case["extent"] >= (size - 1) * case["dilation"] + 1:
        close(call("box", x, **averaged), khronos(tmp_path, "box", [x], averaged)[0])


@pytest.mark.parametrize(
    ("op", "f", "groups"),
    [("conv", (4, 1, 3, 3), 0), ("conv", (6, 2, 3, 3), 2), ("deconv", (4, 1, 3, 3), 0)],
)
def test_groups_agree_with_khronos(tmp_path, op, f, groups):
    x, f = random(2, 4, 5, 5), random(*f, seed=2)
    given = {"groups": groups, "stride": [2, 1]}
    close(call(op, x, f, ZERO, **given), khronos(tmp_path, op, [x, f, "0.0"], given)[0])


# ---- every border mode, against the formulas

WINDOWS = [  # extents, size, padding, stride, dilation
    ((6,), (3,), [(2, 1)], [1], [1]),
    ((6,), (2,), [(3, 3)], [2], [2]),
    ((7,), (3,), [(-2, 4)], [1], [1]),
    ((7,), (2,), [(3, -3)], [3], [1]),
    ((5,), (4,), [], [2], [1]),
    ((4, 5), (3, 2), [(1, 2), (0, 1)], [1, 2], [1, 2]),
    ((3, 4), (2, 3), [], [2, 1], [1, 1]),
    ((3, 2, 4), (2, 1, 2), [(1, 1), (0, 0), (0, 1)], [2, 1, 1], [1, 1, 2]),
]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_conv_follows_the_formula_at_the_border(case, border):
    extents, size, *given = case
    x, f = random(*extents), random(*size, seed=2)
    names = dict(zip(("padding", "stride", "dilation"), given))
    got = call("conv", x[None, None], f[None, None], ZERO, border=border, **names)[0, 0]
    for at, values in windows(x, size, *given, border):
        assert got[at] == pytest.approx(np.dot(values, f.ravel()), abs=1e-5)


REVERSE = [  # extents, size, padding, stride, dilation, output_shape
    ((4,), (3,), [(1, 1)], [1], [1], []),
    ((4,), (3,), [(1, 2)], [2], [1], []),
    ((4,), (3,), [(-1, -2)], [2], [2], []),
    ((4,), (5,), [(2, 1)], [1], [1], [5]),
    ((3,), (3,), [], [2], [1], [5]),
    ((3,), (2,), [], [4], [1], []),
    ((3, 4), (3, 2), [(1, 0), (0, 1)], [2, 1], [1, 2], []),
    ((2, 3), (3, 4), [], [1, 2], [1, 1], [2, 6]),
]


def fill(values):
    return [0 if value is None else value for value in values]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("case", REVERSE, ids=str)
def test_deconv_follows_the_formula_at_the_border(case, border):
    extents, size, padding, stride, dilation, up = case
    x, f = random(*extents), random(*size, seed=2)
    given = {"padding": padding, "stride": stride, "dilation": dilation, "border": border}
    given["output_shape"] = [1, 1, *up] if up else []
    got = call("deconv", x[None, None], f[None, None], ZERO, **given)[0, 0]
    for at, values in reverse_windows(x, got.shape, size, padding, stride, dilation, border):
        assert got[at] == pytest.approx(np.dot(fill(values), f.ravel()), abs=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("border", ["ignore", *BORDERS])
@pytest.mark.parametrize("case", REVERSE, ids=str)
def test_debox_follows_the_formula_at_the_border(case, border, normalize):
    extents, size, padding, stride, dilation, up = case
    x = random(*extents)
    given = {"padding": padding, "stride": stride, "dilation": dilation, "output_shape": up}
    got = call("debox", x, size=list(size), border=border, normalize=normalize, **given)
    for at, values in reverse_windows(x, got.shape, size, padding, stride, dilation, border):
        there = [value for value in values if value is not None]
        count = max(len(there), 1) if border == "ignore" else len(values)
        assert got[at] == pytest.approx(sum(there) / (count if normalize else 1), abs=1e-5)


@pytest.mark.parametrize("border", ["ignore", *BORDERS])
@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_pools_follow_the_formula_at_the_border(case, border):
    extents, size, *given = case
    x = random(*extents) - 0.5  # below zero mostly, so that a border of zeros is a maximum
    names = dict(zip(("padding", "stride", "dilation"), given)) | {"border": border}
    names["size"] = list(size)
    sums, means = call("box", x, **names), call("box", x, normalize=True, **names)
    squares, maxima = call("rms_pool", x, **names), call("max_pool", x, **names)
    both, index = call("max_pool_with_index", x, **names), call("argmax_pool", x, **names)
    assert_array_equal(both[0], maxima)
    assert_array_equal(both[1], index)
    assert_array_equal(call("avg_pool", x, **names), means)
    assert index.dtype == np.int64
    for at, values in windows(x, size, *given, border):
        there = [value for value in values if value is not None]
        count = len(there)
        assert sums[at] == pytest.approx(sum(there), abs=1e-5)
        if not there:  # what an empty window gives is told below
            continue
        assert means[at] == pytest.approx(sum(there) / count, abs=1e-5)
        assert squares[at] == pytest.approx(np.sqrt(np.dot(there, there) / count), abs=1e-5)
        assert maxima[at] == max(there)
        assert index[at] == values.index(max(there))
    if border != "ignore":
        assert_array_equal(call("sample", x, index, **names), maxima)


def test_a_window_in_an_ignored_border_is_empty():
    given = {"size": [1], "padding": [(1, 0)], "border": "ignore"}
    x = np.array([3, 4], np.float32)
    assert_array_equal(call("avg_pool", x, **given), [0, 3, 4])
    maxima, index = call("max_pool_with_index", x, **given)
    assert_array_equal(maxima, [-np.inf, 3, 4])
    assert_array_equal(index, [0, 0, 0])


POOLS = [  # input, size, padding, stride, dilation
    ((2, 3, 9), [3], [(1, 1)], [2], [1]),
    ((1, 2, 8, 7), [2, 3], [(1, 0), (1, 1)], [2, 1], [1, 1]),
    ((1, 2, 9, 9), [3, 2], [(1, 2), (0, 1)], [2, 3], [2, 1]),
    ((1, 2, 5, 6, 4), [2, 3, 1], [(1, 0), (1, 1), (0, 0)], [1, 2, 2], [1, 1, 1]),
]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools_agree_with_onnxruntime(case):
    x, size, padding, stride, dilation = case
    x, outer = random(*x), [(0, 0)] * 2
    given = {"kernel_shape": size, "pads": pads(padding), "strides": stride, "dilations": dilation}
    names = {"size": [1, 1, *size], "padding": outer + padding}
    names |= {"stride": [1, 1, *stride], "dilation": [1, 1, *dilation]}
    close(call("max_pool", x, border="ignore", **names), onnx_run("MaxPool", [x], **given))
    for border, counted in (("ignore", 0), ("constant", 1)):
        expected = onnx_run("AveragePool", [x], opset=19, count_include_pad=counted, **given)
        close(call("avg_pool", x, border=border, **names), expected)


# ---- sampling


def test_desample_puts_maxima_back_and_sums_where_they_meet():
    x = np.array([1, 5, 2, 0, 3], np.float32)
    given = {"size": [3], "padding": [(1, 1)], "stride": [1]}
    values, index = call("max_pool_with_index", x, **given)
    assert_array_equal(call("desample", values, index, **given), [0, 15, 0, 0, 6])


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_desample_follows_the_formula(case):
    extents, size, *given = case
    x = random(*extents)
    names = dict(zip(("padding", "stride", "dilation"), given)) | {"size": list(size)}
    small, index = call("max_pool_with_index", x, **names)
    got = call("desample", small, index, output_shape=list(extents), **names)
    positions = reverse_windows(index, extents, size, *given, "ignore")
    items = reverse_windows(small, extents, size, *given, "ignore")
    for (at, found), (_, values) in zip(positions, items):
        meets = [v for j, (k, v) in enumerate(zip(found, values)) if k == j]
        assert got[at] == pytest.approx(sum(meets), abs=1e-5)


def test_an_index_outside_of_the_window_is_rejected():
    index = np.array([0, 4])
    for op in ("sample", "desample"):
        with pytest.raises(Reject) as caught:
            call(op, random(2), index, size=[3])
        assert caught.value.parameter == "index"


# ---- composites and fast paths


def test_separable_convolutions_are_what_their_bodies_say():
    x, plane, point = random(2, 3, 6, 5), random(3, 1, 3, 3, seed=2), random(4, 3, 1, 1, seed=3)
    bias, given = random(1, 4, seed=4), {"stride": [2, 1], "border": "replicate"}
    middle = call("conv", x, plane, ZERO, groups=0, **given)
    expected = call("conv", middle, point, bias)
    close(call("separable_conv", x, plane, point, bias, **given), expected)

    x, bias = random(2, 4, 6, 5), random(1, 3, seed=4)
    given = {"stride": [2, 1], "output_shape": [2, 3, 11, 5]}
    middle = call("deconv", x, point, ZERO)
    expected = call("deconv", middle, plane, bias, groups=0, **given)
    close(call("separable_deconv", x, plane, point, bias, **given), expected)


@pytest.mark.parametrize("limit", [1, 500, 3000])
def test_unfolding_in_parts_changes_nothing(monkeypatch, limit):
    x, f, planes = random(3, 4, 7, 6), random(6, 2, 3, 3, seed=2), random(4, 1, 3, 3, seed=3)
    whole = call("conv", x, f, ZERO, groups=2, stride=[2, 1])
    each = call("conv", x, planes, ZERO, groups=0)
    monkeypatch.setattr(correlate, "_COLUMNS", limit)
    monkeypatch.setattr(depthwise, "_ROWS", limit)
    close(call("conv", x, f, ZERO, groups=2, stride=[2, 1]), whole)
    close(call("conv", x, planes, ZERO, groups=0), each)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("op", ["conv", "deconv"])
def test_convolutions_keep_the_data_type(op, dtype):
    x, f = random(1, 2, 5, 5), random(2, 2, 3, 3, seed=2)
    exact = call(op, x, f, np.full((), 0.5, np.float64))
    assert exact.dtype == np.float32
    got = call(op, x.astype(dtype), f.astype(dtype), np.full((), 0.5, np.float32))
    assert got.dtype == dtype
    assert_allclose(got, exact, atol=1e-2)


@pytest.mark.parametrize("op", ["box", "max_pool", "avg_pool", "rms_pool", "debox"])
def test_pools_keep_the_data_type(op):
    assert call(op, random(4, 5, dtype=np.float16), size=[2, 2]).dtype == np.float16


def test_conv_without_spatial_dimensions_is_a_matrix_product():
    x, f = random(3, 4), random(5, 4, seed=2)
    close(call("conv", x, f, ZERO), x @ f.T)
    close(call("deconv", x, random(4, 5, seed=2), ZERO), x @ random(4, 5, seed=2))


# ---- shapes

GRID = grid(
    extent=[1, 4, 7],
    size=[1, 2, 3],
    stride=[1, 2, 3],
    dilation=[1, 2],
    padding=[None, (0, 2), (2, 1)],
)


@pytest.mark.parametrize("case", GRID, ids=lambda case: str(list(case.values())))
def test_shape_rules_agree_with_kernels(case):
    padding = [] if case["padding"] is None else [case["padding"]]
    step = {"stride": [case["stride"]], "dilation": [case["dilation"]], "padding": padding}
    x, f, size = random(1, 1, case["extent"]), random(1, 1, case["size"]), [case["size"]]
    reach = (size[0] - 1) * case["dilation"] + 1
    if not padding or case["extent"] + sum(padding[0]) >= reach:
        call("conv", x, f, ZERO, **step)
        call("max_pool", x[0, 0], size=size, **step)
        down = call("box", x[0, 0], size=size, **step)
        back = call("debox", down, size=size, **step, output_shape=[case["extent"]])
        assert back.shape == (case["extent"],)
    if not padding or (case["extent"] - 1) * case["stride"] + reach > sum(padding[0]):
        call("deconv", x, f, ZERO, **step)


@pytest.mark.parametrize("op", ["conv", "deconv", "box", "debox"])
def test_empty_arrays_are_the_defaults(op):
    given = attributes(op, {} if "conv" in op else {"size": [1]})
    assert given["stride"] == given["dilation"] == given["padding"] == []
