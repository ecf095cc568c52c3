"""Runs a frozen graph with TensorFlow, for comparison."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.tensorflow.graph.load import Frozen, load
from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

Arrays = NDArray[Any]


def run(
    source: str | os.PathLike[str], inputs: Mapping[str, Any], tensors: Sequence[str]
) -> dict[str, Arrays]:
    """Return the values of tensors of the model.

    Args:
        source: the file or folder.
        inputs: arrays by the names of the placeholders.
        tensors: `node` or `node:1`; those that TensorFlow has not, or cannot fetch, are left out.

    Raises:
        NnefError: NX707 where TensorFlow fails to run it.
    """
    try:
        return run_frozen(load(Path(source)), inputs, tensors)
    except tf.errors.OpError as error:
        message = f"TensorFlow cannot run it: {str(error).splitlines()[0]}"
        raise NnefError("NX707", message, FileAt(str(source))) from None


def run_frozen(
    frozen: Frozen, inputs: Mapping[str, Any], tensors: Sequence[str]
) -> dict[str, Arrays]:
    """Return the values of tensors of a frozen graph."""
    v1 = tf.compat.v1
    config = v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True  # it removes nodes
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=config) as session:
        tf.import_graph_def(frozen.graph, name="")
        feeds = {}
        for name, array in inputs.items():
            tensor = graph.get_tensor_by_name(f"{frozen.inputs.get(name, name)}:0")
            feeds[tensor] = np.asarray(array, tensor.dtype.as_numpy_dtype)
        fetches = {}
        for name in tensors:
            full = name if ":" in name else f"{name}:0"
            try:
                tensor = graph.get_tensor_by_name(full)
            except (KeyError, ValueError):
                continue
            if tensor.dtype not in (tf.resource, tf.variant, tf.string):
                fetches[name] = tensor
        found: dict[str, Arrays] = session.run(fetches, feeds)
        return found
