"""NNEF itself as a source: another container, another profile, a fixed-up archive."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from nnefx.converters.imported import Imported
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.model import load


def read(
    source: str | os.PathLike[str], *, input_shapes: Mapping[Any, Sequence[int]] | None = None
) -> Imported:
    """Load an NNEF model.

    Raises:
        NnefError: NX705 where shapes are asked for: an NNEF text has them already.
    """
    if input_shapes:
        message = "the shapes of an NNEF model are fixed, --input-shape does not apply"
        raise NnefError("NX705", message, FileAt(os.fspath(source)))
    model = load(source)
    names = {name: name for name in model.graph.values}
    return Imported(model.graph, model.weights, names, {}, model.quantization, model.extra)
