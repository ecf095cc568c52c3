"""Quantized ONNX models keep their parameters both ways, and give what onnxruntime gives."""

import logging

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

import nnefx
from nnefx.converters.onnx.write import model_proto
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

SHAPE = (1, 3, 16, 16)


def stored(name, *extents, seed=0):
    rng = np.random.default_rng([seed, *name.encode()])
    return numpy_helper.from_array(rng.normal(0, 0.2, extents).astype(np.float32), name)


def network():
    """Return a network with what quantizers know: windows, a sum, pools, a joint, products."""
    made = helper.make_node
    nodes = [
        made("Conv", ["x", "w1", "b1"], ["c1"], pads=[1] * 4),
        made("Relu", ["c1"], ["r1"]),
        made("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1] * 4, group=8),
        made("Clip", ["c2", "zero", "six"], ["r2"]),
        made("Add", ["r1", "r2"], ["a"]),
        made("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        made("Conv", ["p", "w3"], ["c3"]),
        made("Sigmoid", ["c3"], ["s"]),
        made("Mul", ["c3", "s"], ["m"]),
        made("Concat", ["m", "p"], ["j"], axis=1),
        made("GlobalAveragePool", ["j"], ["g"]),
        made("Flatten", ["g"], ["f"]),
        made("Gemm", ["f", "w4", "b4"], ["d"], transB=1),
        made("MatMul", ["d", "w5"], ["y"]),
    ]
    weights = [
        stored("w1", 8, 3, 3, 3), stored("b1", 8), stored("w2", 8, 1, 3, 3), stored("b2", 8),
        stored("w3", 8, 8, 1, 1), stored("w4", 12, 16), stored("b4", 12), stored("w5", 12, 5),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.float32(6), "six"),
    ]  # fmt: skip
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "net", [info("x", TensorProto.FLOAT, SHAPE)],
        [info("y", TensorProto.FLOAT, (1, 5))], weights,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def samples():
    rng = np.random.default_rng(7)
    return [rng.normal(size=SHAPE).astype(np.float32) for _ in range(8)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.left = samples()

    def get_next(self):
        return {"x": self.left.pop()} if self.left else None


KINDS = [
    (form, per_channel, kind) for form in QuantFormat for per_channel in (False, True)
    for kind in (QuantType.QInt8, QuantType.QUInt8)
]  # fmt: skip
NAMES = [f"{form.name}-{'channel' if per else 'tensor'}-{kind.name}" for form, per, kind in KINDS]


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """Return the files of one network, quantized by onnxruntime in eight ways."""
    folder = tmp_path_factory.mktemp("quantized")
    onnx.save(network(), folder / "net.onnx")
    logging.disable(logging.WARNING)
    files = {}
    for name, (form, per_channel, kind) in zip(NAMES, KINDS):
        files[name] = folder / f"{name}.onnx"
        quantize_static(
            folder / "net.onnx", files[name], Reader(), quant_format=form, per_channel=per_channel,
            activation_type=kind, weight_type=QuantType.QInt8,
        )  # fmt: skip
    logging.disable(logging.NOTSET)
    return files


def run_onnx(model, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def parameters(model):
    """Return the entries of graph.quant without the names that they belong to."""
    return sorted(str(sorted(entry.attributes.items())) for entry in model.quantization.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_import_keeps_every_parameter(quantized, name):
    model = nnefx.convert(quantized[name])
    assert not [node.name for node in model.graph.nodes if node.name.startswith("nnefx_")]
    for node in model.graph.variables:
        assert model.weight(node).dtype.kind == "i"
        assert node.output.name in model.quantization
    assert set(model.quantization) <= set(model.graph.values)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_run_agrees_with_onnxruntime(quantized, name):
    model = nnefx.convert(quantized[name])
    step = model.quantization["y"].attributes["scale"]
    for x in samples()[:4]:
        wanted = run_onnx(quantized[name], x)
        simulated = nnefx.run(model, {"x": x})["y"]
        integer = nnefx.run(model, {"x": x}, integer=True)["y"]
        assert np.abs(simulated - wanted).max() <= 2.001 * step
        # the engine computes some of it in float: sums of what is no QLinear operator there
        assert np.abs(integer - wanted).max() <= 1.001 * step


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_export_writes_the_parameters_again(quantized, name, tmp_path):
    model = nnefx.convert(quantized[name])
    proto = model_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    kinds = [node.op_type for node in proto.graph.node]
    values = {node.output.name for node in model.graph.variables}
    assert kinds.count("QuantizeLinear") == len(model.quantization.keys() - values)
    integers = [i for i in proto.graph.initializer if i.data_type == TensorProto.INT8]
    assert {"w1", "w4"} <= {item.name[:2] for item in integers}
    (tmp_path / "again.onnx").write_bytes(proto.SerializeToString())
    assert parameters(nnefx.convert(tmp_path / "again.onnx")) == parameters(model)
    step = model.quantization["y"].attributes["scale"]
    for x in samples()[:4]:
        again = run_onnx(proto.SerializeToString(), x)
        assert np.abs(again - run_onnx(quantized[name], x)).max() <= 1.001 * step


def test_a_value_that_is_also_read_as_it_is_gets_a_copy_on_the_grid(tmp_path):
    made = helper.make_node
    nodes = [
        made("Relu", ["x"], ["r"]), made("QuantizeLinear", ["r", "s", "z"], ["q"]),
        made("DequantizeLinear", ["q", "s", "z"], ["d"]), made("Sub", ["r", "d"], ["y"]),
    ]  # fmt: skip
    info = helper.make_tensor_value_info
    constants = {"s": np.float32(0.1), "z": np.int8(3)}
    graph = helper.make_graph(
        nodes, "g", [info("x", TensorProto.FLOAT, (1, 9))], [info("y", TensorProto.FLOAT, (1, 9))],
        [numpy_helper.from_array(np.asarray(item), name) for name, item in constants.items()],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(proto, tmp_path / "net.onnx")
    model = nnefx.convert(tmp_path / "net.onnx")
    x = np.random.default_rng(0).normal(size=(1, 9)).astype(np.float32)
    np.testing.assert_allclose(
        nnefx.run(model, {"x": x})["y"], run_onnx(tmp_path / "net.onnx", x), atol=1e-6
    )
    assert [node.name for node in model.graph.nodes] == ["external", "relu", "copy", "sub"]
    assert list(model.quantization) == ["d"]


@pytest.mark.parametrize("bits", [3, 4, 8, 12, 16])
@pytest.mark.parametrize("symmetric", [False, True])
def test_grids_of_any_width_are_written(bits, symmetric, tmp_path):
    entry = Quantization("zero_point_linear_quantize", {
        "zero_point": 0, "scale": 3.01 / 2**bits, "bits": bits, "signed": True,
        "symmetric": symmetric})  # fmt: skip
    graph = nnefx.loads(
        "version 1.0;\ngraph g(x) -> (y)\n{ x = external(shape = [1, 200]); y = neg(x); }\n"
    ).graph
    model = Model(graph, {}, {"x": entry})
    x = np.random.default_rng(0).uniform(-2, 2, (1, 200)).astype(np.float32)
    proto = model_proto(model)
    assert proto.opset_import[0].version == (21 if bits > 8 else 19)
    found = run_onnx(proto.SerializeToString(), x)
    np.testing.assert_allclose(found, nnefx.run(model, {"x": x})["y"], atol=1e-6)
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    again = nnefx.convert(tmp_path / "net.onnx")
    np.testing.assert_allclose(nnefx.run(again, {"x": x})["y"], found, atol=1e-6)
    (entry,) = again.quantization.values()
    assert entry.attributes["bits"] == (16 if bits > 8 else 8)
