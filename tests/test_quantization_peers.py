"""Quantized models beside onnxruntime, the Khronos parser and tract."""

import nnef
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

import nnefx
from nnefx.converters.onnx.write import model_proto
from nnefx.execute.executor import Executor
from nnefx.quantization import Options, quantize
from nnefx.tensors.grid import grid_of
from quantized_nets import CHAIN, PAIR, SMALL, net, samples

SAMPLES = samples(12)


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(SAMPLES)

    def get_next(self):
        return next(self.rest, None)


def quantized_by_onnxruntime(model, folder, **options):
    """The initializers of what onnxruntime makes of a model, by name."""
    path = folder / "real.onnx"
    onnx.save(model_proto(model), path)
    quantize_static(
        path,
        folder / "quantized.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        **options,
    )
    proto = onnx.load(folder / "quantized.onnx")
    return {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("body", [PAIR, CHAIN])
def test_weights_are_those_of_onnxruntime(body, per_channel, tmp_path):
    model = net(body)
    theirs = quantized_by_onnxruntime(model, tmp_path, per_channel=per_channel)
    ours = quantize(model, SAMPLES, Options(per_channel=per_channel)).model
    for node in ours.graph.variables:
        label, name = node.attributes["label"], node.output.name
        called = "constant" if name == "b" else f"{name}_2"
        stored = f"{called}_quantized"
        scale = theirs.get(f"{called}_scale", theirs.get(f"{stored}_scale")).reshape(-1)
        mine = grid_of(ours.quantization[name]).scale.reshape(-1)
        if ours.weights[label].ndim == 2:  # a bias: its step is a product of others
            np.testing.assert_allclose(mine, scale, rtol=1e-6)
            np.testing.assert_allclose(ours.weights[label].ravel(), theirs[stored].ravel(), atol=1)
        else:
            np.testing.assert_array_equal(mine, scale)
            np.testing.assert_array_equal(ours.weights[label], theirs[stored])


def test_ranges_of_activations_are_those_of_onnxruntime(tmp_path):
    model = net(PAIR)
    theirs = quantized_by_onnxruntime(model, tmp_path)
    ours = quantize(model, SAMPLES, Options()).model
    for name in ("x", "r", "y"):
        steps = grid_of(ours.quantization[name])
        np.testing.assert_allclose(steps.scale, theirs[f"{name}_scale"], rtol=1e-6)
        assert int(steps.zero) == int(theirs[f"{name}_zero_point"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_channel": True},
        {"bits": 4, "per_channel": True},
        {"symmetric": "all"},
        {"algorithm": "min-max"},
        {"per_channel": True, "fake": True},
        {"symmetric": "none", "per_channel": True, "fake": True},
    ],
    ids=str,
)
def test_onnxruntime_computes_the_same_from_the_exported_model(options):
    model = quantize(net(SMALL), SAMPLES, Options(**options)).model
    session = onnxruntime.InferenceSession(
        model_proto(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    executor = Executor(model)
    off = 0
    for sample in SAMPLES:
        (theirs,) = session.run(None, sample)
        (ours,) = executor(sample).values()
        off = max(off, np.abs(theirs - ours).max())
    # sums in another order may round to the neighbour, which then is all there is
    assert off < 0.02


@pytest.mark.parametrize("algorithm", ["zero-point", "min-max"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("per_channel", [False, True])
def test_khronos_parser_loads_integers_and_entries(bits, per_channel, algorithm, tmp_path):
    options = Options(bits=bits, per_channel=per_channel, algorithm=algorithm)
    model = quantize(net(SMALL), SAMPLES, options).model
    nnefx.save(model, tmp_path / "net")
    graph = nnef.load_graph(str(tmp_path / "net"))
    nnef.infer_shapes(graph)
    for name, entry in model.quantization.items():
        read = graph.tensors[name].quantization
        assert read["op-name"] == entry.algorithm
        for key, value in entry.attributes.items():
            np.testing.assert_allclose(read[key], np.asarray(value), rtol=1e-6)
    np.testing.assert_array_equal(graph.tensors["f"].data, model.weights["c1/f"])
    np.testing.assert_array_equal(graph.tensors["b"].data, model.weights["c1/b"])


@pytest.mark.parametrize("per_channel", [False, True])
def test_khronos_parser_loads_operations_in_the_graph(per_channel, tmp_path):
    model = quantize(net(SMALL), SAMPLES, Options(per_channel=per_channel, fake=True)).model
    nnefx.save(model, tmp_path / "net")
    graph = nnef.load_graph(str(tmp_path / "net"))
    nnef.infer_shapes(graph)
    assert tuple(graph.tensors["y"].shape) == (1, 5)


def test_tract_computes_with_the_integers(tmp_path):
    import tract

    model = quantize(net(CHAIN), SAMPLES, Options(exclude=("x",))).model
    nnefx.save(model, tmp_path / "net.nnef.tgz")
    runnable = tract.nnef().load(str(tmp_path / "net.nnef.tgz")).into_runnable()
    executor = Executor(model)
    for sample in SAMPLES:
        (theirs,) = runnable.run([sample["x"]])
        theirs = theirs.convert_to(tract.DatumType.F32).to_numpy()
        (ours,) = executor(sample).values()
        np.testing.assert_allclose(theirs, ours, atol=1e-6)
