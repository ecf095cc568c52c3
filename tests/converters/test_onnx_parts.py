"""Parts of ONNX models, states that they feed back to themselves, and what is told of types."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nnefx as api
from nnefx import converters
from nnefx.diagnostics import NnefError, Severity


def saved(tmp_path, nodes, inputs, outputs, stored=(), **options):
    def info(name, kind, *shape):
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes, "net", [info(*item) for item in inputs], [info(*item) for item in outputs], stored
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "net.onnx"
    onnx.save(model, path, **options)
    return path


FLOAT = TensorProto.FLOAT


@pytest.fixture
def chain(tmp_path):
    """x -> a -> b -> c, and an unknown operator beside it."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Add", ["b", "a"], ["c"]),
        helper.make_node("Multinomial", ["x"], ["d"]),
    ]
    inputs, outputs = [("x", FLOAT, 1, 3)], [("c", FLOAT, 1, 3), ("d", TensorProto.INT32, 1, 1)]
    return saved(tmp_path, nodes, inputs, outputs)


def operations(imported):
    return [node.name for node in imported.graph.nodes]


def test_only_what_the_outputs_need_is_imported(chain):
    imported = converters.read(chain, outputs=["b"])
    assert operations(imported) == ["external", "relu", "neg"]
    assert [value.name for value in imported.graph.outputs] == ["b"]


def test_an_inner_tensor_becomes_an_input_of_the_shape_that_follows(chain):
    imported = converters.read(chain, inputs=["a"], outputs=["c"])
    assert operations(imported) == ["external", "neg", "add"]
    assert [(v.name, v.shape) for v in imported.graph.inputs] == [("a", (1, 3))]


def test_what_is_needed_of_the_own_inputs_stays_an_input(chain):
    imported = converters.read(chain, inputs=["b"], outputs=["c"])
    assert {value.name for value in imported.graph.inputs} == {"x", "b"}


@pytest.mark.parametrize("names", [{"inputs": ["q"]}, {"outputs": ["q"]}])
def test_names_that_no_tensor_has_are_refused(chain, names):
    with pytest.raises(NnefError, match="there is no tensor 'q'"):
        converters.read(chain, **names)


def test_a_part_on_the_command_line(chain, tmp_path, nnefx):
    words = ("--input-name", "a", "--output-name", "c", "--verify")
    done = nnefx("convert", chain, "-o", tmp_path / "net", *words)
    assert done.exit_code == 0, done.stderr
    x = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(api.run(api.load(tmp_path / "net"), {"a": x})["c"], x - x)


# ---- states


@pytest.fixture
def accumulator(tmp_path):
    """y = 2 h', h' = h + x."""
    nodes = [
        helper.make_node("Add", ["h", "x"], ["h_out"]),
        helper.make_node("Add", ["h_out", "h_out"], ["y"]),
        helper.make_node("Concat", ["h", "x"], ["both"], axis=0),
    ]
    inputs = [("x", FLOAT, 1, 2), ("h", FLOAT, 1, 2)]
    outputs = [("y", FLOAT, 1, 2), ("h_out", FLOAT, 1, 2), ("both", FLOAT, 2, 2)]
    return saved(tmp_path, nodes, inputs, outputs)


def test_a_state_becomes_a_variable_that_is_updated(accumulator, tmp_path, nnefx):
    done = nnefx("convert", accumulator, "-o", tmp_path / "net", "--state", "h=h_out", "--verify")
    assert done.exit_code == 0, done.stderr
    model = api.load(tmp_path / "net")
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert [value.name for value in model.graph.outputs] == ["y", "both"]
    assert api.check(tmp_path / "net", select=["NX1", "NX2", "NX3", "NX4"]) == []
    from nnefx.execute.executor import Executor

    executor, x = Executor(model), np.array([[1, 2]], np.float32)
    found = [executor({"x": x})["y"].tolist() for _ in range(3)]
    assert found == [[[2, 4]], [[4, 8]], [[6, 12]]]
    assert nnefx("verify", accumulator, tmp_path / "net").exit_code == 0


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("q=h_out", "there is no input 'q'; there is 'x', 'h'"),
        ("h=q", "there is no tensor 'q'"),
        ("h=both", "expected the same"),
        ("h=h", "is a state itself"),
    ],
)
def test_states_that_cannot_be_are_refused(accumulator, tmp_path, nnefx, pair, message):
    done = nnefx("convert", accumulator, "-o", tmp_path / "net", "--state", pair)
    assert done.exit_code == 1
    assert message in done.stderr
    assert not (tmp_path / "net").exists()


# ---- types


def test_widened_bfloat16_is_told(tmp_path, nnefx):
    w = np.array([[1.5, 2]], np.float32)
    stored = helper.make_tensor("w", TensorProto.BFLOAT16, [1, 2], w.ravel())
    path = saved(
        tmp_path, [helper.make_node("Add", ["x", "w"], ["y"])],
        [("x", TensorProto.BFLOAT16, 1, 2)], [("y", TensorProto.BFLOAT16, 1, 2)], [stored],
    )  # fmt: skip
    (note,) = converters.read(path).notes
    assert note.severity is Severity.INFO
    assert "3 tensors of type bfloat16 are stored and computed as float32" in str(note)
    assert "bfloat16" in nnefx("convert", path, "-o", tmp_path / "net").stderr
    np.testing.assert_array_equal(api.load(tmp_path / "net").weights["w"], w)


def test_nothing_is_told_of_float32(tmp_path):
    stored = numpy_helper.from_array(np.ones((1, 2), np.float32), "w")
    path = saved(
        tmp_path, [helper.make_node("Add", ["x", "w"], ["y"])], [("x", FLOAT, 1, 2)],
        [("y", FLOAT, 1, 2)], [stored],
    )  # fmt: skip
    assert list(converters.read(path).notes) == []
