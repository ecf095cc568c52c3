"""NNEF written as ONNX: every standard operation, held to onnxruntime and to ONNX's checker."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest

import nnefx as api
from nnefx.cli.ops import example_graph
from nnefx.converters.onnx import write
from nnefx.converters.onnx.write import model_proto
from nnefx.diagnostics import NnefError
from nnefx.ops.examples import EXAMPLES
from nnefx.tensors.model import Model, loads
from nnefx.tensors.quant import Quantization


def run_onnx(proto, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [item.name for item in session.get_outputs()]
    wanted = {item.name for item in session.get_inputs()}
    wanted |= {item.name for item in session.get_overridable_initializers()}
    feeds = {name: array for name, array in feeds.items() if name in wanted}
    return dict(zip(names, session.run(names, feeds)))


def feed(value, rng):
    """Items that every operation takes: positive, and as indices small."""
    if value.dtype == "logical":
        return rng.random(value.shape) < 0.5
    if value.dtype == "integer":
        return rng.integers(0, 1 if value.name == "batch_index" else 4, value.shape)
    if value.name == "rois":
        corners = np.sort(rng.random((*value.shape[:-1], 2, value.shape[-1] // 2)) * 7, 1)
        return corners.reshape(value.shape).astype(np.float32)
    items = rng.permutation(value.volume) / max(value.volume, 1) * 2 - 0.9
    return items.reshape(value.shape).astype(np.float32)


def compare(graph, seed=1, rtol=1e-5, feeds=None, quantization=None):
    rng = np.random.default_rng(seed)
    weights = {n.attributes["label"]: feed(n.output, rng) for n in graph.variables}
    model = Model(graph, weights, quantization or {})
    feeds = {value.name: feed(value, rng) for value in graph.inputs} | (feeds or {})
    proto = model_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    expected = api.run(model, feeds)
    got = run_onnx(proto, feeds)
    for name, array in expected.items():
        assert got[name].shape == array.shape
        kinds = {"f": np.float32, "i": np.int64, "b": np.bool_}
        assert got[name].dtype == kinds[array.dtype.kind]
        scale = np.abs(array[np.isfinite(array)]).max(initial=0) if array.dtype.kind == "f" else 0
        np.testing.assert_allclose(got[name], array, rtol=rtol, atol=rtol * max(scale, 1e-3))
    return proto


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_standard_operation(name):
    compare(example_graph(name))


SHAPES = {"x": [2, 4, 7, 6], "y": [2, 4], "i": [2, 3]}


def graph_of(call):
    """`z = conv(x[1, 3, 8, 8], ...)`: tensors carry their shapes where they are named first."""
    fed, lines = [], []
    for name, kind, shape in re.findall(r"\b(\w+)(?:: (\w+))?(\[\d[^\]]*\])", call.split("|")[0]):
        dtype = f"<{kind}>" if kind else ""
        lines.append(f"{name} = external{dtype}(shape = {shape});")
        fed.append(name)
    text = re.sub(r"\b(\w+)(?:: \w+)?(\[\d[^\]]*\])", r"\1", call.split("|")[0])
    results = ", ".join(re.findall(r"\w+", text.split(" = ")[0]))
    body = "\n".join([*lines, text + call.partition("|")[2] + ";"])
    return loads(
        f"version 1.0;\nextension KHR_enable_operator_expressions;\n"
        f"graph g({', '.join(fed)}) -> ({results})\n{{\n{body}\n}}\n"
    ).graph


CASES = [
    # windows: borders, paddings, dilations, groups, ranks
    *(
        f"z = {op}(x[1, 4, 9, 7]| , size = [1, 1, 3, 2], border = '{border}', "
        f"padding = [(0,0), (0,0), {pads}], stride = [1, 1, {stride}, 1], "
        f"dilation = [1, 1, {dilation}, 1])"
        for op in ("max_pool", "avg_pool", "rms_pool", "argmax_pool", "box")
        for border in ("ignore", "constant", "replicate", "reflect", "reflect-even")
        for pads, stride, dilation in (
            ("(1,1), (0,1)", 2, 1), ("(2,1), (1,1)", 1, 2), ("(-1,-2), (1,0)", 2, 1),
        )
    ),
    *(
        f"z = {op}(x[2, 6, 5, 5]| , size = [1, 3, 1, 2], border = '{border}')"
        for op in ("max_pool", "avg_pool", "box", "argmax_pool")
        for border in ("ignore", "constant", "replicate")
    ),
    "z = box(x[2, 6, 5, 5]| , size = [1, 3, 1, 2], normalize = true, border = 'ignore')",
    "z = max_pool(x[2, 6]| , size = [1, 3])",
    "z = avg_pool(x[7]| , size = [3], border = 'ignore')",
    "z = max_pool(x[1, 2, 4, 5, 6]| , size = [1, 1, 2, 2, 2], stride = [1, 1, 2, 2, 2])",
    "z = avg_pool(x[1, 1, 5, 5]| , size = [1, 1, 3, 3], padding = [(0,0), (0,0), (4,4), (0,5)], "
    "border = 'ignore')",
    "[z, j] = max_pool_with_index(x[2, 3, 6, 6]| , size = [1, 1, 3, 3], border = 'ignore')"
    .replace("[z, j]", "z, j"),
    *(
        f"z = conv(x[2, 4, 9, 8], f[6, {4 // groups}, 3, 2], b[1, 6]| , border = '{border}', "
        f"padding = {pads}, stride = {stride}, dilation = {dilation}, groups = {groups})"
        for border in ("constant", "replicate", "reflect", "reflect-even")
        for groups, pads, stride, dilation in (
            (1, [], [], []), (2, [(1, 0), (0, 2)], [2, 3], [1, 2]),
            (1, [(-1, 1), (2, -2)], [2, 1], []),
        )
    ),
    "z = conv(x[2, 4, 9], f[8, 1, 3], 0.5| , groups = 0)",
    "z = conv(x[2, 4, 5, 5, 5], f[3, 4, 2, 2, 2]| )",
    "z = conv(x[2, 4], f[3, 4]| )",
    "z = conv(x[2, 4, 5, 5], f[3, 4, 2, 2], b[1, 1]| )",
    *(
        f"z = deconv(x[2, 4, 5, 6], f[4, {6 // (groups or 1)}, 3, 2], b[1, {6}]| , "
        f"border = '{border}', padding = {pads}, stride = {stride}, groups = {groups}{more})"
        for border in ("constant", "replicate")
        for groups, pads, stride, more in (
            (1, [], [], ""), (2, [(1, 0), (0, 1)], [2, 3], ""),
            (1, [(0, 0), (0, 0)], [2, 2], ", output_shape = [2, 6, 12, 13]"),
            (1, [], [2, 2], ", output_shape = [2, 6, 10, 12]"),
            (1, [(-1, 0), (0, -2)], [2, 1], ""),
        )
    ),
    "z = deconv(x[2, 4, 5], f[4, 1, 3]| , groups = 0, dilation = [2])",
    *(
        f"z = debox(x[1, 2, 4, 5]| , size = [1, 1, 3, 2], border = '{border}', normalize = "
        f"{normalize}, stride = [1, 1, 2, 1])"
        for border in ("ignore", "constant", "replicate")
        for normalize in ("true", "false")
    ),
    "z = debox(x[2, 4, 4]| , size = [1, 3, 1])",
    "z = sample(x[1, 2, 6, 6], i: integer[1, 2, 3, 3]| , size = [1, 1, 2, 2], "
    "stride = [1, 1, 2, 2], border = 'replicate', padding = [(0,0), (0,0), (1,0), (0,0)])",
    "z = desample(x[1, 2, 3, 3], i: integer[1, 2, 3, 3]| , size = [1, 1, 2, 2], "
    "stride = [1, 1, 2, 2], padding = [(0,0), (0,0), (1,0), (0,1)])",
    # resampling and regions
    *(
        f"z = multilinear_upsample(x[1, 2, {extents}]| , factor = {factor}, method = '{method}', "
        f"border = '{border}')"
        for method in ("symmetric", "asymmetric", "aligned")
        for border in ("replicate", "constant")
        for extents, factor in (("4, 5", [2, 3]), ("5", [3]), ("3, 2, 2", [2, 1, 2]))
    ),
    *(
        f"z = {op}(x[1, 2, 12]| , factor = [3])"
        for op in ("nearest_upsample", "nearest_downsample", "area_downsample")
    ),
    *(
        f"z = roi_resample(x[2, 3, 8, 9], rois[5, 4], batch_index: integer[5, 1]| , "
        f"output_size = [3, 2], method = '{method}')"
        for method in ("symmetric", "asymmetric", "aligned")
    ),
    "z = max_roi_pool(x[2, 3, 8], rois[5, 2], batch_index: integer[5, 1]| , output_size = [3])",
    # moves, reductions, products
    "z = slice(x[4, 9]| , axes = [1, 0], begin = [-1, 3], end = [-10, 0], stride = [-2, -1])",
    "z = slice(x[4, 9]| , axes = [1], begin = [2], end = [0])",
    *(
        f"z = pad(x[4, 5]| , padding = [(2, 1), (-1, 3)], border = '{border}', value = 1.5)"
        for border in ("constant", "replicate", "reflect", "reflect-even")
    ),
    "z = transpose(x[2, 3, 4]| , axes = [1, 0])",
    "z = softmax(x[2, 3, 4]| , axes = [1, 2])",
    "z = argmax_reduce(x[2, 3, 4]| , axes = [0, 2])",
    "z = sum_reduce(x[2, 3, 4]| , axes = [0, 2], normalize = true)",
    "z = sum_reduce(x[2, 3]| , axes = [])",
    "z = matmul(x[2, 3, 4], y[1, 5, 4]| , transposeB = true)",
    "z = matmul(x[4, 3], y[4, 5]| , transposeA = true)",
    "z = linear(x[2, 3, 4], f[1, 5, 4], 0.5| )",
    "z = linear(x[2, 4], f[5, 4], 0.0| )",
    "z = select(c: logical[2, 3], x[2, 3, 4], 1.0| )",
    "z = gather(x[3, 7, 2], i: integer[2, 2]| , axis = 1)",
    "z = add(x[2, 3, 4, 5], y[2, 3]| )",
    "z = prelu(x[1, 3], y[1, 3, 4]| )",
    "z = clamp(x[2, 3], y[2], 0.5| )",
    "z = batch_normalization(x[2, 3], m[1, 3], v[1, 3], 0.0, 1.0| , epsilon = 0.1)",
    "z = local_response_normalization(x[1, 8, 4, 4]| , size = [1, 4, 1, 1])",
    "z = local_response_normalization(x[1, 8, 4, 4]| , size = [1, 1, 3, 3])",
    "z = min_max_linear_quantize(x[2, 3], y[1, 3], 1.0| , bits = 4, signed = true, "
    "symmetric = true)",
]  # fmt: skip


@pytest.mark.parametrize("call", CASES)
def test_attributes(call):
    compare(graph_of(call), rtol=1e-4 if "rms" in call else 1e-5)


def test_updated_variables_become_inputs_with_a_beginning_and_outputs():
    graph = loads(
        "version 1.0;\ngraph g(x) -> (y)\n{\n x = external(shape = [1, 3]);\n"
        " s = variable(shape = [1, 3], label = 'state/s');\n y = add(x, s);\n"
        " t = mul(y, 0.5);\n u = update(s, t);\n}\n"
    ).graph
    start, step = np.full((1, 3), 2, np.float32), np.ones((1, 3), np.float32)
    proto = model_proto(Model(graph, {"state/s": start}))
    onnx.checker.check_model(proto, full_check=True)
    first = run_onnx(proto, {"x": step})
    np.testing.assert_array_equal(first["y"], [[3, 3, 3]])
    second = run_onnx(proto, {"x": step, "state/s": first["u"]})
    np.testing.assert_array_equal(second["y"], [[2.5, 2.5, 2.5]])


# ONNX rounds halves to the even integer, NNEF up: the scale keeps the values off them
QUANT = [
    Quantization("zero_point_linear_quantize", {
        "zero_point": 3, "scale": 0.097, "bits": 4, "signed": False, "symmetric": False}),
    Quantization("linear_quantize", {"min": -0.5, "max": 0.7, "bits": 3}),
    Quantization("logarithmic_quantize", {"max": 1.0, "bits": 3}),
]  # fmt: skip


@pytest.mark.parametrize("entry", QUANT, ids=lambda entry: entry.algorithm)
def test_values_that_are_quantized_are_rounded_as_nnefx_rounds_them(entry):
    graph = graph_of("z = tanh(x[1, 2, 4]| )")
    proto = compare(graph, quantization={"x": entry, "z": entry})
    pairs = entry.algorithm == "zero_point_linear_quantize"
    kinds = [node.op_type for node in proto.graph.node]
    assert kinds.count("QuantizeLinear" if pairs else "Floor") == 2


def test_stored_integers_are_written_as_the_reals_they_stand_for():
    graph = loads(
        "version 1.0;\ngraph g(x) -> (y)\n{\n x = external(shape = [1, 2]);\n"
        " w = variable(shape = [1, 2], label = 'w');\n y = mul(x, w);\n}\n"
    ).graph
    items = np.array([[3, 7]], np.int8)
    model = Model(graph, {"w": items}, {"w": QUANT[0]})
    got = run_onnx(model_proto(model), {"x": np.ones((1, 2), np.float32)})
    np.testing.assert_allclose(got["y"], [[0, 0.388]], atol=1e-6)


def test_operations_without_counterpart_are_all_listed(tmp_path, nnefx):
    (tmp_path / "graph.nnef").write_text(
        "version 1.0;\nextension KHR_enable_fragment_definitions;\n"
        "fragment mine( x: tensor<scalar> ) -> ( y: tensor<scalar> );\n"
        "fragment yours( x: tensor<scalar> ) -> ( y: tensor<scalar> );\n"
        "graph g(x) -> (z)\n{ x = external(shape = [1]); y = mine(x); z = yours(y); }\n"
    )
    done = nnefx("convert", tmp_path, "-o", tmp_path / "net.onnx")
    assert done.exit_code == 1
    assert not (tmp_path / "net.onnx").exists()


def test_windows_over_too_many_dimensions_are_refused():
    with pytest.raises(NnefError, match="windows over 4 dimensions"):
        model_proto(Model(graph_of("z = max_pool(x[4, 4, 4, 4]| , size = [2, 2, 2, 2])")))


def test_convert_writes_the_file_that_the_suffix_or_to_asks_for(tmp_path, nnefx):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "graph.nnef").write_text(
        "version 1.0;\ngraph net(x) -> (y)\n{ x = external(shape = [1, 2]); y = relu(x); }\n"
    )
    target = tmp_path / "net.onnx"
    assert nnefx("convert", folder, "-o", target).exit_code == 0
    assert [node.op_type for node in onnx.load(target).graph.node] == ["Relu"]
    before = target.read_bytes()
    assert nnefx("convert", folder, "-o", target).exit_code == 2
    assert nnefx("convert", folder, "-o", target, "--force").exit_code == 0
    assert target.read_bytes() == before
    assert nnefx("convert", folder, "-o", tmp_path / "m.bin", "--to", "onnx").exit_code == 0
    assert (tmp_path / "m.bin").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.bin", "net", "net.onnx"]


EDGES = [
    "graph g(x)->(y, z) { x = external(shape=[1,2]); y = copy(x); z = copy(y); }",
    "graph g(x)->(w) { x = external(shape=[1,2]); w = variable(shape=[1,2], label='w'); }",
    "graph g(x, u)->(y) { x = external(shape=[1,2]); u = external(shape=[2]);"
    " y = pad(x, padding=[(0,0),(0,0)]); }",
    "graph g(x)->(y) { x = external(shape=[1,2]); y = add(1.0, 2.0); }",
    "graph g(x)->(y) { x = external(shape=[]); y = exp(x); }",
    "graph g(x)->(y) { x = external<integer>(shape=[2]);"
    " w = variable<integer>(shape=[2], label='y'); y = select(true, x, w); }",
    "graph g(x)->(y) { x = external(shape=[2,3]);"
    " w = variable(shape=[2,3], label='x'); y = add(x, w); }",
]


@pytest.mark.parametrize("text", EDGES)
def test_names_and_literals_at_the_edges(text):
    compare(loads(f"version 1.0;\n{text}\n").graph)


def test_what_one_file_cannot_hold_goes_into_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "LARGEST", 100)
    graph = loads(
        "version 1.0;\ngraph g(x)->(y) { x = external(shape = [1, 9]);\n"
        "w = variable(shape = [8, 9], label = 'a/w'); b = variable(shape = [1, 8], label = 'b');\n"
        "y = linear(x, w, b); }\n"
    ).graph
    weights = {"a/w": np.arange(72, dtype=np.float32).reshape(8, 9), "b": np.ones((1, 8))}
    model, path = Model(graph, weights), tmp_path / "net.onnx"
    write.write(model, path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["net.onnx", "net.onnx.data"]
    onnx.checker.check_model(path, full_check=True)
    x = np.ones((1, 9), np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"x": x})[0], api.run(model, {"x": x})["y"])
    with pytest.raises(NnefError, match="exists"):
        write.write(model, path)
    write.write(model, path, force=True)
