"""ONNX rules one by one: against onnxruntime, and what they refuse."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import nnefx
from nnefx.converters.onnx.read import read, read_model
from nnefx.converters.optimized import optimized
from nnefx.converters.rules import Const, Rules
from nnefx.diagnostics import NnefError
from nnefx.ir.unbuild import unbuild
from nnefx.ops import Reject
from nnefx.syntax.printer import print_document
from nnefx.tensors.model import Model

TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}
RANDOM = np.random.default_rng(7)


def rand(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def info(name, array):
    element = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, element, array.shape)


def model(nodes, inputs, constants=None, outputs=("y",), opset=17, domains=()):
    """A model of `nodes`; the shapes of its outputs are left open."""
    made = [onnx.ValueInfoProto(name=name) for name in outputs]
    stored = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "net", [info(n, a) for n, a in inputs.items()], made, stored)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def imported(proto, **options):
    return read_model(proto, Path("net.onnx"), **options)


def text(proto, **options):
    return print_document(unbuild(imported(proto, **options).graph))


def agree(proto, inputs, tolerance=1e-5, **options):
    """Hold what we compute to what onnxruntime does."""
    found = imported(proto)
    made = Model(found.graph, found.weights, found.quantization)
    got = nnefx.run(made, {found.names[n]: array for n, array in inputs.items()}, **options)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    names = [item.name for item in session.get_outputs()]
    for name, expected in zip(names, session.run(names, inputs)):
        ours = got[found.names[name]]
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


def node(op, *inputs, domain="", outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), domain=domain, **attributes)


def named(value):
    return getattr(value, "op_type", "constants" if isinstance(value, dict) else str(value))


X = rand(2, 4, 9, 7)

OLD = [
    (7, node("BatchNormalization", "x", "s", "b", "m", "v"), {c: rand(4) ** 2 for c in "sbmv"}),
    (10, node("Slice", "x", "b", "e", "a", "s"), {
        "b": np.array([6, 1]), "e": np.array([-20, 3]), "a": np.array([3, 1]),
        "s": np.array([-2, 1]),
    }),
    (9, node("Slice", "x", starts=[1, -5], ends=[3, 9], axes=[1, 2]), {}),
    (11, node("Softmax", "x", axis=2), {}),
    (11, node("Softmax", "x"), {}),
    (11, node("LogSoftmax", "x", axis=1), {}),
    (7, node("Dropout", "x"), {}),
    (8, node("Upsample", "x", mode="nearest", scales=[1.0, 1.0, 2.0, 3.0]), {}),
    (9, node("Upsample", "x", "s", mode="linear"), {"s": np.array([1, 1, 2, 2], np.float32)}),
    (10, node("Resize", "x", "s", mode="nearest"), {"s": np.array([1, 1, 2, 0.5], np.float32)}),
    (11, node("Clip", "x", "lo", "hi"), {"lo": np.float32(-0.5), "hi": np.float32(0.25)}),
    (10, node("Clip", "x", min=-0.5, max=0.25), {}),
    (10, node("Pad", "x", pads=[0, 1, 0, 2, 0, 0, 1, 0], value=1.5), {}),
    (11, node("Unsqueeze", "x", axes=[0, 3]), {}),
    (11, node("ReduceSum", "x", axes=[1, -1], keepdims=0), {}),
    (11, node("Split", "x", axis=1, split=[1, 3], outputs=("y", "z")), {}),
    (7, node("PRelu", "x", "a"), {"a": rand(4, 1, 1)}),
    (7, node("Add", "x", "a"), {"a": rand(9, 1)}),
    (11, node("TopK", "x", "k", axis=2, largest=0, outputs=("y", "i")), {"k": np.array([3])}),
]  # fmt: skip


@pytest.mark.parametrize(("opset", "made", "constants"), OLD, ids=named)
def test_older_operator_sets_agree_with_onnxruntime(opset, made, constants):
    agree(model([made], {"x": X}, constants, made.output, opset), {"x": X})


WINDOWS = [
    node("Conv", "x", "w", auto_pad="SAME_LOWER", strides=[2, 3]),
    node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2]),
    node("Conv", "x", "w", pads=[0, 2, 1, 0], dilations=[2, 1]),
    node("ConvTranspose", "x", "t", strides=[2, 2], output_padding=[1, 0], pads=[1, 0, 0, 1]),
    node("ConvTranspose", "x", "t", strides=[3, 2], output_shape=[26, 14]),
    node("ConvTranspose", "x", "t", strides=[4, 4], output_padding=[3, 3]),
    node("ConvTranspose", "x", "g", strides=[2, 1], group=2),
    node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1, pads=[1, 0, 1, 1]),
    node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 3]),
    node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
         count_include_pad=1, ceil_mode=1),
    node("AveragePool", "x", kernel_shape=[2, 2], auto_pad="SAME_LOWER"),
    node("LRN", "x", size=3, alpha=0.1, beta=0.6, bias=1.5),
]  # fmt: skip


@pytest.mark.parametrize("made", WINDOWS, ids=lambda made: made.op_type)
def test_windows_agree_with_onnxruntime(made):
    constants = {"w": rand(6, 4, 3, 3), "t": rand(4, 3, 3, 2), "g": rand(4, 3, 2, 2)}
    used = {name: array for name, array in constants.items() if name in made.input}
    agree(model([made], {"x": X}, used), {"x": X}, 1e-4)


PRODUCTS = [
    (node("Gemm", "a", "b", "c", alpha=0.5, beta=2.0, transB=1), (3, 5), (4, 5), (4,)),
    (node("Gemm", "a", "b", "c", transA=1), (5, 3), (5, 4), (3, 1)),
    (node("Gemm", "a", "b", "c"), (3, 5), (5, 4), ()),
    (node("MatMul", "a", "b"), (2, 3, 5), (5, 4), None),
    (node("MatMul", "a", "b"), (5,), (2, 5, 4), None),
    (node("MatMul", "a", "b"), (2, 1, 3, 5), (6, 5, 4), None),
    (node("MatMul", "a", "b"), (5,), (5,), None),
    (
        node("FusedMatMul", "a", "b", domain="com.microsoft", alpha=0.5, transA=1),
        (5, 3), (5, 4), None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "a", "b", "c"), PRODUCTS, ids=lambda v: getattr(v, "op_type", str(v))
)
def test_products_agree_with_onnxruntime(made, a, b, c):
    constants = {"b": rand(*b)} | ({} if c is None else {"c": np.asarray(rand(*c))})
    inputs = {"a": rand(*a)}
    agree(model([made], inputs, constants, domains=["com.microsoft"]), inputs)


def quantized(made, a, b):
    scale = {"s": np.float32(0.02), "t": np.array([0.01, 0.03, 0.02], np.float32)}
    zero = {"z": np.uint8(120), "w": np.zeros(3, np.int8)}
    return model([made], {"x": a}, {"q": b, **scale, **zero})


def test_quantized_convolution_agrees_to_the_last_integer():
    made = node("QLinearConv", "x", "s", "z", "q", "t", "w", "s", "z", pads=[1, 1, 1, 1])
    x = RANDOM.integers(0, 256, (1, 4, 6, 6)).astype(np.uint8)
    w = RANDOM.integers(-128, 128, (3, 4, 3, 3)).astype(np.int8)
    agree(quantized(made, x, w), {"x": x}, 0, integer=True)


def test_quantized_weights_stay_integers(tmp_path):
    nodes = [
        node("DequantizeLinear", "q", "s", "z", outputs=("w",), axis=0),
        node("DequantizeLinear", "b", "t", outputs=("c",)),
        node("Conv", "x", "w", "c", outputs=("h",)),
        node("Mul", "h", "gain"),
    ]
    constants = {
        "q": RANDOM.integers(-128, 128, (3, 4, 3, 3)).astype(np.int8),
        "s": np.array([0.01, 0.03, 0.02], np.float32), "z": np.array([3, 0, -7], np.int8),
        "b": RANDOM.integers(-999, 999, 3).astype(np.int32), "t": np.float32(0.001),
        "gain": np.float32([[[2]], [[3]], [[4]]]),
    }  # fmt: skip
    proto = model(nodes, {"x": X}, constants)
    found = imported(proto)
    assert {label: array.dtype for label, array in found.weights.items()} == {
        "q": np.int8, "b": np.int32, "gain": np.float32,
    }  # fmt: skip
    for name, change in {"plain": lambda m: m, "fused": optimized}.items():
        ready = change(found)
        nnefx.save(Model(ready.graph, ready.weights, ready.quantization), tmp_path / name)
        (got,) = nnefx.run(nnefx.load(tmp_path / name), {"x": X}).values()
        session = onnxruntime.InferenceSession(proto.SerializeToString())
        np.testing.assert_allclose(got, session.run(None, {"x": X})[0], rtol=1e-4, atol=1e-4)


RECURRENT = [
    ("LSTM", 4, {"direction": "bidirectional"}),
    ("LSTM", 4, {"direction": "reverse"}),
    ("GRU", 3, {"linear_before_reset": 1}),
    ("GRU", 3, {"direction": "bidirectional", "linear_before_reset": 0}),
    ("RNN", 1, {"direction": "reverse", "activations": ["Relu"]}),
]


@pytest.mark.parametrize(("op", "gates", "attributes"), RECURRENT, ids=str)
@pytest.mark.parametrize("lengths", [None, [5, 2]], ids=["whole", "ragged"])
def test_recurrent_layers_agree_with_onnxruntime(op, gates, attributes, lengths):
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    x = rand(5, 2, 3)
    constants = {
        "w": rand(ways, gates * 4, 3), "r": rand(ways, gates * 4, 4), "b": rand(ways, gates * 8),
        "h": rand(ways, 2, 4),
    }  # fmt: skip
    if lengths:
        constants["n"] = np.array(lengths, np.int32)
    names = ["x", "w", "r", "b", "n" if lengths else "", "h"]
    made = node(op, *names, outputs=("y", "last"), hidden_size=4, **attributes)
    agree(model([made], {"x": x}, constants, ("y", "last")), {"x": x})


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_dynamically_quantized_lstm_agrees_with_onnxruntime(direction):
    ways = 2 if direction == "bidirectional" else 1
    x = rand(4, 1, 3)
    constants = {
        "w": RANDOM.integers(-127, 128, (ways, 3, 20)).astype(np.int8),
        "r": RANDOM.integers(-127, 128, (ways, 5, 20)).astype(np.int8),
        "b": rand(ways, 40),
        "ws": np.full(ways, 0.01, np.float32), "wz": np.zeros(ways, np.int8),
        "rs": np.full(ways, 0.02, np.float32), "rz": np.zeros(ways, np.int8),
    }  # fmt: skip
    names = ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"]
    made = node(
        "DynamicQuantizeLSTM", *names, domain="com.microsoft", outputs=("y", "h", "c"),
        hidden_size=5, direction=direction,
    )  # fmt: skip
    proto = model([made], {"x": x}, constants, ("y", "h", "c"), domains=["com.microsoft"])
    agree(proto, {"x": x}, 1e-3)


def test_functions_of_the_model_are_inlined_with_their_attributes():
    body = [
        node("Relu", "a", outputs=("r",)),
        helper.make_node("LeakyRelu", ["r"], ["l"]),
        node("Add", "l", "a", outputs=("o",)),
    ]
    slope = body[1].attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT)
    slope.ref_attr_name = "slope"
    opsets = [helper.make_opsetid("", 17)]
    made = helper.make_function("my.own", "Odd", ["a"], ["o"], body, opsets, ["slope"])
    proto = model([node("Odd", "x", domain="my.own", slope=0.25)], {"x": X}, domains=["my.own"])
    proto.functions.append(made)
    assert "alpha = 0.25" in text(proto)
    agree(proto, {"x": X})


def test_constant_condition_takes_its_branch_alone():
    yes = helper.make_graph(
        [node("Relu", "x", outputs=("t",))], "yes", [], [onnx.ValueInfoProto(name="t")]
    )
    no = helper.make_graph(
        [node("Exp", "x", outputs=("e",))], "no", [], [onnx.ValueInfoProto(name="e")]
    )
    made = node("If", "c", then_branch=yes, else_branch=no)
    written = text(model([made], {"x": X}, {"c": np.array(True)}))
    assert "relu(" in written
    assert "exp(" not in written


def test_unrolled_loop_stores_its_weights_once():
    inner = helper.make_graph(
        [
            node("Constant", outputs=("k",), value=numpy_helper.from_array(rand(7))),
            node("MatMul", "h", "w", outputs=("m",)),
            node("Add", "m", "k", outputs=("n",)),
            node("Identity", "going", outputs=("on",)),
        ],
        "body",
        [info("i", np.array(0)), info("going", np.array(True)), info("h", rand(2, 7))],
        [onnx.ValueInfoProto(name="on"), onnx.ValueInfoProto(name="n")],
        [numpy_helper.from_array(rand(7, 7), "w")],
    )
    made = node("Loop", "trips", "", "x", body=inner)
    proto = model([made], {"x": rand(2, 7)}, {"trips": np.array(5)})
    found = imported(proto)
    assert sorted(array.shape for array in found.weights.values()) == [(1, 7), (7, 7)]
    agree(proto, {"x": rand(2, 7)}, 1e-4)


def test_shape_arithmetic_leaves_nothing_behind():
    nodes = [
        node("Shape", "x", outputs=("s",)),
        node("Gather", "s", "zero", outputs=("n",)),
        node("Unsqueeze", "n", "axes", outputs=("u",)),
        node("Concat", "u", "rest", outputs=("t",), axis=0),
        node("Reshape", "x", "t"),
    ]
    constants = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    body = text(model(nodes, {"x": X}, constants)).split("{")[1]
    assert body.split(";")[:2] == [
        "\n    x = external(shape = [2, 4, 9, 7])", "\n    y = reshape(x, shape = [2, 252])",
    ]  # fmt: skip


def test_text_is_named_after_the_model():
    nodes = [
        node(
            "Conv", "pixels", "layer1.0.weight", "layer1.0.bias", outputs=("/layer1/Conv_output_0",)
        ),
        node("HardSigmoid", "/layer1/Conv_output_0", outputs=("12",)),
        node("Add", "12", "12", outputs=("graph",)),
    ]
    constants = {"layer1.0.weight": rand(3, 4, 1, 1), "layer1.0.bias": rand(3)}
    written = text(model(nodes, {"pixels": X}, constants, ("graph",)))
    assert "graph net(pixels) -> (graph_)" in written
    assert "layer1_0_bias = variable(shape = [1, 3], label = 'layer1.0.bias');" in written
    assert "layer1_Conv = conv(pixels, layer1_0_weight, layer1_0_bias" in written
    assert "clamp_12 = clamp(" in written
    assert "graph_ = add(clamp_12, clamp_12);" in written


def test_labels_that_differ_in_case_alone_do_not_collide():
    nodes = [node("Mul", "x", "A", outputs=("t",)), node("Mul", "t", "a")]
    found = imported(model(nodes, {"x": X}, {"A": rand(7), "a": rand(7)}))
    assert sorted(found.weights) == ["A", "a_2"]


# ---- refusals


def refused(proto, **options):
    with pytest.raises(NnefError) as caught:
        imported(proto, **options)
    return caught.value


def test_all_unsupported_nodes_are_listed_at_once():
    nodes = [
        helper.make_node("StringNormalizer", ["x"], ["a"], "first"),
        helper.make_node("Odd", ["x"], ["b"], "second", domain="my.own"),
        helper.make_node("Add", ["a", "b"], ["y"], "third"),
    ]
    error = refused(model(nodes, {"x": X}, domains=["my.own"]))
    assert [str(item.at) for item in error.diagnostics] == [
        "net.onnx: node 'first' (StringNormalizer)", "net.onnx: node 'second' (my.own.Odd)",
    ]  # fmt: skip
    assert error.diagnostics[0].message == (
        "operator StringNormalizer of version 17 is not supported"
    )


def test_unknown_attribute_is_refused_with_its_value():
    error = refused(model([node("Relu", "x", slope=0.5)], {"x": X}))
    assert (error.code, error.diagnostics[0].message) == (
        "NX702", "attribute 'slope' = 0.5 is not handled",
    )  # fmt: skip


def test_attribute_of_another_type_is_refused():
    error = refused(model([node("Softmax", "x", axis="one")], {"x": X}))
    assert (error.code, error.diagnostics[0].message) == (
        "NX703", "attribute 'axis' is of type STRING, expected INT",
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["asymmetric", "half_pixel", "align_corners"])
@pytest.mark.parametrize("rounding", ["floor", "ceil", "round_prefer_floor"])
@pytest.mark.parametrize("scale", [0.2, 0.6])
def test_nearest_items_are_found_in_the_precision_of_the_scales(mode, rounding, scale):
    x, scales = rand(1, 1, 30, 30), np.array([1, 1, scale, scale], np.float32)
    resized = node(
        "Resize", "x", "", "s", mode="nearest", nearest_mode=rounding,
        coordinate_transformation_mode=mode,
    )  # fmt: skip
    agree(model([resized], {"x": x}, {"s": scales}), {"x": x})


def open_input(*dims):
    proto = model([node("Relu", "x")], {"x": X})
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, dims))
    return proto


def test_open_dimensions_are_listed_by_name():
    error = refused(open_input("batch", 3, None))
    assert error.code == "NX707"
    assert "[batch, 3, ?]" in error.diagnostics[0].message
    assert "--dim" in error.diagnostics[0].message


@pytest.mark.parametrize(
    "options", [{"input_shapes": {"x": (2, 3)}}, {"dims": {"batch": 2}}], ids=["shape", "dim"]
)
def test_open_dimensions_can_be_fixed(options):
    found = imported(open_input("batch", 3), **options)
    assert found.graph.inputs[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"input_shapes": {"x": (2, 4)}}, "NX708"),
        ({"input_shapes": {"z": (2, 3)}}, "NX708"),
        ({"dims": {"bach": 2}}, "NX708"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(options, code):
    assert refused(open_input("batch", 3), **options).code == code


def twice():
    return model([node("Relu", "x"), node("Exp", "x")], {"x": X})


def cyclic():
    nodes = [node("Add", "x", "b", outputs=("a",)), node("Relu", "a", outputs=("b",))]
    return model(nodes, {"x": X}, outputs=("b",))


def dangling():
    return model([node("Add", "x", "nowhere")], {"x": X})


def no_outputs():
    proto = model([node("Relu", "x")], {"x": X})
    del proto.graph.output[:]
    return proto


def newer():
    return model([node("Relu", "x")], {"x": X}, opset=99)


def short_weight():
    proto = model([node("Mul", "x", "w")], {"x": X}, {"w": rand(7)})
    proto.graph.initializer[0].raw_data = b"1234"
    return proto


def contradiction():
    return model([node("Conv", "x", "w")], {"x": X}, {"w": rand(3, 5, 1, 1)})


def strings():
    proto = model([node("Identity", "x")], {"x": X})
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    return proto


@pytest.mark.parametrize(
    ("proto", "code"),
    [
        (twice, "NX713"), (cyclic, "NX714"), (dangling, "NX713"), (no_outputs, "NX710"),
        (newer, "NX716"), (short_weight, "NX711"), (strings, "NX704"),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)  # fmt: skip
def test_broken_models_are_one_clear_error(proto, code):
    error = refused(proto())
    assert error.code == code
    assert len(error.diagnostics) == 1


def test_contradicting_shapes_are_reported_at_the_node():
    error = refused(contradiction())
    assert "node 'y' (Conv)" in str(error.at)


def external(folder, location, **entries):
    proto = model([node("Mul", "x", "w")], {"x": X}, {"w": rand(7)})
    stored = proto.graph.initializer[0]
    stored.ClearField("raw_data")
    stored.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        stored.external_data.add(key=key, value=str(value))
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_external_data_is_mapped(tmp_path):
    items = rand(9)
    (tmp_path / "weights.bin").write_bytes(items.tobytes())
    found = read(external(tmp_path, "weights.bin", offset=8, length=28))
    (array,) = found.weights.values()
    np.testing.assert_array_equal(array.reshape(-1), items[2:])
    assert not array.flags.writeable
    assert not array.flags.owndata


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("missing.bin", "NX711"),
        ("../out.bin", "NX712"),
        ("/etc/hostname", "NX712"),
        ("", "NX712"),
        ("a\0b", "NX712"),
    ],
)
def test_external_data_outside_or_missing_is_refused(tmp_path, location, code):
    with pytest.raises(NnefError) as caught:
        read(external(tmp_path, location))
    assert caught.value.code == code


def test_external_data_too_short_is_refused(tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(20))
    with pytest.raises(NnefError) as caught:
        read(external(tmp_path, "weights.bin"))
    assert caught.value.code == "NX711"


def test_weights_inside_of_the_file_are_mapped(tmp_path):
    stored = {"w": rand(64, 4, 3, 3)}
    nodes = [node("Conv", "x", "w", outputs=("t",)), node("Constant", outputs=("c",), value=(
        numpy_helper.from_array(rand(64, 7, 5)))), node("Add", "t", "c")]  # fmt: skip
    proto = model(nodes, {"x": X}, stored)
    proto.graph.initializer[0].data_location = TensorProto.DEFAULT  # said, as some exporters do
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    found = read(tmp_path / "net.onnx")
    assert sorted(found.weights) == ["c", "w"]
    assert not any(array.flags.owndata for array in found.weights.values())
    np.testing.assert_array_equal(found.weights["w"], stored["w"])


@pytest.mark.parametrize("cut", [1, 20, 0.5, 0.9, -1])
def test_truncated_files_are_refused(tmp_path, cut):
    data = model([node("Mul", "x", "w")], {"x": X}, {"w": rand(7)}).SerializeToString()
    at = int(cut * len(data)) if isinstance(cut, float) else cut
    (tmp_path / "net.onnx").write_bytes(data[:at])
    with pytest.raises(NnefError) as caught:
        read(tmp_path / "net.onnx")
    assert caught.value.code.startswith("NX7")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(NnefError) as caught:
        read(tmp_path / "none.onnx")
    assert caught.value.code == "NX001"


# ---- the registry


def test_newest_rule_not_above_the_version_is_chosen():
    rules = Rules("test")
    rules.on("Op", since=3)(lambda g, x: "old")
    rules.on("Op", since=7)(lambda g, x: "new")
    rules.drop("Op", since=9)
    found = {version: rules.find("Op", version) for version in (2, 3, 6, 7, 9)}
    results = {v: rule.function(None, None) if rule else None for v, rule in found.items()}
    assert results == {2: None, 3: "old", 6: "old", 7: "new", 9: None}


@pytest.mark.parametrize("consumer", ["Relu", "Identity"])
def test_small_file_cannot_ask_for_a_constant_of_any_size(consumer):
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["c"]),
        helper.make_node(consumer, ["c"], ["d"]),
        helper.make_node("Add", ["x", "d"], ["y"]),
    ]
    huge = model(nodes, {"x": rand(1)}, {"s": np.array([100_000, 100_000, 100], np.int64)})
    with pytest.raises(NnefError) as caught:
        read_model(huge, Path("huge.onnx"))
    assert caught.value.diagnostics[0].code == "NX724"


def test_second_rule_of_one_version_is_refused():
    rules = Rules("test")
    rules.on("Op")(lambda g, x: x)
    with pytest.raises(ValueError, match="two rules"):
        rules.on("Op")(lambda g, x: x)


def test_rule_that_would_swallow_attributes_is_refused():
    with pytest.raises(ValueError, match="swallow"):
        Rules("test").on("Op")(lambda g, x, **rest: x)


def test_binding_reports_what_does_not_fit():
    rules = Rules("test")

    @rules.on("Op")
    def rule(g, x, shape: Const, *, axis, mode="a"):
        return x

    bound = rules.find("Op", 1)
    for inputs, attributes, code in [
        ([None, None, None], {"axis": 1}, "NX703"),
        ([object()], {"axis": 1}, "NX703"),
        ([object()] * 3, {"axis": 1}, "NX703"),
        ([object()] * 2, {}, "NX703"),
        ([object()] * 2, {"axis": 1, "other": 2}, "NX702"),
    ]:
        with pytest.raises(Reject) as caught:
            bound.bind(inputs, attributes)
        assert caught.value.code == code
