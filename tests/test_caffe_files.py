"""Caffe files: versions of nets, phases, shared blobs, and weights in all their forms."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from caffe_nets import feeds, layer, net, random, read, run, write
from nnefx import converters
from nnefx.converters.caffe.caffemodel import Blob, read_weights, write_weights
from nnefx.converters.caffe.prototxt import parse_net
from nnefx.tensors.model import Model, load, save


def conv(name="y", top="y", extra=""):
    fields = "num_output: 2 kernel_size: 3 pad: 1"
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "x" top: "{top}" {extra} '
        f"convolution_param {{ {fields} }} }}\n"
    )


def operations(imported):
    return [node.name for node in imported.graph.nodes]


# ---- versions

V2 = """
name: "small"
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 3 kernel_size: 3 pad: 1 stride: 2 bias_term: false } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
        pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "norm" type: "LRN" bottom: "pool" top: "norm"
        lrn_param { local_size: 3 alpha: 0.1 } }
layer { name: "drop" type: "Dropout" bottom: "norm" top: "norm" }
layer { name: "two" type: "InnerProduct" bottom: "norm" top: "two"
        inner_product_param { num_output: 4 } }
layer { name: "both" type: "Concat" bottom: "two" bottom: "two" top: "both" }
layer { name: "prob" type: "Softmax" bottom: "both" top: "prob" }
"""

V1 = """
name: "small"
input: "x" input_dim: 1 input_dim: 2 input_dim: 8 input_dim: 8
layers { name: "conv" type: CONVOLUTION bottom: "x" top: "conv" blobs_lr: 1 weight_decay: 0
         convolution_param { num_output: 3 kernel_size: 3 pad: 1 stride: 2 bias_term: false } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "pool" type: POOLING bottom: "conv" top: "pool"
         pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layers { name: "norm" type: LRN bottom: "pool" top: "norm"
         lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "drop" type: DROPOUT bottom: "norm" top: "norm" }
layers { name: "two" type: INNER_PRODUCT bottom: "norm" top: "two"
         inner_product_param { num_output: 4 } }
layers { name: "both" type: CONCAT bottom: "two" bottom: "two" top: "both" }
layers { name: "prob" type: SOFTMAX bottom: "both" top: "prob" }
"""

V0 = """
name: "small"
input: "x" input_dim: 1 input_dim: 2 input_dim: 8 input_dim: 8
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "x" top: "padded" }
layers { layer { name: "conv" type: "conv" num_output: 3 kernelsize: 3 stride: 2 biasterm: false
                 weight_filler { type: "gaussian" std: 0.01 } } bottom: "padded" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "pool" type: "pool" pool: AVE kernelsize: 2 stride: 2 }
         bottom: "conv" top: "pool" }
layers { layer { name: "norm" type: "lrn" local_size: 3 alpha: 0.1 beta: 0.75 }
         bottom: "pool" top: "norm" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.5 } bottom: "norm" top: "norm" }
layers { layer { name: "two" type: "innerproduct" num_output: 4 } bottom: "norm" top: "two" }
layers { layer { name: "both" type: "concat" concat_dim: 1 } bottom: "two" bottom: "two"
         top: "both" }
