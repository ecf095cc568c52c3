"""A source imported once more, the way that a model at hand was made of it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nnefx import converters
from nnefx.converters.imported import Imported
from nnefx.converters.names import identifier
from nnefx.converters.optimized import optimized
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt, ModelAt
from nnefx.tensors.model import Model

Shapes = Mapping[Any, Sequence[int]]

# What readers say of inputs whose shapes have to be given.
_OPEN = {"NX705", "NX707", "NX708"}
_INPUT = re.compile(r"input '(.+)'\Z")


def reimport(
    source: str | os.PathLike[str],
    model: Model,
    *,
    format: str,
    input_shapes: Shapes,
    **options: Any,
) -> tuple[Imported, Imported]:
    """Import `source` with the shapes that the inputs of `model` have.

    Returns:
        What the reader made of it, before optimization, and the same with the graph and the
        weights of `model`: names are those of tensors that both know.

    Raises:
        NnefError: NX708 where no import of the source has the inputs of `model`, and what the
            reader raises.
    """
    plain = _import(source, model, format, dict(input_shapes), options)
    known = model.graph.values
    # Optimizations drop values, and let others take over their names.
    tuned = optimized(plain)
    closest = max(tuned, plain, key=lambda item: _likeness(item, known.keys()))
    names = {
        foreign: name
        for foreign, name in closest.names.items()
        if name in known and known[name].volume == closest.graph.values[name].volume
    }
    mixed = replace(
        closest,
        graph=model.graph,
        weights=model.weights,
        quantization=model.quantization,
        names=names,
    )
    return plain, mixed


def _likeness(imported: Imported, names: Any) -> float:
    """Return how large a part of all names the graphs share."""
    ours = imported.graph.values.keys()
    return len(ours & names) / max(len(ours | names), 1)


def _import(
    source: str | os.PathLike[str],
    model: Model,
    format: str,
    given: dict[Any, Sequence[int]],
    options: Mapping[str, Any],
) -> Imported:
    first: NnefError | None = None
    found: Imported | None = None
    try:
        found = converters.read(source, format=format, input_shapes=given, **options)
    except NnefError as error:
        if not {item.code for item in error.diagnostics} & _OPEN:
            raise
        first = error
    if found is not None and _fits(found, model):
        return found
    for shapes in _guesses(model, found, first):
        try:
            again = converters.read(source, format=format, input_shapes=given | shapes, **options)
        except NnefError as error:
            first = first or error
            continue
        if _fits(again, model):
            return again
    if first is not None and found is None:
        raise first
    assert found is not None
    raise NnefError("NX708", _difference(found, model), FileAt(os.fspath(source)))


def _guesses(
    model: Model, found: Imported | None, error: NnefError | None
) -> Iterator[dict[Any, Sequence[int]]]:
    """Yield shapes by what may be the source's own names of the inputs."""
    wanted = {value.name: value.shape for value in model.graph.inputs}
    if found is not None:
        foreign = {name: source for source, name in found.names.items()}
        yield {foreign[name]: s for name, s in wanted.items() if name in foreign}
    elif error is not None:
        ats = [item.at for item in error.diagnostics]
        matches = [_INPUT.match(at.label) for at in ats if isinstance(at, ModelAt)]
        names = [match[1] for match in matches if match]
        yield {name: wanted[identifier(name)] for name in names if identifier(name) in wanted}
    if len(wanted) == 1:
        yield {None: next(iter(wanted.values()))}
    yield dict(wanted)


def _fits(imported: Imported, model: Model) -> bool:
    ours = {value.name: value.shape for value in imported.graph.inputs}
    return all(ours.get(value.name) == value.shape for value in model.graph.inputs)


def _difference(imported: Imported, model: Model) -> str:
    ours = {value.name: value.shape for value in imported.graph.inputs}
    listed = ", ".join(f"'{name}' {list(shape)}" for name, shape in ours.items()) or "none"
    for value in model.graph.inputs:
        if value.name not in ours:
            return f"the model's input '{value.name}' is none of the source's: {listed}"
        if ours[value.name] != value.shape:
            text = f"the model's input '{value.name}' has shape {list(value.shape)}"
            return f"{text}, the source's has {list(ours[value.name])}"
    raise AssertionError("the inputs are the same")
