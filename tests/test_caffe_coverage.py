"""What the Caffe importer knows: every layer type has a case, every field a meaning."""

from pathlib import Path

import numpy as np
import pytest

from caffe_nets import layer, net, random, read, run
from nnefx.converters.caffe.read import load_rules
from nnefx.converters.caffe.schema import standard
from nnefx.converters.caffe.tables import JUDGES, SINKS, SOURCES, WITHOUT_EFFECT, parameter_message
from nnefx.diagnostics import NnefError
from nnefx.ops.custom_detect import decode, suppress

KINDS = load_rules().names()

# What the importer is for.
WANTED = """
Convolution Deconvolution Pooling InnerProduct ReLU PReLU ELU Sigmoid TanH AbsVal BNLL Power Exp
Log Swish Clip Dropout BatchNorm Scale Bias LRN MVN Softmax ArgMax Eltwise Concat Slice Split
Flatten Reshape Permute Crop Tile Reduction Threshold SPP Embed LSTM RNN Normalize PriorBox
DetectionOutput Axpy Interp Upsample ShuffleChannel ReLU6
""".split()  # noqa: SIM905


@pytest.mark.parametrize("kind", WANTED)
def test_layer_type_is_known(kind):
    assert kind in KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_type_has_a_case(kind):
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_caffe_*.py")]
    assert any(f'"{kind}"' in text for text in texts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_layer_has_a_meaning(kind):
    fields = {field.name: field for field in standard()["LayerParameter"].DESCRIPTOR.fields}
    message = fields.get(parameter_message(kind))
    known = {field.name for field in message.message_type.fields} if message else set()
    rule = load_rules().find(kind, 1)
    assert rule.attributes <= known
    assert known - rule.attributes <= WITHOUT_EFFECT


def test_layers_that_are_no_rules_are_told_apart():
    assert not SOURCES & JUDGES
    assert not (SOURCES | JUDGES | SINKS) & set(KINDS)


def test_all_messages_of_the_schema_are_used():
    used = {"NetParameter"}
    for name, message in standard().items():
        used |= {f.message_type.name for f in message.DESCRIPTOR.fields if f.message_type}
        if name.endswith("Enum"):
            used.add(name)
    assert set(standard()) == used


def test_a_plugin_may_add_fields_to_a_known_message(tmp_path):
    plugin = tmp_path / "more.py"
    plugin.write_text(
        "from nnefx.converters.rules import Rules\nrules = Rules('more')\n"
        "@rules.on('ReLU')\ndef relu(g, x, *, negative_slope: float = 0.0, top: float = 0.0):\n"
        "    return g.clamp(x, 0.0, top)\n"
    )
    text = net(layer("ReLU", "relu_param { top: 4 negative_slope: 0.5 }"), x=(1, 2))
    imported = read(tmp_path, text, plugins=[plugin])
    assert [node.name for node in imported.graph.nodes] == ["external", "clamp"]


# ---- forks


@pytest.mark.parametrize("kind", ["ConvolutionDepthwise", "DepthwiseConvolution"])
def test_depthwise_layers_need_no_group(kind, tmp_path):
    text = layer(kind, "convolution_param { num_output: 4 kernel_size: 3 bias_term: false }")
    imported = read(tmp_path, net(text, x=(1, 4, 5, 5)))
    x, filters = random((1, 4, 5, 5)), imported.weights["y/weight"]
    assert filters.shape == (4, 1, 3, 3)
    expected = np.zeros((1, 4, 3, 3))
    for i, j in np.ndindex(3, 3):
        expected[0, :, i, j] = (x[0, :, i : i + 3, j : j + 3] * filters[:, 0]).sum(axis=(1, 2))
    np.testing.assert_allclose(run(imported, {"x": x})["y"], expected, rtol=1e-4, atol=1e-5)


def test_interp_takes_its_size_from_a_second_bottom_and_crops_first(tmp_path):
    text = layer("Interp", "interp_param { pad_beg: -1 pad_end: -2 }", "x a")
    imported = read(tmp_path, net(text, x=(1, 2, 7, 8), a=(1, 3, 9, 5)))
    x = random((1, 2, 7, 8))
    y = run(imported, {"x": x, "a": np.zeros((1, 3, 9, 5))})["y"]
    inner = x[:, :, 1:-2, 1:-2]
    assert y.shape == (1, 2, 9, 5)
    corners = np.ix_([0], [0, 1], [0, -1], [0, -1])
    np.testing.assert_allclose(y[corners], inner[corners], rtol=1e-5)


def test_interp_of_one_row_repeats_it(tmp_path):
    text = layer("Interp", "interp_param { height: 3 width: 1 }")
    x = random((1, 2, 1, 1))
    y = run(read(tmp_path, net(text, x=(1, 2, 1, 1))), {"x": x})["y"]
    np.testing.assert_allclose(y, np.broadcast_to(x, (1, 2, 3, 1)), rtol=1e-6)


POOL = layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }", "x", "p mask", "pool")


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((1, 2, 5, 7), "scale: 2 pad_out_h: true pad_out_w: true"),
        ((1, 2, 5, 6), "scale_h: 2 scale_w: 2 upsample_h: 5 upsample_w: 6"),
    ],
)
def test_upsample_back_to_uneven_extents(shape, text, tmp_path):
    text = POOL + layer("Upsample", f"upsample_param {{ {text} }}", "p mask")
    imported = read(tmp_path, net(text, x=shape))
    x = random(shape)
    y = run(imported, {"x": x})["y"]
    assert y.shape == shape
    assert ((y == x) | (y == 0)).all()
    assert np.count_nonzero(y) == 2 * -(-shape[2] // 2) * -(-shape[3] // 2)


@pytest.mark.parametrize(
    ("pool", "text", "message"),
    [
        (POOL, "scale: 3", "the result is"),
        (POOL.replace("stride: 2", "stride: 1"), "upsample_h: 6 upsample_w: 6", "overlap"),
    ],
)
def test_upsample_of_another_window_is_refused(pool, text, message, tmp_path):
    text = pool + layer("Upsample", f"upsample_param {{ {text} }}", "p mask")
    with pytest.raises(NnefError, match=message):
        read(tmp_path, net(text, x=(1, 2, 6, 6)))


def test_a_mask_that_nothing_uses_is_no_output(tmp_path):
    imported = read(tmp_path, net(POOL, x=(1, 2, 6, 6)))
    assert [value.name for value in imported.graph.outputs] == ["p"]


def test_ceil_mode_of_forks_rounds_down(tmp_path):
    text = layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }")
    assert read(tmp_path, net(text, x=(1, 1, 5, 5))).graph.outputs[0].shape == (1, 1, 2, 2)


