"""Runs in integers, beside engines that others wrote: every index is the same."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import nnefx
from nnefx import NnefError
from nnefx.execute.integer import IntegerExecutor
from nnefx.execute.integer.requantize import multiplied
from nnefx.ir.builder import Builder
from nnefx.quantization import Options, quantize
from nnefx.tensors.grid import grid_of
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

TYPES = {
    np.dtype(np.int8): TensorProto.INT8, np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int32): TensorProto.INT32, np.dtype(np.float32): TensorProto.FLOAT,
}  # fmt: skip


def on_grid(scale, zero=0, bits=8, signed=True, symmetric=False):
    """Return an entry; scales are numbers or nested lists of float32."""
    plain = np.asarray(scale, np.float32).tolist()
    return Quantization(
        "zero_point_linear_quantize",
        {"zero_point": zero, "scale": plain, "bits": bits, "signed": signed,
         "symmetric": symmetric},
    )  # fmt: skip


def entry_like(scale, zero):
    """Return the entry of a tensor with the zero's type."""
    return on_grid(scale, int(zero), signed=zero.dtype.kind == "i")


def run_onnx(op, inputs, stored, output, domain="", **attributes):
    """Run one operator with onnxruntime; `inputs` is fed, `stored` are initializers, in order."""
    arrays = {f"i{number}": item for number, item in enumerate([*inputs, *stored])}
    given = list(arrays)[: len(inputs)]
    names = [name if item is not None else "" for name, item in arrays.items()]
    node = helper.make_node(op, names, ["y"], domain=domain, **attributes)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g", [info(n, TYPES[arrays[n].dtype], arrays[n].shape) for n in given],
        [info("y", TYPES[np.dtype(output)], None)],
        [numpy_helper.from_array(a, n) for n, a in arrays.items() if n not in given
         and a is not None],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {name: arrays[name] for name in given})[0]


def build(*nodes, inputs, variables=()):
    """Return a graph of (operation, result, operands, attributes); variables are shapes by name."""
    g = Builder("main")
    known = {name: g.external(shape=list(shape), name=name) for name, shape in inputs.items()}
    for name, shape in dict(variables).items():
        known[name] = g.variable(shape=list(shape), label=name, name=name)
    for op, result, operands, attributes in nodes:
        items = [known.get(item, item) if isinstance(item, str) else item for item in operands]
        known[result] = g.add(op, *items, name=result, **attributes)
    return g.finish([known[nodes[-1][1]]])


def indices(model, feeds, name="y", rounding="onnx"):
    """Run a model; return the indices of a value, and how its operations were computed."""
    executor = IntegerExecutor(model, rounding)
    held = {value.name: item for value, item in executor.walk(feeds)}
    return held[name].items, [step.how for step in executor.steps]


def reals(items, scale, zero):
    return ((items.astype(np.float32) - np.float32(zero)) * np.float32(scale)).astype(np.float32)


CONVOLUTIONS = [
    (seed, kind, channels) for seed, kind in enumerate([np.int8, np.uint8] * 3)
    for channels in ("one scale", "per channel", "depthwise", "groups")
]  # fmt: skip


