"""Transposes move towards the outputs and cancel; what is computed stays the same."""

import numpy as np
import pytest

import nnefx
from nnefx.passes.border import fuse_padding
from nnefx.passes.dead import drop_dead
from nnefx.passes.layout import sink_transposes
from nnefx.tensors.model import Model, loads

HEAD = "version 1.0;\n"
FIRST, LAST = "axes = [0, 3, 1, 2]", "axes = [0, 2, 3, 1]"
CONV = f"""
    f = variable(shape = [4, 3, 3, 3], label = 'f');
    a = transpose(x, {FIRST}); b = conv(a, f); c = transpose(b, {LAST});"""

# name: (statements after CONV, how many transposes are left of an input and an output)
CASES = {
    "unary": ("y = relu(c);", 2),
    "chain": (
        f"d = relu(c); e = transpose(d, {FIRST}); g = variable(shape = [4, 4, 1, 1], label = 'g');"
        f" h = conv(e, g); y = transpose(h, {LAST});",
        2,
    ),
    "literal": ("y = add(c, 1.5);", 2),
    "per_channel": ("s = variable(shape = [1, 1, 1, 4], label = 's'); y = mul(c, s);", 2),
    "per_row": ("s = variable(shape = [1, 5, 1, 1], label = 'r'); y = mul(c, s);", 2),
    "residual": ("d = relu(c); y = add(c, d);", 2),
    "mixed": ("y = add(c, o);", 2),
    "select": ("d = lt(c, 0.0); y = select(d, 0.0, c);", 2),
    "concat": ("d = relu(c); y = concat([c, d], axis = 3);", 2),
    "concat_rows": ("d = relu(c); y = concat([c, d], axis = 1);", 2),
    "stack": ("d = relu(c); y = stack([c, d], axis = 1);", 2),
    "unstack": ("[p, q, r, s, t] = unstack(c, axis = 1); y = stack([p, t, q], axis = 2);", 2),
    "split": ("[d, e] = split(c, axis = 3, ratios = [1, 3]); y = concat([e, d], axis = 3);", 2),
    "pad": ("y = pad(c, padding = [(0, 0), (1, 2), (0, 1), (2, 0)]);", 2),
    "slice": ("y = slice(c, axes = [1, 3], begin = [1, 0], end = [4, 2]);", 2),
    "tile": ("y = tile(c, repeats = [1, 2, 1, 3]);", 2),
    "mean": ("y = mean_reduce(c, axes = [1, 2]);", 2),
    "mean_squeezed": ("d = mean_reduce(c, axes = [1, 2]); y = squeeze(d, axes = [1, 2]);", 1),
    "argmax": ("d = argmax_reduce(c, axes = [3]); y = squeeze(d, axes = [3]);", 1),
    "softmax": ("y = softmax(c, axes = [3]);", 2),
    "unsqueeze": ("y = unsqueeze(c, axes = [1]);", 2),
    "gather": (
        "i = constant<integer>(shape = [2], value = [3, 1]); y = gather(c, i, axis = 3);",
        2,
    ),
    "merged": ("y = reshape(c, shape = [1, 30, 4]);", 2),
    "split_channels": ("y = reshape(c, shape = [1, 5, 6, 2, 2]);", 2),
    "flattened": ("y = reshape(c, shape = [1, -1]);", 2),
    "dense": (
        "d = reshape(c, shape = [1, 120]); w = variable(shape = [7, 120], label = 'w');"
        " y = linear(d, w);",
        1,
    ),
    "dense_product": (
        "d = reshape(c, shape = [1, 120]); w = variable(shape = [120, 7], label = 'v');"
        " y = matmul(d, w);",
        1,
    ),
    "twice": (
        "d = reshape(c, shape = [1, 120]); w = variable(shape = [7, 120], label = 'w');"
        " e = linear(d, w); g = relu(d); y = add(sum_reduce(g, axes = [1]), e);",
        2,
    ),
    "pixel": (
        "d = mean_reduce(c, axes = [1, 2]); e = squeeze(d, axes = [1, 2]);"
        f" g = reshape(e, shape = [1, 1, 1, 4]); h = transpose(g, {FIRST});"
        f" k = variable(shape = [4, 4, 1, 1], label = 'k'); m = conv(h, k);"
        f" n = transpose(m, {LAST}); y = mul(c, n);",
        2,
    ),
    "products": (
        "d = transpose(o, axes = [0, 1, 3, 2]); y = matmul(c, d);",
        2,
    ),
}


