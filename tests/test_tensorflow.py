"""TensorFlow graphs and TFLite files against the engines that they come from."""

from pathlib import Path
from typing import Any

import nnef
import numpy as np
import pytest

import nnefx
from nnefx.converters import read
from nnefx.converters.imported import Imported
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model
from tf_cases import Case, cases, weights

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

tf = pytest.importorskip("tensorflow")
CASES = cases(tf)
LITE = [case for case in CASES if case.lite]


def run(imported: Imported, inputs: list[Any], folder: Path) -> list[np.ndarray[Any, Any]]:
    """Run an import after it is saved and loaded; the Khronos parser has to read it too."""
    imported = optimized(imported)
    model = Model(imported.graph, imported.weights, imported.quantization)
    nnefx.save(model, folder / "net")
    text = (folder / "net" / "graph.nnef").read_text(encoding="utf-8")
    nnef.parse_string(text)
    loaded = nnefx.load(folder / "net")
    names = [value.name for value in loaded.graph.inputs]
    return list(nnefx.run(loaded, dict(zip(names, inputs))).values())


def agree(ours: Any, theirs: Any, rtol: float) -> None:
    """Compare outputs: relative to the largest item; integers and truth values exactly."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, map(np.asarray, theirs)):
        assert mine.shape == other.shape
        if other.dtype.kind == "f":
            scale = np.abs(other).max(initial=1e-6)
            np.testing.assert_allclose(mine, other, rtol=0, atol=rtol * scale)
        else:
            np.testing.assert_array_equal(mine, other)


def concrete(case: Case) -> Any:
    """Return the case as a concrete function of named inputs."""
    specs = [tf.TensorSpec(a.shape, a.dtype, f"x{i}") for i, a in enumerate(case.inputs())]
    return tf.function(case.make).get_concrete_function(*specs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_graph_computes_what_tensorflow_does(case: Case, tmp_path: Path) -> None:
    from nnefx.converters.tensorflow.graph.load import frozen
    from nnefx.converters.tensorflow.graph.read import Wanted, read_frozen

    function, inputs = concrete(case), case.inputs()
    expected = tf.nest.flatten(function(*map(tf.constant, inputs)))
    imported = read_frozen(frozen(function), "case", Wanted({}, {}))
    agree(run(imported, inputs, tmp_path), expected, case.rtol)


@pytest.mark.parametrize("case", LITE, ids=str)
def test_tflite_computes_what_the_interpreter_does(case: Case, tmp_path: Path) -> None:
    from nnefx.converters.tensorflow.lite.reference import interpreter

    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete(case)])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    path = tmp_path / "case.tflite"
    path.write_bytes(converter.convert())
    engine, inputs = interpreter(path), case.inputs()
    engine.allocate_tensors()
    details = engine.get_input_details()
    order = [int(item["name"].split("x")[-1].split(":")[0]) for item in details]
    for item, index in zip(details, order):
        engine.set_tensor(item["index"], inputs[index])
    engine.invoke()
    expected = [engine.get_tensor(item["index"]) for item in engine.get_output_details()]
    given = [inputs[index] for index in order]
    agree(run(read(path), given, tmp_path), expected, case.rtol)


def _images(data_format: str) -> Any:
    """Return a function with every operator that has a data_format, NCHW or NHWC."""
    first = data_format == "NCHW"

    def pixels(*items: int) -> list[int]:
        return [1, 1, *items] if first else [1, *items, 1]

    def make(x: Any) -> Any:
        w = weights(3, 3, 4, 4)
        y = tf.nn.conv2d(x, w, pixels(2, 1), "SAME", data_format=data_format)
        y = tf.nn.bias_add(y, weights(4), data_format=data_format)
        y = tf.nn.depthwise_conv2d(
            y, weights(3, 3, 4, 1), pixels(1, 1), "VALID", data_format=data_format
        )
        y = tf.nn.max_pool2d(y, pixels(2, 3), pixels(1, 2), "SAME", data_format=data_format)
        y = tf.nn.avg_pool2d(y, pixels(2, 2), pixels(1, 1), "SAME", data_format=data_format)
        ones = np.ones(4, np.float32)
        return tf.raw_ops.FusedBatchNormV3(
            x=y, scale=weights(4), offset=ones, mean=0.5 * ones, variance=2 * ones,
            is_training=False, data_format=data_format,
        )[0]  # fmt: skip

    return make


def test_channels_first_computes_what_channels_last_does(tmp_path: Path) -> None:
    """TensorFlow itself runs images with channels first on other devices only."""
    from nnefx.converters.tensorflow.graph.load import frozen
    from nnefx.converters.tensorflow.graph.read import Wanted, read_frozen

    x = np.random.default_rng(0).standard_normal((1, 8, 9, 4)).astype(np.float32)
    expected = _images("NHWC")(tf.constant(x)).numpy().transpose(0, 3, 1, 2)
    function = tf.function(_images("NCHW"), autograph=False).get_concrete_function(
        tf.TensorSpec((1, 4, 8, 9), tf.float32, "x")
    )
    imported = read_frozen(frozen(function), "case", Wanted({}, {}))
    assert "transpose" not in [node.name for node in imported.graph.nodes]
    agree(run(imported, [x.transpose(0, 3, 1, 2)], tmp_path), [expected], 1e-4)
