"""Operations that frameworks have and NNEF has not, written in NNEF; shared by all importers."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from nnefx.ir.builder import Builder
from nnefx.ops.registry import Op
from nnefx.source import Source
from nnefx.syntax import ast


def declare(builder: Builder, op: str) -> None:
    """Declare operation `op` in the model, and those that its body uses, unless they are."""
    if op in builder.ops or op not in library():
        return
    fragment, source = library()[op]
    for used in calls(fragment):
        declare(builder, used)
    builder.declare(fragment, source)


def forget_unused(builder: Builder, used: set[str]) -> None:
    """Drop the declarations that no operation in `used` needs."""
    needed: set[str] = set()
    pending = list(used)
    while pending:
        name = pending.pop()
        if name in builder.own and name not in needed:
            needed.add(name)
            pending += calls(builder.own[name].signature)
    for name in builder.own.keys() - needed:
        del builder.own[name]


def extensions(builder: Builder) -> tuple[str, ...]:
    """Return the extensions that the declarations of a model need."""
    own: Mapping[str, Op] = builder.own
    if not own:
        return ()
    return ("KHR_enable_fragment_definitions", "KHR_enable_operator_expressions")


@cache
def library() -> Mapping[str, tuple[ast.Fragment, Source]]:
    """Return all fragments of this folder by name."""
    from nnefx.syntax.parser import parse_fragments

    found: dict[str, tuple[ast.Fragment, Source]] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".nnef"):
            source = Source(entry.name, entry.read_text(encoding="utf-8"))
            found.update((item.name, (item, source)) for item in parse_fragments(source))
    return found


@cache
def _calls_by_text(body: str) -> frozenset[str]:
    import re

    return frozenset(re.findall(r"\bnnefx_\w+", body))


def calls(fragment: ast.Fragment) -> frozenset[str]:
    """Return the operations of this folder that the body of `fragment` invokes."""
    return _calls_by_text(repr(fragment.body)) if fragment.body else frozenset()
