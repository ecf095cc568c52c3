"""What may be written at a place: operations, arguments, names of tensors, known words."""

import re
from collections.abc import Iterator

from lsprotocol import types

from nnefx.ir.scoped import EXTENSION
from nnefx.lsp.analysis import Analysis, shape_text
from nnefx.lsp.describe import documentation, parameter, signature
from nnefx.lsp.scan import Call
from nnefx.types import Tensor

EXTENSIONS = (
    "KHR_enable_fragment_definitions",
    "KHR_enable_operator_expressions",
    EXTENSION,
)
TYPES = ("integer", "scalar", "logical", "string")
FUNCTIONS = ("shape_of", "length_of", "range_of", *TYPES)
# Strings that attributes take (NNEF 1.0.5, chapter 4).
STRINGS = {
    "border": ("constant", "ignore", "replicate", "reflect", "reflect-even"),
    "method": ("symmetric", "asymmetric", "aligned"),
}
_WORD = re.compile(r"[A-Za-z0-9_]*\Z")
_QUOTED = re.compile(r"([A-Za-z_]\w*)[ \t]*=[ \t]*['\"]([\w-]*)\Z")

Kind = types.CompletionItemKind


def completions(analysis: Analysis, offset: int) -> list[types.CompletionItem]:
    """Return everything that may stand at an offset; the editor picks what fits its beginning."""
    line = analysis.text[analysis.text.rfind("\n", 0, offset) + 1 : offset]
    quoted = _QUOTED.search(line)
    if quoted:
        words = STRINGS.get(quoted[1], ())
        return [types.CompletionItem(word, kind=Kind.EnumMember) for word in words]
    if _in_string_or_comment(line):
        return []
    if line.lstrip().startswith("extension"):
        return [types.CompletionItem(word, kind=Kind.Module) for word in EXTENSIONS]
    scope = analysis.scan.scope_at(offset)
    if scope < 0 or not 0 <= analysis.scan.scopes[scope].body < offset:
        return _outside(line)
    return [*_inside(analysis, offset, scope)]


def _in_string_or_comment(line: str) -> bool:
    bare = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", line)
    return "#" in bare or "'" in bare or '"' in bare


def _outside(line: str) -> list[types.CompletionItem]:
    begin = _WORD.sub("", line).strip()
    words = ("version 1.0;", "extension", "fragment", "graph") if not begin else ("tensor", *TYPES)
    return [types.CompletionItem(word, kind=Kind.Keyword) for word in words]


def _inside(analysis: Analysis, offset: int, scope: int) -> Iterator[types.CompletionItem]:
    call = analysis.scan.call_at(offset)
    index = analysis.scan.token_before(offset)
    token = analysis.scan.tokens[index] if index >= 0 else None
    if token and token.kind == "word" and token.end >= offset:
        token = analysis.scan.tokens[index - 1]  # what stands before the word that is begun
    before = token.text if token else ""
    if call and before in ("(", ","):
        yield from _arguments(analysis, call, offset)
    if before in (";", "{", "}"):
        return  # a new name is written here
    yield from _names(analysis, offset, scope)
    for name, fragment in analysis.ops.items():
        markup = types.MarkupContent(types.MarkupKind.Markdown, documentation(fragment))
        detail = signature(fragment).removeprefix("fragment ")
        yield types.CompletionItem(
            name, kind=Kind.Function, detail=detail, documentation=markup, sort_text=f"3{name}"
        )
    for word in FUNCTIONS:
        yield types.CompletionItem(word, kind=Kind.Keyword, sort_text=f"4{word}")


def _arguments(analysis: Analysis, call: Call, offset: int) -> Iterator[types.CompletionItem]:
    fragment = analysis.op(call.op)
    start = analysis.text.rfind(";", 0, offset) + 1
    given = {
        word.text
        for word in analysis.scan.words
        if word.role == "argument" and word.call == call.op and start <= word.pos < offset
    }
    positional = call.number - len(given)
    for number, param in enumerate(fragment.params if fragment else ()):
        if param.name not in given and number >= positional:
            tensor = isinstance(param.type, Tensor)
            yield types.CompletionItem(
                f"{param.name} = ",
                kind=Kind.Field,
                detail=parameter(param),
                filter_text=param.name,
                sort_text=f"{2 if tensor else 0}{number:03}",
            )


def _names(analysis: Analysis, offset: int, scope: int) -> Iterator[types.CompletionItem]:
    seen: set[str] = set()
    start = analysis.text.rfind(";", 0, offset)
    for word in analysis.scan.definitions(scope):
        if word.text in seen or word.pos > max(start, analysis.scan.scopes[scope].body):
            continue
        seen.add(word.text)
        values = analysis.values(scope, word.text)
        detail = shape_text(values[0]) if values else None
        yield types.CompletionItem(
            word.text, kind=Kind.Variable, detail=detail, sort_text=f"1{word.text}"
        )
