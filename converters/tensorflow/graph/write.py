"""NNEF model -> SavedModel or TFLite file, by TensorFlow's own writers."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from nnefx.converters.tensorflow.graph.emit import TYPES, Walk, grids_of, prepared, stored_arrays
from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.diagnostics import NnefError
from nnefx.ops import Reject
from nnefx.source import FileAt
from nnefx.tensors.model import Model, require_free


def write(model: Model, path: str | os.PathLike[str], *, format: str, force: bool = False) -> None:
    """Write a model as a SavedModel folder (`tensorflow`) or a TFLite file (`tflite`).

    Inputs and outputs keep the layout and the names of the graph.

    Raises:
        NnefError: NX010 where `path` exists, NX611 to NX613 for what TensorFlow lacks.
    """
    target = Path(path)
    require_free(target, force)
    module = module_of(model)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder:
        fresh = Path(folder, "fresh")
        if format == "tflite":
            fresh.write_bytes(lite_bytes(module))
        else:
            tf.saved_model.save(module, str(fresh), signatures={"serving_default": module.run})
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        fresh.replace(target)


def module_of(model: Model) -> Any:
    """Return a module of TensorFlow: its `run` is a concrete function, its variables the weights.

    Raises:
        NnefError: NX611 to NX613 for what TensorFlow lacks.
    """
    ready = prepared(model)
    module = tf.Module(name="nnef")
    arrays = stored_arrays(ready)
    variables = {
        value: tf.Variable(array, trainable=False, name=value.name)
        for value, array in arrays.items()
        if ready.graph.producer[value].name == "variable"
    }
    module.weights = list(variables.values())
    specs = [
        tf.TensorSpec(value.shape, TYPES[value.dtype], value.name) for value in ready.graph.inputs
    ]

    module.rounds = bool(grids_of(ready, arrays))

    def run(*inputs: Any) -> Any:
        return Walk(ready, arrays, variables).run(inputs)

    try:
        module.run = tf.function(run, autograph=False).get_concrete_function(*specs)
    except Reject as reject:
        raise NnefError(reject.code, reject.message, FileAt(model.path or "model")) from None
    return module


def lite_bytes(module: Any) -> bytes:
    """Return the TFLite file of a module; where it rounds, of integers.

    Activations keep scale and zero point. Filters get a scale per channel from their extremes,
    which is the one that they have where `quantize` found it.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run], module)
    if module.rounds:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        data = converter.convert()
    except Exception as error:  # the converter has a class of its own in a private module
        if type(error).__name__ != "ConverterError":
            raise
        first = str(error).strip().splitlines()[0]
        raise NnefError("NX612", f"TensorFlow cannot write it as TFLite: {first}") from None
    assert isinstance(data, bytes)
    return data
