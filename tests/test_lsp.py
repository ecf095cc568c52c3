"""The language server, spoken with as an editor does; and what it understands of faulty texts."""

import sys
import time
from collections.abc import AsyncIterator

import pytest
import pytest_lsp
from click.testing import CliRunner
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from nnefx.cli import cli
from nnefx.lsp.analysis import Analysis
from nnefx.lsp.complete import completions
from nnefx.lsp.describe import hover, inlay_hints, signature_help
from nnefx.lsp.mend import fixes
from nnefx.lsp.navigate import Refusal, definition, folds, outline, references, renamed
from nnefx.lsp.positions import Positions
from nnefx.lsp.scan import scan
from nnefx.ops import stdlib_source
from nnefx.source import Source

URI = "file:///models/graph.nnef"
TEXT = """version 1.0;
extension KHR_enable_fragment_definitions, KHR_enable_operator_expressions;

# Twice the size,
# and positive.
fragment grow(x: tensor<scalar>, factor: integer = 2) -> (y: tensor<scalar>)
{
    wide = tile(x, repeats = [1, factor]);
    y = relu(wide);
}

graph net(a) -> (c)
{
    a = external(shape = [1, 3]);
    b = grow(a, factor = 4);
    c = softmax(b, axes = [1]);
}
"""


def analysed(text: str) -> Analysis:
    source = Source("/models/graph.nnef", text)
    return Analysis(source, Positions(source))


def marked(text: str) -> tuple[Analysis, int]:
    """An analysis of a text, and the offset of the mark `|` in it."""
    offset = text.index("|")
    return analysed(text[:offset] + text[offset + 1 :]), offset


def at(before: str, after: str = "") -> tuple[Analysis, int]:
    """TEXT, and the offset between two pieces of it."""
    return analysed(TEXT), TEXT.index(before + after) + len(before)


# ---- words


@pytest.mark.parametrize(
    ("before", "after", "role", "defines"),
    [
        ("fragment ", "grow(", "fragment", True),
        ("b = ", "grow(", "op", False),
        ("grow(", "x:", "name", True),
        ("tile(", "x,", "name", False),
        ("    ", "wide =", "name", True),
        ("grow(a, ", "factor", "argument", False),
        ("[1, ", "factor", "name", False),
        ("-> (", "y:", "name", True),
        ("graph ", "net", "graph", True),
        ("net(", "a)", "name", False),
    ],
)
def test_words_are_told_apart(before: str, after: str, role: str, defines: bool) -> None:
    analysis, offset = at(before, after)
    word = analysis.scan.word_at(offset)
    assert word is not None
    assert (word.role, word.defines) == (role, defines)


@pytest.mark.parametrize(
    "text",
    [
        "", "version", "graph", "graph g(", "fragment f<", "graph g(x) -> (y) { x = ",
        "graph g(x) -> (y) { x = f(((", "}}}}", ")", "'", "graph g(x) -> (y) { [a, b = (",
        "fragment f(x: tensor<scalar>) -> (y: tensor<scalar>) { y = [for", "\x00\xff", "a <b> (",
        "graph g(x) -> (y) { y = f(x, a = 'never closed\n z = relu(y); }",
    ],
)  # fmt: skip
def test_half_written_texts_are_answered_everywhere(text: str) -> None:
    analysis = analysed(text)
    assert isinstance(analysis.findings, list)
    outline(analysis)
    folds(analysis)
    inlay_hints(analysis, 0, len(text))
    for offset in range(len(text) + 1):
        hover(analysis, offset)
        completions(analysis, offset)
        signature_help(analysis, offset)
        definition(analysis, URI, offset)
        references(analysis, offset)
        fixes(analysis, URI, offset, offset)


def test_every_prefix_of_a_text_is_answered() -> None:
    for end in range(0, len(TEXT), 7):
        analysis = analysed(TEXT[:end])
        assert isinstance(analysis.findings, list)
        hover(analysis, end)
        completions(analysis, end)
        signature_help(analysis, end)
        outline(analysis)


