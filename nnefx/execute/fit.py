"""Whether graph.quant fits a graph: what `nnefx check` says of the files, for models in memory."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph
from nnefx.ops import standard_ops
from nnefx.ops.registry import Op
from nnefx.tensors.quant import Quantization

_MOST_BITS = 64
_FLAGS = ("signed", "symmetric")
_ALGORITHMS = (
    "zero_point_linear_quantize", "min_max_linear_quantize", "linear_quantize",
    "logarithmic_quantize",
)  # fmt: skip


def check_fit(graph: Graph, quantization: Mapping[str, Quantization]) -> None:
    """Raise NnefError with everything of graph.quant that cannot be computed with.

    Raises:
        NnefError: NX501 (no such tensor), NX502 (no such algorithm), NX503 (an argument missing or
            unknown), NX504 (a range that does not broadcast), NX506 (a value without sense).
    """
    faults = [
        Diagnostic(code, f"graph.quant: '{name}': {message}", entry.at)
        for name, entry in quantization.items()
        for code, message in _faults(graph, name, entry)
    ]
    if faults:
        raise NnefError.of(faults)


def _faults(graph: Graph, name: str, entry: Quantization) -> Iterator[tuple[str, str]]:
    value = graph.values.get(name)
    if value is None:
        yield "NX501", "the graph has no such tensor"
        return
    op = standard_ops().get(entry.algorithm) if entry.algorithm in _ALGORITHMS else None
    if op is None:
        yield "NX502", f"unknown algorithm '{entry.algorithm}'"
        return
    yield from _named(op, entry)
    wrong = False
    for key, given in entry.attributes.items():
        fault = _misfit(key, given, value.shape)
        wrong |= fault is not None
        if fault is not None:
            yield fault
    if not wrong and {"min", "max"} <= entry.attributes.keys():
        yield from _range(entry)


def _named(op: Op, entry: Quantization) -> Iterator[tuple[str, str]]:
    params = {param.name: param for param in op.signature.params[1:]}
    for key in params.keys() - entry.attributes.keys():
        if params[key].default is None:
            yield "NX503", f"argument '{key}' of {op.name} is missing"
    for key in entry.attributes.keys() - params.keys():
        yield "NX503", f"{op.name} has no parameter '{key}'"


def _misfit(key: str, given: Any, shape: tuple[int, ...]) -> tuple[str, str] | None:
    """Return what is wrong with one argument."""
    if key == "bits":
        fits = type(given) is int and 1 <= given <= _MOST_BITS
        return None if fits else ("NX506", f"bits is {given}, expected 1 to {_MOST_BITS}")
    if key in _FLAGS:
        return None if isinstance(given, bool) else ("NX506", f"{key} is {given}, expected a truth")
    try:
        items = np.asarray(given)
    except ValueError:
        return "NX506", f"'{key}' is uneven"
    wanted = "i" if key == "zero_point" else "fi"
    if items.dtype.kind not in wanted or not np.isfinite(items).all():
        kind = "integers" if key == "zero_point" else "numbers"
        return "NX506", f"'{key}' is {given}, expected {kind}"
    if key == "scale" and not (items > 0).all():
        return "NX506", f"scale is {items.min()}, expected a positive one"
    if items.ndim > len(shape) or any(e not in (1, w) for e, w in zip(items.shape, shape)):
        text = f"'{key}' of shape {list(items.shape)} does not broadcast to {list(shape)}"
        return "NX504", text
    return None


def _range(entry: Quantization) -> Iterator[tuple[str, str]]:
    low, high = (np.asarray(entry.attributes[key]) for key in ("min", "max"))
    together = low.shape == high.shape or 1 in (low.size, high.size)
    if together and not (high > low).all():
        yield "NX506", "max is not above min, expected a range"
