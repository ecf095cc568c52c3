"""Profiles of what a consumer of NNEF can do: a TOML file each; docs/targets.md explains the keys.

Those of nnefx lie in `nnefx/checking/targets`; `--target ./mychip.toml` takes one of your own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnefx.checking.syntax import KINDS
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

Table = Mapping[str, Any]

_KEYS = {
    "": {"title", "note", "syntax", "tensors", "operations", "rule", "lowering"},
    "syntax": {"lacks", "misreads", "extensions"},
    "tensors": {"ranks", "types", "largest"},
    "operations": {"lacks", "only", "expand", "custom"},
}
# The keys of a rule, and the types of their values; those with tables are keyed by parameter.
_RULE = {
    "operations": list,
    "hint": str,
    "values": dict,
    "ranks": dict,
    "items": dict,
    "least": dict,
    "extents": dict,
    "given": list,
    "square": list,
    "single": list,
    "after": list,
    "last": bool,
    "padding": str,
    "literals": bool,
    "inside": bool,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the target demands of some operations, beyond knowing them.

    Attributes:
        operations: their names.
        hint: what to do instead.
        values: the values that an attribute may have.
        ranks: the ranks that a tensor may have.
        items: the largest items of an array, for all or each dimension; of both ends of padding.
        least: the smallest items of an array.
        extents: the largest extents of a tensor by dimension, 0 where there is no limit.
        given: attributes that must not be left empty.
        square: filters that must have as many channels in as out.
        single: depth-wise filters that must make one channel of each.
        after: the operations that may make the input.
        last: whether the result must be an output only.
        padding: the parameter that has the window's size, which padding must stay below.
        literals: whether integer literals may stand for tensors.
        inside: whether the ranges of `slice` must lie within the tensor as they are written.
    """

    operations: tuple[str, ...]
    hint: str = ""
    values: Table = field(default_factory=dict)
    ranks: Table = field(default_factory=dict)
    items: Table = field(default_factory=dict)
    least: Table = field(default_factory=dict)
    extents: Table = field(default_factory=dict)
    given: tuple[str, ...] = ()
    square: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    last: bool = False
    padding: str = ""
    literals: bool = True
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A consumer of NNEF, and what it can do.

    Attributes:
        name: as `--target` takes it.
        title: one line for people.
        note: what the profile is about, and how it was found.
        syntax: the kinds of syntax that the consumer does not read (`checking.syntax.KINDS`).
        misreads: the kinds that it takes for something else, without saying so.
        extensions: the extensions that it knows; None where it takes any.
        ranks: the ranks of tensors that it takes; empty for any.
        types: the data-types of tensors; empty for any.
        largest: the largest extent, 0 for any.
        lacks: operations that it does not know, with what to do instead.
        only: the operations that it knows; None for all but those of `lacks`.
        expand: whether compounds that it does not know are taken apart.
        custom: whether it takes operations without a body.
        rules: what it demands of operations.
        lowering: the profile of OpenVX that the model must be lowered to.
    """

    name: str
    title: str
    note: str = ""
    syntax: tuple[str, ...] = ()
    misreads: tuple[str, ...] = ()
    extensions: tuple[str, ...] | None = None
    ranks: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    largest: int = 0
    lacks: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] | None = None
    expand: bool = False
    custom: bool = True
    rules: tuple[Rule, ...] = ()
    lowering: str = ""


def names() -> tuple[str, ...]:
    """Return the names of the profiles that come with nnefx."""
    found = (item.name for item in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load(name: str) -> Target:
    """Return a profile by its name, or by the path of its file.

    Raises:
        NnefError: NX018 where there is none, or where its file is wrong.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return parse(path.stem, path.read_text(encoding="utf-8"), name)
        except OSError as error:
            message = (error.strerror or str(error)).lower()
        except UnicodeDecodeError:
            message = "the file is not UTF-8 text"
        raise NnefError("NX018", message, FileAt(name))
    if name not in names():
        message = f"target '{name}' is unknown; there is {', '.join(names())}, or a .toml file"
        raise NnefError("NX018", message)
    text = _folder().joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse(name, text, f"{name}.toml")


def parse(name: str, text: str, where: str) -> Target:
    """Return the profile of a TOML text.

    Raises:
        NnefError: NX018 with every fault.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NnefError("NX018", f"no TOML: {str(error).lower()}", FileAt(where)) from None
    for fault in _faults(table):
        raise NnefError("NX018", fault, FileAt(where))
    syntax, tensors = table.get("syntax", {}), table.get("tensors", {})
    operations = table.get("operations", {})
    lacks = operations.get("lacks", {})
    extensions, only = syntax.get("extensions"), operations.get("only")
    return Target(
        name,
        table.get("title", name),
        table.get("note", ""),
        tuple(syntax.get("lacks", ())),
        tuple(syntax.get("misreads", ())),
        None if extensions is None else tuple(extensions),
        tuple(tensors.get("ranks", ())),
        tuple(tensors.get("types", ())),
        tensors.get("largest", 0),
        lacks if isinstance(lacks, dict) else dict.fromkeys(lacks, ""),
        None if only is None else tuple(only),
        operations.get("expand", False),
        operations.get("custom", True),
        tuple(_rule(rule) for rule in table.get("rule", ())),
        table.get("lowering", ""),
    )


def _rule(table: Table) -> Rule:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Rule(**given)


def _faults(table: Table) -> Iterator[str]:
    for part, keys in _KEYS.items():
        entries = table.get(part, {}) if part else table
        if not isinstance(entries, dict):
            yield f"'{part}' must be a table"
            continue
        for key in entries.keys() - keys:
            place = f"{part}.{key}" if part else key
            yield f"key '{place}' is unknown, expected one of {', '.join(sorted(keys))}"
    syntax = table.get("syntax", {})
    kinds = syntax if isinstance(syntax, dict) else {}
    for kind in (*kinds.get("lacks", ()), *kinds.get("misreads", ())):
        if kind not in KINDS:
            yield f"syntax '{kind}' is unknown, expected one of {', '.join(sorted(KINDS))}"
    rules = table.get("rule", [])
    if not isinstance(rules, list):
        yield "'rule' must be an array of tables: [[rule]]"
        return
    for rule in rules:
        yield from _rule_faults(rule)


def _rule_faults(rule: Table) -> Iterator[str]:
    if not rule.get("operations"):
        yield "a rule names its operations: operations = [...]"
    for key, value in rule.items():
        if key not in _RULE:
            yield f"key 'rule.{key}' is unknown, expected one of {', '.join(_RULE)}"
        elif not isinstance(value, _RULE[key]):
            yield f"key 'rule.{key}' must be of type {_RULE[key].__name__}"


def _folder() -> Any:
    from importlib.resources import files

    return files("nnefx.checking").joinpath("targets")
