"""A converted model beside its source: both run on the same inputs, every tensor is compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters import FORMATS
from nnefx.converters.imported import Imported
from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.source import FileAt
from nnefx.tensors.model import Model

Arrays = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One tensor in both worlds.

    Attributes:
        source: its name in the source.
        name: its name in the NNEF graph.
        error: the largest absolute difference.
        relative: that difference over the largest magnitude of the source's values.
        agrees: whether it stays within the tolerance.
        output: whether it is an output of the graph.
    """

    source: str
    name: str
    shape: tuple[int, ...]
    error: float
    relative: float
    agrees: bool
    output: bool


def compare_with_source(
    source: Any,
    format: str,
    imported: Imported,
    inputs: Mapping[str, Arrays],
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    weights: Any = None,
) -> list[Comparison]:
    """Run both and compare every tensor that both know, in the order of the graph.

    A tensor agrees when max|nnef - source| <= atol + rtol * max|source|; one that is quantized
    may be off by a step of its grid beside, since engines differ in how they round.

    Args:
        source: the file of the source model.
        format: its format, a key of `nnefx.converters.FORMATS`.
        imported: what the importer made of it.
        inputs: arrays by the names of the NNEF graph's inputs.
        rtol: relative tolerance.
        atol: absolute tolerance.
        weights: the file of the weights where the format keeps them apart.

    Raises:
        NnefError: NX012 where the framework is missing, NX707 where it fails to run the source.
    """
    graph = imported.graph
    foreign = {nnef: name for name, nnef in imported.names.items()}
    # What only moves an input may have become the same value; the input itself was there first.
    fed = {nnef: name for name, nnef in reversed(list(imported.names.items()))}
    called = {
        name: name if imported.names.get(name) == name else fed.get(name, name)
        for name in (value.name for value in graph.inputs)
    }
    feeds = {name: _laid(inputs[nnef], imported.axes.get(name)) for nnef, name in called.items()}
    feeds |= _states(imported, fed)
    wanted = [name for name in imported.names if name not in feeds]
    apart = {} if weights is None else {"weights": weights}
    theirs = reference(format)(source, feeds, wanted, **apart)
    outputs = {value.name for value in graph.outputs}
    found = []
    for value, ours in Executor(Model(graph, imported.weights, imported.quantization)).trace(
        inputs
    ):
        name = foreign.get(value.name)
        if name is not None and name in theirs:
            ours = _laid(ours, imported.axes.get(name))
            found.append(
                _compare(
                    name,
                    value.name,
                    ours,
                    theirs[name],
                    rtol,
                    atol + _step(imported.quantization.get(value.name)),
                    value.name in outputs,
                )
            )
    return found


def _states(imported: Imported, foreign: Mapping[str, str]) -> dict[str, Arrays]:
    """Return what the states begin with that are inputs of the source."""
    graph = imported.graph
    found = {}
    for node in graph.nodes:
        if node.name == "update":
            value = next(node.operands())
            label = graph.producer[value].attributes["label"]
            if value.name in foreign and label in imported.weights:
                name = foreign[value.name]
                found[name] = _laid(imported.weights[label], imported.axes.get(name))
    return found


def _step(entry: Any) -> float:
    """Return the distance of neighbours on the grid of a quantized value, 0 for others."""
    scale = entry.attributes.get("scale") if entry is not None else None
    return 1.001 * scale if isinstance(scale, float) else 0.0


def _laid(array: Arrays, axes: tuple[int, ...] | None) -> Arrays:
    """Return an array of the graph in the layout of the source."""
    return array if axes is None else np.transpose(array, axes)


def reference(format: str) -> Any:
    """Return the function that runs a source model: `run(source, inputs, tensors) -> arrays`."""
    try:
        package = FORMATS[format][0].rpartition(".")[0] if format in FORMATS else ""
        return import_module(f"{package or 'nnefx.converters'}.reference").run
    except ModuleNotFoundError as error:
        if error.name is not None and not error.name.startswith("nnefx"):
            message = f"verifying needs the package '{error.name}': pip install 'nnefx[{format}]'"
            raise NnefError("NX012", message) from None
        raise NnefError("NX708", f"format '{format}' cannot be verified", FileAt(format)) from None


def _compare(
    source: str, name: str, ours: Arrays, theirs: Arrays, rtol: float, atol: float, output: bool
) -> Comparison:
    if ours.size != theirs.size:
        return Comparison(source, name, ours.shape, np.inf, np.inf, False, output)
    left = ours.astype(np.float64).ravel()
    right = theirs.astype(np.float64).ravel()
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(left - right))
    error = float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))
    finite = right[np.isfinite(right)]
    scale = float(np.abs(finite).max(initial=0.0))
    relative = error / scale if scale else error
    return Comparison(
        source, name, ours.shape, error, relative, error <= atol + rtol * scale, output
    )


def first_divergence(comparisons: Sequence[Comparison]) -> Comparison | None:
    """Return the first tensor that does not agree, in the order of the graph."""
    return next((item for item in comparisons if not item.agrees), None)
