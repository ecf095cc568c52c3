"""TensorFlow's names made shorter where nothing is lost by it."""

import re
from collections import Counter
from collections.abc import Iterable

_WRAPPERS = re.compile(r"^(StatefulPartitionedCall|PartitionedCall|serving_default)[/_](?=\w)")
_MODEL = re.compile(r"^(?:model|sequential|functional)(?:_\d+)*/(?=.)")
_SUFFIXES = re.compile(r"(/ReadVariableOp(_\d+)?(/resource)?|/read|:0)+$")
_MADE_UP = re.compile(r"^(arith\.constant|tfl\.pseudo_q?const|cst|Const|constant)_?\d*$")


def readable(name: str, scope: str = "") -> str:
    """Return the first of several names that were merged, without what says nothing.

    `readable("a/conv/Relu;a/conv/BiasAdd;a/conv/Conv2D") == "a/conv/Relu"`; a `scope` that most
    names of the model begin with is left out, as `common_scope` finds it.
    """
    first = name.split(";", 1)[0]
    first = _WRAPPERS.sub("", _SUFFIXES.sub("", first))
    if scope and first.startswith(scope) and len(first) > len(scope):
        first = first[len(scope) :]
    return _MODEL.sub("", first) or name


def common_scope(names: Iterable[str]) -> str:
    """Return the first component of four in five names of a model, with its slash, or ''."""
    found = [readable(name).partition("/") for name in names]
    scopes = Counter(first for first, slash, _ in found if slash)
    if not scopes:
        return ""
    scope, count = scopes.most_common(1)[0]
    return f"{scope}/" if count * 5 >= sum(scopes.values()) * 4 and count > 4 else ""


def is_made_up(name: str) -> bool:
    """Tell whether a converter made the name up, so that it says nothing about the tensor."""
    return _MADE_UP.match(name) is not None
