"""Quantized models as PyTorch modules: they round, learn, and come back as integers."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import nnefx
from nnefx.execute.torch.executor import TorchExecutor
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

pytestmark = pytest.mark.xdist_group("torch")

TEXT = """version 1.0;
graph g(x) -> (y)
{
    x = external(shape = [4, 6]);
    w = variable(shape = [5, 6], label = 'layer/weight');
    b = variable(shape = [1, 5], label = 'layer/bias');
    h = linear(x, w, b);
    r = relu(h);
    y = reshape(r, shape = [4, 5]);
}
"""


def entry(scale, zero=0, bits=8):
    return Quantization("zero_point_linear_quantize", {
        "zero_point": zero, "scale": scale, "bits": bits, "signed": True, "symmetric": False,
    })  # fmt: skip


def quantized(**more):
    rng = np.random.default_rng(0)
    weights = {
        "layer/weight": rng.integers(-8, 8, (5, 6)).astype(np.int8),
        "layer/bias": rng.integers(-99, 99, (1, 5)).astype(np.int32),
    }
    scales = [0.125, 0.25, 0.375, 0.0625, 0.3]
    entries = {
        "x": entry(0.02), "w": entry(scales, bits=4), "r": entry(0.05, -128),
        "b": entry([[scale * 0.02 for scale in scales]], bits=32), "y": entry(0.05, -128),
    }  # fmt: skip
    return Model(nnefx.loads(TEXT).graph, weights, {**entries, **more})


def inputs():
    return {"x": np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)}


ALGORITHMS = {
    "zero point": entry(0.031, -5),
    "channels": entry([[0.02, 0.03, 0.01, 0.05, 0.04]], -128),
    "min max": Quantization("min_max_linear_quantize", {
        "min": -1.0, "max": 1.0, "bits": 8, "signed": True, "symmetric": True}),
    "off the grid": Quantization("linear_quantize", {"min": -0.11, "max": 1.0, "bits": 4}),
    "logarithmic": Quantization("logarithmic_quantize", {"max": 2.0, "bits": 4}),
}  # fmt: skip


@pytest.mark.parametrize("name", ALGORITHMS)
def test_module_rounds_as_numpy_does(name):
    model = quantized(r=ALGORITHMS[name])
    ours, theirs = nnefx.run(model, inputs()), TorchExecutor(model)(inputs())
    np.testing.assert_allclose(theirs["y"], ours["y"], atol=1e-6)


WIDTHS = [
    (bits, signed, symmetric)
    for bits in (1, 2, 3, 4, 7, 8, 12, 16)
    for signed, symmetric in ((False, False), (True, False), (True, True))
    if bits > 1 or not symmetric
]


@pytest.mark.parametrize("algorithm", ["zero_point", "min_max"])
@pytest.mark.parametrize(("bits", "signed", "symmetric"), WIDTHS)
def test_entries_mean_the_operation_that_they_name(algorithm, bits, signed, symmetric):
    """The same text stands in graph.quant, and in the graph around input, constant and weight."""
    low, high = (-1.5, 1.5) if symmetric else (-0.5, 1.5)
    flags = {"bits": bits, "signed": signed, "symmetric": symmetric}
    first = {"zero_point": 0 if signed else 2 ** (bits - 1), "scale": 1.7 / 2**bits}
    ranges = first if algorithm == "zero_point" else {"min": low, "max": high}
    name = f"{algorithm}_linear_quantize"
    text = ", ".join(f"{key} = {str(v).lower()}" for key, v in {**ranges, **flags}.items())
    head = "version 1.0;\nextension KHR_enable_operator_expressions;\ngraph g(x) -> (y)\n{\n"
    made = (
        "x = external(shape = [2, 50]);\nw = variable(shape = [1, 50], label = 'w');\n"
        "c = constant(shape = [2, 2], value = [0.3, -0.4, 0.9, 2.0]);\n"
    )
    around = "".join(f"{v}q = {name}({v}, {text});\n" for v in "xwc")
    plain = nnefx.loads(f"{head}{made}p = x * w;\ny = concat([p, c], axis = 1);\n}}\n")
    spelled = nnefx.loads(
        f"{head}{made}{around}p = xq * wq;\npq = {name}(p, {text});\n"
        "y = concat([pq, cq], axis = 1);\n}\n"
    )
    rng = np.random.default_rng(bits)
    weights = {"w": rng.uniform(-1, 1, (1, 50)).astype(np.float32)}
    entries = {value: Quantization(name, {**ranges, **flags}) for value in "xwcp"}
    feeds = {"x": rng.uniform(-2, 2, (2, 50)).astype(np.float32)}
    wanted = nnefx.run(Model(spelled.graph, weights), feeds)["y"]
    model = Model(plain.graph, weights, entries)
    np.testing.assert_allclose(nnefx.run(model, feeds)["y"], wanted, atol=1e-6)
    np.testing.assert_allclose(TorchExecutor(model)(feeds)["y"], wanted, atol=1e-6)


def test_integers_come_back_as_they_were():
    model = quantized()
    again = nnefx.from_torch_module(nnefx.to_torch(model))
    assert again.quantization == model.quantization
    for label, array in model.weights.items():
        np.testing.assert_array_equal(again.weights[label], array)
        assert again.weights[label].dtype == array.dtype


def test_gradients_go_straight_through_within_the_limits():
    module = nnefx.to_torch(quantized())
    x = torch.tensor([[0.5] * 6, [-0.5] * 6, [99.0] * 6, [0.1] * 6], requires_grad=True)
    module(x).sum().backward()
    weights = dict(module.named_parameters())
    assert all(item.grad is not None for item in weights.values())
    assert not x.grad[2].any()  # beyond the largest index
    assert x.grad[0].any()


@pytest.mark.parametrize("learned", [False, True])
def test_what_was_trained_is_written_in_integers(learned, tmp_path):
    torch.manual_seed(0)
    model = quantized()
    module = nnefx.to_torch(model, learn_scales=learned)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    x, target = torch.randn(4, 6), torch.rand(4, 5)
    losses = []
    for _ in range(60):
        loss = ((module(x) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    trained = nnefx.from_torch_module(module)
    nnefx.save(trained, tmp_path / "trained")
    assert not nnefx.check(tmp_path / "trained")
    found = nnefx.load(tmp_path / "trained")
    assert found.weights["layer/weight"].dtype == np.int8
    assert (found.quantization["w"] != model.quantization["w"]) == learned
    assert found.quantization["y"] == found.quantization["r"]  # one scale, learned once
    # the bias has become integers, which may move a value to the next step
    step = found.quantization["y"].attributes["scale"]
    for integer in (False, True):
        y = nnefx.run(found, {"x": x.numpy()}, integer=integer)["y"]
        np.testing.assert_allclose(y, module(x).detach().numpy(), atol=1.01 * step)


def test_biases_have_the_scale_of_the_products_once_scales_are_learned():
    module = nnefx.to_torch(quantized(), learn_scales=True)
    with torch.no_grad():
        for name, item in module.named_parameters():
            if name.startswith("_quantize_"):
                item.add_(0.4)
    entries = nnefx.from_torch_module(module).quantization
    x, w, b = (np.float32(entries[name].attributes["scale"]) for name in "xwb")
    np.testing.assert_allclose(b, [x * w], rtol=1e-6)


def test_a_state_with_a_grid_is_still_written():
    text = (
        "version 1.0;\ngraph g(x) -> (y)\n{ x = external(shape = [1, 2]);\n"
        "s = variable(shape = [1, 2], label = 's');\ny = add(x, s);\nu = update(s, y);\n}\n"
    )
    model = Model(nnefx.loads(text).graph, {"s": np.zeros((1, 2), np.float32)}, {"s": entry(0.5)})
    module, numpy = nnefx.to_torch(model), nnefx.execute.executor.Executor(model)
    step = {"x": np.float32([[1.1, 0.2]])}
    for _ in range(3):
        assert module(torch.from_numpy(step["x"])).shape == numpy(step)["y"].shape
    assert torch.any(module.s != 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sample_wins_back_what_four_bits_cost(tmp_path):
    pytest.importorskip("sklearn")
    from quantize_digits.run import main

    report = main(tmp_path / "digits", rounds=8)
    assert report.eight >= report.real - 0.01
    assert report.retrained >= report.four
    assert report.retrained == pytest.approx(report.torch, abs=0.005)
    assert report.retrained == pytest.approx(report.integer, abs=0.01)
    assert not report.floats
    assert nnefx.load(tmp_path / "digits").weights["0/weight"].dtype == np.int8