def test_statement_after_a_missing_semicolon_still_defines() -> None:
    found = scan("graph g(x) -> (y) { x = external(shape = [1])\n y = relu(x); }")
    assert [word.text for word in found.definitions(0)] == ["x", "y"]


@pytest.mark.parametrize("unit", list(types.PositionEncodingKind))
def test_positions_count_the_units_of_the_client(unit: types.PositionEncodingKind) -> None:
    text = "# ä 𝄞 x\nversion 1.0;"
    positions = Positions(Source("a", text), unit)
    widths = {"utf-8": 10, "utf-16": 7, "utf-32": 6}
    assert positions.position(text.index("x")).character == widths[unit.value]
    for offset in range(len(text) + 1):
        assert positions.offset(positions.position(offset)) == offset


QUANT = (
    "'y': min_max_linear_quantize(min = {}, max = 1.0, signed = false, symmetric = false,"
    " bits = 8);"
)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (QUANT.format("0.0"), set()),
        (QUANT.format("'low'"), {"NX5"}),
        (QUANT.format("0.0")[:-9], {"NX1"}),
    ],
)
def test_quantization_files_are_checked_as_such(text: str, codes: set[str]) -> None:
    source = Source("/models/graph.quant", text)
    found = Analysis(source, Positions(source)).findings
    assert {item.code[:3] for item in found} == codes


def test_standard_library_is_shown_without_findings() -> None:
    analysis = analysed(stdlib_source().text)
    assert analysis.findings == []
    assert "relu" in {item.name for item in outline(analysis)}
    assert "fragment relu" in hovered(analysis, analysis.text.index("relu"))


# ---- hovers, hints, signatures


def hovered(analysis: Analysis, offset: int) -> str:
    found = hover(analysis, offset)
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    return found.contents.value


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("c = ", "softmax", "fragment softmax("),
        ("softmax(", "b", "b: scalar[1, 12]"),
        ("b = ", "grow", "and positive."),
        ("    ", "wide =", "wide: scalar[1, 12]"),
        ("grow(a, ", "factor", "factor: integer = 2"),
        ("[1, ", "factor", "factor: integer"),
        ("softmax(b, ", "axes", "axes: integer[] = [1]"),
    ],
)
def test_hover_tells(before: str, after: str, told: str) -> None:
    assert told in hovered(*at(before, after))


def test_hover_tells_the_shapes_of_other_calls() -> None:
    text = TEXT.replace("    c = softmax(b,", "    d = grow(b);\n    c = softmax(d,")
    analysis = analysed(text)
    told = hovered(analysis, text.index("wide ="))
    assert "scalar[1, 12]" in told
    assert "scalar[1, 24]" in told


def test_inlay_hints_give_shapes() -> None:
    analysis = analysed(TEXT)
    hints = {}
    for hint in inlay_hints(analysis, 0, len(TEXT)):
        line = analysis.source.line(hint.position.line + 1)
        hints.setdefault(line[: hint.position.character].split()[-1], hint.label)
    assert hints["a"] == ": scalar[1, 3]"
    assert hints["b"] == ": scalar[1, 12]"
    assert hints["wide"] == ": scalar[1, 12]"


@pytest.mark.parametrize(
    ("text", "active"),
    [
        ("y = conv(|", 0),
        ("y = conv(x, w, |", 2),
        ("y = conv(x, stride = [1, |", 5),
        ("y = conv(relu(x), |", 1),
        ("y = conv(x, border = |'constant', filter = w);", 3),
    ],
)
def test_signature_help_marks_the_parameter(text: str, active: int) -> None:
    analysis, offset = marked("version 1.0;\ngraph g(x) -> (y)\n{\n" + text)
    found = signature_help(analysis, offset)
    assert found is not None
    assert found.signatures[0].label.startswith("conv(")
    assert found.active_parameter == active
    labels = [parameter.label for parameter in found.signatures[0].parameters or []]
    assert all(str(label) in found.signatures[0].label for label in labels)


