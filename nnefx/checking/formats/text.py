"""Findings for people: in full with the lines they are about, or one line each."""

import os
from collections.abc import Iterator
from typing import TextIO

from nnefx.checking.formats.report import Checked, Report, span_of
from nnefx.diagnostics import Diagnostic, Note, Severity
from nnefx.source import At, FileAt, TextAt

_WIDTH = 120  # of a source line that is shown whole
_MOST_NOTES = 8  # a deep stack of calls is shown by its ends
_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36;1"}
_DIM, _BLUE, _BOLD = "2", "34;1", "1"


def write_full(report: Report, stream: TextIO) -> None:
    """Write each finding with its line, a caret below it, and its notes."""
    for checked, item in report.findings():
        for line in _full(checked, item, report.color):
            stream.write(f"{line}\n")
        stream.write("\n")


def write_concise(report: Report, stream: TextIO) -> None:
    """Write `file:line:column: severity[code]: message`, one line for each finding."""
    for checked, item in report.findings():
        place = item.at if item.at is not None else checked.path
        stream.write(f"{place}: {item.severity}[{item.code}]: {item.message}\n")


def _full(checked: Checked, item: Diagnostic, color: bool) -> Iterator[str]:
    head = _paint(f"{item.severity}[{item.code}]", _COLORS[item.severity], color)
    yield f"{head}{_paint(f': {item.message}', _BOLD, color)}"
    width = max([_digits(item.at), *(_digits(note.at) for note in item.notes)])
    yield from _excerpt(item.at, checked.path, width, color, _COLORS[item.severity], "^")
    for note in _shortened(item.notes):
        label = _paint("note", _BLUE, color)
        yield f"{' ' * width} {_paint('=', _BLUE, color)} {label}: {note.message}"
        if note.at is not None:
            yield from _excerpt(note.at, checked.path, width, color, _BLUE, "-")


def _shortened(notes: tuple[Note, ...]) -> list[Note]:
    """Return the notes without the middle of a long stack."""
    if len(notes) <= _MOST_NOTES:
        return list(notes)
    half = _MOST_NOTES // 2
    left_out = Note(f"... {len(notes) - 2 * half} more ...")
    return [*notes[:half], left_out, *notes[-half:]]


def _digits(at: At | None) -> int:
    return len(str(at.source.locate(at.pos)[0])) if isinstance(at, TextAt) else 1


def _excerpt(
    at: At | None, path: str, width: int, color: bool, paint: str, mark: str
) -> Iterator[str]:
    arrow = _paint("-->", _BLUE, color)
    pad = " " * width
    if not isinstance(at, TextAt):
        shown = path if at is None else str(at)
        yield f"{pad}{arrow} {shown}"
        if isinstance(at, FileAt) and at.offset >= 0:
            yield from _bytes(at, pad, color)
        return
    span = span_of(at)
    yield f"{pad}{arrow} {at}"
    bar = _paint("|", _BLUE, color)
    line, start = _window(at.source.line(span.line), span.column - 1)
    length = span.end_column - span.column if span.end_line == span.line else len(line) - start
    length = max(min(length, len(line) - start), 1)
    indent = "".join("\t" if char == "\t" else " " for char in line[:start])
    number = _paint(f"{span.line:>{width}}", _BLUE, color)
    yield f"{pad} {bar}"
    yield f"{number} {bar} {_printable(line)}"
    yield f"{pad} {bar} {indent}{_paint(mark * length, paint, color)}"


def _bytes(at: FileAt, pad: str, color: bool) -> Iterator[str]:
    """Yield the bytes of a file around a place, if it is a file by itself."""
    if not os.path.isfile(at.path):
        return
    begin = max(at.offset // 16 * 16, 0)
    with open(at.path, "rb") as file:
        file.seek(begin)
        row = file.read(16)
    if row:
        bar = _paint("|", _BLUE, color)
        yield f"{pad} {bar} {begin:08x}  {row.hex(' ')}"
        yield f"{pad} {bar}           {'   ' * (at.offset - begin)}^^"


def _window(line: str, start: int) -> tuple[str, int]:
    """Return the part of a long line that is around the caret, and where the caret is in it."""
    if len(line) <= _WIDTH:
        return line, start
    cut = max(start - 40, 0)
    return line[cut : cut + _WIDTH - 10], start - cut


def _printable(line: str) -> str:
    """Replace control characters, which could drive the terminal of the reader."""
    return "".join(char if char >= " " or char == "\t" else "\ufffd" for char in line)


def _paint(text: str, color: str, wanted: bool) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if wanted else text
