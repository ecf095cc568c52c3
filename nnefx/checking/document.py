"""Checking a text: syntax, names, types, shapes, and what of it is deprecated or odd."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from nnefx import collector
from nnefx.checking.bodies import check_bodies
from nnefx.checking.deprecated import check_deprecated
from nnefx.checking.selection import Selection
from nnefx.checking.style import check_style
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.ir.build import build
from nnefx.ir.evaluate import names_of
from nnefx.ir.graph import Graph
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.parser import parse_all

Report = Callable[[Diagnostic], None]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ABOUT_NAMES = {"NX201", "NX202", "NX204", "NX214", "NX801", "NX803"}
_CUSTOM = "NX217"
_ABOUT_EXTENSIONS = {"NX120", "NX121"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a text leaves behind.

    Attributes:
        document: the tree of what could be read.
        graph: the graph of what could be built, None where there is none.
        names: the names of all tensors of the graph, those of unknown shape too.
        complete: whether the syntax is right, so that nothing is left out.
        sound: whether there are no errors at all.
    """

    document: ast.Document | None = None
    graph: Graph | None = None
    names: frozenset[str] = frozenset()
    complete: bool = False
    sound: bool = False


def check_document(source: Source, found: list[Diagnostic], selection: Selection) -> Checked:
    """Add what is wrong with a text to `found`; return its tree and graph.

    After a syntax error the rest of the text is checked all the same, but for what the pieces
    that could not be read may have defined.
    """
    with collector.paused():
        return _check(source, found, selection)


def _check(source: Source, found: list[Diagnostic], selection: Selection) -> Checked:
    document, faults = parse_all(source)
    found += faults
    if document is None or (document.graph is None and faults):
        return Checked(document)
    report = _without_consequences(document, source, faults, found.append)
    before = len(found)
    graph = build(document, source, _with_custom(report))
    check_bodies(document, source, report)
    check_deprecated(document, source, report)
    names = frozenset(graph.values).union(
        name.id for statement in _body(document) for name in names_of(statement)
    )
    if faults or any(_is_grave(item) for item in found[before:]):
        return Checked(document, graph, names, complete=not faults)
    check_style(document, graph, source, report, selection)
    return Checked(document, graph, names, complete=True, sound=True)


def _with_custom(report: Report) -> Report:
    """Return `report` that takes custom operations for valid, if not for known."""

    def softened(item: Diagnostic) -> None:
        custom = item.code == _CUSTOM
        report(replace(item, severity=Severity.WARNING) if custom else item)

    return softened


def _is_grave(item: Diagnostic) -> bool:
    """Tell whether a finding leaves the graph without shapes that can be relied on."""
    return item.severity is Severity.ERROR or item.code == _CUSTOM


def _body(document: ast.Document) -> list[ast.Assign]:
    return document.graph.body if document.graph else []


def _without_consequences(
    document: ast.Document, source: Source, faults: list[Diagnostic], report: Report
) -> Report:
    """Return `report` without what may follow from pieces of the text that were left out."""
    if not faults:
        return report
    empty = not _body(document)
    places = [item.at for item in faults if isinstance(item.at, TextAt)]
    spans = [_statement(source.text, place.pos) for place in places]
    names = {name for span in spans for name in _WORD.findall(span)}
    prelude = any(span.lstrip().startswith(("version", "extension")) for span in spans)

    def filtered(item: Diagnostic) -> None:
        if item.code in _ABOUT_EXTENSIONS and prelude:
            return
        if item.code in _ABOUT_NAMES and empty:
            return
        if item.code in _ABOUT_NAMES and isinstance(item.at, TextAt):
            word = _WORD.match(item.at.source.text, item.at.pos)
            if word and word.group() in names:
                return
            if item.code == "NX214" and word and word.group() == "external":
                return
        report(item)

    return filtered


def _statement(text: str, pos: int) -> str:
    """Return the text from the `;`, `{` or `}` before `pos` to the one after it."""
    begin = max(text.rfind(mark, 0, pos) for mark in ";{}") + 1
    ends = [end for mark in ";{}" if (end := text.find(mark, pos)) >= 0]
    return text[begin : min(ends, default=len(text))]
