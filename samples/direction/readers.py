"""Engines, those of others and ours: each a function from a model and an input to an output."""

import tarfile
import tempfile
from pathlib import Path

import nnef
import numpy as np
import onnxruntime
import tract

import nnefx
from direction.pictures import Array


def by_onnxruntime(model: Path, x: Array) -> Array:
    """Run the ONNX model itself."""
    session = onnxruntime.InferenceSession(model)
    output: Array = session.run(None, {session.get_inputs()[0].name: x})[0]
    return output


def by_tract(model: Path, x: Array) -> Array:
    """Load the NNEF model with tract, and run it."""
    runnable = tract.nnef().load(model).into_runnable()
    output: Array = runnable.run([x])[0].to_numpy()
    return output


def by_nnefx(model: Path, x: Array) -> Array:
    """Load the NNEF model with nnefx, and run it."""
    (output,) = nnefx.run(nnefx.load(model), {"x": x}).values()
    return output


def by_plan(model: Path, pictures: dict[str, Array]) -> dict[str, Array]:
    """Lower the NNEF model to Q7.8, calibrated with the pictures, and simulate that exactly."""
    inputs = {name: {"x": x} for name, x in pictures.items()}
    plan = nnefx.openvx.lower(nnefx.load(model), "khr16", calibration=list(inputs.values()))
    outputs = {}
    for name in inputs:
        (outputs[name],) = nnefx.openvx.simulate(plan, inputs[name]).values()
    return outputs


def operations(model: Path) -> int:
    """Load the NNEF model, weights included, with the Khronos parser; count its operations."""
    with tempfile.TemporaryDirectory() as folder:  # it reads folders only
        with tarfile.open(model) as archive:
            archive.extractall(folder, filter="data")
        graph = nnef.load_graph(folder)
        nnef.infer_shapes(graph)
        return len(graph.operations)


def relative_error(found: Array, expected: Array) -> float:
    """Return the largest difference, as a part of the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())
