"""A quantized model is lowered with the ranges of its graph.quant."""

import numpy as np
import pytest

import nnefx
from nnefx import openvx
from nnefx.openvx.told import told
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

TEXT = """version 1.0;
graph g(x) -> (y)
{
    x = external(shape = [1, 4, 8, 8]);
    w = variable(shape = [6, 4, 3, 3], label = 'w');
    b = variable(shape = [1, 6], label = 'b');
    c = conv(x, w, b);
    r = clamp(c, 0.0, 600.0);
    v = variable(shape = [5, 384], label = 'v');
    f = reshape(r, shape = [1, 384]);
    y = linear(f, v);
}
"""


def entry(scale, zero=0, bits=8):
    return Quantization("zero_point_linear_quantize", {
        "zero_point": zero, "scale": scale, "bits": bits, "signed": True, "symmetric": False,
    })  # fmt: skip


@pytest.fixture
def model():
    """Return a model whose values are far larger than fixed point holds without a scale."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8),
        "b": rng.integers(-2000, 2000, (1, 6)).astype(np.int32),
        "v": rng.integers(-127, 128, (5, 384)).astype(np.int8),
    }
    entries = {
        "x": entry(2.0), "w": entry(0.01), "b": entry(0.02, bits=32), "r": entry(2.5, -128),
        "v": entry(0.001), "y": entry(30.0),
    }  # fmt: skip
    return Model(nnefx.loads(TEXT).graph, weights, entries)


def test_ranges_are_those_of_the_grids_and_bounds_between_them(model):
    found = {value.name: item for value, item in told(model, {}).items()}
    assert found["x"].largest == 256.0
    assert (found["r"].low, found["r"].high) == (0.0, 637.5)
    w = model.weights["w"].astype(float) * 0.01
    bound = np.abs(w).sum(axis=(1, 2, 3)).max() * 256 + np.abs(model.weights["b"]).max() * 0.02
    assert found["c"].largest == pytest.approx(bound)
    assert found["f"].largest == 637.5
    assert not {"w", "b", "v"} & found.keys()


def test_lowered_network_agrees_without_samples(model):
    plan = openvx.lower(model)
    assert not plan.notes
    x = np.random.default_rng(1).normal(0, 60, (1, 4, 8, 8)).astype(np.float32)
    outcome = openvx.compare(openvx.simulate(plan, {"x": x}, "once"), nnefx.run(model, {"x": x}))
    assert outcome[0].snr > 25
    blind = openvx.lower(Model(model.graph, _reals(model)))
    poor = openvx.compare(openvx.simulate(blind, {"x": x}, "once"), nnefx.run(model, {"x": x}))
    assert poor[0].snr < 5


def _reals(model):
    return {
        label: (array * model.quantization[label].attributes["scale"]).astype(np.float32)
        for label, array in model.weights.items()
    }


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        ("y = exp(x);", np.exp(-2), np.exp(2)),
        ("y = x * x;", 0, 4),
        ("y = 3.0 - x;", 1, 5),
        ("y = clamp(x, -100.0, 1.5);", -2, 1.5),
        ("y = sum_reduce(x, axes = [1, 2]);", -24, 24),
        ("y = mean_reduce(x, axes = [1, 2]);", -2, 2),
        ("y = box(x, size = [1, 3, 1], padding = [(0, 0), (0, 0), (0, 0)]);", -6, 6),
        ("y = log(sum_reduce(exp(x), axes = [1]));", np.log(3) - 2, np.log(3) + 2),
        ("y = x / (sigmoid(x) + 0.5);", None, None),
        ("y = concat([x, exp(x)], axis = 1);", -2, np.exp(2)),
        ("y = pad(exp(x), padding = [(0, 0), (1, 1), (0, 0)], value = -1.0);", -1, np.exp(2)),
        ("y = select(x < 0.0, 5.0, x);", -2, 5),
    ],
)  # fmt: skip
def test_ranges_follow_from_those_of_operands(body, low, high):
    head = "version 1.0;\nextension KHR_enable_operator_expressions;\n"
    text = f"{head}graph g(x) -> (y) {{ x = external(shape = [1, 3, 4]); {body} }}"
    model = nnefx.loads(text)
    model = Model(model.graph, model.weights, {"x": entry(4 / 255, 0)})
    found = {value.name: item for value, item in told(model, {}).items()}
    x, y = found["x"], found["y"]
    if low is None:
        low, high = x.low / (1 / (1 + np.exp(-x.low)) + 0.5), x.high / 0.5
        assert y.low <= low
        assert y.high >= high * 0.5
    else:
        assert y.low == pytest.approx(low, abs=0.2)
        assert y.high == pytest.approx(high, abs=0.2)
    plan = openvx.lower(model)
    samples = {"x": np.random.default_rng(1).uniform(-2, 2, (1, 3, 4)).astype(np.float32)}
    outcome = openvx.compare(openvx.simulate(plan, samples), nnefx.run(model, samples))
    assert outcome[0].snr > 30
