"""What is said about a model: diagnostics, and the one exception that carries them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from nnefx.source import At, TextAt


class Severity(IntEnum):
    """How much a finding matters; a higher value is worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that explains a diagnostic, such as a call on the stack of fragments."""

    message: str
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a stable code, what is wrong, where, and what helps to understand it."""

    code: str
    message: str
    at: At | None = None
    severity: Severity = Severity.ERROR
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        return render(self)


class NnefError(Exception):
    """The only exception that a user of nnefx meets; it holds one or more diagnostics."""

    def __init__(
        self,
        code: str,
        message: str,
        at: At | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        super().__init__(message)
        self.diagnostics: tuple[Diagnostic, ...] = (
            Diagnostic(code, message, at, Severity.ERROR, tuple(notes)),
        )

    @classmethod
    def of(cls, diagnostics: Sequence[Diagnostic]) -> "NnefError":
        """Return an error that carries `diagnostics`, of which there is at least one."""
        first = diagnostics[0]
        error = cls(first.code, first.message, first.at, first.notes)
        error.diagnostics = tuple(diagnostics)
        return error

    @property
    def code(self) -> str:
        """The code of the first diagnostic."""
        return self.diagnostics[0].code

    @property
    def at(self) -> At | None:
        """The place of the first diagnostic."""
        return self.diagnostics[0].at

    def __str__(self) -> str:
        return "\n".join(render(diagnostic) for diagnostic in self.diagnostics)


def render(diagnostic: Diagnostic) -> str:
    """Return the full text of a diagnostic: place, message, source line with caret, notes."""
    head = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    lines = [f"{diagnostic.at}: {head}" if diagnostic.at else head]
    lines += _excerpt(diagnostic.at)
    for note in diagnostic.notes:
        lines.append(f"{note.at}: note: {note.message}" if note.at else f"note: {note.message}")
        lines += _excerpt(note.at)
    return "\n".join(lines)


def _excerpt(at: At | None) -> list[str]:
    if not isinstance(at, TextAt):
        return []
    number, column = at.source.locate(at.pos)
    line = at.source.line(number)
    start, width = column - 1, max(at.end - at.pos, 1)
    if len(line) > 120:  # a long line (a constant with many values) is shown around the caret
        cut = max(start - 40, 0)
        line, start = line[cut : cut + 110], start - cut
    pad = "".join("\t" if char == "\t" else " " for char in line[:start])
    return [f"    {line}", f"    {pad}{'^' * max(min(width, len(line) - start), 1)}"]
