"""TFLite operators that TensorFlow's converter makes of nothing, against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

import nnefx
from lite_files import lite_model
from nnefx.converters import read
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model

pytestmark = pytest.mark.xdist_group("tensorflow")

pytest.importorskip("ai_edge_litert")
OPS, OPTIONS = tflite.BuiltinOperator, tflite.BuiltinOptions


def noise(*shape: int) -> Any:
    return np.random.default_rng(sum(shape) + len(shape)).standard_normal(shape).astype(np.float32)


def state(name: str, *shape: int) -> Any:
    return (name, shape, None, "variable")


IMAGE = ("x", (1, 4, 6, 3), None)
ROWS = ("x", (2, 5), None)
STEPS = ("x", (1, 4, 5), None)
PLAIN = ([0], [1])

# name: tensors, inputs and outputs, options
CASES: dict[str, Any] = {
    "RELU_N1_TO_1": ([ROWS, ("y", (2, 5), None)], PLAIN, None),
    "RELU_0_TO_1": ([ROWS, ("y", (2, 5), None)], PLAIN, None),
    "HARD_SWISH": ([ROWS, ("y", (2, 5), None)], PLAIN, None),
    "SIGN": ([ROWS, ("y", (2, 5), None)], PLAIN, None),
    "ZEROS_LIKE": ([ROWS, ("y", (2, 5), None)], PLAIN, None),
    "L2_NORMALIZATION": ([ROWS, ("y", (2, 5), None)], PLAIN, (OPTIONS.L2NormOptions, {})),
    "LOCAL_RESPONSE_NORMALIZATION": (
        [IMAGE, ("y", (1, 4, 6, 3), None)], PLAIN,
        (OPTIONS.LocalResponseNormalizationOptions, {
            0: ("Int32", 1), 1: ("Float32", 1.5), 2: ("Float32", 0.5), 3: ("Float32", 0.75),
        }),
    ),
    "L2_POOL_2D": (
        [IMAGE, ("y", (1, 2, 3, 3), None)], PLAIN,
        (OPTIONS.Pool2DOptions, {
            0: ("Int8", 0), 1: ("Int32", 2), 2: ("Int32", 2), 3: ("Int32", 2), 4: ("Int32", 2),
        }),
    ),
    "PRELU": (
        [IMAGE, ("a", (1, 1, 3), noise(1, 1, 3)), ("y", (1, 4, 6, 3), None)], ([0, 1], [2]), None,
    ),
    "SPACE_TO_DEPTH": (
        [IMAGE, ("y", (1, 2, 3, 12), None)], PLAIN,
        (OPTIONS.SpaceToDepthOptions, {0: ("Int32", 2)}),
    ),
    "MATRIX_DIAG": ([ROWS, ("y", (2, 5, 5), None)], PLAIN, (OPTIONS.MatrixDiagOptions, {})),
    "EMBEDDING_LOOKUP": (
        [("i", (3,), None, "int32"), ("w", (4, 5), noise(4, 5)), ("y", (3, 5), None)],
        ([0, 1], [2]), None,
    ),
    "DYNAMIC_UPDATE_SLICE": (
        [
            ("x", (3, 5), None), ("u", (2, 2), noise(2, 2)),
            ("i", (2,), np.array([1, 2], np.int32), "int32"), ("y", (3, 5), None),
        ],
        ([0, 1, 2], [3]), None,
    ),
    "RNN": (
        [
            ROWS, ("w", (4, 5), noise(4, 5)), ("r", (4, 4), noise(4, 4)), ("b", (4,), noise(4)),
            state("h", 2, 4), ("y", (2, 4), None),
        ],
        ([0, 1, 2, 3, 4], [5]), (OPTIONS.RNNOptions, {0: ("Int8", 4)}),
    ),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (
        [
            STEPS, ("w", (4, 5), noise(4, 5)), ("r", (4, 4), noise(4, 4)), ("b", (4,), noise(4)),
            state("h", 1, 4), ("y", (1, 4, 4), None),
        ],
        ([0, 1, 2, 3, 4], [5]), (OPTIONS.SequenceRNNOptions, {1: ("Int8", 4)}),
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        [
            STEPS, *((f"w{i}", (3, 5), noise(3, 5) + i / 4) for i in range(4)),
            *((f"r{i}", (3, 3), noise(3, 3) - i / 4) for i in range(4)),
            *((f"b{i}", (3,), noise(3) + i) for i in range(4)),
            state("h", 1, 3), state("c", 1, 3), ("y", (1, 4, 3), None),
        ],
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, 9, 10, 11, 12, -1, -1, 13, 14], [15]),
        (OPTIONS.UnidirectionalSequenceLSTMOptions, {0: ("Int8", 4)}),
    ),
    "SVDF": (
        [
            ROWS, ("f", (6, 5), noise(6, 5)), ("t", (6, 3), noise(6, 3)), ("b", (3,), noise(3)),
            state("s", 2, 18), ("y", (2, 3), None),
        ],
        ([0, 1, 2, 3, 4], [5]), (OPTIONS.SVDFOptions, {0: ("Int32", 2), 1: ("Int8", 1)}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operator_computes_what_the_interpreter_does(name: str, tmp_path: Path) -> None:
    from nnefx.converters.tensorflow.lite.reference import interpreter

    tensors, nodes, options = CASES[name]
    path = tmp_path / "net.tflite"
    path.write_bytes(lite_model(tensors, getattr(OPS, name), nodes, options=options))
    imported = optimized(read(path))
    engine = interpreter(path)
    engine.allocate_tensors()
    (detail,) = engine.get_input_details()
    shape, dtype = detail["shape"], detail["dtype"]
    x = noise(*shape) if dtype == np.float32 else np.arange(np.prod(shape)).reshape(shape)
    engine.set_tensor(detail["index"], np.asarray(x, dtype))
    engine.invoke()
    expected = engine.get_tensor(engine.get_output_details()[0]["index"])
    model = Model(imported.graph, imported.weights)
    (found,) = nnefx.run(model, {imported.graph.inputs[0].name: x}).values()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert len(imported.notes) == sum("variable" in tensor[3:] for tensor in tensors)
