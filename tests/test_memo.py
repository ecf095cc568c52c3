"""Statements that are like earlier ones are added in short: nothing but the clock may tell."""

from typing import Any

import pytest

from nnefx.diagnostics import Diagnostic
from nnefx.ir.build import build
from nnefx.ir.memo import Memo
from nnefx.ir.verify import verify
from nnefx.source import Source
from nnefx.syntax.parser import parse

HEAD = "version 1.0; graph g(x) -> (y) { x = external(shape = [1, 4, 8, 8]);"
BODIES = {
    "alike": "a = relu(x); b = relu(a); y = relu(b);",
    "labels": "v = variable(shape = [4], label = 'v'); w = variable(shape = [4], label = 'w');"
    "z = variable(shape = [4], label = 'W!'); y = relu(x);",
    "borders": "a = box(x, size = [1, 1, 2, 2], border = 'constant');"
    "b = box(x, size = [1, 1, 2, 2], border = 'ignore');"
    "c = box(x, size = [1, 1, 2, 2], border = 'odd'); y = relu(a);",
    "shapes": "a = max_pool(x, size = [1, 1, 2, 2], border = 'ignore', stride = [1, 1, 2, 2]);"
    "b = max_pool(a, size = [1, 1, 2, 2], border = 'ignore', stride = [1, 1, 2, 2]);"
    "y = max_pool(b, size = [1, 1, 2, 2], border = 'ignore', stride = [1, 1, 2, 2]);",
    "types": "a = gt(x, x); b = select(a, x, x); c = select(b, x, x); y = copy(b); z = copy(a);",
    "shared labels": "v = variable(shape = [4], label = 'v'); w = variable(shape = [4],"
    " label = 'V'); u = variable(shape = [5], label = 'v'); y = relu(x);",
    "faults": "a = relu(q); b = relu(x); b = relu(x); c = relu(a); y = relu(c); y = relu(y);",
    "custom": "a = silly(x); b = silly(x); y = relu(x);",
}


def outcome(text: str) -> tuple[list[str], list[str]]:
    source = Source("t", text)
    found: list[Diagnostic] = []
    graph = build(parse(source), source, found.append)
    if not found:
        verify(graph)
    nodes = [f"{node!r} {node.attributes} {node.at} {node.dtype}" for node in graph.nodes]
    values = [repr(value) for node in graph.nodes for value in node.values()]
    return nodes + values, [str(item) for item in found]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_memo_changes_nothing(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + body + "}"
    with_memo = outcome(text)

    def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr(Memo, "repeat", never)
    assert outcome(text) == with_memo


def test_memo_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[str] = []
    learn = Memo.learn
    monkeypatch.setattr(
        Memo, "learn", lambda memo, call, node: (learned.append(call.op), learn(memo, call, node))
    )
    outcome(HEAD + BODIES["alike"] + "}")
    assert learned == ["external", "relu"]
