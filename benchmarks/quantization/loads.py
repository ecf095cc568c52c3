"""Who loads a quantized model: the Khronos parser, `nnefx check`, tract."""

from collections.abc import Callable, Mapping
from pathlib import Path

import nnef
import numpy as np
import tract

import nnefx
from nnefx.diagnostics import Severity


def parsed(folder: Path) -> str:
    """Parse graph.nnef and graph.quant with the Khronos parser, and infer all shapes."""
    quant = folder / "graph.quant"
    try:
        graph = nnef.parse_file(str(folder / "graph.nnef"), str(quant) if quant.exists() else None)
        nnef.infer_shapes(graph)
    except nnef.Error as error:
        return str(error)
    return ""


def with_tensors(folder: Path) -> str:
    """Load all of a model with the Khronos package; its reader knows no items below 8 bits."""
    try:
        nnef.load_graph(str(folder))
    except (nnef.Error, ValueError) as error:
        return str(error)
    return ""


def checked(folder: Path) -> str:
    """Run `nnefx check`."""
    errors = [item for item in nnefx.check(folder) if item.severity is Severity.ERROR]
    return f"{errors[0].code}: {errors[0].message}" if errors else ""


def by_tract(folder: Path) -> str:
    """Load and run a model with tract; its outputs have to be numbers.

    A quantized input cannot be made with its Python package: then loading is enough.
    """
    model = nnefx.load(folder)
    try:
        runnable = tract.nnef().load(str(folder)).into_runnable()
        if any(value.name in model.quantization for value in model.graph.inputs):
            return ""
        inputs = [np.zeros(value.shape, np.float32) for value in model.graph.inputs]
        outputs = [item.to_numpy() for item in runnable.run(inputs)]
    except tract.TractError as error:
        return str(error)
    return "" if all(np.isfinite(item).all() for item in outputs) else "an output is not finite"


READERS: Mapping[str, Callable[[Path], str]] = {
    "Khronos parser": parsed,
    "Khronos, with tensors": with_tensors,
    "`nnefx check`": checked,
    "tract": by_tract,
}


def loads(folder: Path) -> dict[str, str]:
    """Return what each reader has against the model in a folder; "" where nothing."""
    return {name: read(folder) for name, read in READERS.items()}
