"""The graph, its passes, and what they must keep: values, names, order."""

import nnef
import numpy as np
import pytest

import nnefx
from nnefx.diagnostics import NnefError
from nnefx.ir.builder import Builder
from nnefx.ir.unbuild import unbuild
from nnefx.ir.verify import InvalidGraphError, verify
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.passes.fold import fold
from nnefx.syntax.printer import print_document

HEAD = """version 1.0;
extension KHR_enable_fragment_definitions;
extension KHR_enable_operator_expressions;
"""
FRAGMENTS = """
fragment act(x: tensor<scalar>, a: scalar = 0.5) -> (y: tensor<scalar>)
{ t = relu(x) * a; y = t + 1.0 if a > 0.3 else t; }
fragment total(x: tensor<scalar>[]) -> (y: tensor<scalar>)
{ y = x[0] + total(x[1:]) if length_of(x) > 0 else 0.0; }
fragment lots(x: tensor<scalar>) -> (ys: tensor<scalar>[], z: tensor<scalar>)
{ ys = [for i in [1.0, 2.0, 3.0] if i != 2.0 yield x * i]; z = softmax(x); }
fragment same(x: tensor<scalar>) -> (y: tensor<scalar>) { y = x; }
"""
GRAPH = """
graph net(x) -> (y, z, c, q, s)
{
    x = external(shape = [1, 3, 4]);
    y = act(x);
    z = total([x, y, x]);
    [a, b], c = lots(y);
    q = act(a + b * 2.0, a = 0.1);
    s = same(x);
}
"""


def outputs(model: nnefx.Model) -> dict[str, np.ndarray]:
    x = np.random.default_rng(1).standard_normal((1, 3, 4), np.float32)
    return nnefx.run(model, {"x": x})


def expected() -> dict[str, np.ndarray]:
    x = np.random.default_rng(1).standard_normal((1, 3, 4), np.float32)
    y = np.maximum(x, 0) * 0.5 + 1
    e = np.exp(y - y.max(1, keepdims=True))
    q = np.maximum(y + y * 3 * 2, 0) * 0.1
    return {"y": y, "z": x + y + x, "c": e / e.sum(1, keepdims=True), "q": q, "s": x}


def agree(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-6, err_msg=name)


def test_fragments_compute_what_their_text_says() -> None:
    model = nnefx.loads(HEAD + FRAGMENTS + GRAPH)
    verify(model.graph)
    agree(outputs(model), expected())


@pytest.mark.parametrize("keep", [(), ("softmax", "relu"), ("act", "lots")], ids=str)
def test_expanding_keeps_values_and_names(keep: tuple[str, ...]) -> None:
    model = nnefx.loads(HEAD + FRAGMENTS + GRAPH)
    graph = expand(model.graph, keep)
    verify(graph)
    assert {"y", "a", "b", "c", "q", "s", "z"} <= set(graph.values)
    assert all(node.name in keep or node.op.signature.body is None for node in graph.nodes)
    agree(outputs(nnefx.Model(graph)), expected())


def test_expanded_graph_is_flat_text_that_khronos_reads() -> None:
    model = nnefx.loads(HEAD + FRAGMENTS + GRAPH)
    text = print_document(unbuild(expand(model.graph, ("softmax", "relu"))))
    assert "extension" not in text
    assert "fragment" not in text
    assert len(nnef.parse_string(text).operations) == text.count(";") - 1
    agree(outputs(nnefx.loads(text)), expected())


def test_saved_text_carries_the_fragments_that_are_used() -> None:
    model = nnefx.loads(HEAD + FRAGMENTS + "fragment idle(x: tensor<scalar>) -> (y: tensor<scalar>)"
                        "{ y = x * 2.0; }" + GRAPH)  # fmt: skip
    text = print_document(unbuild(model.graph))
    assert "fragment total" in text
    assert "fragment idle" not in text
    agree(outputs(nnefx.loads(text)), expected())