@pytest.mark.parametrize(("seed", "kind", "channels"), CONVOLUTIONS)
def test_convolutions_give_the_indices_of_onnxruntime(seed, kind, channels):
    rng = np.random.default_rng(seed)
    ends = np.iinfo(kind)
    groups = {"depthwise": 8, "groups": 2}.get(channels, 1)
    window, stride, pad = int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(0, 2))
    x = rng.integers(ends.min, ends.max + 1, (2, 8, 9, 7)).astype(kind)
    w = rng.integers(-128, 128, (8, 8 // groups, window, window)).astype(np.int8)
    x_scale, y_scale = np.float32(0.013), np.float32(0.4)
    w_scale = rng.uniform(1e-3, 3e-2, 1 if channels == "one scale" else 8).astype(np.float32)
    x_zero, y_zero = (kind(item) for item in rng.integers(ends.min, ends.max + 1, 2))
    b = rng.integers(-20000, 20000, 8).astype(np.int32)
    wanted = run_onnx(
        "QLinearConv", [x], [x_scale, x_zero, w, w_scale, np.zeros(w_scale.size, np.int8),
        y_scale, y_zero, b], kind, pads=[pad] * 4, strides=[stride] * 2, group=groups,
    )  # fmt: skip
    conv = ("conv", "y", ["x", "w", "b"],
            {"padding": [(pad, pad)] * 2, "stride": [stride] * 2, "groups": groups})  # fmt: skip
    graph = build(conv, inputs={"x": x.shape}, variables={"w": w.shape, "b": (1, 8)})
    one = w_scale.size == 1
    products = np.broadcast_to(x_scale * w_scale, (8,)).reshape(1, 8)
    entries = {
        "x": entry_like(x_scale, x_zero), "w": on_grid(w_scale[0] if one else w_scale),
        "b": on_grid(products, bits=32), "y": entry_like(y_scale, y_zero),
    }  # fmt: skip
    model = Model(graph, {"w": w, "b": b.reshape(1, 8)}, entries)
    found, how = indices(model, {"x": reals(x, x_scale, x_zero)})
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == kind
    assert how == ["integer"]


@pytest.mark.parametrize("seed", range(6))
def test_matrix_products_give_the_indices_of_onnxruntime(seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (5, 70)).astype(np.uint8)
    b = rng.integers(-128, 128, (70, 9)).astype(np.int8)
    b_scale = rng.uniform(1e-3, 1e-2, 9 if seed % 2 else 1).astype(np.float32)
    a_scale, y_scale = np.float32(0.02), np.float32(0.35)
    a_zero, y_zero = np.uint8(rng.integers(256)), np.uint8(rng.integers(256))
    wanted = run_onnx(
        "QLinearMatMul", [a], [a_scale, a_zero, b, b_scale, np.zeros(b_scale.size, np.int8),
        y_scale, y_zero], np.uint8,
    )  # fmt: skip
    for turned in (False, True):
        product = ("matmul", "y", ["x", "w"], {"transposeB": turned})
        stored = b.T.copy() if turned else b
        scale = b_scale[0] if b_scale.size == 1 else b_scale.reshape(-1, 1) if turned else [b_scale]
        graph = build(product, inputs={"x": a.shape}, variables={"w": stored.shape})
        entries = {
            "x": entry_like(a_scale, a_zero), "w": on_grid(scale), "y": entry_like(y_scale, y_zero)
        }  # fmt: skip
        found, how = indices(Model(graph, {"w": stored}, entries), {"x": reals(a, a_scale, a_zero)})
        np.testing.assert_array_equal(found, wanted)
        assert how == ["integer"]


def test_sums_of_products_are_those_of_conv_integer():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1, 64, 12, 12)).astype(np.uint8)
    w = rng.integers(-128, 128, (16, 64, 3, 3)).astype(np.int8)
    wanted = run_onnx("ConvInteger", [x], [w, np.uint8(7)], np.int32)
    graph = build(
        ("conv", "y", ["x", "w"], {"padding": [(0, 0)] * 2}), inputs={"x": x.shape},
        variables={"w": w.shape},
    )  # fmt: skip
    model = Model(graph, {"w": w}, {"x": on_grid(0.5, 7, signed=False), "w": on_grid(0.25)})
    held = {v.name: item for v, item in IntegerExecutor(model).walk({"x": reals(x, 0.5, 7)})}
    np.testing.assert_array_equal(held["y"].parts[0].items, wanted)


