"""ONNX models run by onnxruntime, the engine that conversions are compared with."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from nnefx.converters.onnx.cut import cut
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
}


def run(
    source: str | os.PathLike[str], inputs: Mapping[str, NDArray[Any]], tensors: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Run an ONNX file; return those of `tensors` that onnxruntime can tell.

    Raises:
        NnefError: NX707 where onnxruntime refuses the model or the inputs.
    """
    path = os.fspath(source)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            _with_outputs(path, tensors, inputs), options, providers=["CPUExecutionProvider"]
        )
        feeds = {
            item.name: np.asarray(inputs[item.name], _numpy_type(item.type))
            for item in session.get_inputs()
            if item.name in inputs
        }
        names = [item.name for item in session.get_outputs()]
        results = session.run(names, feeds)
    except (RuntimeError, ValueError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
        first = str(error).splitlines()[0]
        raise NnefError("NX707", f"onnxruntime: {first}", FileAt(path)) from None
    return {name: result for name, result in zip(names, results) if isinstance(result, np.ndarray)}


def _numpy_type(spelled: str) -> Any:
    return _TYPES.get(spelled) or np.dtype(spelled.removeprefix("tensor(").removesuffix(")"))


def _with_outputs(path: str, tensors: Sequence[str], inputs: Iterable[str]) -> str | bytes:
    """Return the model with inner tensors made outputs, where it is small enough to rewrite.

    Where inner tensors are fed, it is the part between them and `tensors`.
    """
    if os.path.getsize(path) > 1 << 30:
        return path
    model = onnx.load(path, load_external_data=False)
    if any(item.data_location for item in model.graph.initializer):
        return path
    known = {item.name for item in model.graph.output}
    made = {name for node in model.graph.node for name in node.output}
    if fed := made.intersection(inputs):
        wanted = [name for name in tensors if name in made]
        return bytes(cut(model, sorted(fed), wanted, path).SerializeToString())
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name)
        for name in tensors
        if name in made and name not in known
    )
    return bytes(model.SerializeToString())
