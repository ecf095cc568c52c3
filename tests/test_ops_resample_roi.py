"""Resampling and regions of interest, against onnxruntime and the formulas of the text."""

import itertools
from math import ceil, floor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnefx.ops import Reject
from oracles import bordered, call, khronos, onnx_run, random, shape

METHODS = ["symmetric", "asymmetric", "aligned"]
FACTORS = [((1, 2, 5), [2]), ((2, 3, 4, 3), [2, 3]), ((1, 1, 3, 2, 4), [2, 1, 3])]


def close(got, expected):
    assert got.dtype == np.float32
    assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


# ---- nearest and area


@pytest.mark.parametrize(("extents", "factor"), FACTORS, ids=str)
def test_nearest_and_area_are_what_their_bodies_say(extents, factor):
    x, block = random(*extents), [1, 1, *factor]
    given = {"stride": block, "padding": [(0, 0)] * len(block)}
    large = call("nearest_upsample", x, factor=factor)
    assert_array_equal(large, call("debox", x, size=block, **given))
    large = random(*large.shape, seed=2)
    ones = [1] * len(block)
    assert_array_equal(
        call("nearest_downsample", large, factor=factor), call("box", large, size=ones, **given)
    )
    close(
        call("area_downsample", large, factor=factor),
        call("box", large, size=block, normalize=True, **given),
    )


# ---- multilinear

