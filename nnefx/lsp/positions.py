"""Offsets of a text and positions of the protocol, whose columns count code units."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from lsprotocol import types

from nnefx.source import Source

WIDTHS = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16-le",
    types.PositionEncodingKind.Utf32: "utf-32-le",
}
# What ends a line in the protocol. Others, such as form feeds and U+2028, do not.
_END = re.compile(r"\r\n|\n|\r")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, as clients count them."""
    starts = [0, *(match.end() for match in _END.finditer(text))]
    lines = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]
    return lines if lines[-1] else lines[:-1]


@dataclass(frozen=True, slots=True)
class Positions:
    """The lines of a text; `unit` is how the client counts columns."""

    source: Source
    unit: str = types.PositionEncodingKind.Utf16
    _starts: list[int] = field(default_factory=list, repr=False)

    def line(self, offset: int) -> int:
        """Return the 0-based line of an offset."""
        return bisect_right(self._line_starts(), offset) - 1

    def position(self, offset: int) -> types.Position:
        """Return the position of an offset."""
        offset = min(max(offset, 0), len(self.source.text))
        line = self.line(offset)
        return types.Position(line, self._units(self._text(line)[: offset - self._start(line)]))

    def offset(self, position: types.Position) -> int:
        """Return the offset of a position; one beyond the end of its line is that end."""
        text, start = self._text(position.line), self._start(position.line)
        if text.isascii():
            return start + min(position.character, len(text))
        column = 0
        while column < len(text) and self._units(text[: column + 1]) <= position.character:
            column += 1
        return start + column

    def range(self, start: int, end: int) -> types.Range:
        """Return the range of a span."""
        return types.Range(self.position(start), self.position(end))

    def _units(self, text: str) -> int:
        if text.isascii():
            return len(text)
        encoding = WIDTHS[types.PositionEncodingKind(self.unit)]
        size = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[encoding]
        return len(text.encode(encoding, "surrogatepass")) // size

    def _line_starts(self) -> list[int]:
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(match.end() for match in _END.finditer(self.source.text))
        return self._starts

    def _start(self, line: int) -> int:
        """Return the offset of a line; one after the last is the end of the text."""
        starts = self._line_starts()
        return starts[line] if line < len(starts) else len(self.source.text)

    def _text(self, line: int) -> str:
        """Return a line without its end."""
        return self.source.text[self._start(line) : self._start(line + 1)].rstrip("\r\n")