@pytest.mark.parametrize(("op", "theirs"), [("add", "QLinearAdd"), ("mul", "QLinearMul")])
def test_sums_and_products_of_tensors_are_those_of_onnxruntime(op, theirs):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 4, 500)).astype(np.uint8)
    scales, zeros = np.float32([0.011, 0.024, 0.03]), np.uint8([100, 130, 120])
    wanted = run_onnx(
        theirs, [x], [scales[0], zeros[0], y, scales[1], zeros[1], scales[2], zeros[2]], np.uint8,
        domain="com.microsoft",
    )  # fmt: skip
    graph = build((op, "y", ["a", "b"], {}), inputs={"a": x.shape, "b": y.shape})
    entries = {name: entry_like(*item) for name, item in zip("aby", zip(scales, zeros))}
    feeds = {"a": reals(x, scales[0], zeros[0]), "b": reals(y, scales[1], zeros[1])}
    found, how = indices(Model(graph, {}, entries), feeds)
    np.testing.assert_array_equal(found, wanted)
    assert how == ["integer"]


def test_means_are_those_of_onnxruntime():
    x = np.random.default_rng(2).integers(-128, 128, (2, 5, 7, 9)).astype(np.int8)
    scales, zeros = np.float32([0.02, 0.005]), np.int8([3, -20])
    wanted = run_onnx(
        "QLinearGlobalAveragePool", [x], [scales[0], zeros[0], scales[1], zeros[1]], np.int8,
        domain="com.microsoft",
    )  # fmt: skip
    graph = build(("mean_reduce", "y", ["x"], {"axes": [2, 3]}), inputs={"x": x.shape})
    entries = {name: entry_like(*item) for name, item in zip("xy", zip(scales, zeros))}
    found, _ = indices(Model(graph, {}, entries), {"x": reals(x, scales[0], zeros[0])})
    np.testing.assert_array_equal(found, wanted)


MOVES = [
    ("reshape", {"shape": [4, 24]}), ("transpose", {"axes": [0, 2, 3, 1]}),
    ("max_pool", {"size": [1, 1, 2, 2], "padding": [(0, 0), (0, 0), (1, 1), (1, 1)],
                  "border": "ignore"}),
    ("pad", {"padding": [(0, 0), (0, 0), (1, 2), (0, 1)]}),
    ("slice", {"axes": [1], "begin": [1], "end": [3]}), ("tile", {"repeats": [1, 2, 1, 1]}),
    ("nearest_upsample", {"factor": [2, 2]}), ("max_reduce", {"axes": [1]}), ("relu", {}),
    ("copy", {}), ("neg", {}), ("abs", {}), ("sqr", {}),
    ("avg_pool", {"size": [1, 1, 2, 2], "padding": [(0, 0), (0, 0), (1, 1), (1, 1)],
                  "border": "ignore"}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "attributes"), MOVES, ids=lambda item: str(item)[:12])
def test_other_operations_stay_in_integers_and_agree_with_rounded_reals(op, attributes):
    x = np.random.default_rng(3).integers(-128, 128, (1, 4, 4, 6)).astype(np.int8)
    graph = build((op, "y", ["x"], attributes), inputs={"x": x.shape})
    model = Model(graph, {}, {"x": on_grid(0.03, 5), "y": on_grid(0.029, -7)})
    feeds = {"x": reals(x, 0.03, 5)}
    found, how = indices(model, feeds)
    real = nnefx.run(model, feeds)["y"]
    assert np.abs(reals(found, 0.029, -7) - real).max() < 1e-6  # no value here is at a tie
    assert how == ["integer"]


@pytest.mark.parametrize(("groups", "scale"), [(1, 0.011), (1, [[0.011, 0.02, 0.007]]), (2, 0.011)])
def test_deconvolutions_stay_in_integers_and_agree_with_rounded_reals(groups, scale):
    rng = np.random.default_rng(9)
    x = rng.integers(-128, 128, (1, 4, 5, 6)).astype(np.int8)
    w = rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    b = rng.normal(0, 2, (1, 3 * groups)).astype(np.float32)
    op = ("deconv", "y", ["x", "w", "b"], {"stride": [2, 2], "groups": groups})
    graph = build(op, inputs={"x": x.shape}, variables={"w": w.shape, "b": b.shape})
    entries = {"x": on_grid(0.03, 5), "w": on_grid(scale), "y": on_grid(0.57, -7)}
    model = Model(graph, {"w": w, "b": b}, entries)
    feeds = {"x": reals(x, 0.03, 5)}
    found, how = indices(model, feeds)
    steps = np.abs(reals(found, 0.57, -7) - nnefx.run(model, feeds)["y"]) / 0.57
    assert steps.max() < 1.001  # the bias is rounded to the grid of the products
    assert (steps > 0.5).mean() < 0.01
    assert how == ["integer"]


