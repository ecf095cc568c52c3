"""Quantized PyTorch modules: pairs of quantize and dequantize become graph.quant."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import torch.ao.quantization.fx._decomposed
from torch import nn

import nnefx

pytestmark = [
    pytest.mark.xdist_group("torch"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

DECOMPOSED = torch.ops.quantized_decomposed


class Exported(nn.Module):
    """What the quantization of exported programs leaves: integers, and pairs around layers."""

    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.randint(-127, 128, (8, 3, 3, 3), dtype=torch.int8))
        self.register_buffer("scales", torch.rand(8) * 0.01 + 0.001)
        self.register_buffer("zeros", torch.zeros(8, dtype=torch.int64))
        self.b = nn.Parameter(torch.randn(8))

    def forward(self, x):
        x = rounded(x, 0.02, 3)
        w = DECOMPOSED.dequantize_per_channel(
            self.w, self.scales, self.zeros, 0, -127, 127, torch.int8
        )
        y = torch.relu(nn.functional.conv2d(x, w, self.b))
        return rounded(y, 0.05, -128).flatten(1)


class Trained(nn.Module):
    """What training with rounding in place leaves."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, 7))

    def forward(self, x):
        x = torch.fake_quantize_per_tensor_affine(x, 0.03, 5, 0, 255)
        zeros = torch.zeros(5, dtype=torch.int32)
        w = torch.fake_quantize_per_channel_affine(
            self.w, torch.full((5,), 0.02), zeros, 0, -127, 127
        )
        return nn.functional.linear(x, w)


def rounded(x, scale, zero):
    ends = (-128, 127, torch.int8)
    integers = DECOMPOSED.quantize_per_tensor(x, scale, zero, *ends)
    return DECOMPOSED.dequantize_per_tensor(integers, scale, zero, *ends)


CASES = [(Exported, (1, 3, 8, 8), {"x", "relu", "w"}), (Trained, (2, 7), {"x", "w"})]


@pytest.mark.parametrize(("kind", "shape", "names"), CASES)
def test_pairs_become_grids_and_weights_integers(kind, shape, names):
    torch.manual_seed(0)
    module, x = kind().eval(), torch.randn(shape)
    model = nnefx.from_torch(module, (x,))
    assert set(model.quantization) == names
    assert model.weights["w"].dtype == np.int8
    assert not [node.name for node in model.graph.nodes if node.name.startswith("nnefx_")]
    with torch.no_grad():
        wanted = module(x).numpy()
    for integer in (False, True):
        (found,) = nnefx.run(model, {"x": x.numpy()}, integer=integer).values()
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    again = nnefx.to_torch(model)
    with torch.no_grad():
        np.testing.assert_allclose(again(x).numpy(), wanted, atol=1e-5)


def test_scales_that_are_computed_stay_in_the_graph():
    class Dynamic(nn.Module):
        def forward(self, x):
            scale = x.abs().max() / 127
            zero = torch.zeros((), dtype=torch.int64)
            integers = DECOMPOSED.quantize_per_tensor.tensor(x, scale, zero, -128, 127, torch.int8)
            return DECOMPOSED.dequantize_per_tensor.tensor(
                integers, scale, zero, -128, 127, torch.int8
            )

    x = torch.randn(2, 9)
    model = nnefx.from_torch(Dynamic(), (x,))
    assert not model.quantization
    (found,) = nnefx.run(model, {"x": x.numpy()}).values()
    np.testing.assert_allclose(found, Dynamic()(x).numpy(), atol=1e-5)
