"""The standard operations (NNEF 1.0.5, chapter 4): `grammar/stdlib.nnef` bound to its rules."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache

from nnefx.ops.registry import RULES, Op, Reject, Rules, define
from nnefx.source import Source

__all__ = ["Op", "Reject", "custom_rules", "define", "standard_ops", "stdlib_source"]

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
    from nnefx.syntax.parser import parse_fragments

    _load(_FAMILIES)
    source = stdlib_source()
    # That rules fit their declarations is held by tests/test_stdlib.py, not with each start.
    kinds = [field.name for field in fields(Rules)]
    found = {}
    for fragment in parse_fragments(source):
        rules = RULES[fragment.name]
        own = {kind: getattr(rules, kind) for kind in kinds}
        found[fragment.name] = Op(fragment, source=source, **own)
    return found


def custom_rules(name: str) -> Rules | None:
    """Return the rules of an operation that a model declares, where we know it."""
    _load(_FAMILIES)
    if name.startswith("nnefx_"):
        _load(_CUSTOM)
    return RULES.get(name)


@cache
def _load(families: tuple[str, ...]) -> None:
    from importlib import import_module

    for family in families:
        import_module(f"nnefx.ops.{family}")
