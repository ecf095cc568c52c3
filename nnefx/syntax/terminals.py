"""The terminals of `grammar/nnef.lark`, read from its text.

The fast readers put their expressions together from these, so that lexical rules exist once. To
read them takes none of the time that it takes to load Lark and to build its tables.
"""

import re
from collections.abc import Mapping
from functools import cache

from nnefx.grammar import read

# `NAME.priority: /regular expression/` or `NAME: "text"`, on a line of its own
_DEFINED = re.compile(r'^([A-Z]+)(?:\.\d+)?: (?:/(.*)/|"(.*)")$', re.MULTILINE)
_COMMENT = re.compile(r"^//.*$", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]+)"')


@cache
def patterns() -> Mapping[str, str]:
    """Return the regular expression of every terminal that has a name."""
    found = _DEFINED.findall(_text())
    return {name: regex or re.escape(text) for name, regex, text in found}


@cache
def fixed() -> frozenset[str]:
    """Return the texts that stand for themselves in the rules: keywords and marks."""
    rules = "\n".join(line for line in _text().splitlines() if not line.endswith("/"))
    return frozenset(_QUOTED.findall(rules))


@cache
def keywords() -> frozenset[str]:
    """Return the fixed texts that look like an identifier."""
    ident = re.compile(patterns()["IDENT"])
    return frozenset(text for text in fixed() if ident.fullmatch(text))


@cache
def reserved() -> frozenset[str]:
    """Return the words that are no identifiers: keywords, types, functions, true and false."""
    listed = " ".join(patterns()[name] for name in ("TYPE", "BUILTIN", "LOGICAL"))
    return keywords() | frozenset(re.findall("[a-z_]{2,}", listed))


def atomic(terminal: str) -> str:
    """Return the expression of a terminal as a group that is not tried again in another way."""
    return f"(?>{patterns()[terminal]})"


def space() -> str:
    """Return the expression of what may stand between tokens."""
    return f"(?>(?:{atomic('SPACE')}|{atomic('COMMENT')})*)"


@cache
def _text() -> str:
    return _COMMENT.sub("", read("nnef.lark"))
