"""Lexers for editors and documentation, held to the grammar."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String
from pygments.token import _TokenType as TokenType

import nnefx
from nnefx import grammar, highlight
from nnefx.syntax import engine

ROOT = Path(__file__).parents[1]
VSCODE = ROOT / "editors" / "vscode"
WORDS = {
    "declaration": highlight.DECLARATIONS,
    "control": highlight.CONTROL,
    "type": highlight.TYPES,
    "function": highlight.FUNCTIONS,
    "constant": highlight.CONSTANTS,
}
# What the grammar's terminals are for Pygments; what is not named is a sign.
KINDS: dict[str, TokenType] = {
    "NUMBER": Number, "STRING": String, "LOGICAL": Keyword.Constant, "TYPE": Keyword.Type,
    "BUILTIN": Name.Builtin, "IDENT": Name, "TENSOR": Keyword.Type, "IN": Keyword,
    "VERSION": Keyword.Declaration, "EXTENSION": Keyword.Declaration,
    "FRAGMENT": Keyword.Declaration, "GRAPH": Keyword.Declaration,
    "FOR": Keyword, "IF": Keyword, "ELSE": Keyword, "YIELD": Keyword,
}  # fmt: skip
SAMPLES = [
    *sorted(ROOT.glob("samples/**/*.nnef")),
    *sorted(ROOT.glob("converters/fragments/*.nnef")),
    ROOT / "grammar" / "stdlib.nnef",
]
ODD = [
    "y=f<?>(x,a=-1.5e-3)if a&&!b else[for i in r,j in s if i<j yield i];",
    "trues falsey for_ integers version1 x.y",
    "'a\\'b' \"c\\\\\" 'it' # 'comment \" here\nx",
    "fragment f<?=scalar>(x:tensor<?>[],s:string='')->(y:(integer,logical)[]);",
    'cast<\n# why\ninteger >(x) <= 1 ^ 2 -> "',
    "shape_of(x)[0:2] + [1] * 3 != (1, 2)",
]


def coloured(text: str) -> list[tuple[int, TokenType, str]]:
    return list(highlight.NnefLexer().get_tokens_unprocessed(text))


def lexed(text: str) -> list[tuple[int, str, str]]:
    return [(token.start_pos, token.type, str(token)) for token in engine.structure().lex(text)]


def disagreements(text: str) -> list[object]:
    """Tokens of the grammar that Pygments colours as something else, or cuts differently."""
    colour = {
        pos + index: kind for pos, kind, value in coloured(text) for index in range(len(value))
    }
    found: list[object] = []
    for pos, terminal, value in lexed(text):
        kinds = {colour[pos + index] for index in range(len(value))}
        wanted = KINDS.get(terminal)
        if terminal in ("DTYPE", "ANY"):
            continue  # `<integer>` is one token there, to tell it from a comparison
        if wanted is None:
            good = all(kind in Operator or kind in Punctuation for kind in kinds)
        else:
            good = len(kinds) == 1 and all(kind in wanted for kind in kinds)
        if not good:
            found.append((value, terminal, kinds))
    return found


def test_pygments_finds_the_lexer() -> None:
    entry = next(
        found
        for found in importlib.metadata.entry_points(group="pygments.lexers")
        if found.name == "nnef"
    )
    assert entry.load() is highlight.NnefLexer


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: "/".join(path.parts[-2:]))
def test_lexer_agrees_with_the_grammar(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "mistakes.nnef":
        assert "".join(value for _, _, value in coloured(text)) == text
        return
    assert disagreements(text) == []
    assert not any(kind in Error for _, kind, _ in coloured(text))


@pytest.mark.parametrize("text", [text for text in ODD if not text.endswith('"')])
def test_lexer_agrees_on_odd_texts(text: str) -> None:
    assert disagreements(text.replace("x.y", "")) == []


PIECES = st.sampled_from(
    [*"()[]{},;:?=<>!+-*/^", "->", "<=", "==", "&&", "||", " ", "\n", "# c\n", "'s'", '"t"', "1",
     "2.5", "1e-3", "x", "forx", "_a1", "<scalar>",
     *(word for group in WORDS.values() for word in group)]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30))
def test_lexer_agrees_on_whatever_the_grammar_can_cut(pieces: list[str]) -> None:
    assert disagreements(" ".join(pieces)) == []


@given(st.text(max_size=60))
def test_lexer_loses_nothing_of_any_text(text: str) -> None:
    assert "".join(value for _, _, value in coloured(text)) == text


@pytest.mark.parametrize("text", ["'open", "1.", "1x", "@", "'a\\n'"])
def test_faults_are_marked(text: str) -> None:
    assert any(kind in Error for _, kind, _ in coloured(text))


def test_keywords_are_those_of_the_grammar() -> None:
    rules = re.sub(r"//[^\n]*", "", grammar.read("nnef.lark"))
    strings = set(re.findall(r'"([a-z_]{2,})"', rules))
    for terminal in ("TYPE", "BUILTIN", "LOGICAL"):
        strings |= set(re.search(rf"{terminal}\.2: /\(\?:([a-z_|]+)\)", rules)[1].split("|"))
    assert {word for group in WORDS.values() for word in group} == strings


@pytest.mark.parametrize("group", WORDS)
def test_colours_of_the_extension_have_the_same_keywords(group: str) -> None:
    text = (VSCODE / "syntaxes" / "nnef.tmLanguage.json").read_text(encoding="utf-8")
    colours = json.loads(text)
    patterns: list[str] = []

    def collect(rule: object) -> None:
        if isinstance(rule, dict):
            patterns.extend(rule[key] for key in ("match", "begin") if key in rule)
            for inner in rule.values():
                collect(inner)
        elif isinstance(rule, list):
            for inner in rule:
                collect(inner)

    collect(colours)
    words = {
        word
        for pattern in patterns
        if pattern.startswith("\\b") and "[" not in pattern.partition("\\s")[0]
        for word in re.findall(r"[a-z_]{2,}", pattern.partition("\\s")[0].replace("\\b", " "))
    }
    assert set(WORDS[group]) <= words
    assert words == {word for words in WORDS.values() for word in words}


def test_extension_names_files_that_exist_and_the_version_of_the_package() -> None:
    package = json.loads((VSCODE / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == nnefx.__version__
    contributed = package["contributes"]
    for entry in [*contributed["grammars"], *contributed["languages"]]:
        assert (VSCODE / (entry.get("path") or entry["configuration"])).is_file()
    command = contributed["configuration"]["properties"]["nnefx.command"]["default"]
    assert command == ["nnefx", "lsp"]
    json.loads((VSCODE / "language-configuration.json").read_text(encoding="utf-8"))


def test_comments_and_strings_of_samples_are_coloured() -> None:
    kinds = {kind for _, kind, _ in coloured("# c\nx = f(label = 'a');")}
    assert {Comment.Single, String.Single, Name.Function, Name} <= kinds
