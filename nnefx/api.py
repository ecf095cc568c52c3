"""The verbs of the Python interface that join several layers."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nnefx.tensors import dat
from nnefx.tensors.model import Model

if TYPE_CHECKING:
    from nnefx.execute.integer import Rounding

Arrays = NDArray[Any]


def run(
    model: Model,
    inputs: Mapping[str, Any],
    *,
    integer: bool = False,
    rounding: "Rounding" = "onnx",
) -> dict[str, Arrays]:
    """Run a model once with numpy; what graph.quant speaks of is rounded as it says.

    Args:
        model: the model.
        inputs: an array for each graph input, by name, of the declared shape.
        integer: compute with the integers of graph.quant, as deployed engines do.
        rounding: whose rounding sums of integers get: `onnx`, `tflite` or `tflite-reference`;
            see docs/integers.md.

    Returns:
        The outputs by name, in order of declaration: float32 or float64, int64, bool.

    Raises:
        NnefError: NX307 for inputs that do not fit, NX4xx for weights, NX5xx for graph.quant:
            NX520 where nothing is quantized and `integer` is asked for.
    """
    if integer:
        from nnefx.execute.integer import IntegerExecutor

        return IntegerExecutor(model, rounding)(inputs)
    from nnefx.execute.executor import Executor

    if model.quantization:
        from nnefx.execute.fit import check_fit

        check_fit(model.graph, model.quantization)
    return Executor(model)(inputs)


def convert(
    source: str | os.PathLike[str],
    *,
    format: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    **options: Any,
) -> Model:
    """Read a model of another framework; return it as a checked NNEF model.

    Args:
        source: the file or folder.
        format: `onnx`, `caffe`, ...; guessed from content and suffix when missing.
        weights: the file of weights where the format keeps them apart.
        input_shapes: shapes of inputs that the source leaves open, by the source's own names.
        options: what the reader of that format knows beside, such as `dims`.

    Raises:
        NnefError: NX7xx, with every node that cannot be converted.
    """
    from nnefx import converters
    from nnefx.converters.optimized import optimized

    imported = optimized(
        converters.read(
            source, format=format, weights=weights, input_shapes=input_shapes, **options
        )
    )
    return Model(imported.graph, imported.weights, imported.quantization, imported.extra)


def read_tensor(path: str | os.PathLike[str]) -> Arrays:
    """Read a tensor file into an array that is mapped read-only where its layout allows it."""
    return dat.read_tensor(path)


def write_tensor(path: str | os.PathLike[str], array: Arrays) -> None:
    """Write an array as a tensor file, atomically."""
    dat.write_tensor(path, array)
