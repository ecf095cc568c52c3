"""Keras models, in memory and as files, and graphs of TensorFlow 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnefx
from nnefx.converters import read
from nnefx.converters.imported import Imported
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

tf = pytest.importorskip("tensorflow")
v1 = tf.compat.v1


def run(imported: Imported, *inputs: Any) -> Any:
    imported = optimized(imported)
    feeds = {v.name: array for v, array in zip(imported.graph.inputs, inputs)}
    (found,) = nnefx.run(Model(imported.graph, imported.weights), feeds).values()
    return found


def noise(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def recurrent(name: str) -> Any:
    import keras

    k = keras.layers
    made = {
        "lstm": k.LSTM(4),
        "lstm_sequence": k.LSTM(4, return_sequences=True),
        "gru": k.GRU(4),
        "gru_reset_before": k.GRU(4, reset_after=False),
        "rnn": k.SimpleRNN(4),
        "bidirectional": k.Bidirectional(k.LSTM(4)),
        "backwards": k.LSTM(4, go_backwards=True),
    }
    inputs = keras.Input((5, 3))
    keras.utils.set_random_seed(4)
    return keras.Model(inputs, made[name](inputs))


@pytest.mark.parametrize(
    "name",
    ["lstm", "lstm_sequence", "gru", "gru_reset_before", "rnn", "bidirectional", "backwards"],
)
def test_a_recurrent_layer_is_unrolled(name: str) -> None:
    from nnefx.converters.tensorflow.graph.read import read_model

    model, x = recurrent(name), noise(1, 5, 3)
    expected = model(x).numpy()
    np.testing.assert_allclose(run(read_model(model), x), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["MobileNetV2", "DenseNet121", "EfficientNetB0"])
def test_an_application_agrees_and_has_no_transpose_inside(name: str) -> None:
    import keras

    from nnefx.converters.tensorflow.graph.read import read_model

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10)
    x = np.random.default_rng(0).random((1, 64, 64, 3)).astype(np.float32) * 255
    imported = optimized(read_model(model))
    expected = model(x, training=False).numpy()
    (found,) = nnefx.run(
        Model(imported.graph, imported.weights), {imported.graph.inputs[0].name: x}
    ).values()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    names = [node.name for node in imported.graph.nodes]
    assert names.count("transpose") == 1
    assert "batch_normalization" not in names


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_file_is_read(suffix: str, tmp_path: Path) -> None:
    import keras

    k = keras.layers
    image, more = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="more")
    y = k.Flatten()(k.Conv2D(4, 3, name="features")(image))
    model = keras.Model([image, more], k.Dense(2, name="answer")(k.Concatenate()([y, more])))
    model.save(tmp_path / f"net{suffix}")
    imported = read(tmp_path / f"net{suffix}")
    assert [v.name for v in imported.graph.inputs] == ["image", "more"]
    assert [v.name for v in imported.graph.outputs] == ["answer"]
    x = noise(1, 8, 8, 3), noise(1, 4)
    np.testing.assert_allclose(run(imported, *x), model(list(x)).numpy(), rtol=0, atol=1e-5)


def test_a_file_of_an_old_keras_is_read_by_tf_keras_which_is_said(tmp_path: Path) -> None:
    import tf_keras

    k = tf_keras.layers
    model = tf_keras.Sequential([k.Input((8, 8, 2)), k.DepthwiseConv2D(3), k.ReLU(6.0)])
    model.save(tmp_path / "net.h5")
    imported = read(tmp_path / "net.h5")
    assert [note.code for note in imported.notes] == ["NX734"]
    x = noise(1, 8, 8, 2)
    np.testing.assert_allclose(run(imported, x), model(x).numpy(), rtol=0, atol=1e-5)


def loop() -> Any:
    """Build a loop in frames of TensorFlow 1, with an array and a branch."""
    v1.disable_control_flow_v2()
    try:
        x = v1.placeholder(tf.float32, (4, 2, 3), "x")
        w = v1.get_variable("w", initializer=noise(3, 3))
        items = v1.TensorArray(tf.float32, 4).unstack(x)
        done = v1.TensorArray(tf.float32, 4)

        def step(i: Any, h: Any, out: Any) -> Any:
            new = tf.tanh(tf.matmul(items.read(i), w) + h)
            return i + 1, new, out.write(i, new)

        _, _, done = v1.while_loop(
            lambda i, *_: i < 4, step, (tf.constant(0), tf.zeros((2, 3)), done)
        )
        y = v1.cond(tf.constant(2) > 1, lambda: done.stack() * 2, lambda: done.stack())
        return x, tf.identity(y, "y")
    finally:
        v1.enable_control_flow_v2()


def test_a_checkpoint_with_a_loop_is_frozen_and_unrolled(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x, y = loop()
        session.run(v1.global_variables_initializer())
        expected = session.run(y, {x: noise(4, 2, 3)})
        v1.train.Saver().save(session, str(tmp_path / "net"))
    imported = read(tmp_path / "net.meta", outputs=["y"])
    np.testing.assert_allclose(run(imported, noise(4, 2, 3)), expected, rtol=0, atol=1e-5)
    assert sum(node.name == "tanh" for node in imported.graph.nodes) == 4


def test_an_output_is_chosen_by_name(tmp_path: Path) -> None:
    function = tf.function(lambda x: tf.nn.relu(tf.identity(x * 2, name="middle")) + 1)
    graph = function.get_concrete_function(tf.TensorSpec((2, 3), tf.float32, "x")).graph
    (tmp_path / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    x = noise(2, 3)
    np.testing.assert_allclose(run(read(tmp_path / "net.pb", outputs=["middle"]), x), x * 2)


def test_a_dilated_convolution_is_put_together() -> None:
    from nnefx.converters.tensorflow.graph.load import frozen
    from nnefx.converters.tensorflow.graph.read import Wanted, read_frozen

    def make(x: Any) -> Any:
        y = tf.space_to_batch(x, [2, 2], [[2, 2], [2, 3]])
        y = tf.nn.relu(tf.nn.conv2d(y, noise(3, 3, 4, 5), 1, "VALID"))
        return tf.batch_to_space(y, [2, 2], [[0, 0], [0, 1]])

    function = tf.function(make).get_concrete_function(tf.TensorSpec((1, 8, 9, 4), tf.float32))
    graph = optimized(read_frozen(frozen(function), "net", Wanted({}, {}))).graph
    (conv,) = [node for node in graph.nodes if node.name == "conv"]
    assert conv.attributes["dilation"] == [2, 2]
    assert conv.attributes["padding"] == [(2, 2), (2, 2)]
    assert "reshape" not in [node.name for node in graph.nodes]