def model(statements: str) -> Model:
    head = HEAD
    if "(sum_reduce" in statements:
        statements = statements.replace(
            "y = add(sum_reduce(g, axes = [1]), e);",
            "z = sum_reduce(g, axes = [1]); y = add(z, e);",
        )
    text = (
        f"{head}graph main(x, o) -> (y)\n{{ x = external(shape = [1, 5, 6, 3]);"
        f" o = external(shape = [1, 5, 6, 4]);{CONV} {statements} }}"
    )
    loaded = loads(text)
    rng = np.random.default_rng(0)
    weights = {
        node.attributes["label"]: rng.standard_normal(node.output.shape).astype(np.float32)
        for node in loaded.graph.variables
    }
    return Model(loaded.graph, weights)


def feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    shapes = {"x": (1, 5, 6, 3), "o": (1, 5, 6, 4)}
    return {name: rng.standard_normal(s).astype(np.float32) for name, s in shapes.items()}


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_the_same(name: str) -> None:
    before = model(CASES[name][0])
    laid = sink_transposes(before.graph, before.weights)
    after = Model(drop_dead(laid.graph), laid.weights)
    ((expected,), (found,)) = (nnefx.run(m, feeds()).values() for m in (before, after))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert [v.name for v in after.graph.outputs] == ["y"]


@pytest.mark.parametrize("name", CASES)
def test_no_transpose_is_left_inside(name: str) -> None:
    before = model(CASES[name][0])
    graph = drop_dead(sink_transposes(before.graph, before.weights).graph)
    count = sum(node.name == "transpose" for node in graph.nodes)
    assert count <= CASES[name][1] + (name in ("mixed", "flattened", "merged", "products"))


@pytest.mark.parametrize("name", ["unary", "concat", "pad", "pixel"])
def test_channels_first_needs_no_transpose_at_all(name: str) -> None:
    before = model(CASES[name][0])
    laid = sink_transposes(before.graph, before.weights, channels_first=True)
    graph = drop_dead(laid.graph)
    assert "transpose" not in [node.name for node in graph.nodes]
    moved = {key: a.transpose(0, 3, 1, 2) for key, a in feeds().items()}
    ((expected,), (found,)) = (
        nnefx.run(before, feeds()).values(),
        nnefx.run(Model(graph, laid.weights), moved).values(),
    )
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), expected, rtol=0, atol=1e-5)
    assert laid.places[before.graph.outputs[0]].axes == (0, 2, 3, 1)


def test_places_tell_where_values_went() -> None:
    before = model(CASES["residual"][0])
    laid = sink_transposes(before.graph, before.weights)
    place = laid.places[before.graph.values["d"]]
    assert (place.value.name, place.axes) == ("d", (0, 2, 3, 1))
    assert laid.places[before.graph.values["b"]].value.name == "c"


WINDOWS = {
    "conv": ("conv(p, f, padding = [(0, 0), (1, 0)])", "conv", [(1, 2), (4, 3)]),
    "automatic": ("conv(p, f)", "pad", None),
    "max_pool": (
        "max_pool(p, size = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (0, 0), (0, 0)])",
        "max_pool", [(0, 0), (0, 0), (1, 2), (3, 3)],
    ),
    "avg_pool": (
        "avg_pool(p, size = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (0, 0), (0, 0)],"
        " border = 'ignore')",
        "avg_pool", [(0, 0), (0, 0), (1, 2), (3, 3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_a_border_of_zeros_goes_into_the_window(name: str) -> None:
    call, first, padding = WINDOWS[name]
    text = (
        f"{HEAD}graph main(x) -> (y) {{ x = external(shape = [1, 3, 6, 6]);"
        " p = pad(x, padding = [(0, 0), (0, 0), (1, 2), (3, 3)]);"
        f" f = variable(shape = [4, 3, 3, 3], label = 'f'); y = {call}; }}"
    )
    loaded = loads(text)
    weights = {"f": np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)}
    after = fuse_padding(loaded.graph)
    done = [node for node in after.nodes if node.name not in ("external", "variable")]
    assert done[0].name == first
    if padding is not None:
        assert done[0].attributes["padding"] == padding
    x = np.random.default_rng(1).standard_normal((1, 3, 6, 6)).astype(np.float32)
    ((expected,), (found,)) = (
        nnefx.run(Model(graph, weights), {"x": x}).values() for graph in (loaded.graph, after)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