def test_depthwise_deconvolutions_may_have_a_scale_for_each_channel():
    rng = np.random.default_rng(10)
    x, w = (
        rng.integers(-127, 128, shape).astype(np.int8) for shape in [(1, 3, 5, 6), (3, 1, 2, 2)]
    )
    op = ("deconv", "y", ["x", "w"], {"stride": [2, 2], "groups": 0})
    graph = build(op, inputs={"x": x.shape}, variables={"w": w.shape})
    entries = {"x": on_grid(0.03), "w": on_grid([0.011, 0.2, 0.007]), "y": on_grid(0.57, -7)}
    model = Model(graph, {"w": w}, entries)
    feeds = {"x": reals(x, 0.03, 0)}
    found, how = indices(model, feeds)
    assert np.abs(reals(found, 0.57, -7) - nnefx.run(model, feeds)["y"]).max() < 1e-5
    assert how == ["integer"]


@pytest.mark.parametrize(("bias", "expected"), [(40000.0, ["integer"]), (4e9, ["float"])])
@pytest.mark.parametrize("literal", [False, True])
def test_a_bias_that_32_bits_do_not_hold_is_added_in_float(bias, expected, literal):
    w = np.asarray([[3, -5], [7, 9]], np.int8)
    b = np.full((1, 2), bias, np.float32)
    g = Builder("main")
    x = g.external(shape=[1, 2], name="x")
    f = g.variable(shape=[2, 2], label="w", name="w")
    v = bias if literal else g.variable(shape=[1, 2], label="b", name="b")
    graph = g.finish([g.linear(x, f, v, name="y")])
    entries = {"x": on_grid(0.5), "w": on_grid([0.25, 0.5]), "y": on_grid(bias / 100)}
    model = Model(graph, {"w": w} if literal else {"w": w, "b": b}, entries)
    found, how = indices(model, {"x": np.asarray([[1.0, -2.0]], np.float32)})
    assert found.tolist() == [[100, 100]]
    assert how == expected


@pytest.mark.parametrize("zero", [10**39, -(2**63) - 1, "x", [[1], [1, 2]]], ids=str)
def test_zero_points_that_are_no_integers_of_64_bits_are_refused(zero):
    with pytest.raises(NnefError, match=r"NX506.*zero_point is"):
        grid_of(on_grid(0.1, zero))


def test_joined_tensors_come_to_the_grid_of_the_result():
    x = np.random.default_rng(4).uniform(-1, 1, (2, 3, 4)).astype(np.float32)
    g = Builder("main")
    a, b = (g.external(shape=[3, 4], name=name) for name in "ab")
    graph = g.finish([g.concat([a, b], axis=0, name="y")])
    entries = {"a": on_grid(0.01), "b": on_grid(0.02), "y": on_grid(0.015)}
    model = Model(graph, {}, entries)
    found, how = indices(model, {"a": x[0], "b": x[1]})
    np.testing.assert_allclose(found * 0.015, np.concatenate(list(x)), atol=0.02)
    assert how == ["integer"]


def test_functions_are_tables_and_the_rest_is_named():
    g = Builder("main")
    x = g.external(shape=[1, 5], name="x")
    graph = g.finish([g.softmax(g.sigmoid(x, name="s"), name="y")])
    model = Model(graph, {}, {"x": on_grid(0.1), "s": on_grid(1 / 256, -128), "y": on_grid(0.01)})
    executor = IntegerExecutor(model)
    executor({"x": np.zeros((1, 5), np.float32)})
    assert [(step.name, step.how) for step in executor.steps] == [("s", "table"), ("y", "float")]


