"""Rules for layer types that nnefx does not know, from Python files of the user."""

import importlib.util
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from nnefx.converters.caffe.schema import Fields
from nnefx.converters.caffe.tables import parameter_message
from nnefx.converters.rules import Rules
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

_TYPES = (bool, int, float, str)


@dataclass(frozen=True, slots=True)
class Plugin:
    """The rules of a file, and the parameter messages that their signatures call for."""

    name: str
    rules: Rules
    parameters: Mapping[str, Fields]


def load_plugin(path: Path) -> Plugin:
    """Run a Python file and return the rules that it registers.

    The file defines `rules = Rules("name")` and registers functions with `@rules.on("Type")`. The
    keyword-only parameters of a function are the fields of the layer's parameter message, which
    has the name of the type in snake case with `_param` behind it. Their annotations (or defaults)
    give the types: bool, int, float, str, or a list of one of them. Rules of a plugin come before
    those of nnefx.

    Raises:
        NnefError: NX733 where the file is missing, cannot be run, or defines no rules.
    """
    module = _run(path)
    rules = getattr(module, "rules", None)
    if not isinstance(rules, Rules) or not rules.names():
        raise NnefError("NX733", "the plugin registers no rules in `rules`", FileAt(str(path)))
    parameters: dict[str, dict[str, Any]] = {}
    for kind in rules.names():
        rule = rules.find(kind, 1)
        if rule is not None and rule.attributes:
            fields = parameters.setdefault(parameter_message(kind), {})
            fields.update(_fields(rule.function, path))
    return Plugin(path.stem, rules, parameters)


def _run(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"nnefx_plugin_{path.stem}", path)
    if not path.exists():
        raise NnefError("NX001", "no such file", FileAt(str(path)))
    if spec is None or spec.loader is None or not path.is_file():
        raise NnefError("NX733", "the plugin is no Python file", FileAt(str(path)))
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    # Whatever goes wrong in the user's own code is for the user to mend, not a fault of nnefx.
    except (ArithmeticError, AttributeError, ImportError, LookupError, NameError, OSError,
            RuntimeError, SyntaxError, TypeError, ValueError) as error:  # fmt: skip
        text = f"the plugin cannot be run: {type(error).__name__}: {error}"
        raise NnefError("NX733", text, FileAt(str(path))) from error
    return module


def _fields(function: Any, path: Path) -> dict[str, Any]:
    hints = get_type_hints(function)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        kind = hints.get(parameter.name, type(parameter.default))
        item = get_args(kind)[:1] if get_origin(kind) in (list, tuple) else (kind,)
        if not item or item[0] not in _TYPES:
            text = f"parameter '{parameter.name}' is of no type that a prototxt has"
            raise NnefError("NX733", text, FileAt(str(path)))
        fields[parameter.name] = list[item[0]] if get_origin(kind) else kind  # type: ignore[valid-type]
    return fields