COORDINATES = dict(zip(METHODS, ["half_pixel", "asymmetric", "align_corners"]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("extents", "factor"), FACTORS, ids=str)
def test_multilinear_upsample_agrees_with_onnxruntime(extents, factor, method):
    x = random(*extents)
    scales = np.array([1, 1, *factor], np.float32)
    given = {"mode": "linear", "coordinate_transformation_mode": COORDINATES[method]}
    got = call("multilinear_upsample", x, factor=factor, method=method)
    assert_allclose(got, onnx_run("Resize", [x, None, scales], **given), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("border", ["constant", "replicate", "reflect", "reflect-even"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("extent", "factor"), [(4, 1), (4, 2), (3, 3), (5, 4), (2, 5)])
def test_multilinear_upsample_follows_the_formula(extent, factor, method, border):
    x = random(extent)
    given = {"factor": [factor], "method": method, "border": border}
    got = call("multilinear_upsample", x[None, None], **given)[0, 0]
    for i in range(extent * factor):
        at = {
            "symmetric": (i - (factor - 1) / 2) / factor,
            "asymmetric": i / factor,
            "aligned": i * (extent - 1) / (extent * factor - 1),
        }[method]
        j = floor(at)
        u = at - j
        value = (1 - u) * bordered(x, [j], border)
        if u:
            value += u * bordered(x, [j + 1], border)
        assert got[i] == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("border", ["constant", "replicate"])
def test_multilinear_upsample_agrees_with_khronos(tmp_path, border):
    x, given = random(2, 3, 4, 5), {"factor": [2, 2], "method": "symmetric", "border": border}
    expected = khronos(tmp_path, "multilinear_upsample", [x], given)[0]
    got = call("multilinear_upsample", x, **given)
    inside = np.s_[..., 1:-1, 1:-1]
    close(got[inside], expected[inside])
    if border == "constant":
        close(got, expected)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_item_is_repeated(method):
    x = random(1, 1, 1)
    assert_array_equal(
        call("multilinear_upsample", x, factor=[3], method=method), np.repeat(x, 3, 2)
    )


# ---- regions of interest

ROIS = np.array(
    [[0, 0, 7, 9], [1, 2, 6, 5], [1.4, 2.6, 3.5, 8.4], [2, 2, 3, 3], [4, 5, 4, 9], [-2, 6, 3, 14]],
    np.float32,
)
BATCHES = np.array([[0], [1], [1], [0], [1], [0]])
IMAGES = random(2, 3, 7, 9)


@pytest.mark.parametrize("size", [[1, 1], [2, 3], [4, 4]], ids=str)
def test_roi_pools_follow_the_formula(size):
    means = call("avg_roi_pool", IMAGES, ROIS, BATCHES, output_size=size)
    maxima = call("max_roi_pool", IMAGES, ROIS, BATCHES, output_size=size)
    for n, (roi, (batch,)) in enumerate(zip(ROIS, BATCHES)):
        corners = [floor(value + 0.5) for value in roi]
        for cell in np.ndindex(*size):
            spans = []
            for axis, (i, count) in enumerate(zip(cell, size)):
                first, extent = corners[axis], corners[axis + 2] - corners[axis]
                begin = first + i * floor(extent / count)
                end = begin + ceil(extent / count)
                spans.append(slice(max(begin, 0), max(min(end, IMAGES.shape[axis + 2]), 0)))
            part = IMAGES[batch][:, spans[0], spans[1]].reshape(3, -1)
            where = (n, slice(None), *cell)
            assert_allclose(means[where], part.mean(1) if part.size else 0, atol=1e-5)
            assert_array_equal(maxima[where], part.max(1) if part.size else 0)


def interpolate(image, at):
    """Return the value at a real position, clamped to the image, by the sum over all corners."""
    at = [min(max(p, 0), z - 1) for p, z in zip(at, image.shape[1:])]
    total = 0
    for corner in itertools.product(*([floor(p), floor(p) + 1] for p in at)):
        weight = np.prod([1 - abs(p - c) for p, c in zip(at, corner)])
        if weight:
            total = total + weight * image[(slice(None), *corner)]
    return total


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [[1, 1], [2, 5]], ids=str)
def test_roi_resample_follows_the_formula(size, method):
    got = call("roi_resample", IMAGES, ROIS, BATCHES, output_size=size, method=method)
    for n, (roi, (batch,)) in enumerate(zip(ROIS, BATCHES)):
        for cell in np.ndindex(*size):
            at = []
            for axis, (i, count) in enumerate(zip(cell, size)):
                first, extent = roi[axis], roi[axis + 2] - roi[axis]
                factor = count / extent if extent else np.inf
                at.append(
                    first
                    + {
                        "symmetric": (i + 0.5) / factor - 0.5,
                        "asymmetric": i / factor,
                        "aligned": i * (extent - 1) / max(count - 1, 1),
                    }[method]
                )
            assert_allclose(got[(n, slice(None), *cell)], interpolate(IMAGES[batch], at), atol=1e-5)


def test_resampling_whole_images_is_upsampling():
    rois, batches = np.array([[0, 0, 7, 9]] * 2, np.float32), np.array([[0], [1]])
    for method in METHODS:
        got = call("roi_resample", IMAGES, rois, batches, output_size=[14, 27], method=method)
        close(got, call("multilinear_upsample", IMAGES, factor=[2, 3], method=method))


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_avg_roi_align_agrees_with_onnxruntime(rate):
    given = {"output_height": 2, "output_width": 3, "sampling_ratio": rate, "mode": "avg"}
    given |= {"spatial_scale": 1.0, "coordinate_transformation_mode": "half_pixel"}
    rois = ROIS[:4]
    corners = np.ascontiguousarray(rois[:, [1, 0, 3, 2]])
    expected = onnx_run("RoiAlign", [IMAGES, corners, BATCHES[:4, 0]], **given)
    got = call(
        "avg_roi_align", IMAGES, rois, BATCHES[:4], output_size=[2, 3], sampling_rate=[rate, rate]
    )
    close(got, expected)


def test_roi_align_pools_what_roi_resample_gives():
    given = {"output_size": [2, 3], "sampling_rate": [2, 3], "resize_method": "asymmetric"}
    points = call("roi_resample", IMAGES, ROIS, BATCHES, output_size=[4, 9], method="asymmetric")
    cells = points.reshape(6, 3, 2, 2, 3, 3)
    close(call("avg_roi_align", IMAGES, ROIS, BATCHES, **given), cells.mean((3, 5)))
    close(call("max_roi_align", IMAGES, ROIS, BATCHES, **given), cells.max((3, 5)))


@pytest.mark.parametrize("op", ["avg_roi_pool", "max_roi_pool", "roi_resample"])
def test_regions_have_any_number_of_dimensions(op):
    line, volume = random(1, 2, 6), random(1, 2, 4, 5, 6)
    flat = np.broadcast_to(line[:, :, None, None], (1, 2, 4, 5, 6)).copy()
    got = call(op, line, np.array([[1, 5]], np.float32), np.array([[0]]), output_size=[2])
    rois = np.array([[0, 0, 1, 4, 5, 5]], np.float32)
    deep = call(op, flat, rois, np.array([0]), output_size=[2, 2, 2])
    assert_allclose(deep[:, :, 0, 1], got, rtol=1e-6)
    assert call(op, volume, rois, np.array([0]), output_size=[3, 2, 1]).shape == (1, 2, 3, 2, 1)


@pytest.mark.parametrize("op", ["avg_roi_pool", "max_roi_pool", "roi_resample"])
def test_a_batch_that_is_not_there_is_rejected(op):
    with pytest.raises(Reject) as caught:
        call(op, IMAGES, ROIS[:1], np.array([[2]]), output_size=[1, 1])
    assert caught.value.parameter == "batch_index"


IMAGE = (1, 2, 6, 8)
ROI = [IMAGE, (3, 4), (3, 1)]
SIZE = {"output_size": [2, 2]}
REJECTED = [
    ("nearest_downsample", [IMAGE], {"factor": [4, 2]}, "factor"),
    ("area_downsample", [IMAGE], {"factor": [2]}, "factor"),
    ("nearest_upsample", [IMAGE], {"factor": [2, 0]}, "factor"),
    ("nearest_upsample", [(2,)], {"factor": []}, "input"),
    ("multilinear_upsample", [IMAGE], {"factor": [2]}, "factor"),
    ("multilinear_upsample", [IMAGE], {"factor": [2, -2]}, "factor"),
    ("multilinear_upsample", [IMAGE], {"factor": [2, 2], "method": "linear"}, "method"),
    ("multilinear_upsample", [IMAGE], {"factor": [2, 2], "border": "ignore"}, "border"),
    ("multilinear_upsample", [(1, 1, 1)], {"factor": [2], "border": "reflect"}, "border"),
    ("avg_roi_pool", [(1, 2), (3, 4), (3, 1)], SIZE, "input"),
    ("avg_roi_pool", [IMAGE, (3, 5), (3, 1)], SIZE, "rois"),
    ("max_roi_pool", [IMAGE, (4,), (3, 1)], SIZE, "rois"),
    ("max_roi_pool", [IMAGE, (3, 4), (2, 1)], SIZE, "batch_index"),
    ("max_roi_pool", [IMAGE, (3, 4), (3, 2)], SIZE, "batch_index"),
    ("roi_resample", ROI, {"output_size": [2]}, "output_size"),
    ("roi_resample", ROI, {"output_size": [2, 0]}, "output_size"),
    ("roi_resample", ROI, SIZE | {"method": "nearest"}, "method"),
    ("avg_roi_align", ROI, SIZE | {"sampling_rate": [2]}, "sampling_rate"),
    ("max_roi_align", ROI, SIZE | {"sampling_rate": [2, 0]}, "sampling_rate"),
    ("max_roi_align", ROI, SIZE | {"sampling_rate": [2, 2], "resize_method": "x"}, "resize_method"),
]


@pytest.mark.parametrize(("op", "shapes", "given", "parameter"), REJECTED, ids=str)
def test_invalid_arguments_are_rejected(op, shapes, given, parameter):
    with pytest.raises(Reject) as caught:
        shape(op, *shapes, **given)
    assert caught.value.parameter == parameter
