"""How two models differ: operations, attributes, wiring, weights."""

import json
from pathlib import Path

import numpy as np
import pytest

from nnefx import Model, loads, save
from nnefx.passes.compare import compare

SAMPLES = Path(__file__).parents[1] / "samples"

BODY = """
    x = external(shape = [1, 3, 8, 8]);
    w = variable(shape = [4, 3, 3, 3], label = 'w');
    a = conv(x, w);
    b = relu(a);
    c = max_pool(b, size = [1, 1, 2, 2], stride = [1, 1, 2, 2]);
    d = sigmoid(c);
    y = mul(c, d);
"""
W = np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3)


def model(body: str = BODY, w: np.ndarray = W, graph: str = "net(x) -> (y)") -> Model:
    document = loads(f"version 1.0;\ngraph {graph}\n{{{body}}}\n")
    return Model(document.graph, {"w": w})


def described(left: Model, right: Model) -> list[str]:
    found = compare(left, right)
    lines = [f"- {node.output.name}" for node in found.removed]
    lines += [f"+ {node.output.name}" for node in found.added]
    for change in found.changed:
        lines += [
            f"~ {change.left.output.name}: {what} {a} -> {b}" for what, a, b in change.details
        ]
    return lines


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("", "", []),
        ("conv(x, w)", "conv(x, w, stride = [1, 1], groups = 1)", []),
        ("conv(x, w)", "conv(x, w, padding = [(1, 1), (1, 1)])", []),
        ("conv(x, w)", "conv(x, w, border = 'reflect')", ["~ a: border 'constant' -> 'reflect'"]),
        ("relu(a)", "elu(a)", ["- b", "+ b", "~ c: input b -> b"]),
        (
            "    d = sigmoid(c);\n    y = mul(c, d);",
            "    y = mul(c, 2.0);",
            ["- d", "~ y: y d -> 2.0"],
        ),
        ("mul(c, d)", "mul(d, c)", ["~ y: x c -> d", "~ y: y d -> c"]),
        ("    d = ", "    e = abs(c);\n    d = ", ["+ e"]),
        (
            "size = [1, 1, 2, 2]",
            "size = [1, 1, 3, 3]",
            ["~ c: size [1, 1, 2, 2] -> [1, 1, 3, 3]"],
        ),
    ],
)
def test_difference_is_told(old: str, new: str, wanted: list[str]) -> None:
    other = BODY.replace(old, new, 1)
    assert described(model(), model(other)) == wanted


def test_names_are_no_difference() -> None:
    other = BODY.replace("a = ", "conv1 = ").replace("(a)", "(conv1)")
    found = compare(model(), model(other))
    assert not found
    assert found.renamed == {"a": "conv1"}


def test_all_names_may_differ() -> None:
    letters = dict(zip("abcdw", "klmno"))
    other = "".join(letters.get(c, c) if not p.isalpha() and not n.isalpha() else c
                    for p, c, n in zip(" " + BODY, BODY, BODY[1:] + " "))  # fmt: skip
    other = other.replace("label = 'o'", "label = 'w'")
    found = compare(model(), model(other))
    assert not found
    assert len(found.renamed) == 5


def test_interface_is_compared() -> None:
    found = compare(model(), model(graph="net(x) -> (y, b)"))
    assert [what for what, _, _ in found.interface] == ["outputs"]


def test_weights_are_compared() -> None:
    other = W.copy()
    other[0, 0, 0, 0] += 3
    (change,) = compare(model(), model(w=other)).weights
    assert change.relative == pytest.approx(3 / np.linalg.norm(W))
    assert change.largest == 3
    found = compare(model(), model())
    assert (found.equal_weights, found.weights) == (1, [])
    (change,) = compare(model(), model(w=W.astype(np.float16))).weights
    assert (change.relative, change.reason) == (0, "float32 became float16")


def test_weights_of_one_side_only_are_told() -> None:
    bare = Model(model().graph)
    (change,) = compare(model(), bare).weights
    assert change.reason == "only the first has data"
    assert not compare(bare, bare)


def test_compact_and_flat_form_are_equal(tmp_path, nnefx) -> None:
    nnefx("flatten", SAMPLES / "googlenet", "-o", tmp_path / "flat.nnef")
    said = nnefx("diff", SAMPLES / "googlenet", tmp_path / "flat.nnef")
    assert (said.exit_code, said.stdout) == (0, "")
    assert "259 statements matched, 0 changed" in said.stderr


def test_command_prints_lines_or_json(tmp_path, nnefx) -> None:
    save(model(), tmp_path / "a")
    save(model(BODY.replace("relu", "elu"), W + 1), tmp_path / "b")
    said = nnefx("diff", tmp_path / "a", tmp_path / "b")
    assert said.exit_code == 1
    lines = said.stdout.splitlines()
    assert lines[0] == "- b = relu: scalar[1, 4, 8, 8]"
    assert lines[1] == "+ b = elu: scalar[1, 4, 8, 8]"
    assert any(line.startswith("~ weights w: relative error") for line in lines)
    content = json.loads(nnefx("diff", tmp_path / "a", tmp_path / "b", "--json").stdout)
    assert content["format_version"] == 1
    assert content["different"] is True
    assert content["weights"][0]["largest_error"] == 1
    assert [node["operation"] for node in content["removed"]] == ["relu"]
    assert nnefx("diff", tmp_path / "a", tmp_path / "a").exit_code == 0
    assert nnefx("diff", tmp_path / "a", tmp_path / "nothing").exit_code == 2
