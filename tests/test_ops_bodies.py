"""Compounds: kernel and shape rule against the NNEF body, and both against Khronos' own body."""

import nnef
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnefx.ir.build import build
from nnefx.ir.compute import compute
from nnefx.ops import standard_ops
from nnefx.passes.expand import expand
from nnefx.source import Source
from nnefx.syntax.parser import parse

random = np.random.default_rng(11)
INPUTS = {
    "x": 2 * random.standard_normal((2, 3, 4, 6)),
    "p": random.uniform(0.1, 3, (2, 3, 4, 6)),  # positive
    "c": random.uniform(-1, 1, (1, 3)),  # by channel
    "v": random.uniform(0.2, 2, (1, 3)),
    "k": random.standard_normal((3, 1, 3, 3)),  # filters
    "m": random.standard_normal((5, 3, 1, 1)),
    "d": random.standard_normal((3, 5, 1, 1)),
    "f": random.standard_normal((5, 1, 3, 3)),
    "w": random.standard_normal((6, 4)),  # matrices
    "u": random.standard_normal((3, 4)),
    "r": np.array([[0, 0, 3, 4], [1, 1, 4, 5]]),  # regions of interest
}
INPUTS = {name: value.astype(np.float32) for name, value in INPUTS.items()}
INPUTS["b"] = np.array([[0], [1]])  # the batch items of the regions

WINDOW = "size = [1,1,3,2], stride = [1,1,2,1], dilation = [1,1,1,2]"
QUANTIZE = "bits = 4, signed = {}, symmetric = {}"
FLAGS = [("false", "false"), ("true", "false"), ("true", "true"), ("false", "true")]

CALLS = [
    *(f"{op}(x)" for op in ("sqr", "rsqr", "sigmoid", "relu", "elu", "selu", "gelu", "silu")),
    *(f"{op}(p)" for op in ("sqrt", "rsqrt", "log2")),
    *(f"{op}(x, {y})" for op in ("min", "max", "prelu") for y in ("c", "0.3", "p")),
    "clamp(x, -1.0, 1.0)",
    "clamp(x, c, v)",
    "clamp(x, 1.0, -1.0)",
    "softplus(x)",
    "leaky_relu(x, alpha = 0.1)",
    "elu(x, alpha = 0.3)",
    "softmax(x)",
    "softmax(x, axes = [1,3])",
    "mean_reduce(x, axes = [3,0])",
    "moments(x, axes = [0,2])",
    "nearest_downsample(x, factor = [2,3])",
    "area_downsample(x, factor = [2,3])",
    "nearest_upsample(x, factor = [2,3])",
    "avg_roi_align(x, r, b, output_size = [2,2], sampling_rate = [2,3])",
    "max_roi_align(x, r, b, output_size = [2,2], sampling_rate = [2,3])",
    "linear(w, u)",
    "linear(w, u, c)",
    "separable_conv(x, k, m)",
    "separable_conv(x, k, m, 0.5, padding = [(1,0),(0,2)], stride = [2,1])",
    "separable_deconv(x, f, d)",
    "separable_deconv(x, f, d, 0.5, padding = [(1,0),(0,1)], stride = [2,2])",
    *(
        f"{op}(x, {WINDOW}, border = '{border}')"
        for op in ("max_pool", "avg_pool", "rms_pool", "max_pool_with_index")
        for border in ("constant", "replicate", "reflect", "ignore")
    ),
    "local_response_normalization(x, size = [1,3,1,1], alpha = 0.3, beta = 0.75, bias = 2.0)",
    "local_mean_normalization(x, size = [1,1,3,3])",
    "local_variance_normalization(x, size = [1,1,3,3], bias = 0.1, epsilon = 0.5)",
    "local_contrast_normalization(x, size = [1,1,3,2], epsilon = 0.01)",
    "l1_normalization(x, axes = [1], bias = 0.1)",
    "l2_normalization(x, axes = [1,2], epsilon = 0.5)",
    "batch_normalization(x, c, v, v, c, epsilon = 0.001)",
    "batch_normalization(x, 0.5, 2.0, 0.1, 3.0, epsilon = 0.001)",
    *(f"min_max_linear_quantize(x, c, v, {QUANTIZE.format(*flags)})" for flags in FLAGS),
    *(f"zero_point_linear_quantize(x, 3, v, {QUANTIZE.format(*flags)})" for flags in FLAGS),
    "linear_quantize(x, -1.0, 2.0, bits = 3)",
    "logarithmic_quantize(x, 3.0, bits = 3)",
    "logarithmic_quantize(x, v, bits = 2)",
    "copy_n(x, times = 3)",
    "add_n([x, c, p])",
    "add_n([x])",
]


