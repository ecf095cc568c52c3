"""PyTorch -> NNEF: modules, exported programs, TorchScript."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch
from torch import nn

from nnefx.converters.imported import Imported
from nnefx.converters.pytorch import sources
from nnefx.converters.pytorch.alias import NotFunctional
from nnefx.converters.pytorch.capture import captured, quiet
from nnefx.converters.pytorch.hierarchy import outlined
from nnefx.converters.pytorch.importer import ABSENT, FAILED, Env, Importer
from nnefx.converters.pytorch.program import Program, of_export
from nnefx.converters.pytorch.types import Complex, numpy_type
from nnefx.converters.scope import Site, Tensor
from nnefx.converters.stored import as_integers
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.ir.graph import Graph
from nnefx.ops import Reject
from nnefx.source import ModelAt

_FAMILIES = (
    "activate", "attend", "compare", "convolve", "elementwise", "indexing", "introduce", "layout",
    "linear", "normalize", "padding", "pool", "quantize", "recurrent", "reduce", "resample",
    "scatter", "spectral",
)  # fmt: skip


def read(
    source: str | os.PathLike[str],
    *,
    input_shapes: Mapping[Any, Sequence[int]] | None = None,
    weights: str | os.PathLike[str] | None = None,
    hierarchy: bool = False,
    strict: bool | None = None,
) -> Imported:
    """Return the graph of a PyTorch model.

    Args:
        source: a `.pt2` file of `torch.export.save`, a TorchScript file, or
            `package.module:attribute` for a module; the last runs the code of that package.
        input_shapes: shapes of inputs, by name or, for the input of that turn, by None.
        weights: a state dict for the module that is imported.
        hierarchy: keep modules as fragments.
        strict: how `torch.export` traces a module.

    Raises:
        NnefError: NX7xx, with every operator that cannot be imported.
    """
    text = os.fspath(source)
    program = sources.program(source, dict(input_shapes or {}), strict, weights)
    imported = read_program(program, text, hierarchy=hierarchy)
    if not sources.is_attribute(text):
        return imported
    package = text.partition(":")[0]
    note = Diagnostic("NX722", f"importing '{package}' ran its code", severity=Severity.INFO)
    return replace(imported, notes=(note,))


def read_module(
    module: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    strict: bool | None = None,
    hierarchy: bool = False,
) -> Imported:
    """Return the graph of a module for example inputs, whose shapes it gets.

    Raises:
        NnefError: NX7xx, with every operator that cannot be imported.
    """
    exported = captured(module, args, kwargs, strict=strict)
    return read_program(of_export(exported), type(module).__name__, hierarchy=hierarchy)


def read_program(program: Program, path: str, *, hierarchy: bool = False) -> Imported:
    """Return the graph of an ATen graph; `path` is what messages call it."""
    for family in _FAMILIES:
        import_module(f"nnefx.converters.pytorch.{family}")
    try:
        with quiet():
            return _imported(program, path, hierarchy)
    except NotFunctional:
        if program.functional is None:
            message = "a write through a view cannot be followed in this graph"
            raise NnefError("NX718", message, ModelAt(path, "forward")) from None
        with quiet():
            return _imported(program.functional(), path, hierarchy)


def _imported(program: Program, path: str, hierarchy: bool) -> Imported:
    g = Importer("main", path)
    g.names.count(program.graph)
    env: Env = {}
    _place_inputs(g, program, env)
    _place_stored(g, program, env)
    results = g.run(program.graph, env, program.holder)
    if g.faults:
        raise NnefError.of(list(dict.fromkeys(g.faults)))
    _update_states(g, program, env, results)
    outputs = _outputs(program, results, path)
    try:
        graph = g.finish(outputs)
    except Reject as fault:
        raise NnefError(fault.code, fault.message, ModelAt(path, "outputs")) from None
    if hierarchy:
        graph = outlined(graph, g.modules)
    names, types = _names(g, graph)
    weights, entries = as_integers(graph, g.weights, g.integers, g.label_names)
    told = {value.name: entry for value, entry in g.folded.entries.items()}
    told = {name: told[name] for name in graph.values if name in told}
    return Imported(graph, weights, names, types, {**told, **entries})


def _names(g: Importer, graph: Graph) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of the graph, and the types, by the names of the foreign tensors.

    Of what is rounded, that is the tensor behind the rounding, or an input of the graph.
    """
    alive, replaced = set(graph.values.values()), g.folded.replaced
    rounded = set(replaced.values()) - set(graph.inputs)
    names, types = {}, {}
    for name, item in g.values.items():
        if not isinstance(item, Tensor) or item.value is None or item.value in rounded:
            continue
        value = replaced.get(item.value, item.value)
        if value in alive:
            names[name], types[name] = value.name, item.dtype.name
    return names, types


def _place_inputs(g: Importer, program: Program, env: Env) -> None:
    for node in program.inputs:
        fake = node.meta.get("val")
        if not isinstance(fake, torch.Tensor):
            env[node] = fake
            continue
        g.site = Site(ModelAt(g.path, f"input '{node.name}'"), node.name)
        try:
            shape = tuple(map(int, fake.shape))
            if fake.dtype.is_complex:
                re, im = (g.external(f"{node.name}_{part}", shape, numpy_type(fake.dtype))
                          for part in ("real", "imag"))  # fmt: skip
                env[node] = Complex(re, im)
            else:
                env[node] = g.external(node.name, shape, numpy_type(fake.dtype))
        except Reject as fault:
            raise NnefError(fault.code, fault.message, g.site.at) from None
        g.values[node.name] = env[node]


def _place_stored(g: Importer, program: Program, env: Env) -> None:
    for item in program.tensors:
        g.parameter(item.tensor, item.name, kept=item.kept)
    written = program.written()
    for node, stored in program.stored.items():
        g.site = Site(ModelAt(g.path, f"tensor '{stored.name}'"), stored.name)
        try:
            tensor = g.parameter(stored.tensor, stored.name, kept=stored.kept)
            if node in written:  # its value changes, so that nothing may be computed from it now
                value = g.variable_of(tensor)
                tensor = Tensor(tensor.name, tensor.shape, tensor.dtype, value=value)
        except Reject as fault:
            raise NnefError(fault.code, fault.message, g.site.at) from None
        env[node] = tensor
        if len(node.users) > 1:
            g.shared.add(id(tensor))


def _update_states(g: Importer, program: Program, env: Env, results: list[Any]) -> None:
    new = {node: results[index] for index, node in program.states.items()}
    for node in program.written() - set(new):
        new[node] = env[node]  # what the walk left there after the last write
    for node, result in new.items():
        stored = g.parameter(program.stored[node].tensor, "", kept=True)
        if stored.value is not None and result.value is not stored.value:
            g.site = Site(ModelAt(g.path, f"buffer '{program.stored[node].name}'"), node.name)
            g.add("update", Tensor("", stored.shape, stored.dtype, value=stored.value), result)


def _outputs(program: Program, results: list[Any], path: str) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}
    for index, name in program.outputs.items():
        item = results[index]
        if isinstance(item, Complex):
            outputs.update({f"{name}_real": item.re, f"{name}_imag": item.im})
        elif isinstance(item, Tensor):
            outputs[name] = item
        elif item is FAILED or item is ABSENT:
            raise NnefError("NX713", f"output '{name}' is not computed", ModelAt(path, "outputs"))
    if not outputs:
        raise NnefError("NX713", "the module returns no tensor", ModelAt(path, "outputs"))
    return outputs
