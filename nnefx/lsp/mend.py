"""Quick fixes: edits that put right what a finding says."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from lsprotocol import types

from nnefx.diagnostics import Diagnostic
from nnefx.lsp.analysis import Analysis

_EXTENSION = re.compile(r"'extension ([A-Za-z0-9_]+);'")
_MEANT = re.compile(r"'([A-Za-z0-9_]+)'; did you mean '([A-Za-z0-9_]+)'\?")
_UNKNOWN = re.compile(r"'([A-Za-z0-9_]+)' is not defined before this use")
_INSERTS = {"NX106": ";", "NX107": "}"}


def fixes(analysis: Analysis, uri: str, start: int, end: int) -> list[types.CodeAction]:
    """Return the fixes for what is found between two offsets."""
    actions = []
    for finding in analysis.findings:
        first, last = analysis.span(finding)
        if finding.at is None or last < start or end < first:
            continue
        for number, (title, edit) in enumerate(_fixes(analysis, finding)):
            actions.append(
                types.CodeAction(
                    title,
                    types.CodeActionKind.QuickFix,
                    is_preferred=number == 0,
                    edit=types.WorkspaceEdit({uri: [edit]}),
                )
            )
    return actions


def _fixes(analysis: Analysis, finding: Diagnostic) -> Iterator[tuple[str, types.TextEdit]]:
    start, _ = analysis.span(finding)
    if finding.code in _INSERTS:
        text = _INSERTS[finding.code]
        where = analysis.positions.range(start, start)
        added = text if text == ";" else f"\n{text}\n"
        yield f"Insert '{text}'", types.TextEdit(where, added)
    if extension := _EXTENSION.search(finding.message):
        name = extension[1]
        where_to = _prelude_end(analysis)
        edit = types.TextEdit(analysis.positions.range(where_to, where_to), f"\nextension {name};")
        yield f"Add 'extension {name};'", edit
    for wrong, right in _meant(analysis, finding):
        place = analysis.text.find(wrong, start)
        if place >= 0:
            where = analysis.positions.range(place, place + len(wrong))
            yield f"Change to '{right}'", types.TextEdit(where, right)


def _meant(analysis: Analysis, finding: Diagnostic) -> Iterator[tuple[str, str]]:
    if meant := _MEANT.search(finding.message):
        yield meant[1], meant[2]
    elif unknown := _UNKNOWN.match(finding.message):
        start, _ = analysis.span(finding)
        scope = analysis.scan.scope_at(start)
        before = [w.text for w in analysis.scan.definitions(scope) if w.pos < start]
        for name in get_close_matches(unknown[1], list(dict.fromkeys(before)), 3, 0.5):
            yield unknown[1], name


def _prelude_end(analysis: Analysis) -> int:
    """Return the offset behind the last extension, or behind the version."""
    end = 0
    open_ = False
    for token in analysis.scan.tokens:
        if token.text in ("version", "extension"):
            open_ = True
        elif token.text in ("fragment", "graph"):
            break
        elif token.text == ";" and open_:
            end, open_ = token.end, False
    return end
