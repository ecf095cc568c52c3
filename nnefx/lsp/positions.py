"""Offsets of a text and positions of the protocol, whose columns count code units."""

from dataclasses import dataclass

from lsprotocol import types

from nnefx.source import Source

WIDTHS = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16-le",
    types.PositionEncodingKind.Utf32: "utf-32-le",
}


@dataclass(frozen=True, slots=True)
class Positions:
    """The lines of a text; `unit` is how the client counts columns."""

    source: Source
    unit: str = types.PositionEncodingKind.Utf16

    def position(self, offset: int) -> types.Position:
        """Return the position of an offset."""
        line, column = self.source.locate(min(max(offset, 0), len(self.source.text)))
        before = self.source.line(line)[: column - 1]
        return types.Position(line - 1, self._units(before))

    def offset(self, position: types.Position) -> int:
        """Return the offset of a position; one beyond the end of its line is that end."""
        text = self.source.line(position.line + 1)
        start = self._start(position.line)
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
        return len(text.encode(encoding)) // size

    def _start(self, line: int) -> int:
        """Return the offset of a 0-based line; one after the last is the end of the text."""
        text = self.source.text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high) // 2
            if self.source.locate(middle)[0] - 1 < line:
                low = middle + 1
            else:
                high = middle
        return low