# ---- completion


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("x = external(shape = [1]); y = |", {"x", "relu", "shape_of"}, {"y", "shape = "}),
        ("x = external(shape = [1]); y = conv(x, |", {"filter = ", "x"}, {"input = "}),
        ("x = external(shape = [1]); y = conv(x, stride = [1], |", {"filter = "}, {"stride = "}),
        ("x = external(shape = [1]); y = conv(x, border = '|", {"reflect-even"}, {"relu"}),
        ("x = external(shape = [1]); y = re|", {"relu"}, {"y"}),
        ("x = external(shape = [1]); # |", set(), {"relu"}),
        ("x = external(shape = [1]); |", set(), {"relu"}),
    ],
)
def test_completion_offers(text: str, wanted: set[str], unwanted: set[str]) -> None:
    analysis, offset = marked("version 1.0;\ngraph g(x) -> (y)\n{\n" + text)
    labels = {item.label for item in completions(analysis, offset)}
    assert wanted <= labels
    assert not unwanted & labels


def test_completion_knows_extensions() -> None:
    analysis, offset = marked("version 1.0;\nextension KHR|")
    labels = {item.label for item in completions(analysis, offset)}
    assert "KHR_enable_operator_expressions" in labels


# ---- ways through the text


@pytest.mark.parametrize(
    ("before", "after", "target"),
    [
        ("b = ", "grow", "grow(x:"),
        ("softmax(", "b", "b = grow"),
        ("relu(", "wide", "wide ="),
        ("grow(a, ", "factor", "factor: integer"),
        ("net(", "a)", "a = external"),
    ],
)
def test_definition_within_the_text(before: str, after: str, target: str) -> None:
    found = definition(analysed(TEXT), URI, TEXT.index(before + after) + len(before))
    assert found is not None
    assert found.uri == URI
    assert analysed(TEXT).positions.offset(found.range.start) == TEXT.index(target)


def test_definition_of_a_standard_operation_is_in_the_library() -> None:
    found = definition(*(lambda a, o: (a, URI, o))(*at("c = ", "softmax")))
    assert found is not None
    assert found.uri.endswith("grammar/stdlib.nnef")


def renamed_text(before: str, after: str, name: str) -> str:
    analysis, offset = at(before, after)
    text = TEXT
    for edit in sorted(renamed(analysis, offset, name), key=lambda e: e.range.start, reverse=True):
        start, end = (analysis.positions.offset(p) for p in (edit.range.start, edit.range.end))
        text = text[:start] + edit.new_text + text[end:]
    return text


def test_rename_of_a_fragment_reaches_its_calls() -> None:
    text = renamed_text("b = ", "grow", "enlarge")
    assert text == TEXT.replace("grow", "enlarge")


def test_rename_of_a_parameter_reaches_named_arguments() -> None:
    text = renamed_text("[1, ", "factor", "times")
    assert text == TEXT.replace("factor", "times")


def test_rename_of_a_tensor_stays_in_its_scope() -> None:
    text = renamed_text("graph net(", "a", "image")
    assert "graph net(image)" in text
    assert "image = external" in text
    assert "grow(image," in text
    assert analysed(text).findings == analysed(TEXT).findings == []


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("c = ", "softmax", "hardmax"),
        ("softmax(b, ", "axes", "axis"),
        ("softmax(", "b", "c"),
        ("softmax(", "b", "1b"),
        ("softmax(", "b", "graph"),
        ("b = ", "grow", "relu"),
    ],
)
def test_rename_is_refused(before: str, after: str, name: str) -> None:
    with pytest.raises(Refusal):
        renamed(*at(before, after), name)


def test_outline_has_definitions_and_what_they_assign() -> None:
    found = outline(analysed(TEXT))
    assert [(item.name, item.detail) for item in found] == [("grow", "fragment"), ("net", "graph")]
    assert [child.name for child in found[1].children or []] == ["a", "b", "c"]
    assert [child.name for child in found[0].children or []] == ["x", "factor", "y", "wide"]


