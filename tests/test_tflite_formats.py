"""TFLite files as they come: quantized in every way, sparse, recurrent, with custom operators."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

import nnefx
from lite_files import ints, lite_model, table, vector
from nnefx.converters import read
from nnefx.converters.imported import Imported
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

tf = pytest.importorskip("tensorflow")
KINDS = ("float", "fp16", "dynamic", "int8", "uint8", "int16")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small network, quantized in each way."""
    import keras

    keras.utils.set_random_seed(1)
    k = keras.layers
    image = keras.Input((16, 16, 3), batch_size=1)
    x = k.BatchNormalization()(k.Conv2D(8, 3, strides=2, padding="same")(image))
    x = k.ReLU(6.0)(x)
    y = k.LeakyReLU()(k.DepthwiseConv2D(3, padding="same")(x))
    x = k.Add()([x, k.Conv2D(8, 1)(y)])
    x = k.MaxPooling2D()(k.Concatenate()([x, k.Activation("sigmoid")(x)]))
    x = k.UpSampling2D(interpolation="bilinear")(x)
    x = k.Activation("tanh")(k.Conv2DTranspose(4, 3, strides=2, padding="same")(x))
    x = k.Softmax()(k.Dense(10)(k.GlobalAveragePooling2D()(x)))
    model = keras.Model(image, x)
    folder = tmp_path_factory.mktemp("lite")
    found = {kind: folder / f"{kind}.tflite" for kind in KINDS}
    for kind, path in found.items():
        path.write_bytes(converted(model, kind))
    return found


def converted(model: Any, kind: str) -> bytes:
    converter, ops = tf.lite.TFLiteConverter.from_keras_model(model), tf.lite.OpsSet
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "uint8", "int16"):
        rng = np.random.default_rng(0)
        samples = [[rng.standard_normal((1, 16, 16, 3)).astype(np.float32)] for _ in range(9)]
        converter.representative_dataset = lambda: samples
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [
            wide if kind == "int16" else ops.TFLITE_BUILTINS_INT8
        ]
    if kind in ("int8", "uint8"):
        converter.inference_input_type = getattr(tf, kind)
        converter.inference_output_type = getattr(tf, kind)
    return bytes(converter.convert())


def run(path: Path, x: Any, folder: Path) -> tuple[Imported, Any]:
    imported = optimized(read(path))
    model = Model(imported.graph, imported.weights, imported.quantization)
    nnefx.save(model, folder / "net")
    (found,) = nnefx.run(nnefx.load(folder / "net"), {imported.graph.inputs[0].name: x}).values()
    return imported, found


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_quantize_agrees_with_the_interpreter(
    files: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    from nnefx.converters.tensorflow.lite import reference

    x = np.random.default_rng(5).standard_normal((1, 16, 16, 3)).astype(np.float32)
    imported, found = run(files[kind], x, tmp_path)
    names = {mine: name for name, mine in imported.names.items()}
    output = imported.graph.outputs[0].name
    theirs = reference.run(files[kind], {names[imported.graph.inputs[0].name]: x}, [names[output]])
    step = imported.quantization[output].attributes["scale"] if kind in ("int8", "uint8") else 0
    limit = {"dynamic": 2e-2, "int16": 1e-3}.get(kind, 1e-4) * float(np.abs(found).max())
    assert np.abs(found - theirs[names[output]]).max() <= max(limit, 1.001 * step)


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("float", {"float32"}),
        ("fp16", {"float16"}),
        ("int8", {"int8", "int32"}),
        ("int16", {"int8", "int64"}),
    ],
)
def test_weights_keep_the_types_of_the_file(
    files: dict[str, Path], kind: str, types: set[str]
) -> None:
    assert {array.dtype.name for array in read(files[kind]).weights.values()} == types


def test_integer_weights_have_a_scale_per_channel(files: dict[str, Path]) -> None:
    imported = read(files["int8"])
    convolutions = [n for n in imported.graph.nodes if n.name == "conv"]
    for node in convolutions:
        entry = imported.quantization[node.inputs["filter"].name]
        assert entry.algorithm == "zero_point_linear_quantize"
        assert len(entry.attributes["scale"]) == node.inputs["filter"].shape[0]
        assert entry.attributes["bits"] == 8
        bias = imported.quantization[node.inputs["bias"].name]
        assert np.shape(bias.attributes["scale"]) == node.inputs["bias"].shape