TEXTS = [call if isinstance(call, str) else call.values[0] for call in CALLS]


def name_of(call):
    return call.split("(")[0]


def document(call):
    """Return a graph that invokes `call` on tensors of INPUTS."""
    arguments = call.partition("(")[2].replace("[", "").split(",")
    words = {word.strip(" ])") for word in arguments}
    names = [name for name in INPUTS if name in words]
    types = {name: "integer" if name == "b" else "scalar" for name in names}
    lines = [f"{x} = external<{types[x]}>(shape = {list(INPUTS[x].shape)});" for x in names]
    several = {"copy_n": "[y, z, t]", "moments": "y, z", "max_pool_with_index": "y, z"}
    target = several.get(name_of(call), "y")
    outputs = target.strip("[]")
    lines.append(f"{target} = {call};")
    body = "\n".join(lines)
    return f"version 1.0;\ngraph net({', '.join(names)}) -> ({outputs})\n{{\n{body}\n}}\n", names


def graph_of(call):
    text, names = document(call)
    source = Source("graph.nnef", text)
    return build(parse(source), source), names


def run(graph, dtype):
    values = {}
    for value in graph.inputs:
        array = INPUTS[value.name]
        values[value] = array.astype(dtype) if value.dtype == "scalar" else array
    for node in graph.nodes:
        if node.name != "external":
            values.update(zip(node.values(), compute(node, values)))
    return [values[value] for value in graph.outputs]


def test_every_compound_has_a_case():
    compounds = {op.name for op in standard_ops().values() if op.signature.body}
    assert {name_of(call) for call in TEXTS} == compounds


@pytest.mark.parametrize("call", CALLS)
def test_kernel_and_shape_rule_agree_with_the_body(call):
    graph, _ = graph_of(call)
    expanded = expand(graph)
    assert all(node.op.signature.body is None for node in expanded.nodes)
    assert [v.shape for v in graph.outputs] == [v.shape for v in expanded.outputs]
    # what a body computes from literals alone has the precision of float32
    exact = 1e-7 if name_of(call) in {"log2", "batch_normalization"} else 1e-12
    for dtype, tolerance in ((np.float32, 5e-6), (np.float64, exact)):
        expected = run(expanded, dtype)
        for result, value, other in zip(run(graph, dtype), graph.outputs, expected):
            assert result.shape == value.shape
            assert result.dtype == other.dtype
            assert_allclose(result, other, rtol=tolerance, atol=tolerance)


CORNERS = np.array([np.inf, -np.inf, np.nan, 0, -0.0, 1e30, -1e30, 1e-30, 100, -100], np.float32)
WHOLE = ["relu", "sqr", "sqrt", "rsqr", "rsqrt", "log2", "sigmoid", "elu", "selu", "gelu", "silu"]


@pytest.mark.parametrize("op", WHOLE)
def test_unary_kernel_agrees_with_the_body_at_corner_values(op, monkeypatch):
    monkeypatch.setitem(INPUTS, "x", CORNERS)
    graph, _ = graph_of(f"{op}(x)")
    result, expected = run(graph, np.float32)[0], run(expand(graph), np.float32)[0]
    if op in {"sqrt", "rsqrt"}:  # as powers, the roots of -inf and -0.0 lose their sign
        result, expected = np.delete(result, [1, 4]), np.delete(expected, [1, 4])
    assert_allclose(result, expected, rtol=2e-6)


@pytest.mark.parametrize("op", ["min", "max"])
def test_binary_kernel_agrees_with_the_body_at_corner_values(op, monkeypatch):
    pairs = np.meshgrid(CORNERS, CORNERS)
    monkeypatch.setitem(INPUTS, "x", pairs[0])
    monkeypatch.setitem(INPUTS, "p", pairs[1])
    graph, _ = graph_of(f"{op}(x, p)")
    assert_array_equal(run(graph, np.float32), run(expand(graph), np.float32))


KHRONOS = [
    call
    for call in TEXTS
    if name_of(call).startswith(("local_", "l1_", "l2_", "batch_", "moments", "linear_", "min_max"))
]


@pytest.mark.parametrize("call", KHRONOS)
def test_compound_agrees_with_the_body_of_khronos(call, tmp_path):
    text, names = document(call)
    (tmp_path / "graph.nnef").write_text(text)
    lowered = [name for name in standard_ops() if name.startswith("local_")]
    lowered += [name_of(call), "min_max_linear_quantize", "clamp"]
    with nnef.Session(str(tmp_path), stdlib="", lowered=lowered) as session:
        expected = session(*(INPUTS[name] for name in names))
    graph, _ = graph_of(call)
    for result, other in zip(run(graph, np.float32), expected):
        assert_allclose(result, other, rtol=5e-6, atol=5e-6)
