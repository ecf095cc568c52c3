"""What quantization does to a value: graph.quant applied with the operations that it names."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.ops import standard_ops
from nnefx.tensors.quant import Quantization

Arrays = NDArray[Any]


def simulate(array: Arrays, entry: Quantization) -> Arrays:
    """Return the reals that the quantized items of `array` stand for.

    Args:
        array: a value as it was computed, float32 or float64.
        entry: what graph.quant says about it; ranges per channel broadcast from the left.

    Raises:
        NnefError: NX502 where the algorithm is unknown, NX503 where an argument is missing.
    """
    op = standard_ops().get(entry.algorithm)
    if op is None or op.run is None:
        raise NnefError("NX502", f"graph.quant: unknown algorithm '{entry.algorithm}'")
    tensors, attributes = [], {}
    for param in op.signature.params[1:]:
        if param.name in entry.attributes:
            value = entry.attributes[param.name]
        elif param.default is not None:
            value = param.default.value
        else:
            message = f"graph.quant: {entry.algorithm}: '{param.name}' is missing"
            raise NnefError("NX503", message, entry.at)
        if param in op.tensors:
            tensors.append(np.asarray(value, None if param.name == "zero_point" else array.dtype))
        else:
            attributes[param.name] = value
    return np.asarray(op.run(array, *tensors, **attributes), array.dtype)