def test_an_ordinary_network_reads_as_if_written_by_hand(files: dict[str, Path]) -> None:
    graph = optimized(read(files["float"])).graph
    names = [node.name for node in graph.nodes]
    assert names.count("transpose") == 1  # of the input; the output has no dimensions to order
    assert not {"batch_normalization", "reshape", "pad"} & set(names)
    first = next(node for node in graph.nodes if node.name == "conv")
    assert (first.attributes["padding"], first.attributes["stride"]) == ([], [2, 2])
    without = optimized(read(files["float"], layout="nchw")).graph
    assert "transpose" not in [node.name for node in without.nodes]
    assert without.inputs[0].shape == (1, 3, 16, 16)


def test_a_recurrent_layer_is_unrolled(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(2)
    inputs = keras.Input((5, 3), batch_size=1)
    model = keras.Model(inputs, keras.layers.LSTM(4)(inputs))
    path = tmp_path / "lstm.tflite"
    path.write_bytes(bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert()))
    x = np.random.default_rng(3).standard_normal((1, 5, 3)).astype(np.float32)
    imported, found = run(path, x, tmp_path)
    np.testing.assert_allclose(found, model(x).numpy(), rtol=0, atol=1e-5)
    assert sum(node.name == "nnefx_lstm_cell" for node in imported.graph.nodes) in (0, 5)


# ---- files that TensorFlow's converter does not write


def test_a_transposed_convolution_with_bias_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5, 2, 2, 3)).astype(np.float32)
    bias = rng.standard_normal(5).astype(np.float32)
    data = lite_model(
        [
            ("x", (1, 4, 6, 3), None), ("w", w.shape, w), ("b", (5,), bias),
            ("y", (1, 8, 12, 5), None),
        ],
        "Convolution2DTransposeBias", ([0, 1, 2], [3]), custom=struct.pack("<3i", 1, 2, 2),
    )  # fmt: skip
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    x = rng.standard_normal((1, 4, 6, 3)).astype(np.float32)
    _, found = run(path, x, tmp_path)
    expected = tf.nn.conv2d_transpose(x, w.transpose(1, 2, 0, 3), (1, 8, 12, 5), 2, "SAME") + bias
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_maximum_with_its_place_is_read(tmp_path: Path) -> None:
    data = lite_model(
        [("x", (1, 4, 6, 3), None), ("y", (1, 2, 3, 3), None), ("i", (1, 2, 3, 3), None)],
        "MaxPoolingWithArgmax2D", ([0], [1, 2]), custom=struct.pack("<5i", 1, 2, 2, 2, 2),
    )  # fmt: skip
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    x = np.random.default_rng(0).standard_normal((1, 4, 6, 3)).astype(np.float32)
    imported = optimized(read(path))
    found = nnefx.run(Model(imported.graph, imported.weights), {"x": x})
    values, places = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
    np.testing.assert_array_equal(found["y"], values)
    np.testing.assert_array_equal(found["i"], places)


def test_a_sparse_matrix_is_made_dense(tmp_path: Path) -> None:
    dense = np.zeros((4, 6), np.float32)
    places = [(0, 1), (0, 4), (2, 0), (3, 5)]
    for value, place in enumerate(places, start=1):
        dense[place] = value

    def sparsity(b: Any) -> Any:
        segments = table(b, 1, {0: ("offset", ints(b, [0, 2, 2, 3, 4]))})
        columns = table(b, 1, {0: ("offset", ints(b, [1, 4, 0, 5]))})
        rows = table(b, 6, {0: ("Int8", 0), 1: ("Int32", 4)})
        compressed = table(b, 6, {
            0: ("Int8", 1), 2: ("Uint8", 1), 3: ("offset", segments), 4: ("Uint8", 1),
            5: ("offset", columns),
        })  # fmt: skip
        order = ints(b, [0, 1])
        levels = vector(b, [rows, compressed])
        return table(b, 3, {0: ("offset", order), 2: ("offset", levels)})

    items = np.arange(1, 5, dtype=np.float32)
    data = lite_model(
        [("x", (2, 6), None), ("w", (4, 6), items), ("y", (2, 4), None)],
        tflite.BuiltinOperator.FULLY_CONNECTED, ([0, 1], [2]), sparsity=sparsity,
    )  # fmt: skip
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    x = np.random.default_rng(0).standard_normal((2, 6)).astype(np.float32)
    _, found = run(path, x, tmp_path)
    np.testing.assert_allclose(found, x @ dense.T, rtol=0, atol=1e-5)


def test_reading_needs_no_tensorflow_and_little_memory(files: dict[str, Path]) -> None:
    code = (
        "import sys, nnefx\n"
        "nnefx.convert(sys.argv[1])\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'TensorFlow was imported'\n"
        "print(open('/proc/self/status').read())\n"
    )
    words = [sys.executable, "-c", code, str(files["float"])]
    status = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak) < 300 * 1024  # kilobytes