@pytest.mark.parametrize("bits", [8, 16])
def test_no_sum_is_rounded_however_wide_it_is(bits):
    last = 2 ** (bits - 1) - 1
    x = np.full((1, 4096), last, np.int64)
    x[0, ::7] = -last - 1
    w = np.full((1, 4096), last, np.int16 if bits == 16 else np.int8)
    w[0, ::5] = -last
    graph = build(
        ("matmul", "y", ["x", "w"], {"transposeB": True}), inputs={"x": x.shape},
        variables={"w": w.shape},
    )  # fmt: skip
    model = Model(graph, {"w": w}, {"x": on_grid(1.0, bits=bits), "w": on_grid(1.0, bits=bits)})
    executor = IntegerExecutor(model)
    held = {v.name: h for v, h in executor.walk({"x": x.astype(np.float32)})}
    exact = sum(int(a) * int(b) for a, b in zip(x[0], w[0]))
    assert int(held["y"].parts[0].items[0, 0]) == exact
    assert executor.steps[0].bits == exact.bit_length() + 1


@pytest.mark.parametrize("ratio", [0.00336, 0.75, 0.5, 1.0, 3.1, 1e-9])
def test_products_with_a_shift_are_within_a_step_of_real_ones(ratio):
    items = np.random.default_rng(5).integers(-(2**24), 2**24, 1000)
    assert np.abs(multiplied(items, ratio) - items * ratio).max() <= 1.0


@pytest.mark.parametrize(
    ("entry", "quantized"),
    [
        (Quantization("min_max_linear_quantize", {"min": -1.0, "max": 127 / 128, "bits": 8,
                                                  "signed": True, "symmetric": False}), True),
        (Quantization("min_max_linear_quantize", {"min": -2.0, "max": 2.0, "bits": 8,
                                                  "signed": True, "symmetric": True}), True),
        (Quantization("linear_quantize", {"min": 0.0, "max": 2.55, "bits": 8}), True),
        (Quantization("linear_quantize", {"min": -0.1, "max": 1.0, "bits": 4}), False),
        (Quantization("logarithmic_quantize", {"max": 1.0, "bits": 3}), False),
    ],
)  # fmt: skip
def test_every_algorithm_rounds_as_its_body_says(entry, quantized):
    x = np.random.default_rng(6).uniform(-3, 3, (1, 300)).astype(np.float32)
    model = Model(build(("copy", "y", ["x"], {}), inputs={"x": x.shape}), {}, {"x": entry})
    held = {v.name: item for v, item in IntegerExecutor(model).walk({"x": x})}
    np.testing.assert_allclose(held["y"].real(), nnefx.run(model, {"x": x})["y"], atol=1e-6)
    assert hasattr(held["x"], "grid") == quantized


def test_reals_of_a_variable_are_rounded_where_graph_quant_speaks_of_it():
    graph = build(("mul", "y", ["x", "w"], {}), inputs={"x": (1, 3)}, variables={"w": (1, 3)})
    weights = {"w": np.float32([[0.26, -0.3, 9.0]])}
    model = Model(graph, weights, {"w": on_grid(0.25, bits=3)})
    y = nnefx.run(model, {"x": np.ones((1, 3), np.float32)})["y"]
    np.testing.assert_array_equal(y, [[0.25, -0.25, 0.75]])


@pytest.mark.parametrize("algorithm", ["zero-point", "min-max"])
def test_operations_in_the_graph_are_grids_as_well(algorithm):
    rng = np.random.default_rng(8)
    graph = build(
        ("conv", "c", ["x", "w"], {}), ("relu", "y", ["c"], {}), inputs={"x": (1, 2, 6, 6)},
        variables={"w": (3, 2, 3, 3)},
    )  # fmt: skip
    model = Model(graph, {"w": rng.normal(size=(3, 2, 3, 3)).astype(np.float32)})
    feeds = [{"x": rng.normal(size=(1, 2, 6, 6)).astype(np.float32)} for _ in range(8)]
    for_both = {"per_channel": True, "algorithm": algorithm}
    beside = quantize(model, feeds, Options(**for_both)).model
    inside = quantize(model, feeds, Options(**for_both, fake=True)).model
    assert not inside.quantization
    executor = IntegerExecutor(inside)
    np.testing.assert_array_equal(
        executor(feeds[0])["y"], nnefx.run(beside, feeds[0], integer=True)["y"]
    )
    assert {step.how for step in executor.steps} == {"integer"}


