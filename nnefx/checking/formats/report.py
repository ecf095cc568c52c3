"""What a run found, in the terms that all forms share."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nnefx.diagnostics import Diagnostic, Severity
from nnefx.source import At, FileAt, TextAt

_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[A-Za-z0-9_.]+|.")


@dataclass(frozen=True, slots=True)
class Checked:
    """One path that was checked, and what was found."""

    path: str
    found: tuple[Diagnostic, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run.

    Attributes:
        checked: what was checked, in order.
        fail_on: the least severity that makes the run fail.
        color: whether text may carry colours.
    """

    checked: tuple[Checked, ...]
    fail_on: Severity = Severity.ERROR
    color: bool = False

    def findings(self) -> Iterator[tuple[Checked, Diagnostic]]:
        """Yield all findings with the paths that they belong to."""
        for item in self.checked:
            for found in item.found:
                yield item, found


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text: 1-based lines and columns, 0-based offsets of characters and bytes."""

    line: int
    column: int
    end_line: int
    end_column: int
    offset: int
    length: int
    byte: int


def span_of(at: TextAt) -> Span:
    """Return the span of a place; where only its start is known, that of the token there."""
    text = at.source.text
    end = at.end
    if end < 0:
        token = _TOKEN.match(text, at.pos)
        end = token.end() if token else at.pos
    line, column = at.source.locate(at.pos)
    end_line, end_column = at.source.locate(end)
    byte = at.pos if text.isascii() else len(text[: at.pos].encode())
    return Span(line, column, end_line, end_column, at.pos, end - at.pos, byte)


def path_of(at: At | None, checked: Checked) -> str:
    """Return the file that a place is in."""
    match at:
        case TextAt(source):
            return source.name
        case FileAt(path):
            return path
        case None:
            return checked.path
        case _:
            return at.path


def line_of(at: At | None) -> int:
    """Return the line of a place, 1 where it has none."""
    return at.source.locate(at.pos)[0] if isinstance(at, TextAt) else 1


def fingerprints(report: Report) -> Iterator[str]:
    """Yield what tells each finding from the others, and stays when lines move.

    It is made of the code, the file, the message and the text of the line; equal ones are counted.
    """
    seen: Counter[str] = Counter()
    for checked, item in report.findings():
        line = ""
        if isinstance(item.at, TextAt):
            line = item.at.source.line(line_of(item.at)).strip()
        path = Path(path_of(item.at, checked)).as_posix()
        key = "\0".join((item.code, path, item.message, line))
        seen[key] += 1
        yield hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:32]
