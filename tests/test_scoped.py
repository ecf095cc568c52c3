"""Variables inside fragments become those of a conformant document."""

import nnef
import numpy as np
import pytest

import nnefx
from nnefx.diagnostics import NnefError
from nnefx.ir.unbuild import unbuild
from nnefx.ir.verify import verify
from nnefx.passes.expand import expand
from nnefx.syntax.printer import print_document

HEAD = """version 1.0;
extension KHR_enable_fragment_definitions;
extension KHR_enable_operator_expressions;
extension NNEFX_scoped_variables;
"""
LAYER = """
fragment layer(x: tensor<scalar>, n: integer) -> (y: tensor<scalar>)
{
    w = variable(shape = [n, shape_of(x)[1]], label = 'w');
    y = relu(linear(x, w, variable(shape = [1, n], label = 'b')));
}
"""
TWICE = """
fragment twice(x: tensor<scalar>, n: integer) -> (y: tensor<scalar>)
{ z = layer(x, n = n); y = layer(layer(z, n = n), n = n) + layer(x, n = n); }
"""


def model(fragments: str, body: str, outputs: str = "y", shape: str = "[1, 3]") -> nnefx.Model:
    graph = f"graph net(x) -> ({outputs})\n{{ x = external(shape = {shape}); {body} }}\n"
    return nnefx.loads(HEAD + LAYER + fragments + graph)


def shapes(found: nnefx.Model) -> dict[str, tuple[int, ...]]:
    return {node.attributes["label"]: node.output.shape for node in found.graph.variables}


def filled(found: nnefx.Model) -> nnefx.Model:
    rng = np.random.default_rng(0)
    weights = {k: rng.standard_normal(v, np.float32) for k, v in shapes(found).items()}
    return nnefx.Model(found.graph, weights)


def test_each_call_has_weights_of_its_own() -> None:
    found = model("", "a = layer(x, n = 3); b = layer(a, n = 3); y = layer(b, n = 3);")
    assert list(shapes(found)) == ["a/w", "a/b", "b/w", "b/b", "y/w", "y/b"]
    found = filled(found)
    x = wanted = np.array([[1, -2, 3]], np.float32)
    for name in "aby":
        wanted = np.maximum(wanted @ found.weights[f"{name}/w"].T + found.weights[f"{name}/b"], 0)
    np.testing.assert_allclose(nnefx.run(found, {"x": x})["y"], wanted, rtol=1e-5)


def test_shapes_follow_from_the_input_and_the_attributes() -> None:
    found = model("", "a = layer(x, n = 5); y = layer(a, n = 7);")
    assert shapes(found) == {"a/w": (5, 3), "a/b": (1, 5), "y/w": (7, 5), "y/b": (1, 7)}


@pytest.mark.parametrize(
    ("fragments", "body", "labels"),
    [
        ("", "y = layer(x, n = 2);", ["y"]),
        ("", "y = tanh(layer(layer(x, n = 2), n = 2));", ["y.layer", "y.layer.2"]),
        ("", "y = layer(layer(x, n = 2), n = 2);", ["y.layer", "y"]),
        ("", "y = layer(x, n = 2) + layer(x, n = 2);", ["y.layer", "y.layer.2"]),
        ("", "a, y = layer(x, n = 2), layer(layer(x, n = 2), n = 2);", ["a", "y.layer", "y"]),
        ("", "[a, y] = [layer(x, n = 2), layer(x, n = 2)];", ["a", "y"]),
        (
            "",
            "[a, y] = [for n in [2, 4] yield layer(x, n = n)];",
            ["a.layer", "a.layer.2"],
        ),
        (TWICE, "y = twice(x, n = 2);", ["y/z", "y/y.layer", "y/y.layer.2", "y/y.layer.3"]),
        (
            "fragment deep(x: tensor<scalar>, n: integer) -> (y: tensor<scalar>)"
            "{ y = layer(deep(x, n = n - 1), n = 2) if n > 0 else x; }",
            "y = deep(x, n = 2);",
            ["y/y.deep/y", "y/y"],
        ),
        (
            "fragment pair(x: tensor<scalar>) -> (u: tensor<scalar>, v: tensor<scalar>)"
            "{ u = layer(x, n = 2); v = layer(u, n = 2); }",
            "a, y = pair(x);",
            ["a/u", "a/v"],
        ),
    ],
)
def test_label_is_the_path_of_the_call(fragments: str, body: str, labels: list[str]) -> None:
    found = model(fragments, body)
    assert list(shapes(found)) == [f"{label}/{name}" for label in labels for name in "wb"]
    verify(found.graph)


