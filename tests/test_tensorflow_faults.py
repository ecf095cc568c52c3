"""What is wrong with a TensorFlow or TFLite file is said, by node, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnefx.converters import read
from nnefx.diagnostics import NnefError

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

tf = pytest.importorskip("tensorflow")
FLOAT = tf.float32


class Net(tf.Module):  # type: ignore[misc,name-defined]
    """A small module with a variable and two signatures."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(np.ones((4, 3), np.float32))

    @tf.function
    def dense(self, x: Any) -> Any:
        return {"y": tf.nn.relu(x @ self.w)}

    @tf.function
    def twice(self, x: Any) -> Any:
        return {"z": 2 * x}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    net = Net()
    signatures = {
        "dense": net.dense.get_concrete_function(tf.TensorSpec((None, 4), FLOAT, "x")),
        "twice": net.twice.get_concrete_function(tf.TensorSpec((2, 4), FLOAT, "x")),
    }
    tf.saved_model.save(net, str(tmp_path / "saved"), signatures)
    return tmp_path / "saved"


def graph_file(make: Callable[..., Any], folder: Path, *specs: Any) -> Path:
    """Write a function without variables as a frozen graph."""
    function = tf.function(make, autograph=False).get_concrete_function(*specs)
    path = folder / "graph.pb"
    path.write_bytes(function.graph.as_graph_def().SerializeToString())
    return path


def lite_file(folder: Path) -> Path:
    net = tf.function(lambda x: tf.nn.relu(tf.nn.conv2d(x, np.ones((3, 3, 2, 4), "f"), 1, "SAME")))
    function = net.get_concrete_function(tf.TensorSpec((1, 8, 8, 2), FLOAT, "x"))
    path = folder / "net.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    return path


def refused(path: Path, **options: Any) -> NnefError:
    with pytest.raises(NnefError) as caught:
        read(path, **options)
    return caught.value


def codes(error: NnefError) -> list[str]:
    return [item.code for item in error.diagnostics]


def test_a_signature_is_chosen_by_name(saved: Path) -> None:
    assert [v.name for v in read(saved, signature="twice").graph.outputs] == ["z"]
    assert [v.shape for v in read(saved, signature="dense").graph.outputs] == [(1, 3)]


@pytest.mark.parametrize("name", [None, "other"])
def test_a_signature_that_is_not_there_is_refused_with_those_that_are(
    saved: Path, name: str | None
) -> None:
    error = refused(saved, signature=name)
    assert codes(error) == ["NX723"]
    assert "'dense', 'twice'" in str(error)


def test_missing_variables_are_reported(saved: Path) -> None:
    for file in (saved / "variables").iterdir():
        file.unlink()
    assert codes(refused(saved, signature="dense")) == ["NX710"]


def test_a_graph_with_variables_is_refused(tmp_path: Path) -> None:
    net = Net()
    function = net.dense.get_concrete_function(tf.TensorSpec((1, 4), FLOAT, "x"))
    path = tmp_path / "graph.pb"
    graph = function.graph.as_graph_def()
    graph.node.add(name="v", op="VarHandleOp")
    path.write_bytes(graph.SerializeToString())
    assert codes(refused(path)) == ["NX710"]


def test_an_open_dimension_is_to_be_fixed(tmp_path: Path) -> None:
    path = graph_file(tf.nn.relu, tmp_path, tf.TensorSpec((None, None, 3), FLOAT, "x"))
    error = refused(path)
    assert codes(error) == ["NX707"]
    assert "[?, ?, 3] is open" in str(error)
    assert read(path, input_shapes={"x": (1, 5, 3)}).graph.inputs[0].shape == (1, 5, 3)
    assert codes(refused(path, input_shapes={"x": (1, 5, 4)})) == ["NX707"]
    assert codes(refused(path, input_shapes={"other": (1, 5, 3)})) == ["NX708"]


