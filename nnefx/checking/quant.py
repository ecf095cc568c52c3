"""Checking graph.quant against the graph and the tensor files (NNEF 1.0.5, 5.3 and 7.1)."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnefx.checking.document import Checked
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.ir.binding import Generic, Mismatch, checker
from nnefx.ir.graph import UNKNOWN, Graph, Value
from nnefx.ops import Op, standard_ops
from nnefx.ops.broadcast import broadcast_shape
from nnefx.ops.registry import Reject, is_tensor
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.parser import parse_quant
from nnefx.tensors.header import Header
from nnefx.tensors.quant import quantization_of
from nnefx.types import Primitive, Tensor

_ALGORITHMS = (
    "min_max_linear_quantize",
    "zero_point_linear_quantize",
    "linear_quantize",
    "logarithmic_quantize",
)
_MAX_BITS = 64


def check_quant(
    source: Source, checked: Checked, headers: Mapping[str, Header], found: list[Diagnostic]
) -> dict[str, ast.QuantEntry]:
    """Add what is wrong with a graph.quant; return its entries by the names of the tensors.

    Args:
        source: the text.
        checked: the document that belongs to it.
        headers: of the files of the variables, by the name of the tensor in the graph.
        found: takes the diagnostics.
    """
    try:
        entries = parse_quant(source)
    except NnefError as error:
        found += error.diagnostics
        return {}
    try:
        quantization_of(entries, source)
    except NnefError as error:
        found += error.diagnostics
    graph = checked.graph
    ops = {**(graph.ops if graph else {}), **standard_ops()}
    known = {name: op for name, op in ops.items() if name in _ALGORITHMS or _quantizes(op, graph)}
    for entry in entries:
        found += _check_entry(entry, source, checked, headers, known)
    return {entry.name: entry for entry in entries}


def _quantizes(op: Op, graph: Graph | None) -> bool:
    """Tell whether a fragment of the document may serve as an algorithm."""
    own = graph is not None and op.name in graph.ops
    return own and bool(op.tensors) and len(op.signature.results) == 1


def _check_entry(
    entry: ast.QuantEntry,
    source: Source,
    checked: Checked,
    headers: Mapping[str, Header],
    ops: Mapping[str, Op],
) -> Iterator[Diagnostic]:
    at = TextAt(source, entry.pos)
    graph = checked.graph
    value = graph.values.get(entry.name) if graph else None
    if graph is not None and checked.complete and entry.name not in checked.names:
        hint = _label_hint(entry.name, graph)
        yield Diagnostic("NX501", f"the graph has no tensor '{entry.name}'{hint}", at)
    elif value is not None and value.dtype not in ("scalar", "?"):
        message = f"'{entry.name}' is {value.dtype}; only scalar tensors are quantized"
        yield Diagnostic("NX501", message, at)
    op = ops.get(entry.call.op)
    if op is None:
        if checked.complete or entry.call.op in standard_ops():
            message = f"'{entry.call.op}' is no quantization algorithm"
            yield Diagnostic("NX502", message, TextAt(source, entry.call.pos))
        return
    if op.name == "linear_quantize":
        message = "linear_quantize: it is deprecated, use min_max_linear_quantize"
        at_call = TextAt(source, entry.call.pos)
        yield Diagnostic("NX507", message, at_call, Severity.WARNING)
    yield from _arguments(entry, op, source, value)
    yield from _bits(entry, source, headers.get(entry.name))


def _label_hint(name: str, graph: Graph) -> str:
    for node in graph.variables:
        if node.attributes["label"].lower() == name.lower():
            return f"; '{name}' is a label, its tensor is '{node.output.name}'"
    return ""


def _arguments(
    entry: ast.QuantEntry, op: Op, source: Source, value: Value | None
) -> Iterator[Diagnostic]:
    params = {param.name: param for param in op.signature.params[1:]}
    given = {arg.name: arg for arg in entry.call.args if arg.name is not None}
    unnamed = any(arg.name is None for arg in entry.call.args)  # reported already
    for name in () if unnamed else params:
        if name not in given and params[name].default is None:
            message = f"{op.name}: argument '{name}' is missing"
            yield Diagnostic("NX503", message, TextAt(source, entry.call.pos))
    for name, arg in given.items():
        at = TextAt(source, arg.pos)
        if name not in params:
            yield Diagnostic("NX503", f"{op.name}: it has no parameter '{name}'", at)
        elif isinstance(arg.value, ast.Literal):
            fault = _misfit(params[name], arg.value.value, value)
            if fault:
                yield Diagnostic(fault[0], f"{op.name}: '{name}': {fault[1]}", at)


def _misfit(param: ast.Param, given: Any, value: Value | None) -> tuple[str, str] | None:
    """Return code and message of what is wrong with an argument."""
    array = isinstance(given, list) and is_tensor(param.type)
    items = _flat(given) if array else [given]
    wanted = param.type.item if isinstance(param.type, Tensor) else None
    expected = Primitive(wanted) if wanted else param.type
    generic: Generic = [None]
    for item in items:
        try:
            checker(expected)(item, generic)
        except Mismatch as mismatch:
            return "NX506", str(mismatch)
    if param.name == "bits" and not 1 <= given <= _MAX_BITS:
        return "NX506", f"it is {given}, expected 1 to {_MAX_BITS}"
    if param.name == "scale" and min(items) <= 0:
        return "NX506", f"it is {min(items)}, expected a positive one"
    if not array or value is None or value.shape is UNKNOWN:
        return None
    try:
        shape = np.asarray(given).shape
    except ValueError:  # uneven: it is reported already
        return None
    return _unbroadcast(shape, value)


def _unbroadcast(shape: tuple[int, ...], value: Value) -> tuple[str, str] | None:
    try:
        fits = broadcast_shape(value.shape, shape) == value.shape
    except Reject:
        fits = False
    if fits:
        return None
    return "NX504", f"shape {list(shape)} does not broadcast to {list(value.shape)}"


def _flat(value: Any) -> list[Any]:
    return [part for item in value for part in _flat(item)] if isinstance(value, list) else [value]


def _bits(entry: ast.QuantEntry, source: Source, header: Header | None) -> Iterator[Diagnostic]:
    """Compare the width of stored integers with what the entry says."""
    if header is None or not header.quantized:
        return
    given = {
        arg.name: arg for arg in entry.call.args if arg.name and isinstance(arg.value, ast.Literal)
    }
    bits, signed = (_literal(given.get(name)) for name in ("bits", "signed"))
    if type(bits) is int and bits < header.bits:
        message = f"the file holds items of {header.bits} bits, not {bits}"
        yield _warning(message, source, given["bits"])
    if type(signed) is bool and signed != header.item_type.signed:
        kind = "signed" if header.item_type.signed else "unsigned"
        message = f"the file holds {kind} items, the entry says otherwise"
        yield _warning(message, source, given["signed"])


def _literal(arg: ast.Arg | None) -> Any:
    return arg.value.value if arg and isinstance(arg.value, ast.Literal) else None


def _warning(message: str, source: Source, arg: ast.Arg) -> Diagnostic:
    return Diagnostic("NX506", message, TextAt(source, arg.pos), Severity.WARNING)
