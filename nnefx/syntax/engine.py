"""Running the Lark grammars: built once, on first use, with the tree builder inside."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

from lark import Lark, TextSlice
from lark.visitors import merge_transformers

from nnefx import collector
from nnefx.syntax.builder import Builder, QuantBuilder

STARTS = ["document", "library", "prelude", "version", "extension"]
STARTS += ["head", "graph_head", "assignment"]

# One parse at a time: the builders collect what is beside the tree, and the collector is global.
# Parsing is pure Python, so threads would gain nothing from more.
_LOCK = RLock()


@cache
def structure() -> tuple[Lark, Builder]:
    """Return the parser of structure descriptions and the builder inside it."""
    builder = Builder()
    return _open("nnef.lark", STARTS, builder), builder


@cache
def quantization() -> Lark:
    """Return the parser of quantization files."""
    builder = QuantBuilder()
    # Rules that quant.lark imports from nnef.lark carry this prefix.
    merged = merge_transformers(builder, nnef=builder)  # type: ignore[no-untyped-call]
    return _open("quant.lark", ["quantization", "entry"], merged)


def run(text: str, start: str, begin: int = 0, end: int | None = None) -> Any:
    """Parse a part of `text` from the rule `start`; offsets are those of the whole text.

    Raises:
        lark.UnexpectedInput: the text breaks the grammar.
        nnefx.syntax.builder.Fault: the text breaks a rule that the builder checks.
    """
    lark = quantization() if start in ("quantization", "entry") else structure()[0]
    stop = len(text) if end is None else end
    return lark.parse(TextSlice(text, begin, stop), start=start)


@contextmanager
def parsing() -> Iterator[Builder]:
    """Hold the parser alone, with the garbage collector off: a parse makes no garbage cycles."""
    with _LOCK:
        builder = structure()[1]
        builder.groups = []
        with collector.paused():
            yield builder


def _open(name: str, starts: list[str], builder: Any) -> Lark:
    return Lark.open_from_package(
        "nnefx.grammar",
        name,
        ("",),
        parser="lalr",
        lexer="basic",  # a contextual one would let keywords be names where it sees no use for them
        start=starts,
        transformer=builder,
        maybe_placeholders=True,
    )
