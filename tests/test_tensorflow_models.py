"""Trained models that packages carry give the outputs that were stored with their own framework."""

from typing import Any

import numpy as np
import pytest

import nnefx
import tf_zoo
from nnefx.converters import read
from nnefx.converters.imported import Imported
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

Entry = dict[str, Any]
LITE = "tensorflow-lite"
GRAPHS = ("tensorflow-savedmodel", "tensorflow-frozen", "tensorflow-keras")


def listed(*frameworks: str) -> list[Any]:
    try:
        return [pytest.param(e, id=e["name"]) for e in tf_zoo.entries(*frameworks)]
    except pytest.skip.Exception:
        return []


def outputs(imported: Imported, inputs: dict[str, Any]) -> dict[str, Any]:
    """Run an import; inputs by the source's names, quantized ones as the integers they are."""
    imported = optimized(imported)
    feeds = {}
    for value in imported.graph.inputs:
        name = next(n for n, mine in imported.names.items() if mine == value.name)
        array = inputs[name]
        entry = imported.quantization.get(value.name)
        if entry is not None and array.dtype.kind in "iu":
            array = (array - float(entry.attributes["zero_point"])) * entry.attributes["scale"]
        feeds[value.name] = array.astype(np.float32)
    model = Model(imported.graph, imported.weights, imported.quantization)
    found = nnefx.run(model, feeds)
    return {name: found[mine] for name, mine in imported.names.items() if mine in found}


@pytest.mark.parametrize("entry", listed(LITE))
def test_tflite_model_gives_its_stored_outputs(entry: Entry) -> None:
    inputs, expected = tf_zoo.golden(entry)
    shapes = {name: array.shape for name, array in inputs.items()}
    imported = read(tf_zoo.obtain(entry), input_shapes=shapes)
    found = outputs(imported, inputs)
    for name, array in expected.items():
        scale = imported.quantization.get(imported.names[name])
        if array.dtype.kind in "iu":
            assert scale is not None
            array = array.astype(np.float64) - scale.attributes["zero_point"]
            array = array * scale.attributes["scale"]
        # the weights of the second have 8 bits, so that engines round its activations too, each
        # in a way of its own: two of them differ by 1 percent. The third amplifies small numbers
        # by a logarithm
        rtol = {"tflite/fer_emotion_quant": 1e-2, "tflite/basic_pitch_nmp": 2e-4}
        limit = rtol.get(entry["name"], 1e-4) * np.abs(array).max()
        if scale is not None:
            limit = scale.attributes["scale"] * 1.001
        assert np.abs(found[name] - array).max() <= limit


@pytest.mark.parametrize("entry", listed(*GRAPHS))
def test_tensorflow_model_gives_its_stored_outputs(entry: Entry) -> None:
    pytest.importorskip("tensorflow")
    from nnefx.converters.tensorflow.graph.read import read_model

    given, expected = tf_zoo.golden(entry)
    model = tf_zoo.built(entry)
    if model is not None:
        shapes = [array.shape for array in given.values()]
        names = [item.name.split(":")[0] for item in model.inputs]
        imported = read_model(model, input_shapes=dict(zip(names, shapes)))
    else:
        imported = read_file(entry, given)
    imported = optimized(imported)
    arrays = [array for name, array in given.items() if not is_fixed(name)]
    feeds = {v.name: array for v, array in zip(imported.graph.inputs, arrays)}
    found = nnefx.run(Model(imported.graph, imported.weights), feeds)
    for name, array in expected.items():
        mine = found[name] if name in found else next(iter(found.values()))
        assert np.abs(mine - array).max() <= 1e-4 * np.abs(array).max()


def read_file(entry: Entry, given: dict[str, Any]) -> Imported:
    """Read a model; what its loops depend on has to be known."""
    path = tf_zoo.obtain(entry)
    if len(given) == 1:
        (array,) = given.values()
        return read(path, input_shapes={None: array.shape})
    fixed = {name: array for name, array in given.items() if is_fixed(name)}
    shapes = {name: array.shape for name, array in given.items() if name not in fixed}
    return read(path, input_shapes=shapes, values=fixed, outputs=["probs"])


def is_fixed(name: str) -> bool:
    return name.endswith(("seq_lengths", "keep_prob"))
