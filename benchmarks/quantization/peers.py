"""onnxruntime: its engine for ONNX files, and its own static quantization."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

Array = NDArray[Any]


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """The calibration data, one after the other."""

    def __init__(self, name: str, inputs: Sequence[Array]) -> None:
        self.left = iter([{name: x} for x in inputs])

    def get_next(self) -> dict[str, Array] | None:
        """Return the next sample; None after the last."""
        return next(self.left, None)


def session(path: Path, *, optimized: bool = True) -> Any:
    """Return an engine that runs in one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def working(path: Path, x: Array) -> Any:
    """Return an engine that takes `x`.

    The integer kernel for products of matrices refuses some filters with a scale per channel, at
    run time: then nothing is fused, and rounded reals are computed with instead.
    """
    engine = session(path)
    try:
        engine.run(None, {engine.get_inputs()[0].name: x})
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
        return session(path, optimized=False)
    return engine


def _flatten_biases(path: Path) -> None:
    """Give the biases of Gemm one dimension: quantize_static per channel fails for (1, N)."""
    model = onnx.load(path)
    biases = {n.input[2] for n in model.graph.node if n.op_type == "Gemm" and len(n.input) > 2}
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    onnx.save(model, path)


def quantized(
    path: Path, target: Path, inputs: Sequence[Array], *, per_channel: bool, bits: int = 8
) -> float:
    """Quantize a file as onnxruntime's documentation says; return the seconds that took.

    That is: prepare it (fold what can be folded), then QDQ with the ranges of the extremes.
    """
    ready = target.with_suffix(".ready.onnx")
    quant_pre_process(path, ready, skip_symbolic_shape=True)
    _flatten_biases(ready)
    name = session(path).get_inputs()[0].name
    start = perf_counter()
    quantize_static(
        ready,
        target,
        Reader(name, inputs),
        per_channel=per_channel,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8 if bits == 8 else QuantType.QInt4,
    )
    return perf_counter() - start
