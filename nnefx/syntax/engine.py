"""Running the Lark grammars: built once, on first use, with the tree builder inside.

Lark itself is loaded on first use too: most documents are read without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any

from nnefx import collector
from nnefx.syntax.builder import Builder, Fault, QuantBuilder

if TYPE_CHECKING:
    from lark import Lark, UnexpectedInput

STARTS = ["document", "library", "prelude", "version", "extension"]
STARTS += ["head", "graph_head", "assignment"]

# One parse at a time: the builders collect what is beside the tree, and the collector is global.
# Parsing is pure Python, so threads would gain nothing from more.
_LOCK = RLock()


@cache
def builder() -> Builder:
    """Return the builder inside the parser of structure descriptions."""
    return Builder()


@cache
def structure() -> "Lark":
    """Return the parser of structure descriptions."""
    return _open("nnef.lark", STARTS, builder())


def refusals() -> "tuple[type[UnexpectedInput], type[Fault]]":
    """Return what `run` raises, for an except clause, which asks only once there is an error."""
    from lark import UnexpectedInput

    return UnexpectedInput, Fault


@cache
def quantization() -> "Lark":
    """Return the parser of quantization files."""
    from lark.visitors import merge_transformers

    own = QuantBuilder()
    # Rules that quant.lark imports from nnef.lark carry this prefix.
    merged = merge_transformers(own, nnef=own)  # type: ignore[no-untyped-call]
    return _open("quant.lark", ["quantization", "entry"], merged)


def run(text: str, start: str, begin: int = 0, end: int | None = None) -> Any:
    """Parse a part of `text` from the rule `start`; offsets are those of the whole text.

    Raises:
        lark.UnexpectedInput: the text breaks the grammar.
        nnefx.syntax.builder.Fault: the text breaks a rule that the builder checks.
    """
    from lark import TextSlice

    lark = quantization() if start in ("quantization", "entry") else structure()
    stop = len(text) if end is None else end
    return lark.parse(TextSlice(text, begin, stop), start=start)


@contextmanager
def parsing() -> Iterator[Builder]:
    """Hold the parser alone, with the garbage collector off: a parse makes no garbage cycles."""
    with _LOCK:
        builder().groups = []
        with collector.paused():
            yield builder()


def _open(name: str, starts: list[str], tree: Any) -> "Lark":
    from lark import Lark

    return Lark.open_from_package(
        "nnefx.grammar",
        name,
        ("",),
        parser="lalr",
        lexer="basic",  # a contextual one would let keywords be names where it sees no use for them
        start=starts,
        transformer=tree,
        maybe_placeholders=True,
    )