def test_all_unsupported_operations_are_listed_with_their_nodes(tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        return tf.linalg.inv(x) + tf.linalg.cholesky(x, name="roots") * tf.linalg.inv(x, name="b")

    error = refused(graph_file(make, tmp_path, tf.TensorSpec((3, 3), FLOAT, "x")))
    assert codes(error) == ["NX701"] * 3
    for text in ("(MatrixInverse)", "node 'roots' (Cholesky)", "node 'b' (MatrixInverse)"):
        assert text in str(error)


def test_texts_are_refused(tmp_path: Path) -> None:
    path = graph_file(tf.strings.length, tmp_path, tf.TensorSpec((3,), tf.string, "x"))
    assert "NX704" in codes(refused(path))


def test_a_loop_whose_end_depends_on_the_input_is_refused(tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        return tf.while_loop(lambda y: tf.reduce_sum(y) < 9.0, lambda y: (y + 1,), (x,))[0]

    error = refused(graph_file(make, tmp_path, tf.TensorSpec((3,), FLOAT, "x")))
    assert "NX705" in codes(error)


def test_a_branch_that_depends_on_the_input_is_refused(tmp_path: Path) -> None:
    def make(x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x + 1, lambda: x - 1)

    error = refused(graph_file(make, tmp_path, tf.TensorSpec((3,), FLOAT, "x")))
    assert "NX705" in codes(error)


def test_random_numbers_are_refused_where_they_matter(tmp_path: Path) -> None:
    path = graph_file(
        lambda x: x + tf.random.uniform((3,)), tmp_path, tf.TensorSpec((3,), FLOAT, "x")
    )
    assert codes(refused(path)) == ["NX705"]


@pytest.mark.parametrize("name", ["empty.pb", "noise.pb", "noise.h5", "noise.keras", "a.meta"])
def test_files_of_something_else_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if "empty" in name else bytes(range(256)))
    assert codes(refused(path)) == ["NX710"]


def test_weights_alone_are_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "net.weights.h5")
    assert "weights only" in str(refused(tmp_path / "net.weights.h5"))


def test_a_layer_that_carries_code_is_refused_without_running_it(tmp_path: Path) -> None:
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input((3,)), layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "net.h5")
    error = refused(tmp_path / "net.h5")
    assert codes(error) == ["NX720"]
    assert "Lambda" in str(error)


def test_the_command_exits_with_1_and_writes_nothing(nnefx: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(lite_file(tmp_path).read_bytes()[:-500])
    run = nnefx("convert", path, "-o", tmp_path / "out")
    assert run.exit_code == 1
    assert "NX710" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_reader_refuses_options_that_it_does_not_have(nnefx: Any, tmp_path: Path) -> None:
    run = nnefx("convert", lite_file(tmp_path), "-o", tmp_path / "out", "--hierarchy")
    assert run.exit_code == 1
    assert "hierarchy" in run.stderr


def mutated(data: bytes, seed: int) -> bytes:
    """Return the file cut short, or with some bytes or offsets changed."""
    rng = np.random.default_rng(seed)
    if seed % 4 == 0:
        return data[: rng.integers(8, len(data))]
    items = np.frombuffer(data, np.uint8).copy()
    for place in rng.integers(0, len(data) - 4, rng.integers(1, 6)):
        width = 4 if seed % 4 == 1 else 1
        items[place : place + width] = 255 if seed % 4 == 2 else rng.integers(0, 256, width)
    return items.tobytes()


def test_a_corrupt_flatbuffer_never_crashes(tmp_path: Path) -> None:
    data = lite_file(tmp_path).read_bytes()
    outcomes = set()
    for seed in range(300):
        path = tmp_path / f"{seed}.tflite"
        path.write_bytes(mutated(data, seed))
        try:
            read(path)
            outcomes.add("read")
        except NnefError as error:
            outcomes.update(codes(error))
    assert {"read", "NX710"} <= outcomes