layers { layer { name: "prob" type: "softmax" } bottom: "both" top: "prob" }
"""


@pytest.mark.parametrize("text", [V1, V0], ids=["version 1", "version 0"])
def test_old_nets_are_the_new_one(text, tmp_path):
    old, new = read(tmp_path, text), read(tmp_path, V2)
    inputs = {"x": random((1, 2, 8, 8))}
    assert operations(old) == operations(new)
    assert old.weights.keys() == new.weights.keys()
    np.testing.assert_array_equal(run(old, inputs)["prob"], run(new, inputs)["prob"])


def test_every_layer_type_of_version_1_has_its_name():
    from nnefx.converters.caffe.layers import V1_TYPES

    text = "".join(f'layers {{ name: "{kind}" type: {kind} }}\n' for kind in V1_TYPES)
    types = {item.name: item.type for item in parse_net(text, "net").layers}
    assert types["SIGMOID_CROSS_ENTROPY_LOSS"] == "SigmoidCrossEntropyLoss"
    assert types["INNER_PRODUCT"] == "InnerProduct"
    assert types["SOFTMAX_LOSS"] == "SoftmaxWithLoss"
    assert types["ABSVAL"] == "AbsVal"


INPUTS = {
    "input_dim": 'input: "x" input_dim: 1 input_dim: 2 input_dim: 5 input_dim: 4',
    "input_shape": 'input: "x" input_shape { dim: 1 dim: 2 dim: 5 dim: 4 }',
    "Input": 'layer { name: "x" type: "Input" top: "x" input_param '
    "{ shape { dim: 1 dim: 2 dim: 5 dim: 4 } } }",
    "MemoryData": 'layer { name: "d" type: "MemoryData" top: "x" top: "label" memory_data_param '
    "{ batch_size: 1 channels: 2 height: 5 width: 4 } }",
    "DummyData": 'layer { name: "d" type: "DummyData" top: "x" dummy_data_param '
    "{ shape { dim: 1 dim: 2 dim: 5 dim: 4 } } }",
    "DummyData of four numbers": 'layer { name: "d" type: "DummyData" top: "x" dummy_data_param '
    "{ num: 1 channels: 2 height: 5 width: 4 } }",
}


@pytest.mark.parametrize("text", INPUTS.values(), ids=INPUTS)
def test_inputs(text, tmp_path):
    imported = read(tmp_path, f"{text}\n{layer('ReLU')}")
    assert [(v.name, v.shape) for v in imported.graph.inputs] == [("x", (1, 2, 5, 4))]


def test_one_shape_serves_all_tops_of_an_input_layer(tmp_path):
    text = (
        'layer { name: "in" type: "Input" top: "x" top: "a" '
        "input_param { shape { dim: 2 dim: 3 } } }"
    )
    imported = read(tmp_path, text + layer("Eltwise", "", "x a"))
    assert [value.shape for value in imported.graph.inputs] == [(2, 3), (2, 3)]


@pytest.mark.parametrize("name", ["x", None])
def test_shapes_of_inputs_can_be_set(name, tmp_path):
    text = net(layer("ReLU"), x=(1, 2, 5, 4))
    imported = read(tmp_path, text, input_shapes={name: (3, 2, 9, 9)})
    assert imported.graph.outputs[0].shape == (3, 2, 9, 9)


# ---- what takes part

TRAINED = """
layer { name: "data" type: "Data" top: "x" top: "label" include { phase: TRAIN }
        data_param { source: "train" batch_size: 32 } }
layer { name: "data" type: "Data" top: "x" top: "label" include { phase: TEST }
        transform_param { mean_value: 104 mean_value: 117 scale: 0.017 crop_size: 8 }
        data_param { source: "test" batch_size: 8 } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy"
        include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
        loss_param { normalize: true } }
