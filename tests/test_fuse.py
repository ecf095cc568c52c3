"""Folding affine operations into filters keeps what the graph computes, and what others read."""

from typing import Any

import numpy as np
import pytest

import nnefx
from nnefx.ir.verify import verify
from nnefx.passes.dead import drop_dead
from nnefx.passes.fuse import fuse_affine

HEAD = """version 1.0; graph g(x) -> (y) { x = external(shape = [2, 3, 6, 6]);
w = variable(shape = [4, 3, 3, 3], label = 'c/w'); b = variable(shape = [1, 4], label = 'c/b');
m = variable(shape = [1, 4], label = 'n/mean'); v = variable(shape = [1, 4], label = 'n/var');
o = variable(shape = [1, 4], label = 'n/offset'); s = variable(shape = [1, 4], label = 'n/scale');
p = variable(shape = [108, 4], label = 'p');
"""
BODIES = {
    "batch norm": (
        "c = conv(x, w, b); y = batch_normalization(c, m, v, o, s, epsilon = 0.001);",
        ["external", "variable", "variable", "conv"],
        {"c/w", "c/b"},
    ),
    "no bias": (
        "c = conv(x, w); y = batch_normalization(c, m, v, o, s, epsilon = 0.001);",
        ["external", "variable", "variable", "conv"],
        {"c/w", "n/offset"},
    ),
    "bias added": (
        "c = conv(x, w); y = add(c, o);",
        ["external", "variable", "variable", "conv"],
        {"c/w", "n/offset"},
    ),
    "chain": (
        "c = conv(x, w); d = add(o, c); e = mul(d, 2.0); f = sub(m, e); y = div(f, 4.0);",
        ["external", "variable", "variable", "conv"],
        {"c/w", "n/offset"},
    ),
    "shared filter": (
        "c = conv(x, w); d = mul(c, s); e = conv(x, w); y = add(d, e);",
        ["external", "variable", "variable", "conv", "conv", "add"],
        {"c/w", "d_filter"},
    ),
    "used twice": (
        "c = conv(x, w); d = mul(c, s); y = add(d, c);",
        ["external", "variable", "variable", "conv", "mul", "add"],
        {"c/w", "n/scale"},
    ),
    "matmul": (
        "r = reshape(x, shape = [2, 108]); c = matmul(r, p); y = add(c, o);",
        ["external", "variable", "variable", "reshape", "linear"],
        {"p", "n/offset"},
    ),
}


def model(body: str, dtype: Any = np.float32) -> nnefx.Model:
    loaded = nnefx.loads(HEAD + body + "}")
    random = np.random.default_rng(3)
    weights = {
        node.attributes["label"]: (random.random(node.output.shape) + 0.1).astype(dtype)
        for node in loaded.graph.variables
    }
    return nnefx.Model(loaded.graph, weights)


@pytest.mark.parametrize(("body", "nodes", "labels"), BODIES.values(), ids=BODIES)
def test_fusing_keeps_the_results(body: str, nodes: list[str], labels: set[str]) -> None:
    before = model(body)
    after = fuse_affine(before)
    graph = drop_dead(after.graph)
    verify(graph)
    assert sorted(node.name for node in graph.nodes) == sorted(nodes)
    assert {node.attributes["label"] for node in graph.variables} == labels
    x = np.random.default_rng(4).standard_normal((2, 3, 6, 6), np.float32)
    wanted = nnefx.run(before, {"x": x})["y"]
    np.testing.assert_allclose(nnefx.run(after, {"x": x})["y"], wanted, rtol=1e-5, atol=1e-5)


def test_fused_filters_keep_the_type_of_the_filter() -> None:
    after = fuse_affine(model(BODIES["chain"][0], np.float64))
    assert {after.weight(node).dtype for node in after.graph.variables} == {np.dtype(np.float64)}


def test_a_filter_that_is_only_added_to_stays_the_array_that_it_was() -> None:
    before = model(BODIES["bias added"][0])
    after = fuse_affine(before)
    assert after.weights["c/w"] is before.weights["c/w"]


def test_integers_of_a_quantized_model_are_left_alone() -> None:
    from nnefx.tensors.quant import Quantization

    before = model(BODIES["bias added"][0])
    entry = Quantization("min_max_linear_quantize", {"min": 0.0, "max": 1.0, "bits": 8})
    quantized = nnefx.Model(before.graph, before.weights, {"w": entry})
    assert fuse_affine(quantized) is quantized
