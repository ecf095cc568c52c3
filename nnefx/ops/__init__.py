"""The standard operations (NNEF 1.0.5, chapter 4): `grammar/stdlib.nnef` bound to its rules."""

from collections.abc import Mapping
from functools import cache

from nnefx.ops.registry import RULES, Op, Reject, bind, define
from nnefx.source import Source

__all__ = ["Op", "Reject", "define", "standard_ops", "stdlib_source"]

_FAMILIES = (
    "introduce",
    "elementwise",
    "window",
    "pool",
    "reduce",
    "layout",
    "linear",
    "activate",
    "normalize",
    "resample",
    "roi",
    "quantize",
)

# Rules of the body-less fragments in converters/fragments, which models declare if they use them.
_CUSTOM = (
    "custom_integer",
    "custom_math",
    "custom_index",
    "custom_sampling",
    "custom_signal",
    "custom_window",
    "custom_detect",
)


@cache
def stdlib_source() -> Source:
    """Return the text of the standard library."""
    from nnefx import grammar

    return Source("stdlib.nnef", grammar.read("stdlib.nnef"))


@cache
def standard_ops() -> Mapping[str, Op]:
    """Return all standard operations by name, in the order of the specification."""
    from importlib import import_module

    from nnefx.syntax.parser import parse_fragments

    for family in (*_FAMILIES, *_CUSTOM):
        import_module(f"nnefx.ops.{family}")
    source = stdlib_source()
    fragments = parse_fragments(source)
    return {fragment.name: bind(fragment, RULES[fragment.name], source) for fragment in fragments}