def test_folding_computes_what_depends_on_constants_only() -> None:
    text = """version 1.0; graph g(x) -> (y) {
    x = external(shape = [2]); c = constant(shape = [2], value = [1.0, 2.0]);
    d = add(c, 3.0); e = mul(d, d); y = mul(x, e); }"""
    graph = drop_dead(fold(nnefx.loads(text).graph))
    verify(graph)
    assert [node.name for node in graph.nodes] == ["external", "constant", "mul"]
    assert graph.values["e"].shape == (2,)
    assert graph.nodes[1].attributes["value"] == [16.0, 25.0]


def test_dead_nodes_go_and_updates_stay() -> None:
    text = """version 1.0; graph g(x) -> (y) {
    x = external(shape = [2]); v = variable(shape = [2], label = 'v'); w = variable(shape = [1],
    label = 'w'); n = neg(x); u = update(v, n); d = exp(w); y = relu(x); }"""
    graph = drop_dead(nnefx.loads(text).graph)
    assert [node.name for node in graph.nodes] == ["external", "variable", "neg", "update", "relu"]


def test_updates_are_seen_by_the_next_run() -> None:
    from nnefx.execute.executor import Executor

    text = """version 1.0; graph g(x) -> (y) { x = external(shape = [1]);
    s = variable(shape = [1], label = 's'); y = add(s, x); u = update(s, y); }"""
    model = nnefx.loads(text)
    model = nnefx.Model(model.graph, {"s": np.zeros(1, np.float32)})
    step = Executor(model)
    assert [float(step({"x": np.ones(1, np.float32)})["y"][0]) for _ in range(3)] == [1, 2, 3]


def test_builder_checks_types_and_shapes_at_once() -> None:
    g = Builder("net")
    x = g.external(shape=[1, 3, 8, 8], name="x")
    w = g.variable(shape=[4, 3, 3, 3], label="w")
    y = g.conv(x, w, stride=[2, 2], name="y")
    assert y.shape == (1, 4, 4, 4)
    with pytest.raises(NnefError) as caught:
        g.conv(x, w, groups=2)
    assert caught.value.code == "NX304"
    with pytest.raises(NnefError) as caught:
        g.mul(x, 2)
    assert caught.value.code == "NX206"
    verify(g.finish([y]))


def test_verify_finds_a_value_that_is_used_before_it_is_made() -> None:
    model = nnefx.loads(HEAD + FRAGMENTS + GRAPH)
    from dataclasses import replace

    with pytest.raises(InvalidGraphError):
        verify(replace(model.graph, nodes=tuple(reversed(model.graph.nodes))))


def test_compile_time_values_follow_the_specification() -> None:
    text = (
        HEAD
        + """
    fragment f(x: tensor<scalar>) -> (y: tensor<scalar>)
    {
        a = [1, 2] + [3] * 2;
        n = length_of(a);
        i = [for k in range_of(a) if k > 0 yield a[k] * 10];
        s = 'ab' + 'c' * 2;
        t = (1, 2.0);
        p, q = t;
        c = 1.0 if s == 'abcc' && n == 4 && i == [20, 30, 30] && (2 in a)
            && a[1:3] == [2, 3] else 0.0;
        y = x * c + scalar(p) * q + scalar(integer(7.9)) + scalar('2.5') + 2.0 ^ 3.0
            - scalar(7 / 2);
    }
    graph g(x) -> (y) { x = external(shape = [1]); y = f(x); }"""
    )
    model = nnefx.loads(text)
    found = nnefx.run(model, {"x": np.array([5.0])})["y"]
    assert float(found[0]) == 5 + 2 + 7 + 2.5 + 8 - 3


@pytest.mark.parametrize(
    ("head", "body", "said"),
    [
        ("x", "z = external(shape = [1]); y = relu(z);", "; did you mean 'x'?"),
        ("x, w", "z = external(shape = [1]); y = relu(z);", ", which has x, w"),
        (
            "x",
            "x = external(shape = [1]); z = external(shape = [1]); y = add(x, z);",
            "of the graph",
        ),
    ],
)
def test_stray_external_is_told_with_what_the_graph_has(head: str, body: str, said: str) -> None:
    with pytest.raises(NnefError) as caught:
        nnefx.loads(f"version 1.0; graph g({head}) -> (y) {{ {body} }}")
    (found,) = [item for item in caught.value.diagnostics if item.code == "NX214"]
    assert found.message.endswith(said)
