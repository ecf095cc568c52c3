"""The language server as an editor finds it: bare messages, any edits, files beside the text."""

import json
import random
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnefx
from nnefx.lsp.analysis import Analysis
from nnefx.lsp.complete import completions
from nnefx.lsp.describe import hover, inlay_hints, signature_help
from nnefx.lsp.mend import fixes
from nnefx.lsp.navigate import Refusal, definition, folds, outline, references, renamed
from nnefx.lsp.positions import Positions
from nnefx.passes.flatten import flatten
from nnefx.source import Source

SAMPLES = Path(__file__).parents[1] / "samples"
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*/graph.nnef"))]
ODD = "\n# ä 𝄞\u2028 x\f y \x85 ü\n\n"
WHOLE = {"start": {"line": 0, "character": 0}, "end": {"line": 9999, "character": 0}}


class Session:
    """A server and the messages to and from it, written and read without any library."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "nnefx", "lsp"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.number = 0
        self.told: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        assert self.process.stdin
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        size = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        assert size, "the server has gone"
        message: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return message

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        while (message := self.receive()).get("id") != self.number:
            self.told.append(message)
        return message["error"] if "error" in message else message["result"]

    def tell(self, method: str, **params: Any) -> None:
        self.send(method=method, params=params)

    def open(self, path: Path, text: str) -> str:
        uri = path.as_uri()
        item = {"uri": uri, "languageId": "nnef", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=item)
        return uri

    def change(self, uri: str, version: int, start: Any, end: Any, text: str) -> None:
        self.tell(
            "textDocument/didChange",
            textDocument={"uri": uri, "version": version},
            contentChanges=[{"range": {"start": start, "end": end}, "text": text}],
        )

    def findings(self, uri: str, version: int | None = None) -> list[dict[str, Any]]:
        """The next findings about a text (of a version)."""
        while True:
            message = self.told.pop(0) if self.told else self.receive()
            if message.get("method") != "textDocument/publishDiagnostics":
                continue
            params = message["params"]
            if params["uri"] == uri and version in (None, params.get("version")):
                found: list[dict[str, Any]] = params["diagnostics"]
                return found


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    made.ask("initialize", processId=None, rootUri=None, capabilities={})
    made.tell("initialized")
    yield made
    assert made.ask("shutdown") is None
    made.tell("exit")
    assert made.process.wait(20) == 0
    assert made.process.stdin
    assert made.process.stdout
    made.process.stdin.close()
    made.process.stdout.close()


def place(text: str, offset: int) -> dict[str, int]:
    """The position of an offset in UTF-16, computed apart from the server."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    line = bisect_right(starts, offset) - 1
    before = text[starts[line] : offset]
    return {"line": line, "character": len(before.encode("utf-16-le")) // 2}


NEW = ["", "", "(", ")", ";", "x", "\n", "'", "𝄞", "relu(", "\r\n# é\n"]


def edited(dice: random.Random, text: str) -> tuple[int, int, str]:
    """A place in a text, and what comes there; never between the two parts of a line's end."""
    start = dice.randrange(len(text) + 1)
    end = min(len(text), start + dice.choice([0, 0, 1, 3, 20, 100]))
    while text[start - 1 : start + 1] == "\r\n":
        start -= 1
    while text[end - 1 : end + 1] == "\r\n":
        end += 1
    return start, end, dice.choice([*NEW, text[start:end]])


@pytest.mark.parametrize("seed", range(3))
def test_text_of_the_server_follows_any_edits(session: Session, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    text = dice.choice(TEXTS).replace("\n\n", ODD)
    if seed == 1:
        text = text.replace("\n", "\r\n")
    uri = session.open(tmp_path / "text.nnef", text)
    for version in range(2, 20):
        start, end, new = edited(dice, text)
        session.change(uri, version, place(text, start), place(text, end), new)
        text = text[:start] + new + text[end:]
        at = place(text, dice.randrange(len(text) + 1))
        for method, more in (
            ("hover", {"position": at}),
            ("completion", {"position": at}),
            ("signatureHelp", {"position": {"line": 10**6, "character": 10**6}}),
            ("definition", {"position": at}),
            ("references", {"position": at, "context": {"includeDeclaration": True}}),
            ("inlayHint", {"range": WHOLE}),
            ("foldingRange", {}),
            ("codeAction", {"range": WHOLE, "context": {"diagnostics": []}}),
            ("formatting", {"options": {"tabSize": 4, "insertSpaces": True}}),
        ):
            answer = session.ask(f"textDocument/{method}", textDocument={"uri": uri}, **more)
            assert not (isinstance(answer, dict) and "code" in answer), answer
        symbols = session.ask("textDocument/documentSymbol", textDocument={"uri": uri})
        source = Source("text.nnef", text)
        own = outline(Analysis(source, Positions(source)))
        assert [(s["name"], s["range"]["end"]["line"]) for s in symbols] == [
            (s.name, s.range.end.line) for s in own
        ]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_texts_are_answered_everywhere(seed: int) -> None:
    dice = random.Random(seed)
    text = dice.choice(TEXTS)
    for _ in range(dice.randrange(1, 6)):
        start, end, new = edited(dice, text)
        text = text[:start] + dice.choice([new, "for i in ", "<?>", "1e999", "\x00"]) + text[end:]
    source = Source("/models/graph.nnef", text)
    analysis = Analysis(source, Positions(source))
    assert isinstance(analysis.findings, list)
    inlay_hints(analysis, 0, len(text))
    outline(analysis)
    folds(analysis)
    for offset in dice.sample(range(len(text)), min(len(text), 30)):
        hover(analysis, offset)
        completions(analysis, offset)
        signature_help(analysis, offset)
        definition(analysis, "file:///a", offset)
        references(analysis, offset)
        fixes(analysis, "file:///a", offset, offset)
        try:
            renamed(analysis, offset, "fresh_name")
        except Refusal:
            continue


NET = """version 1.0;

graph net(x) -> (y)
{
    x = external(shape = [1, 3]);
    w = variable(shape = [5, 3], label = 'layer/w');
    b = variable(shape = [1, 5], label = 'layer/b');
    y = linear(x, w, b);
}
"""
QUANT = (
    "'{}': min_max_linear_quantize(min = 0.0, max = 1.0, signed = false, symmetric = false,"
    " bits = 8);\n"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "graph.nnef").write_text(NET, encoding="utf-8")
    (tmp_path / "layer").mkdir()
    nnefx.write_tensor(tmp_path / "layer/w.dat", np.zeros((5, 3), np.float32))
    nnefx.write_tensor(tmp_path / "layer/b.dat", np.zeros((1, 5), np.float32))
    return tmp_path


def told(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return sorted((item["code"], item["range"]["start"]["line"]) for item in found)


def test_tensor_files_are_compared_with_every_version(session: Session, model: Path) -> None:
    uri = session.open(model / "graph.nnef", NET)
    assert session.findings(uri) == []
    start, end = (place(NET, NET.index("5, 3") + width) for width in (0, 1))
    session.change(uri, 2, start, end, "6")
    assert ("NX430", 5) in told(session.findings(uri, 2))
    session.change(uri, 3, start, end, "5")
    assert session.findings(uri, 3) == []


def test_files_are_looked_at_again_when_the_text_is_saved(session: Session, model: Path) -> None:
    uri = session.open(model / "graph.nnef", NET)
    assert session.findings(uri) == []
    (model / "layer/b.dat").unlink()
    (model / "layer/w.dat").write_bytes(b"no tensor")
    nnefx.write_tensor(model / "left.dat", np.zeros(1, np.float32))
    session.tell("textDocument/didSave", textDocument={"uri": uri})
    found = session.findings(uri)
    assert [item for item in told(found) if item[0] != "NX401"] == [("NX432", 6), ("NX433", 2)]
    assert [item["range"]["start"]["line"] for item in found if "w.dat" in item["message"]] == [5]
    change = {"uri": (model / "layer/b.dat").as_uri(), "type": 1}
    nnefx.write_tensor(model / "layer/b.dat", np.zeros((1, 5), np.float32))
    session.tell("workspace/didChangeWatchedFiles", changes=[change])
    assert "NX432" not in {code for code, _ in told(session.findings(uri))}


SCOPED = """version 1.0;
extension KHR_enable_operator_expressions;
extension KHR_enable_fragment_definitions;
extension NNEFX_scoped_variables;

fragment dense(x: tensor<scalar>) -> (y: tensor<scalar>)
{
    w = variable(shape = [3, 3], label = 'w');
    y = linear(x, w, variable(shape = [1, 3], label = 'b'));
}

graph net(x) -> (y)
{
    x = external(shape = [1, 3]);
    z = dense(x);
    y = dense(z);
}
"""


def test_files_that_a_call_lacks_are_one_finding_beside_the_call(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "graph.nnef").write_text(SCOPED, encoding="utf-8")
    (tmp_path / "z").mkdir()
    nnefx.write_tensor(tmp_path / "z/w.dat", np.zeros((3, 3), np.float32))
    found = session.findings(session.open(tmp_path / "graph.nnef", SCOPED))
    assert [(item["code"], item["range"]["start"]["line"]) for item in found] == [
        ("NX432", 14),
        ("NX432", 15),
    ]
    assert found[1]["message"] == "y: 2 tensor files are missing, which nnefx init makes"
    assert len(found[1]["relatedInformation"]) == 2


def test_text_without_tensor_files_is_no_model_yet(session: Session, tmp_path: Path) -> None:
    (tmp_path / "graph.nnef").write_text(NET, encoding="utf-8")
    assert session.findings(session.open(tmp_path / "graph.nnef", NET)) == []


def test_quantization_is_checked_against_the_graph_beside(session: Session, model: Path) -> None:
    (model / "graph.quant").write_text(QUANT.format("y"), encoding="utf-8")
    quant = session.open(model / "graph.quant", QUANT.format("z"))
    assert [code for code, _ in told(session.findings(quant))] == ["NX501"]
    graph = session.open(model / "graph.nnef", NET)
    session.findings(graph)
    renamed = NET.replace("y", "z")
    session.change(graph, 2, WHOLE["start"], place(NET, len(NET)), renamed)
    assert session.findings(quant) == []


def test_rename_of_a_tensor_reaches_its_quantization(session: Session, model: Path) -> None:
    (model / "graph.quant").write_text("# y\n" + QUANT.format("y"), encoding="utf-8")
    uri = session.open(model / "graph.nnef", NET)
    params = {"position": place(NET, NET.index("y = linear")), "newName": "scores"}
    edit = session.ask("textDocument/rename", textDocument={"uri": uri}, **params)
    (entry,) = edit["changes"][(model / "graph.quant").as_uri()]
    assert entry["range"]["start"] == {"line": 1, "character": 1}
    assert len(edit["changes"][uri]) == 2


def test_shapes_stay_while_a_statement_is_written(session: Session, model: Path) -> None:
    uri = session.open(model / "graph.nnef", NET)
    at = NET.index("[1, 3]")
    session.change(uri, 2, place(NET, at), place(NET, at + 6), "[1,")
    hints = session.ask("textDocument/inlayHint", textDocument={"uri": uri}, range=WHOLE)
    assert ": scalar[1, 5]" in {hint["label"] for hint in hints}
    text = NET.replace("[1, 3]", "[1,")
    where = {"position": place(text, text.index("y = linear"))}
    told_ = session.ask("textDocument/hover", textDocument={"uri": uri}, **where)
    assert "scalar[1, 5]" in told_["contents"]["value"]
    assert "Before the error" in told_["contents"]["value"]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/graph.nnef")), ids=lambda p: p.parent.name)
def test_rename_of_anything_keeps_what_the_text_means(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    source = Source("graph.nnef", text)
    analysis = Analysis(source, Positions(source))
    dice = random.Random(0)
    meant = [(node.name, node.output.shape) for node in flatten(nnefx.loads(text).graph).nodes]
    for word in dice.sample(analysis.scan.words, 12):
        try:
            edits = renamed(analysis, word.pos, "entirely_new")
        except Refusal:
            continue
        found, offset = text, analysis.positions.offset
        for edit in sorted(edits, key=lambda e: e.range.start, reverse=True):
            start, end = offset(edit.range.start), offset(edit.range.end)
            found = found[:start] + edit.new_text + found[end:]
        graph = flatten(nnefx.loads(found).graph)
        assert [(node.name, node.output.shape) for node in graph.nodes] == meant, word


SHADOWED = """version 1.0;
extension KHR_enable_fragment_definitions, KHR_enable_operator_expressions;
fragment f(x: tensor<scalar>, n: integer[]) -> (y: tensor<scalar>)
{
    xs = [for x in n yield x * 2];
    y = reshape(x, shape = [for i in xs yield i / 2]);
}
graph g(x) -> (y)
{
    x = external(shape = [2, 3]);
    y = f(x, n = [3, 2]);
}
"""


@pytest.mark.parametrize(
    ("mark", "inside", "outside"),
    [("x: tensor", "new", "x"), ("x in n", "new", "x"), ("x, n = [3", "x", "new")],
)
def test_rename_stays_in_its_fragment_where_names_are_shadowed(
    mark: str, inside: str, outside: str
) -> None:
    source = Source("graph.nnef", SHADOWED)
    positions = Positions(source)
    edits = renamed(Analysis(source, positions), SHADOWED.index(mark), "new")
    border = SHADOWED.index("graph g")
    places = [positions.offset(edit.range.start) for edit in edits]
    assert {place < border for place in places} == {inside == "new"}
    found = SHADOWED
    for start in sorted(places, reverse=True):
        found = f"{found[:start]}new{found[start + 1 :]}"
    assert f"fragment f({inside}:" in found
    assert f"graph g({outside})" in found
    assert nnefx.loads(found).graph.outputs[0].shape == (3, 2)
