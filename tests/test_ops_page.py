"""What `nnefx ops NAME` shows of each operation."""

import pytest

from nnefx.cli.ops import example, example_graph, page
from nnefx.ir.verify import verify
from nnefx.ops import standard_ops
from nnefx.ops.examples import EXAMPLES, FORMULAS


def test_every_operation_has_an_example_and_every_primitive_a_formula() -> None:
    ops = standard_ops()
    assert set(EXAMPLES) == set(ops)
    assert set(FORMULAS) == {name for name, op in ops.items() if op.signature.body is None}


@pytest.mark.parametrize("name", EXAMPLES)
def test_page_is_whole_and_its_example_is_right(name: str) -> None:
    text = "\n".join(page(standard_ops()[name]))
    op = standard_ops()[name]
    assert text.startswith(f"fragment {name}")
    assert op.signature.doc in text
    for title in ("Example", "Targets", "Body" if op.signature.body else "Formula"):
        assert f"\n\n{title}\n    " in text
    assert "tract " in text
    assert "\n\n\n" not in text
    graph = example_graph(name)
    verify(graph)
    assert name in [node.name for node in graph.nodes]
    assert all(len(line) <= 100 for line in text.splitlines())


def test_example_tells_shapes() -> None:
    assert example("split") == [
        "x: [1, 12]",
        "[a, b] = split(x, axis = 1, ratios = [1, 2]);",
        "-> a: [1, 4], b: [1, 8]",
    ]