"""


def test_a_training_net_becomes_what_it_trains(tmp_path):
    imported = read(tmp_path, TRAINED, input_shapes={"x": (1, 3, 8, 8)})
    assert [value.name for value in imported.graph.inputs] == ["x"]
    assert [value.name for value in imported.graph.outputs] == ["fc"]
    notes = [note.message for note in imported.notes]
    assert any("mean [104.0, 117.0] is subtracted" in note and "0.017" in note for note in notes)
    assert sum("judges" in note for note in notes) == 2


RULES = {
    "include { phase: TEST }": True,
    "include { phase: TRAIN }": False,
    "include { phase: TRAIN } include { phase: TEST }": True,
    "exclude { phase: TEST }": False,
    "exclude { phase: TRAIN }": True,
    "include { min_level: 1 }": False,
    "include { max_level: 1 }": True,
    'include { stage: "deploy" }': True,
    'include { stage: "deploy" stage: "other" }': False,
    'include { not_stage: "deploy" }': False,
    'include { not_stage: "other" }': True,
    'include { phase: TEST stage: "other" }': False,
}


@pytest.mark.parametrize(("rule", "kept"), RULES.items(), ids=RULES)
def test_rules_say_which_layers_take_part(rule, kept, tmp_path):
    text = 'state { stage: "deploy" }\n' + net(
        layer("Sigmoid") + layer("ReLU", rule, "y", "y", "relu"), x=(1, 2)
    )
    assert ("relu" in operations(read(tmp_path, text))) is kept


def test_layers_in_place_replace_their_blob(tmp_path):
    text = net(
        layer("AbsVal", "", "x", "y", "abs")
        + layer("Sigmoid", "", "y", "before", "early")
        + layer("Power", "power_param { scale: -1 }", "y", "y", "neg")
        + layer("ReLU", "", "y", "after", "late"),
        x=(1, 4),
    )
    imported = read(tmp_path, text)
    x = random((1, 4))
    blobs = run(imported, {"x": x})
    np.testing.assert_allclose(blobs["before"], 1 / (1 + np.exp(-abs(x))), rtol=1e-6)
    np.testing.assert_array_equal(blobs["after"], np.zeros((1, 4)))
    np.testing.assert_array_equal(blobs["neg"], -abs(x))
    assert [value.name for value in imported.graph.outputs] == ["before", "after"]


def test_silenced_blobs_are_no_outputs(tmp_path):
    text = layer("Slice", "", tops="y z") + layer("Silence", "", "z", "", "quiet")
    imported = read(tmp_path, net(text, x=(1, 4)))
    assert [value.name for value in imported.graph.outputs] == ["y"]


def test_outputs_can_be_chosen(tmp_path):
    text = layer("Sigmoid") + layer("ReLU", "", "y", "z", "z")
    imported = read(tmp_path, net(text, x=(1, 4)), outputs=["y"])
    assert operations(imported) == ["external", "sigmoid"]


def test_a_net_that_only_passes_on_has_an_output(tmp_path):
    imported = read(tmp_path, net(layer("Dropout"), x=(1, 4)))
    assert [value.name for value in imported.graph.outputs] == ["y"]
    assert operations(imported) == ["external", "copy"]


# ---- shared blobs


def test_blobs_of_one_name_are_one_variable(tmp_path):
    share = 'param { name: "w" } param { name: "b" }'
    text = net(
        f'layer {{ name: "one" type: "InnerProduct" bottom: "x" top: "one" {share} '
        "inner_product_param { num_output: 3 } }"
        f'layer {{ name: "two" type: "InnerProduct" bottom: "a" top: "two" {share} '
        "inner_product_param { num_output: 3 } }",
        x=(1, 5), a=(2, 5),
    )  # fmt: skip
    imported = read(tmp_path, text)
    assert set(imported.weights) == {"one/weight", "one/bias"}
    assert operations(imported).count("variable") == 2
    inputs = feeds(imported)
    blobs = run(imported, inputs)
    weight, bias = imported.weights["one/weight"], imported.weights["one/bias"]
    for bottom, top in (("x", "one"), ("a", "two")):
        np.testing.assert_allclose(blobs[top], inputs[bottom] @ weight.T + bias, rtol=1e-4)


# ---- caffemodels


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def shape_of(*dims):
    return field(7, field(1, b"".join(map(varint, dims))))


WEIGHT, BIAS = random((2, 2, 3, 3), 5), random((2,), 6)


def items(array, kind="<f4"):
    return array.astype(kind).tobytes()


FORMS = {
    "shapes": (shape_of(2, 2, 3, 3) + field(5, items(WEIGHT)), shape_of(2) + field(5, items(BIAS))),
    "four dimensions": (
        field(1, 2) + field(2, 2) + field(3, 3) + field(4, 3) + field(5, items(WEIGHT)),
        field(1, 1) + field(2, 1) + field(3, 1) + field(4, 2) + field(5, items(BIAS)),
    ),
    "shape behind the items": (
        field(5, items(WEIGHT)) + shape_of(2, 2, 3, 3),
        field(5, items(BIAS)) + shape_of(1, 1, 1, 2),
    ),
    "with gradients": (
        shape_of(2, 2, 3, 3) + field(6, items(WEIGHT)) + field(5, items(WEIGHT)),
        shape_of(2) + field(5, items(BIAS)) + field(6, items(BIAS)),
    ),
    "double": (
        shape_of(2, 2, 3, 3) + field(8, items(WEIGHT, "<f8")),
        shape_of(2) + field(8, items(BIAS, "<f8")),
    ),
    "raw half": (
        shape_of(2, 2, 3, 3) + field(10, 2) + field(12, items(WEIGHT, "<f2")),
        shape_of(2) + field(10, 2) + field(12, items(BIAS, "<f2")),
    ),
    "raw float": (
        shape_of(2, 2, 3, 3) + field(10, 1) + field(12, items(WEIGHT)),
        shape_of(2) + field(10, 1) + field(12, items(BIAS)),
    ),
    "items one by one": (
        shape_of(2, 2, 3, 3)
        + b"".join(varint(5 << 3 | 5) + struct.pack("<f", item) for item in WEIGHT.reshape(-1)),
        shape_of(2) + field(5, items(BIAS[:1])) + field(5, items(BIAS[1:])),
    ),
}


def caffemodel(blobs, version=2, name=b"y"):
    """The bytes of a file with one layer, beside fields that do not matter."""
    if version == 2:
        body = field(1, name) + field(2, b"Convolution") + b"".join(field(7, b) for b in blobs)
        return field(1, b"net") + field(100, body + field(106, field(1, 2))) + field(5, 1)
    if version == 1:
        body = b"".join(field(6, blob) for blob in blobs) + field(4, name) + field(5, 4)
    else:
        inner = field(1, name) + b"".join(field(50, blob) for blob in blobs)
        body = field(1, inner) + field(2, b"x")
    return field(2, body)


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("blobs", FORMS.values(), ids=FORMS)
def test_weights_in_all_their_forms(blobs, version, tmp_path):
    path = write(tmp_path, net(conv(), x=(1, 2, 5, 5)))
    path.with_suffix(".caffemodel").write_bytes(caffemodel(blobs, version))
    imported = converters.read(path)
    half = any(b"\x50\x02" in blob[:20] for blob in blobs)
    for label, expected in (("y/weight", WEIGHT), ("y/bias", BIAS[None])):
        array = imported.weights[label]
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, expected, atol=2e-3 if half else 0)


def test_the_order_of_layers_does_not_matter_and_others_are_left_alone(tmp_path):
    path = write(tmp_path, net(conv(), x=(1, 2, 5, 5)))
    data = caffemodel(FORMS["shapes"], name=b"other") + caffemodel(FORMS["shapes"])
    path.with_suffix(".caffemodel").write_bytes(data)
    assert set(converters.read(path).weights) == {"y/weight", "y/bias"}


def test_written_weights_are_read(tmp_path):
    blobs = {"a": [Blob((2, 3), np.arange(6, dtype=np.float32))], "b": [Blob((), np.ones(1, "f4"))]}
    write_weights(tmp_path / "w.caffemodel", blobs)
    found = read_weights(tmp_path / "w.caffemodel")
    assert {name: [item.shape for item in items] for name, items in found.items()} == {
        "a": [(2, 3)], "b": [()],
    }  # fmt: skip
    np.testing.assert_array_equal(found["a"][0].items, np.arange(6))


def test_large_weights_stay_in_the_file(tmp_path):
    wide = 3000
    path = write(
        tmp_path,
        net(layer("InnerProduct", "inner_product_param { num_output: 3000 }"), x=(1, wide)),
    )
    file = path.with_suffix(".caffemodel")
    write_weights(
        file,
        {"y": [Blob((wide, wide), np.ones(wide * wide, "f4")), Blob((wide,), np.ones(wide, "f4"))]},
    )
    converters.read(path)  # what is imported on the way is not counted
    tracemalloc.start()
    imported = converters.read(path)
    save(Model(imported.graph, imported.weights), tmp_path / "net")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.stat().st_size > 36e6
    assert peak < 12e6
    assert not imported.weights["y/weight"].flags.owndata
    stored = load(tmp_path / "net")
    np.testing.assert_array_equal(stored.weights["y/weight"], np.ones((wide, wide)))


def test_a_single_caffemodel_beside_a_single_net_is_taken(tmp_path):
    path = write(tmp_path, net(conv(), x=(1, 2, 5, 5)))
    other = tmp_path / "iter_10000.caffemodel"
    other.write_bytes(caffemodel(FORMS["shapes"]))
    assert set(converters.read(path).weights) == {"y/weight", "y/bias"}


def test_made_up_weights_are_the_same_every_time(tmp_path):
    text = net(conv() + layer("BatchNorm", "", "y", "z", "bn"), x=(1, 2, 5, 5))
    one, two = read(tmp_path, text).weights, read(tmp_path, text).weights
    for label, array in one.items():
        np.testing.assert_array_equal(array, two[label])
    assert (one["bn/variance"] > 0).all()
    assert all(np.all(array == 0) for array in read(tmp_path, text, "zeros").weights.values())


def test_labels_are_paths_inside_of_the_model(tmp_path):
    text = net(conv(name="../../etc/conv 1"), x=(1, 2, 5, 5))
    assert set(read(tmp_path, text).weights) == {"_/_/etc/conv_1/weight", "_/_/etc/conv_1/bias"}


# ---- plugins

PLUGIN = '''
from nnefx.converters.rules import Rules

rules = Rules("mine")


@rules.on("HardTanh")
def hard_tanh(g, x, *, low: float = -1.0, high: float = 1.0, marks: list[int] = ()):
    """Cut off."""
    return g.clamp(x, low, high)


@rules.on("Sigmoid")
def sigmoid(g, x):
    return g.neg(x)
'''


def test_plugins_add_layer_types_and_go_before_ours(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    text = net(
        layer("HardTanh", "hard_tanh_param { low: -2 marks: 1 marks: 2 }")
        + layer("Sigmoid", "", "y", "z", "z"),
        x=(1, 3),
    )
    imported = read(tmp_path, text, plugins=[plugin])
    assert operations(imported) == ["external", "clamp", "neg"]
    assert imported.graph.nodes[1].inputs["a"] == -2.0


def test_plugins_on_the_command_line(tmp_path, nnefx):
    Path(tmp_path, "mine.py").write_text(PLUGIN)
    path = write(tmp_path, net(layer("HardTanh"), x=(1, 3)))
    done = nnefx(
        "convert", path, "-o", tmp_path / "out", "--weights", "none",
        "--plugin", tmp_path / "mine.py",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "clamp(x, -1.0, 1.0)" in (tmp_path / "out" / "graph.nnef").read_text()
    done = nnefx("convert", path, "-o", tmp_path / "again", "--weights", "none")
    assert done.exit_code == 1
    assert "layer type 'HardTanh' is not supported" in done.stderr


def test_verify_on_the_command_line(tmp_path, nnefx):
    path = write(tmp_path, net(conv(), x=(1, 2, 5, 5)))
    done = nnefx("convert", path, "-o", tmp_path / "out", "--weights", "none", "--verify")
    assert done.exit_code == 0, done.stderr
    assert "1 tensors compared" in done.stderr
