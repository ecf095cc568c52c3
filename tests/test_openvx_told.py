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