BODIES = [
    ("", "a = layer(x, n = 3); y = layer(a, n = 3);"),
    (TWICE, "y = twice(x, n = 2);"),
    (TWICE, "a = twice(x, n = 2); y = twice(a, n = 2) * 2.0;"),
    (
        "fragment many(x: tensor<scalar>) -> (ys: tensor<scalar>[])"
        "{ ys = [for n in [2, 2, 4] yield layer(x, n = n)]; }",
        "[a, b, c] = many(x); y = concat([a, b, c], axis = 1);",
    ),
    (
        "fragment split2(x: tensor<scalar>) -> (ys: tensor<scalar>[], z: tensor<scalar>)"
        "{ ys = split(layer(x, n = 4), axis = 1, ratios = [1, 1]); z = x; }",
        "[a, b], c = split2(x); y = add_n([a, b, mean_reduce(c, axes = [1])]);",
    ),
    (
        "fragment choose<?>(x: tensor<?>, c: tensor<logical>, f: tensor<scalar> = 0.5)"
        " -> (y: tensor<?>)"
        "{ y = select(c, x, variable<?>(shape = shape_of(x), label = 'other')); }",
        "y = choose(x, x > 0.0);",
    ),
    (
        "fragment sum(xs: tensor<scalar>[]) -> (y: tensor<scalar>){ y = layer(add_n(xs), n = 3); }",
        "a = sum([x, x * 2.0]); y = sum([a, x, a]);",
    ),
    (
        "fragment maybe(x: tensor<scalar>, n: integer) -> (y: tensor<scalar>)"
        "{ y = layer(x, n = n) if n > 0 else x; }",
        "y = maybe(x, n = 2) + maybe(x, n = 0)[0] if false else maybe(maybe(x, n = 0), n = 2);",
    ),
]


@pytest.mark.parametrize(("fragments", "body"), BODIES)
@pytest.mark.parametrize("flat", [False, True], ids=["compositional", "flat"])
def test_document_conforms(fragments: str, body: str, flat: bool) -> None:
    found = filled(model(fragments, body))
    graph = found.graph
    if flat:
        graph = expand(graph, lambda node: node.name not in graph.ops)
    verify(graph)
    text = print_document(unbuild(graph))
    assert "NNEFX" not in text
    assert ("fragment" not in text) == flat
    read = nnef.parse_string(text)
    assert [op.name for op in read.operations] == [node.name for node in graph.nodes]
    x = np.array([[1, -2, 3]], np.float32)
    again = nnefx.Model(nnefx.loads(text).graph, found.weights)
    np.testing.assert_array_equal(*[nnefx.run(m, {"x": x})["y"] for m in (found, again)])


def test_equal_instances_are_written_once() -> None:
    found = model(TWICE, "a = twice(x, n = 2); y = twice(a, n = 9);")
    text = print_document(unbuild(found.graph))
    assert text.count("fragment layer") == 1
    assert text.count("fragment twice") == 1


def test_saved_model_needs_no_extension(tmp_path) -> None:
    found = filled(model(TWICE, "y = twice(x, n = 2);"))
    nnefx.save(found, tmp_path / "net")
    assert "NNEFX" not in (tmp_path / "net/graph.nnef").read_text()
    x = {"x": np.ones((1, 3), np.float32)}
    loaded = nnefx.load(tmp_path / "net")
    np.testing.assert_array_equal(nnefx.run(loaded, x)["y"], nnefx.run(found, x)["y"])


@pytest.mark.parametrize(
    ("fragments", "body", "code", "said"),
    [
        (
            "fragment bad(x: tensor<scalar>) -> (y: tensor<scalar>)"
            "{ a = variable(shape = [1], label = 'w'); y = x * a + "
            "variable(shape = [1], label = 'W'); }",
            "y = bad(x);",
            "NX219",
            "two of its variables",
        ),
        ("", "A = layer(x, n = 3); a = layer(x, n = 3); y = a + A;", "NX219", "'a/w' is that"),
        (
            "fragment bad(x: tensor<scalar>) -> (y: tensor<scalar>)"
            "{ a = variable(shape = [1], label = 'v/w'); y = x * a + "
            "variable(shape = [1], label = 'v//w'); }",
            "y = bad(x);",
            "NX219",
            "two of its variables",
        ),
        (
            "",
            "v = variable(shape = [2, 3], label = 'Y.layer/w'); y = layer(x, n = 2) + matmul(x, v, "
            "transposeB = true);",
            "NX219",
            "'y.layer/w' is that of 'v'",
        ),
        ("", "a = layer(x, n = 3); a = layer(x, n = 3); y = copy(a);", "NX203", "twice"),
        (
            "fragment bad(x: tensor<scalar>) -> (y: tensor<scalar>)"
            "{ y = x + variable(shape = [1], label = 'a b'); }",
            "y = bad(x);",
            "NX215",
            "a b",
        ),
        (
            "fragment bad(x: tensor<scalar>) -> (y: tensor<scalar>)"
            "{ y = update(variable(shape = [1, 3], label = 'w'), x); }",
            "y = bad(x);",
            "NX212",
            "'update'",
        ),
        (
            "fragment bad(x: tensor<scalar>) -> (y: tensor<scalar>)"
            "{ y = bad(x) + variable(shape = [1], label = 'w'); }",
            "y = bad(x);",
            "NX210",
            "without end",
        ),
    ],
)
def test_fault_is_told(fragments: str, body: str, code: str, said: str) -> None:
    with pytest.raises(NnefError) as caught:
        model(fragments, body)
    assert [item.code for item in caught.value.diagnostics] == [code]
    assert said in str(caught.value)


def test_without_the_extension_variables_stay_in_the_graph() -> None:
    text = HEAD.replace("extension NNEFX_scoped_variables;\n", "") + LAYER
    with pytest.raises(NnefError) as caught:
        nnefx.loads(text + "graph net(x) -> (y) { x = external(shape = [1]); y = copy(x); }")
    assert {item.code for item in caught.value.diagnostics} == {"NX212"}
    assert "NNEFX_scoped_variables" in str(caught.value)