def test_old_fields_of_concat_and_slice(tmp_path):
    text = layer("Slice", "slice_param { slice_dim: 2 }", "x", "a b", "cut") + layer(
        "Concat", "concat_param { concat_dim: 3 }", "a b"
    )
    x = random((1, 2, 4, 3))
    y = run(read(tmp_path, net(text, x=(1, 2, 4, 3))), {"x": x})["y"]
    np.testing.assert_array_equal(y, np.concatenate([x[:, :, :2], x[:, :, 2:]], axis=3))


# ---- detectors


def priors(text, tmp_path):
    text = layer("PriorBox", f"prior_box_param {{ {text} }}")
    imported = read(tmp_path, net(text, x=(1, 4, 1, 2)))
    return run(imported, {"x": np.zeros((1, 4, 1, 2))})["y"]


def test_prior_boxes_of_a_told_picture(tmp_path):
    boxes = priors("min_size: 4 img_h: 10 img_w: 20 step_h: 5 step_w: 8 variance: 0.5", tmp_path)
    assert boxes.shape == (1, 2, 8)
    expected = [2 / 20, 0.5 / 10, 6 / 20, 4.5 / 10, 10 / 20, 0.5 / 10, 14 / 20, 4.5 / 10]
    np.testing.assert_allclose(boxes[0, 0], expected, rtol=1e-6)
    assert (boxes[0, 1] == 0.5).all()


def test_prior_boxes_have_sides_of_whole_pixels(tmp_path):
    text = "img_size: 20 variance: 0.1"
    np.testing.assert_array_equal(
        priors(f"min_size: 4.9 max_size: 9.9 {text}", tmp_path),
        priors(f"min_size: 4 max_size: 9 {text}", tmp_path),
    )


