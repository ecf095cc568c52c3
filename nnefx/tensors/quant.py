"""graph.quant: the quantization of activations by their names (NNEF 1.0.5, section 5.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.parser import parse_quant


@dataclass(frozen=True, slots=True)
class Quantization:
    """How one tensor is quantized: an algorithm of the standard library and its attributes.

    Values are Python's int, float, bool and str; ranges per channel are nested lists of float.
    """

    algorithm: str
    attributes: Mapping[str, Any]
    at: TextAt | None = field(default=None, compare=False)


def load_quant(source: Source) -> dict[str, Quantization]:
    """Return the quantization of each tensor that `source` names.

    Raises:
        NnefError: NX1xx for the syntax, NX501 (tensor twice), NX503 (argument without a name, or
            twice), NX506 (value that is no constant, or an uneven array); all faults at once.
    """
    return quantization_of(parse_quant(source), source)


def quantization_of(entries: list[ast.QuantEntry], source: Source) -> dict[str, Quantization]:
    """Return what the entries of a parsed graph.quant say; see `load_quant`."""
    found: dict[str, Quantization] = {}
    faults: list[Diagnostic] = []
    for entry in entries:
        at = TextAt(source, entry.pos)
        if entry.name in found:
            faults.append(Diagnostic("NX501", f"tensor '{entry.name}' has two entries", at))
        faults += _faults(entry.call, source)
        attributes = {
            argument.name: argument.value.value
            for argument in entry.call.args
            if argument.name is not None and isinstance(argument.value, ast.Literal)
        }
        found.setdefault(entry.name, Quantization(entry.call.op, attributes, at))
    if faults:
        raise NnefError.of(faults)
    return found


def print_quant(quantization: Mapping[str, Quantization]) -> str:
    """Return the text of graph.quant, one line per tensor in the order of the mapping.

    Raises:
        NnefError: NX506 where a value is not finite or not a constant of NNEF.
    """
    lines = []
    for name, entry in quantization.items():
        arguments = ", ".join(
            f"{key} = {_constant(value, name)}" for key, value in entry.attributes.items()
        )
        lines.append(f'"{name}": {entry.algorithm}({arguments});\n')
    return "".join(lines)


def _faults(call: ast.Call, source: Source) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for argument in call.args:
        at = TextAt(source, argument.pos)
        if argument.name is None:
            yield Diagnostic("NX503", f"{call.op}: arguments are named in graph.quant", at)
        elif argument.name in seen:
            yield Diagnostic("NX503", f"{call.op}: argument '{argument.name}' is given twice", at)
        seen.add(argument.name or "")
        if not isinstance(argument.value, ast.Literal):
            yield Diagnostic("NX506", f"{call.op}: value is not a constant", at)
        elif not _even(argument.value.value):
            message = (
                f"{call.op}: array '{argument.name}' is uneven, expected equal rows of one type"
            )
            yield Diagnostic("NX506", message, at)


def _even(value: ast.LiteralValue) -> bool:
    """Whether nested arrays have the same length along each dimension, and items of one type."""
    return _shape(value) is not None


def _shape(value: ast.LiteralValue) -> tuple[int, ...] | None:
    """Return the shape of nested arrays, None where they are uneven."""
    if not isinstance(value, list):
        return ()
    shapes = {_shape(item) for item in value}
    types = {type(item) for item in value}
    if len(shapes) > 1 or len(types) > 1 or None in shapes:
        return None
    inner = next(iter(shapes), ())
    return None if inner is None else (len(value), *inner)


def _constant(value: Any, name: str) -> str:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and np.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_constant(item, name) for item in value)}]"
    raise NnefError("NX506", f"quantization of '{name}': {value!r} is not a constant of NNEF")
