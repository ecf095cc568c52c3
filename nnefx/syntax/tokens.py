"""A text as tokens, by one regular expression that is put together from the grammar's terminals."""

import re
from dataclasses import dataclass
from functools import cache

from nnefx.syntax import terminals
from nnefx.syntax.terminals import atomic

# The order decides: a type in brackets before a comparison, `integer` before an identifier.
# The last is for marks and operators.
_KINDS = ("DTYPE", "ANY", "TYPE", "BUILTIN", "LOGICAL", "IDENT", "NUMBER", "STRING", "")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, in three lists of the same length.

    The kind of a keyword or mark is its text, of anything else the name of its terminal; the last
    kind is empty and stands for the end.
    """

    kinds: list[str]
    texts: list[str]
    starts: list[int]


def tokens(text: str, begin: int, end: int) -> Tokens | None:
    """Return the tokens between two offsets, or None where something there is no token."""
    keywords = terminals.keywords()
    found = Tokens([], [], [])
    kinds, texts, starts = found.kinds.append, found.texts.append, found.starts.append
    pos = begin
    for match in _expression().finditer(text, begin, end):
        if match.start() != pos:
            return None
        index = match.lastindex
        assert index is not None
        word, pos = match[index], match.end()
        kind = _KINDS[index - 1]
        kinds(word if not kind or (kind == "IDENT" and word in keywords) else kind)
        texts(word)
        starts(pos - len(word))
    if _rest().match(text, pos, end) is None:
        return None
    kinds("")
    texts("")
    starts(end)
    return found


@cache
def _expression() -> re.Pattern[str]:
    """Match a token and what stands before it; there is a group for each of `_KINDS`."""
    marks = sorted(terminals.fixed() - terminals.keywords(), key=len, reverse=True)
    named = "|".join(f"({atomic(kind)})" for kind in _KINDS if kind)
    other = "|".join([atomic("OPERATOR"), *map(re.escape, marks)])
    return re.compile(f"{terminals.space()}(?>{named}|({other}))")


@cache
def _rest() -> re.Pattern[str]:
    return re.compile(rf"{terminals.space()}\Z")