FAULTS = [
    ({}, "NX520"),
    ({"nothing": on_grid(1.0)}, "NX501"),
    ({"x": on_grid([[0.1, 0.2]])}, "NX504"),
    ({"x": Quantization("zero_point_linear_quantize", {"scale": 1.0, "bits": 8})}, "NX503"),
    ({"x": on_grid(-1.0)}, "NX506"),
    ({"x": on_grid(1.0, bits=0)}, "NX506"),
    ({"x": Quantization("linear_quantize", {"min": 1.0, "max": 1.0, "bits": 8})}, "NX506"),
    ({"x": Quantization("linear_quantize", {"min": "a", "max": 1.0, "bits": 8})}, "NX506"),
    ({"x": Quantization("linear_quantize", {"min": 0.0, "max": 1.0, "bits": "8"})}, "NX506"),
    ({"x": Quantization("linear_quantize", {"min": 0.0, "max": 1.0, "bits": 8, "a": 1})}, "NX503"),
    ({"x": Quantization("sigmoid", {})}, "NX502"),
]


@pytest.mark.parametrize(("entries", "code"), FAULTS)
@pytest.mark.parametrize("integer", [False, True])
def test_what_does_not_fit_the_graph_is_refused(entries, code, integer):
    model = Model(build(("copy", "y", ["x"], {}), inputs={"x": (1, 3)}), {}, entries)
    if not entries and not integer:
        return  # nothing is asked for
    with pytest.raises(NnefError) as caught:
        nnefx.run(model, {"x": np.zeros((1, 3), np.float32)}, integer=integer)
    assert code in {fault.code for fault in caught.value.diagnostics}


def test_command_tells_what_was_no_integer(tmp_path, nnefx):
    (tmp_path / "graph.nnef").write_text(
        "version 1.0;\ngraph g(x) -> (y)\n{ x = external(shape = [1, 3]); h = relu(x); "
        "y = softmax(h); }\n"
    )
    refused = nnefx("run", tmp_path, "--random", "1", "--integer")
    assert refused.exit_code == 1
    assert "NX520" in refused.stderr
    (tmp_path / "graph.quant").write_text(
        "".join(
            f'"{name}": zero_point_linear_quantize(zero_point = 0, scale = 0.01, bits = 8, '
            "signed = true, symmetric = false);\n" for name in "xhy"
        )
    )  # fmt: skip
    done = nnefx("run", tmp_path, "--random", "1", "--integer", "--rounding", "tflite")
    assert done.exit_code == 0
    assert "1 operations in integers, 0 by table, 1 in float" in done.stdout
    assert "in float: y (softmax)" in done.stdout
    assert nnefx("run", tmp_path, "--random", "1", "--rounding", "tflite").exit_code == 2
    both = nnefx("run", tmp_path, "--random", "1", "--integer", "--backend", "torch")
    assert both.exit_code == 2


@pytest.mark.parametrize("options", [(), ("--integer",)])
def test_command_refuses_entries_for_what_the_graph_does_not_have(tmp_path, nnefx, options):
    (tmp_path / "graph.nnef").write_text(
        "version 1.0;\ngraph g(x) -> (y)\n{ x = external(shape = [1, 3]); y = relu(x); }\n"
    )
    (tmp_path / "graph.quant").write_text('"z": linear_quantize(min = 0.0, max = 1.0, bits = 8);\n')
    done = nnefx("run", tmp_path, "--random", "1", *options)
    assert done.exit_code == 1
    assert "NX501" in done.stderr
