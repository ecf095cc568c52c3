"""Canonical layout of documents, with their comments and groups of statements kept.

The text is read as tokens, not as a tree, so that numbers and strings stay as they are written. It
must be known to parse. What is plain goes through two regular expressions; the rest, one token at
a time.
"""

import re
from dataclasses import dataclass, field

from nnefx.source import Source
from nnefx.syntax.layout import INDENT, TOKEN, Comment, lay_out, plain_line, tokenize, wrap_plain
from nnefx.syntax.parser import parse, parse_fragments, parse_quant

WIDTH = 120

_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# A statement without comments and the space before it.
_PLAIN = re.compile(rf"([ \t\n\v\f\r]*)([^;'\"#{{}}]*+(?:(?:{_STRING})[^;'\"#{{}}]*+)*+;)")
_SPACE = re.compile(r"[ \t\n\v\f\r]*")
_COMMENT = re.compile(r"#[^\n\f]*")
_BEHIND = re.compile(r"[ \t\v\r]*#")
_GRAPH = re.compile(r"\bgraph(?=(?:\s|#[^\n\f]*)+[A-Za-z_])")
_LINE_END = re.compile(r"[\n\f]")


def format_document(source: Source, width: int = WIDTH) -> str:
    """Return the canonical layout of a document or of a file of fragments.

    Comments stay with what they stand beside or above; of several blank lines one is left (two
    outside of bodies); statements longer than `width` are wrapped. Formatting the result changes
    nothing, and the result means the same.

    Raises:
        NnefError: NX1xx, with every syntax error of the text.
    """
    read = parse if _has_graph(source.text) else parse_fragments
    read(source)
    return _Formatter(source.text, width).run()


def format_quantization(source: Source, width: int = WIDTH) -> str:
    """Return the canonical layout of a graph.quant file; see `format_document`."""
    parse_quant(source)
    return _Formatter(source.text, width).run()


def _has_graph(text: str) -> bool:
    """Tell a document from a file of fragments."""
    return any(
        "#" not in _LINE_END.split(text[max(match.start() - 1000, 0) : match.start()])[-1]
        for match in _GRAPH.finditer(text)
    )


@dataclass(slots=True)
class _Statement:
    """What was read up to `;` or a brace; `end` is that character."""

    tokens: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    end: str = ""


class _Formatter:
    """One run over a text. `lines` is what was written; `pending` waits for what follows it."""

    def __init__(self, text: str, width: int) -> None:
        self.text = text
        self.width = width
        self.pos = 0
        self.lines: list[str] = []
        self.pending: list[str] = []  # comments above the next statement
        self.gap = 0  # blank lines before them
        self.indent = ""
        self.fresh = True  # nothing stands before in this body or file
        self.defined = False  # a body ended before

    def run(self) -> str:
        while self.pos < len(self.text):
            if not (self.indent and self.plain()):
                self.item()
        self.flush(self.gap if self.pending else 0)
        return "\n".join([*self.lines, ""]) if self.lines else ""

    def plain(self) -> bool:
        """Read statements of a body up to one with comments; tell whether there were any."""
        lines, width, start = self.lines, self.width, self.pos
        while match := _PLAIN.match(self.text, self.pos):
            space, statement = match.groups()
            line = plain_line(statement)
            blank = space.count("\n") > 1
            if self.pending:
                self.pending += [""] * blank
                self.flush(self.gap)
            elif blank and not self.fresh:
                lines.append("")
            if line is not None:
                lines += wrap_plain(line, width, INDENT)
            else:
                lines += lay_out(tokenize(statement)[:-1], width, INDENT, ";")
            self.fresh = False
            self.pos = match.end()
            if not self.text.startswith("\n", self.pos):
                self.trailing()
        return self.pos > start

    def item(self) -> None:
        """Read a comment, a brace, a statement or the head of a definition."""
        blank = self.space()
        char = self.text[self.pos : self.pos + 1]
        if not self.pending:
            self.gap = blank
        if char == "#":
            if self.pending and blank:
                self.pending.append("")
            self.pending.append(self.comment())
        elif char == "}":
            self.pos += 1
            self.flush(self.gap if self.pending else 0)
            self.indent, self.fresh, self.defined = "", False, True
            self.lines.append("}")
            self.trailing()
        elif char:
            if self.pending and blank:
                self.pending.append("")
            self.statement()

    def statement(self) -> None:
        read = self.read()
        opens = read.end == "{"
        gap = self.gap
        if not self.indent and not self.fresh and (opens or self.defined):
            gap = max(gap, 1)
        self.flush(gap)
        last = len(read.tokens) if opens else -1  # comments behind it go to the body
        inside = [comment for comment in read.comments if comment.index != last]
        suffix = "" if opens else ";"
        self.lines += lay_out(read.tokens, self.width, self.indent, suffix, inside)
        self.fresh = self.defined = False
        if opens:
            self.lines.append("{")
            self.indent, self.fresh, self.gap = INDENT, True, 0
            self.pending = [comment.text for comment in read.comments if comment.index == last]
        else:
            self.trailing()

    def read(self) -> _Statement:
        """Read tokens up to `;` or `{`."""
        found = _Statement()
        while self.pos < len(self.text):
            before = self.pos
            same_line = _LINE_END.search(self.text, before, self._skip()) is None
            char = self.text[self.pos]
            if char == "#":
                trailing = same_line and bool(found.tokens)
                found.comments.append(Comment(len(found.tokens), self.comment(), trailing))
            elif char in ";{":
                self.pos += 1
                found.end = char
                break
            else:
                match = TOKEN.match(self.text, self.pos)
                assert match is not None
                self.pos = match.end()
                hidden = _COMMENT.findall(match[0]) if match[0][0] == "<" else []
                found.comments += [Comment(0, text.rstrip(), False) for text in hidden]
                found.tokens += tokenize(match[0])
        return found

    def flush(self, gap: int) -> None:
        """Write the comments that wait, after as many blank lines as there may be."""
        if not self.fresh and (self.pending or gap):
            self.lines += [""] * min(gap, 1 if self.indent else 2)
        self.lines += [self.indent + text if text else "" for text in self.pending]
        if self.pending:
            self.fresh = False
        self.pending, self.gap = [], 0

    def trailing(self) -> None:
        """Add a comment that stands behind what was written, on its line."""
        match = _BEHIND.match(self.text, self.pos)
        if match is not None:
            self.pos = match.end() - 1
            self.lines[-1] += f"  {self.comment()}"

    def comment(self) -> str:
        match = _COMMENT.match(self.text, self.pos)
        assert match is not None
        self.pos = match.end()
        return match[0].rstrip()

    def space(self) -> int:
        """Skip white space; return how many blank lines were in it."""
        before = self.pos
        return max(len(_LINE_END.findall(self.text, before, self._skip())) - 1, 0)

    def _skip(self) -> int:
        match = _SPACE.match(self.text, self.pos)
        assert match is not None
        self.pos = match.end()
        return self.pos
