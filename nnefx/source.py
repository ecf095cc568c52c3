"""Where things come from: texts with positions, and places in foreign models."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text and its name; line and column are computed when a message needs them."""

    name: str
    text: str
    _starts: list[int] = field(default_factory=list, repr=False)

    def locate(self, pos: int) -> tuple[int, int]:
        """Return the 1-based line and column of offset `pos`."""
        starts = self._line_starts()
        line = bisect_right(starts, pos)
        return line, pos - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the 1-based line `number` without its line end."""
        starts = self._line_starts()
        if not 1 <= number <= len(starts):
            return ""
        end = self.text.find("\n", starts[number - 1])
        return self.text[starts[number - 1] : len(self.text) if end < 0 else end].rstrip("\r")

    def _line_starts(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            pos = self.text.find("\n")
            while pos >= 0:
                self._starts.append(pos + 1)
                pos = self.text.find("\n", pos + 1)
        return self._starts


class TextAt(NamedTuple):
    """A span of a text; `end` is exclusive, -1 when only the start is known."""

    source: Source
    pos: int
    end: int = -1

    def __str__(self) -> str:
        line, column = self.source.locate(self.pos)
        return f"{self.source.name}:{line}:{column}"


@dataclass(frozen=True, slots=True)
class FileAt:
    """A byte of a binary file, or the file as a whole where `offset` is -1."""

    path: str
    offset: int = -1

    def __str__(self) -> str:
        return self.path if self.offset < 0 else f"{self.path}: byte {self.offset}"


@dataclass(frozen=True, slots=True)
class ModelAt:
    """A node or tensor of a foreign model, such as `node 'conv1' (Conv)`."""

    path: str
    label: str

    def __str__(self) -> str:
        return f"{self.path}: {self.label}"


At = TextAt | FileAt | ModelAt
