"""Quantized tensors: computed as reals, written as the integers that they are in the file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.tensorflow.lite.schema import LiteTensor
from nnefx.ir.graph import Graph
from nnefx.tensors.grid import shortest
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]

ALGORITHM = "zero_point_linear_quantize"


def is_quantized(tensor: LiteTensor) -> bool:
    """Tell whether the integers of a tensor stand for reals."""
    return tensor.scales is not None and tensor.dtype is not None and tensor.dtype.kind in "iu"


def real(tensor: LiteTensor) -> Array:
    """Return what the stored integers stand for, in 32 bits."""
    assert tensor.data is not None
    assert tensor.scales is not None
    scale, zero = tensor.scales.spread(tensor.data.ndim)
    with np.errstate(over="ignore"):
        return np.asarray((tensor.data.astype(np.float64) - zero) * scale, np.float32)


def entry_of(tensor: LiteTensor) -> Quantization:
    """Return the entry of graph.quant for a value that is quantized as a whole."""
    assert tensor.scales is not None
    assert tensor.dtype is not None
    return Quantization(
        ALGORITHM,
        {
            "zero_point": int(tensor.scales.zero_point.reshape(-1)[0]),
            "scale": shortest(tensor.scales.scale.reshape(-1)[0]),
            "bits": bits_of(tensor),
            "signed": tensor.dtype.kind == "i",
            "symmetric": False,
        },
    )


def bits_of(tensor: LiteTensor) -> int:
    """Return the number of bits per item."""
    assert tensor.dtype is not None
    return 4 if tensor.type == "INT4" else tensor.dtype.itemsize * 8


def as_integers(
    graph: Graph, weights: Mapping[str, Array], stored: Mapping[str, Sequence[LiteTensor]],
    sources: Mapping[str, str],
) -> tuple[dict[str, Array], dict[str, Quantization]]:  # fmt: skip
    """Return the weights with integers where the file had them, and the entries for those.

    Args:
        graph: the graph, whose variables may hold stored tensors in another order of axes.
        weights: arrays by label.
        stored: the quantized tensors of the file by name.
        sources: the name of the stored tensor by label.

    A variable stays real where its items are not exactly what the integers stand for any more.
    """
    found, entries = dict(weights), {}
    for node in graph.variables:
        label = node.attributes["label"]
        if weights[label].dtype.kind != "f":
            continue
        for tensor in stored.get(sources.get(label, ""), ()):
            assert tensor.data is not None
            same = tensor.data.size == weights[label].size
            result = _integers(weights[label], tensor) if same else None
            if result is not None:
                found[label], entries[node.output.name] = result
                break
    return found, entries


def _integers(array: Array, tensor: LiteTensor) -> tuple[Array, Quantization] | None:
    scales = tensor.scales
    assert scales is not None
    assert tensor.dtype is not None
    if not scales.per_channel:
        axes: list[int | None] = [None]
    else:
        axes = [axis for axis, extent in enumerate(array.shape) if extent == scales.scale.size]
    for axis in axes:
        shape = [scales.scale.size if i == axis else 1 for i in range(array.ndim)]
        count = 1 if axis is None else scales.scale.size
        scale = scales.scale[:count].reshape(shape if axis is not None else ())
        zero = np.broadcast_to(scales.zero_point, (scales.scale.size,))[:count]
        zero = zero.reshape(shape if axis is not None else ())
        steps = np.rint(array / np.where(scale == 0, 1, scale).astype(np.float64)) + zero
        limits = np.iinfo(tensor.dtype)
        if steps.size and not limits.min <= steps.min() <= steps.max() <= limits.max:
            continue
        again = np.asarray((steps - zero) * scale, np.float32)
        if np.array_equal(again, array):
            return steps.astype(tensor.dtype), _entry(tensor, scale, zero, axis)
    return None


def _entry(tensor: LiteTensor, scale: Array, zero: Array, axis: int | None) -> Quantization:
    whole = entry_of(tensor)
    if axis is None:
        return whole
    # NNEF broadcasts from the left, so that dimensions behind the channels are left out
    kept = scale.shape[: axis + 1]
    values = {
        "scale": shortest(scale.reshape(kept)),
        "zero_point": zero.reshape(kept).tolist() if np.any(zero) else 0,
    }
    return Quantization(ALGORITHM, {**whole.attributes, **values})