def test_bodies_and_comments_fold() -> None:
    found = {(item.start_line, item.end_line) for item in folds(analysed(TEXT))}
    assert found == {(3, 4), (6, 9), (12, 16)}


# ---- quick fixes

HEAD = "version 1.0;\ngraph g(x) -> (y)\n{\nx = external(shape = [1, 4]);\n"


def mended(text: str) -> str:
    """The text after the first fix of its first finding."""
    analysis = analysed(text)
    start, end = analysis.span(analysis.findings[0])
    action = fixes(analysis, URI, start, end)[0]
    assert action.edit is not None
    (edit,) = (action.edit.changes or {})[URI]
    first, last = (analysis.positions.offset(p) for p in (edit.range.start, edit.range.end))
    return text[:first] + edit.new_text + text[last:]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "y = relu(x)\n}\n",
        HEAD + "y = rleu(x);\n}\n",
        HEAD + "total = relu(x);\ny = tanh(totl);\n}\n",
        HEAD + "y = softmax(x, axs = [1]);\n}\n",
        HEAD + "y = x + 1.0;\n}\n",
        HEAD + "y = relu(x);\n",
        TEXT.replace("extension KHR_enable_fragment_definitions, ", "extension "),
    ],
)
def test_fix_leaves_nothing_wrong(text: str) -> None:
    assert analysed(text).findings != []
    assert analysed(mended(text)).findings == []


# ---- speed


def long_text(count: int) -> str:
    lines = ["version 1.0;", "graph net(x) -> (y)", "{", "x = external(shape = [1, 16, 8, 8]);"]
    before = "x"
    for number in range(0, count, 2):
        lines.append(f"w{number} = variable(shape = [16, 16, 1, 1], label = 'w{number}');")
        lines.append(f"t{number} = conv({before}, w{number});")
        before = f"t{number}"
    return "\n".join([*lines, f"y = copy({before});", "}"])


@pytest.mark.parametrize("broken", [False, True])
def test_a_text_of_2000_lines_is_served(broken: bool) -> None:
    text = long_text(2000)
    text = text.replace("t1000 = conv(t998,", "t1000 = conv(t998") if broken else text
    analysis = analysed(text)
    assert bool(analysis.findings) == broken
    assert inlay_hints(analysis, 0, len(text))
    completions(analysis, len(text) - 20)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "y = " + "(" * 3000 + "x" + ")" * 3000 + ";\n}",
        HEAD + "y = " + "-" * 3000 + "x;\n}",
        HEAD + "y = " + "relu(" * 1000 + "x" + ")" * 1000 + ";\n}",
        HEAD.replace(
            "graph", "fragment f(x: tensor<scalar>) -> (y: tensor<scalar>) { y = f(x); }\ngraph"
        )
        + "y = f(x);\n}",
        HEAD + "y = " + "[" * 3000,
    ],
    ids=["groups", "signs", "calls", "recursion", "lists"],
)
def test_texts_without_measure_are_answered(text: str) -> None:
    analysis = analysed(text)
    assert isinstance(analysis.findings, list)
    hover(analysis, len(HEAD))
    completions(analysis, len(HEAD) + 4)
    outline(analysis)
    signature_help(analysis, len(text) // 2)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    monkeypatch.delitem(sys.modules, "nnefx.lsp.server", raising=False)
    done = CliRunner().invoke(cli, ["lsp"])
    assert getattr(done.exception, "code", None) == "NX012"
    assert "nnefx[lsp]" in str(done.exception)


# ---- over the protocol


@pytest_lsp.fixture(
    config=ClientServerConfig(server_command=[sys.executable, "-m", "nnefx", "lsp"])
)
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    capabilities = client_capabilities("visual-studio-code")
    await lsp_client.initialize_session(types.InitializeParams(capabilities=capabilities))
    yield
    await lsp_client.shutdown_session()


def open_text(client: LanguageClient, text: str, uri: str = URI) -> None:
    item = types.TextDocumentItem(uri, "nnef", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))


