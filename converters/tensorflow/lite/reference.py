"""Runs a TFLite model with the interpreter of LiteRT or TensorFlow, for comparison."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.tensorflow.lite.parse import open_file
from nnefx.converters.tensorflow.lite.quantized import is_quantized

Arrays = NDArray[Any]


def interpreter(
    source: str | os.PathLike[str], *, every: bool = False, default: bool = False
) -> Any:
    """Return an interpreter.

    Args:
        source: the file.
        every: keep all tensors readable.
        default: take the kernels that a user gets, else the plain ones. They differ in how they
            round integers: the default ones round the exact result once, as graph.quant says.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ModuleNotFoundError:
        from tensorflow.lite import Interpreter
        from tensorflow.lite.experimental import OpResolverType
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    resolver = OpResolverType.AUTO if default else plain
    return Interpreter(
        os.fspath(source), experimental_preserve_all_tensors=every,
        experimental_op_resolver_type=resolver,
    )  # fmt: skip


def run(
    source: str | os.PathLike[str], inputs: Mapping[str, Any], tensors: Sequence[str]
) -> dict[str, Arrays]:
    """Return the values of tensors of the model; quantized ones as the reals they stand for.

    Args:
        source: the file.
        inputs: arrays by the names of the input tensors; reals for those that are quantized.
        tensors: the names of the tensors to return; unknown ones are left out, and of quantized
            models all but outputs.
    """
    quantized = _is_quantized(source)
    engine = interpreter(source, every=not quantized, default=quantized)
    details = {item["name"]: item for item in engine.get_input_details()}
    for name, array in inputs.items():
        item = details[name]
        if tuple(item["shape"]) != np.shape(array):
            engine.resize_tensor_input(item["index"], np.shape(array), strict=False)
    engine.allocate_tensors()
    for name, array in inputs.items():
        engine.set_tensor(details[name]["index"], stored(np.asarray(array), details[name]))
    engine.invoke()
    found: dict[str, Arrays] = {}
    wanted = set(tensors)
    listed = engine.get_output_details() if quantized else engine.get_tensor_details()
    for item in listed:
        if item["name"] in wanted:
            try:
                found[item["name"]] = real(engine.get_tensor(item["index"]), item)
            except ValueError:  # a tensor that the interpreter optimized away
                continue
    return found


def _is_quantized(source: str | os.PathLike[str]) -> bool:
    """Tell whether operators of the file compute integers that stand for reals."""
    graph = open_file(Path(source)).graphs[0]
    made = (graph.tensors[index] for node in graph.nodes for index in node.outputs)
    return any(is_quantized(tensor) for tensor in made)


def stored(array: Arrays, detail: Mapping[str, Any]) -> Arrays:
    """Return reals as the interpreter takes them."""
    dtype, (scale, zero) = np.dtype(detail["dtype"]), detail["quantization"]
    if scale and dtype.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        array = np.clip(np.floor(array / scale + 0.5) + zero, limits.min, limits.max)
    return np.asarray(array, dtype)


def real(array: Arrays, detail: Mapping[str, Any]) -> Arrays:
    """Return what the interpreter gives as reals."""
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    if not len(scales) or array.dtype.kind not in "iu":
        return array
    shape = [1] * array.ndim
    if len(scales) > 1:
        shape[parameters["quantized_dimension"]] = -1
    spread = (
        (scales.reshape(shape), zeros.reshape(shape)) if len(scales) > 1 else (scales[0], zeros[0])
    )
    return np.asarray((array.astype(np.float64) - spread[1]) * spread[0], np.float32)
