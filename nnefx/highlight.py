"""A lexer for Pygments, which colours NNEF in documentation, terminals and web pages.

It is registered as an entry point, so that Pygments finds it by the name `nnef` and by the suffixes
`.nnef` and `.quant`. tests/test_editors.py holds it to the grammar.
"""

import re
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, default, words
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
)

DECLARATIONS = ("version", "extension", "fragment", "graph")
CONTROL = ("for", "in", "if", "else", "yield")
TYPES = ("tensor", "integer", "scalar", "logical", "string")
FUNCTIONS = ("shape_of", "length_of", "range_of")
CONSTANTS = ("true", "false")

_KEYWORD = "|".join(DECLARATIONS + CONTROL + TYPES + FUNCTIONS + CONSTANTS)
_IDENT = r"[A-Za-z_][A-Za-z0-9_]*"
_SPACE = r"[ \t\n\v\f\r]*"
_CALLED = rf"(?={_SPACE}(?:<{_SPACE}(?:integer|scalar|logical|string|\?){_SPACE}>{_SPACE})?\()"


class NnefLexer(RegexLexer):  # type: ignore[misc]
    """Structure descriptions (graph.nnef) and quantization files (graph.quant)."""

    name = "NNEF"
    aliases: ClassVar[list[str]] = ["nnef"]
    filenames: ClassVar[list[str]] = ["*.nnef", "*.quant"]
    mimetypes: ClassVar[list[str]] = ["text/x-nnef"]
    url = "https://www.khronos.org/nnef"
    version_added = ""
    flags = re.ASCII

    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"[ \t\n\v\f\r]+", Whitespace),
            (r"#[^\n\f]*", Comment.Single),
            (r"'(?:[ -&(-\[\]-~]|\\['\\])*'", String.Single),
            (r'"(?:[ !#-\[\]-~]|\\["\\])*"', String.Double),
            (r"['\"][^\n]*", Error),  # never closed, or with what a string may not hold
            (r"[0-9]+(?:\.[0-9]+[eE][+-]?[0-9]+|\.[0-9]+|[eE][+-]?[0-9]+)(?![\w.])", Number.Float),
            (r"[0-9]+(?![\w.])", Number.Integer),
            (r"[0-9][\w.]*", Error),
            (r"(fragment|graph)\b", Keyword.Declaration, "head"),
            (words(DECLARATIONS, suffix=r"\b"), Keyword.Declaration),
            (words(CONTROL, suffix=r"\b"), Keyword),
            (words(TYPES, suffix=r"\b"), Keyword.Type),
            (words(CONSTANTS, suffix=r"\b"), Keyword.Constant),
            (words(FUNCTIONS, suffix=r"\b"), Name.Builtin),
            (_IDENT + _CALLED, Name.Function),
            (_IDENT, Name),
            (r"->|<=|>=|==|!=|&&|\|\||[-+*/^<>=!?]", Operator),
            (r"[()\[\]{},;:]", Punctuation),
        ],
        "head": [
            (
                rf"({_SPACE})(?!(?:{_KEYWORD})\b)({_IDENT})",
                bygroups(Whitespace, Name.Class),
                "#pop",
            ),
            default("#pop"),
        ],
    }
