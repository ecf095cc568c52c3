"""Ways through a text: definitions, references, renaming, outline, folding."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from lsprotocol import types

from nnefx import grammar
from nnefx.lsp.analysis import Analysis, shape_text
from nnefx.lsp.positions import Positions
from nnefx.lsp.scan import KEYWORDS, Scan, Scope, Word, scan
from nnefx.ops import standard_ops, stdlib_source
from nnefx.source import Source

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Refusal(Exception):
    """A request that cannot be met; the message is for the user."""


def definition(analysis: Analysis, uri: str, offset: int) -> types.Location | None:
    """Return where the word at an offset is declared: in this text or in the standard library."""
    word = analysis.scan.word_at(offset)
    if word is None:
        return None
    for use in analysis.scan.uses(word):
        if (use.defines and use.role == "name") or use.role == "fragment":
            return types.Location(uri, analysis.positions.range(use.pos, use.end))
    if word.role == "op":
        return _in_stdlib(word.text, None)
    return _in_stdlib(word.call, word.text) if word.role == "argument" else None


@cache
def _stdlib() -> tuple[str, Positions, Scan]:
    source = stdlib_source()
    path = Path(grammar.__file__).with_name("stdlib.nnef")
    return path.as_uri(), Positions(source), scan(source.text)


def _in_stdlib(op: str, param: str | None) -> types.Location | None:
    if op not in standard_ops():
        return None
    uri, positions, found = _stdlib()
    number = found.fragment(op)
    if number < 0:
        return None
    scope = found.scopes[number]
    if param is None:
        return types.Location(uri, positions.range(scope.name_pos, scope.name_pos + len(op)))
    for word in found.definitions(number):
        if word.text == param:
            return types.Location(uri, positions.range(word.pos, word.end))
    return None


def references(analysis: Analysis, offset: int, *, declared: bool = True) -> list[Word]:
    """Return every occurrence of what is at an offset, its declaration too if `declared`."""
    word = analysis.scan.word_at(offset)
    found = analysis.scan.uses(word) if word else []
    return [use for use in found if declared or not (use.role == "fragment" or use.defines)]


def renamable(analysis: Analysis, offset: int) -> Word:
    """Return the word at an offset if it may be renamed; raise Refusal if not."""
    word = analysis.scan.word_at(offset)
    if word is None:
        raise Refusal("there is no name here")
    own = word.text if word.role in ("op", "fragment") else word.call
    if own and own in standard_ops():
        raise Refusal(f"'{word.text}' is of the standard")
    return word


def renamed(analysis: Analysis, offset: int, name: str) -> list[types.TextEdit]:
    """Return the edits that give what is at an offset another name.

    Raises:
        Refusal: where the name is no identifier, is taken, or the old one is of the standard.
    """
    word = renamable(analysis, offset)
    if not _IDENTIFIER.match(name) or name in KEYWORDS:
        raise Refusal(f"'{name}' is no identifier of NNEF")
    if name != word.text and name in _taken(analysis, word):
        raise Refusal(f"'{name}' is taken")
    return [
        types.TextEdit(analysis.positions.range(use.pos, use.end), name)
        for use in analysis.scan.uses(word)
    ]


def renamed_entries(
    quant: Source, positions: Positions, old: str, new: str
) -> list[types.TextEdit]:
    """Return the edits that give the entries of a tensor in graph.quant its new name."""
    found = []
    tokens = [token for token in scan(quant.text).tokens if token.kind != "comment"]
    for token, after in pairwise(tokens):
        if token.kind == "string" and after.text == ":" and token.text[1:-1] == old:
            found.append(types.TextEdit(positions.range(token.pos + 1, token.end - 1), new))
    return found


def _taken(analysis: Analysis, word: Word) -> set[str]:
    if word.role in ("op", "fragment"):
        return set(analysis.ops)
    number = word.scope if word.role == "name" else analysis.scan.fragment(word.call)
    return {use.text for use in analysis.scan.words if use.role == "name" and use.scope == number}


def outline(analysis: Analysis) -> list[types.DocumentSymbol]:
    """Return the definitions of a text, each with what it declares and assigns."""
    return [_symbol(analysis, number) for number in range(len(analysis.scan.scopes))]


def _symbol(analysis: Analysis, number: int) -> types.DocumentSymbol:
    scope = analysis.scan.scopes[number]
    inner, seen = [], set()
    for word in analysis.scan.definitions(number):
        if word.text in seen:
            continue
        seen.add(word.text)
        values = analysis.values(number, word.text)
        place = analysis.positions.range(word.pos, word.end)
        detail = shape_text(values[0]) if values else None
        inner.append(
            types.DocumentSymbol(word.text, types.SymbolKind.Variable, place, place, detail)
        )
    kind = types.SymbolKind.Function if scope.kind == "fragment" else types.SymbolKind.Module
    return types.DocumentSymbol(
        scope.name,
        kind,
        analysis.positions.range(scope.pos, _end(analysis, scope)),
        analysis.positions.range(scope.name_pos, scope.name_pos + len(scope.name)),
        scope.kind,
        children=inner,
    )


def _end(analysis: Analysis, scope: Scope) -> int:
    end = len(analysis.text) if scope.end < 0 else scope.end
    return max(end, scope.name_pos + len(scope.name))


def folds(analysis: Analysis) -> list[types.FoldingRange]:
    """Return what can be folded: bodies, and comments of several lines."""
    found = []
    line_of = analysis.positions.line
    for scope in analysis.scan.scopes:
        if scope.body >= 0:
            first, last = line_of(scope.body), line_of(_end(analysis, scope) - 1)
            if last > first:
                found.append(types.FoldingRange(first, last))
    lines = [line_of(t.pos) for t in analysis.scan.tokens if t.kind == "comment"]
    start = previous = -2
    for line in [*lines, -9]:
        if line != previous + 1:
            if previous > start:
                kind = types.FoldingRangeKind.Comment
                found.append(types.FoldingRange(start, previous, kind=kind))
            start = line
        previous = line
    return found
