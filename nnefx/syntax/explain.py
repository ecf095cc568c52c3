"""Syntax errors in words: what was found, what was expected, and a code for each kind."""

import re
from dataclasses import dataclass

from lark import Lark, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternStr

from nnefx.diagnostics import Diagnostic
from nnefx.source import Source, TextAt
from nnefx.syntax import engine
from nnefx.syntax.builder import Fault

WORDS = {
    "IDENT": "an identifier",
    "NUMBER": "a number",
    "STRING": "a string",
    "LOGICAL": "true or false",
    "TYPE": "a type",
    "BUILTIN": "a builtin function",
    "DTYPE": "a type in <>",
    "ANY": "<>",
    "OPERATOR": "an operator",
    "$END": "the end of the text",
}
# What may stand where a piece of a document ends, by the rule it was parsed from.
AFTER = {
    "head": "'{' or ';'",
    "graph_head": "'{'",
    "library": "a fragment definition",
    "document": "the end of the text",
}
SUBJECT = {"graph_head": "graph", "head": "fragment", "library": "document", "entry": "entry"}

_STARTERS = {
    "IDENT",
    "NUMBER",
    "STRING",
    "LOGICAL",
    "TYPE",
    "BUILTIN",
    "LSQB",
    "LPAR",
    "MINUS",
    "PLUS",
    "NOT",
}
# What may go on after any operand or name; what closes the expression says more.
_OPERATORS = {
    "OPERATOR",
    "PLUS",
    "MINUS",
    "LESS",
    "MORE",
    "IN",
    "IF",
    "LSQB",
    "LPAR",
    "EQUAL",
    "DTYPE",
}
# What more often begins the next statement than continues this one.
_STATEMENT = {"IDENT", "LPAR", "RBRACE", "$END"}
_NUMBERISH = re.compile(r"\.?[0-9](?:[A-Za-z0-9_.]|(?<=[eE])[+-](?=[0-9]))*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNED = re.compile(r"[ \t]*=(?!=)")
_SPACE = re.compile(r"(?:[ \t\n\v\f\r]+|#[^\n\f]*)*")
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[A-Za-z0-9_.]+|.")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a source that was parsed on its own from the rule `start`."""

    source: Source
    start: str
    begin: int
    end: int

    def error(self, code: str, message: str, pos: int, end: int = -1) -> Diagnostic:
        """Return a diagnostic at offset `pos` whose message begins with the rule's subject."""
        subject = SUBJECT.get(self.start, self.start)
        return Diagnostic(code, f"{subject}: {message}", TextAt(self.source, pos, end))


def explain(piece: Piece, error: UnexpectedInput | Fault) -> Diagnostic:
    """Return the diagnostic of an error that parsing `piece` raised."""
    if isinstance(error, Fault):
        return Diagnostic(error.code, error.message, TextAt(piece.source, error.pos, error.end))
    if isinstance(error, UnexpectedCharacters):
        return _characters(piece, error.pos_in_stream or 0)
    if isinstance(error, UnexpectedToken):
        return _token(piece, error)
    raise error


def wants(error: UnexpectedInput | Fault, terminal: str) -> bool:
    """Whether the parser could have gone on with `terminal` instead of what it found."""
    return isinstance(error, UnexpectedToken) and terminal in _accepts(error)


def position(piece: Piece, error: UnexpectedToken) -> int:
    """Return the offset of the unexpected token; the end of the piece where it ran out."""
    return piece.end if error.token.type == "$END" else error.token.start_pos or 0


def last_end(text: str, begin: int, stop: int) -> int:
    """Return where the last token before `stop` ends, comments and spaces left out."""
    end = pos = begin
    while True:
        space = _SPACE.match(text, pos, stop)
        pos = space.end() if space else pos
        token = _TOKEN.match(text, pos, stop)
        if token is None:
            return end
        end = pos = token.end()


def skip(text: str, pos: int) -> int:
    """Return the offset of the first token at or after `pos`."""
    space = _SPACE.match(text, pos)
    return space.end() if space else pos


def found_at(text: str, pos: int) -> tuple[str, int]:
    """Return in words what stands at `pos`, and where it ends."""
    if pos >= len(text):
        return "the end of the text", pos
    token = _TOKEN.match(text, pos)
    end = token.end() if token else pos + 1
    shown = text[pos:end] if end - pos <= 40 else text[pos : pos + 37] + "..."
    return (shown if shown[0] in "'\"" else f"'{shown}'"), end


def _token(piece: Piece, error: UnexpectedToken) -> Diagnostic:
    text, accepts = piece.source.text, _accepts(error)
    pos = position(piece, error)
    before = last_end(text, piece.begin, pos)
    begins_line = "\n" in text[before:pos]
    if "SEMICOLON" in accepts and (begins_line or error.token.type in _STATEMENT):
        return piece.error("NX106", "expected ';' at its end", before)
    found, end = found_at(text, pos)
    named = "NUMBER" not in accepts or _ASSIGNED.match(text, end)
    if "IDENT" in accepts and named and _WORD.fullmatch(error.token):
        return piece.error("NX108", f"keyword {found} cannot be a name", pos, end)
    if pos >= len(text):
        message = f"expected {_expected(piece, accepts)} before the end of the text"
        return piece.error("NX107", message, before)
    return piece.error("NX100", f"expected {_expected(piece, accepts)}, found {found}", pos, end)


def _accepts(error: UnexpectedToken) -> set[str]:
    if error.interactive_parser is None:
        return set(error.expected)
    accepts: set[str] = error.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    return accepts


def _expected(piece: Piece, accepts: set[str]) -> str:
    rest, words = set(accepts), []
    if "$END" in rest and piece.start in AFTER:
        words.append(AFTER[piece.start])
        rest.discard("$END")
    if {"NUMBER", "STRING"} <= rest:
        words.append("an expression" if "IDENT" in rest else "a literal")
        rest -= _STARTERS
    elif "OPERATOR" in rest:
        rest -= _OPERATORS
    lark = engine.quantization() if piece.start == "entry" else engine.structure()
    words += sorted(_display(lark, name) for name in rest)
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _display(lark: Lark, name: str) -> str:
    if name in WORDS:
        return WORDS[name]
    pattern = lark.get_terminal(name).pattern
    return f"'{pattern.value}'" if isinstance(pattern, PatternStr) else name.lower()


def _characters(piece: Piece, pos: int) -> Diagnostic:
    text = piece.source.text
    char = text[pos]
    if char in "'\"":
        return _string(piece, pos)
    bad_number = _NUMBERISH.match(text, pos)
    if bad_number:
        message = f"'{bad_number.group()}' is not a number"
        return piece.error("NX105", message, pos, bad_number.end())
    return piece.error("NX101", f"unexpected character {_show(char)}", pos, pos + 1)


def _string(piece: Piece, pos: int) -> Diagnostic:
    """Explain why no string begins at the quote at `pos`: walk to the first fault in it."""
    text, quote = piece.source.text, piece.source.text[pos]
    at = pos + 1
    while at < len(text) and text[at] not in (quote, "\n"):
        if text[at] == "\\" and text[at + 1 : at + 2] not in (quote, "\\"):
            message = f"string: a backslash stands only before {quote} or another backslash"
            return Diagnostic("NX103", message, TextAt(piece.source, at, at + 1))
        if not " " <= text[at] <= "~":
            message = f"string: expected printable ASCII, found {_show(text[at])}"
            return Diagnostic("NX104", message, TextAt(piece.source, at, at + 1))
        at += 2 if text[at] == "\\" else 1
    message = f"string: expected {quote} before the end of the line"
    return Diagnostic("NX102", message, TextAt(piece.source, pos, at))


def _show(char: str) -> str:
    return f"'{char}'" if " " < char <= "~" else f"U+{ord(char):04X}"