def change(client: LanguageClient, version: int, line: int, start: int, end: int, new: str) -> None:
    place = types.Range(types.Position(line, start), types.Position(line, end))
    client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(version, URI),
            [types.TextDocumentContentChangePartial(place, new)],
        )
    )


async def findings(client: LanguageClient) -> list[types.Diagnostic]:
    await client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(client.diagnostics[URI])


@pytest.mark.asyncio
async def test_findings_follow_the_edits(client: LanguageClient) -> None:
    open_text(client, TEXT)
    assert await findings(client) == []
    change(client, 2, 15, 8, 15, "sofmax")
    (found,) = await findings(client)
    assert (found.code, found.source) == ("NX201", "nnefx")
    assert found.range == types.Range(types.Position(15, 8), types.Position(15, 14))
    change(client, 3, 15, 8, 14, "softmax")
    assert await findings(client) == []
    change(client, 4, 13, 4, 33, "")  # the whole statement of `a`
    assert {item.code for item in await findings(client)} & {"NX202", "NX100"}


@pytest.mark.asyncio
async def test_requests_are_answered(client: LanguageClient) -> None:
    open_text(client, TEXT)
    text = types.TextDocumentIdentifier(URI)
    place = types.Position(15, 16)
    hovered = await client.text_document_hover_async(types.HoverParams(text, place))
    assert hovered is not None
    assert "b: scalar[1, 12]" in hovered.contents.value
    whole = types.Range(types.Position(0, 0), types.Position(99, 0))
    hints = await client.text_document_inlay_hint_async(types.InlayHintParams(text, whole))
    assert {hint.label for hint in hints or []} >= {": scalar[1, 3]", ": scalar[1, 12]"}
    items = await client.text_document_completion_async(types.CompletionParams(text, place))
    assert "a" in {item.label for item in items.items}
    where = await client.text_document_definition_async(types.DefinitionParams(text, place))
    assert where.range.start == types.Position(14, 4)
    context = types.ReferenceContext(include_declaration=True)
    uses = await client.text_document_references_async(types.ReferenceParams(context, text, place))
    assert [use.range.start.line for use in uses or []] == [14, 15]
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(text))
    assert [symbol.name for symbol in symbols or []] == ["grow", "net"]
    folded = await client.text_document_folding_range_async(types.FoldingRangeParams(text))
    assert len(folded or []) == 3
    help_ = await client.text_document_signature_help_async(types.SignatureHelpParams(text, place))
    assert help_ is not None
    assert help_.signatures[0].label.startswith("softmax")


@pytest.mark.asyncio
async def test_edits_are_offered(client: LanguageClient) -> None:
    open_text(client, TEXT.replace("    y = relu(wide);", "  y=relu( wide );"))
    text = types.TextDocumentIdentifier(URI)
    options = types.FormattingOptions(tab_size=4, insert_spaces=True)
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(text, options)
    )
    assert edits is not None
    assert "    y = relu(wide);" in edits[0].new_text
    place = types.Position(14, 5)
    edit = await client.text_document_rename_async(types.RenameParams(text, place, "big"))
    assert edit is not None
    assert len((edit.changes or {})[URI]) == 2
    with pytest.raises(Exception, match="of the standard"):
        await client.text_document_rename_async(
            types.RenameParams(text, types.Position(15, 9), "hardmax")
        )


@pytest.mark.asyncio
async def test_fixes_come_with_the_findings(client: LanguageClient) -> None:
    open_text(client, HEAD + "y = relu(x)\n}\n")
    (found,) = await findings(client)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(URI), found.range, types.CodeActionContext([found])
    )
    actions = await client.text_document_code_action_async(params)
    assert [action.title for action in actions or []] == ["Insert ';'"]


@pytest.mark.asyncio
async def test_long_texts_are_checked_while_one_types(client: LanguageClient) -> None:
    open_text(client, long_text(2000))
    await findings(client)
    begin = time.perf_counter()
    change(client, 2, 1000, 0, 0, "# a word\n")
    await findings(client)
    assert time.perf_counter() - begin < 3  # on a busy machine; it takes 0.15 s