PRIOR = np.array([[[0.2, 0.1, 0.6, 0.3]]])
VARIANCE = np.array([[[0.1, 0.1, 0.2, 0.2]]])
CODED = np.array([[[0.5, -1.0, 0.3, 0.7]]])


@pytest.mark.parametrize(
    ("code", "encoded", "expected"),
    [
        ("corner", False, [0.25, 0.0, 0.66, 0.44]),
        ("corner", True, [0.7, -0.9, 0.9, 1.0]),
        ("corner_size", False, [0.22, 0.08, 0.624, 0.328]),
        ("corner_size", True, [0.4, -0.1, 0.72, 0.44]),
        (
            "center_size", True,
            [0.6 - 0.2 * np.exp(0.3), 0.0 - 0.1 * np.exp(0.7), 0.6 + 0.2 * np.exp(0.3),
             0.0 + 0.1 * np.exp(0.7)],
        ),
    ],
)  # fmt: skip
def test_codes_of_boxes(code, encoded, expected):
    np.testing.assert_allclose(decode(CODED, PRIOR, VARIANCE, code, encoded)[0, 0], expected)


ROW = np.array([[0, 0, 1, 1], [0.1, 0, 1.1, 1], [0.3, 0, 1.3, 1], [2, 0, 3, 1]], float)
SCORES = np.array([0.9, 0.8, 0.7, 0.6])


@pytest.mark.parametrize(
    ("threshold", "overlap", "eta", "candidates", "kept"),
    [
        (0.0, 0.5, 1.0, -1, [0, 3]),
        (0.0, 0.6, 1.0, -1, [0, 2, 3]),
        (0.0, 0.6, 0.5, -1, [0, 3]),  # the second box is allowed half of the overlap
        (0.0, 0.9, 1.0, -1, [0, 1, 2, 3]),
        (0.65, 0.9, 1.0, -1, [0, 1, 2]),
        (0.0, 0.9, 1.0, 2, [0, 1]),
        (0.95, 0.9, 1.0, -1, []),
    ],
)
def test_suppression(threshold, overlap, eta, candidates, kept):
    # Parts shared: 0 and 1: 0.82, 0 and 2: 0.54, 1 and 2: 0.67.
    assert suppress(ROW, SCORES, threshold, overlap, eta, candidates) == kept


def detect(tmp_path, text, confidence):
    """Detections of two pictures with two boxes and two classes, the first being background."""
    shapes = {"x": (2, 1, 1, 2), "loc": (2, 8), "conf": (2, 4)}
    prior = layer(
        "PriorBox", "prior_box_param { min_size: 4 img_size: 20 step: 10 variance: 0.1 }",
        "x", "prior", "prior",
    )  # fmt: skip
    text = prior + layer(
        "DetectionOutput",
        f"detection_output_param {{ num_classes: 2 nms_param {{ nms_threshold: 0.5 }} {text} }}",
        "loc conf prior",
    )
    inputs = {"x": np.zeros((2, 1, 1, 2)), "loc": np.zeros((2, 8)), "conf": np.array(confidence)}
    return run(read(tmp_path, net(text, **shapes)), inputs)["y"]


def test_all_detections_are_kept_where_nothing_is_told(tmp_path):
    rows = detect(tmp_path, "", [[0.4, 0.6, 0.1, 0.9], [0.5, 0.5, 1.0, 0.0]])
    assert rows.shape == (1, 1, 4, 7)
    np.testing.assert_allclose(
        rows[0, 0, :, :3], [[0, 1, 0.9], [0, 1, 0.6], [1, 1, 0.5], [1, 1, 0.0]]
    )


def test_where_nothing_is_found_a_row_for_each_picture_says_so(tmp_path):
    rows = detect(tmp_path, "confidence_threshold: 0.95 keep_top_k: 3", [[0.4] * 4, [0.5] * 4])
    assert rows.shape == (1, 1, 6, 7)
    assert rows[0, 0, :, 0].tolist() == [0, 1, -1, -1, -1, -1]
    assert (rows[0, 0, :, 1:] == -1).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep_top_k: 3 nms_param { eta: 2 }", "should not have multiple"),
        ("share_location: false", "location has shape"),
    ],
)
def test_wrong_detectors(text, message, tmp_path):
    with pytest.raises(NnefError, match=message):
        detect(tmp_path, text, [[0.4] * 4, [0.5] * 4])
