"""A model as quantization wants it: layers with variables for weights, and nothing affine after."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite
from nnefx.passes.constants import Constants, Overlay
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.passes.fuse import fuse_affine
from nnefx.quantization.equalize import equalize
from nnefx.quantization.options import Options
from nnefx.source import FileAt
from nnefx.tensors.model import Model

Array = NDArray[Any]

_LAYERS = {"conv": "filter", "deconv": "filter", "linear": "filter", "matmul": "B"}
_SPLIT = frozenset({"separable_conv", "separable_deconv"})  # two layers in one
_QUANTIZERS = (
    "min_max_linear_quantize",
    "zero_point_linear_quantize",
    "linear_quantize",
    "logarithmic_quantize",
)


def prepare(model: Model, options: Options) -> Model:
    """Return the model with folded layers, whose weights are variables.

    Raises:
        NnefError: NX512 where the model is quantized already, NX501 where its graph.quant speaks
            of tensors that it has not.
    """
    _require_real(model)
    graph = drop_dead(expand(model.graph, keep=_kept))
    model = _materialised(replace(model, graph=graph))
    model = fuse_affine(model)
    return equalize(model) if options.equalize else model


def _require_real(model: Model) -> None:
    faults = [
        Diagnostic("NX501", f"graph.quant: the graph has no tensor '{name}'", entry.at)
        for name, entry in model.quantization.items()
        if name not in model.graph.values
    ]
    if faults:
        raise NnefError.of(faults)
    at = FileAt(model.path) if model.path else None
    for name, entry in model.quantization.items():
        message = f"model is quantized already: graph.quant has an entry for '{name}'"
        raise NnefError("NX512", message, entry.at or at)
    for node in model.graph.nodes:
        if node.name in _QUANTIZERS:
            message = f"model is quantized already: '{node.output.name}' is made by {node.name}"
            raise NnefError("NX512", message, node.at or at)


def require_finite(model: Model, weights: Iterable[Value]) -> None:
    """Raise NnefError NX417 for every variable that holds NaN or infinity."""
    constants, faults = Constants(model), []
    for value in weights:
        if not np.isfinite(constants.array(value)).all():
            message = f"weights '{constants.label(value)}' hold NaN or infinity"
            faults.append(Diagnostic("NX417", message, model.graph.producer[value].at))
    if faults:
        raise NnefError.of(faults)


def _kept(node: Node) -> bool:
    """Tell whether a composite stays: one without layers in it that have weights."""
    return node.op.signature.body is None or not (node.name in _SPLIT or _weighted(node.body))


def _weighted(body: Graph | None) -> bool:
    return body is not None and any(
        node.name in _LAYERS or node.name in _SPLIT or _weighted(node.body) for node in body.nodes
    )


@dataclass(slots=True)
class _Materials:
    """Filters that are computed from constants become variables of their own."""

    constants: Constants
    made: dict[str, Callable[[], Array]] = field(default_factory=dict)

    def rule(self, node: Node, g: Rewriter) -> Any:
        name = _LAYERS.get(node.name)
        filter_ = node.inputs[name] if name else None
        if not name or not isinstance(filter_, Value) or filter_ not in self.constants:
            return None
        if self.constants.label(filter_) or filter_.dtype != "scalar":
            return None
        label = f"{node.output.name}_weights"
        while label in self.constants.model.weights or label in self.made:
            label += "_"
        self.made[label] = partial(self.constants.array, filter_)
        weights = g.variable(shape=list(filter_.shape), label=label, name=label)
        inputs = {key: weights if key == name else item for key, item in node.inputs.items()}
        return g.add(node.op.name, *inputs.values(), name=node.output.name, **node.attributes)


def _materialised(model: Model) -> Model:
    materials = _Materials(Constants(model))
    graph = rewrite(model.graph, materials.rule)
    if graph is model.graph:
        return model
    return replace(model, graph=drop_dead(graph), weights=Overlay(model.weights, materials.made))


def excluded(graph: Graph, prepared: Graph, patterns: Iterable[str]) -> set[str]:
    """Return the names of values and labels that patterns mean.

    A pattern for a value that was folded into a later one means the later one.

    Raises:
        NnefError: NX510 for every pattern that nothing fits.
    """
    found: set[str] = set()
    faults = []
    for pattern in patterns:
        names = set(_matches(graph, pattern)) | set(_matches(prepared, pattern))
        if not names:
            message = f"--exclude: nothing in the graph is called '{pattern}'"
            faults.append(Diagnostic("NX510", f"{message}: no tensor, label or operation", None))
        found |= {_survivor(name, graph, prepared) for name in names}
    if faults:
        raise NnefError.of(faults)
    return found


def _matches(graph: Graph, pattern: str) -> Iterator[str]:
    for node in graph.nodes:
        for value in node.values():
            if fnmatchcase(value.name, pattern) or fnmatchcase(node.name, pattern):
                yield value.name
        if node.name == "variable" and fnmatchcase(node.attributes["label"], pattern):
            yield str(node.attributes["label"])


def _survivor(name: str, graph: Graph, prepared: Graph) -> str:
    value = graph.values.get(name)
    while value is not None and value.name not in prepared.values:
        users = graph.users.get(value, ())
        value = users[0].output if users else None
    return name if value is None else value.name


def with_bias(model: Model, names: Collection[str]) -> Model:
    """Return the model where the layers that make the values `names` have a bias, all 0."""
    made: dict[str, Callable[[], Array]] = {}

    def rule(node: Node, g: Rewriter) -> Any:
        if node.output.name not in names or node.inputs.get("bias") != 0.0:
            return None
        shape = (1, node.output.shape[1])
        label = f"{node.output.name}_bias"
        while label in model.weights or label in made:
            label += "_"
        made[label] = partial(np.zeros, shape, np.float32)
        bias = g.variable(shape=list(shape), label=label, name=label)
        inputs = {**node.inputs, "bias": bias}
        return g.add(node.op.name, *inputs.values(), name=node.output.name, **node.attributes)

    graph = rewrite(model.graph, rule)
    if not made:
        return model
    return replace(model, graph=graph, weights=Overlay(model.weights, made))
