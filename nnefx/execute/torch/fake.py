"""Rounding to the grids of graph.quant, with gradients that go straight through it.

A value inside of its grid's limits passes its gradient on as if nothing were rounded, one outside
passes none. A scale that learns gets the gradient of the rounded value by it (Esser et al., 2020:
learned step size quantization), so that it finds its own place between clipping and rounding.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nnefx.execute.simulate import simulate
from nnefx.ir.graph import Graph
from nnefx.tensors.grid import Grid, aligned, grid_of, shortest
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]
MOST_BITS = 24  # float32 holds no more: what is finer, such as a bias, stays as it is


class FakeQuantize(nn.Module):
    """Rounds a tensor to the grid of an entry of graph.quant.

    Attributes:
        entry: the entry as the model has it.
        scale: the step.
        change: what the step is multiplied with, as a logarithm: a parameter where it learns, so
            that it stays positive and moves by a share of itself.
    """

    scale: Tensor
    zero: Tensor
    limits: Tensor | None

    def __init__(self, entry: Quantization, grid: Grid, rank: int, learned: bool) -> None:
        super().__init__()
        self.entry = entry
        self.grid = grid
        scale, zero = (torch.tensor(aligned(item, rank)) for item in (grid.scale, grid.zero))
        self.change = nn.Parameter(torch.zeros_like(scale)) if learned else None
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("zero", zero, persistent=False)
        ends = None if learned else [entry.attributes.get(key) for key in ("min", "max")]
        limits = None
        if ends is not None and None not in ends:  # rounded in the words of the entry: ties agree
            limits = torch.stack([torch.tensor(aligned(np.asarray(e), rank)) for e in ends])
        self.register_buffer("limits", limits, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the nearest reals of the grid."""
        scale = self._step().to(x.dtype)
        limits = None if self.limits is None else self.limits.to(x.dtype)
        arguments = x, scale, self.zero.to(x.dtype), self.grid, limits
        result: Tensor = _Round.apply(*arguments)  # type: ignore[no-untyped-call]
        return result

    def rounded(self) -> Quantization:
        """Return the entry with the scale that it has now."""
        if self.change is None or not self.change.any():
            return self.entry
        scale = self._step().detach().cpu().float().numpy()
        return _with_scale(self.entry, scale.reshape(self.grid.scale.shape), self.grid)

    def _step(self) -> Tensor:
        return self.scale if self.change is None else self.scale * torch.exp(self.change)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, zero: Tensor, grid: Grid, limits: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, scale, zero)
        ctx.ends = grid.low, grid.high
        result: Tensor
        if limits is None:
            level = torch.floor(x / scale + 0.5) + zero
            result = (level.clamp(*ctx.ends) - zero) * scale
            return result
        (low, high), steps = limits, float(grid.high - grid.low)
        span = high - low
        cut = torch.maximum(torch.minimum(x, high), low)
        level = torch.floor((cut - low) / span * steps + 0.5)
        result = level / steps * span + low
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,), (x, scale, zero) = grads, ctx.saved_tensors
        low, high = ctx.ends
        steps = x / scale
        whole = torch.floor(steps + 0.5)
        inside = (whole + zero >= low) & (whole + zero <= high)
        to_scale = None
        if ctx.needs_input_grad[1]:
            by_scale = torch.where(inside, whole - steps, (whole + zero).clamp(low, high) - zero)
            # as many items as share a scale pull at it: without this it would jump
            weight = 1.0 / sqrt(max(x.numel() // scale.numel(), 1) * max(high, 1))
            to_scale = (grad * by_scale).sum_to_size(scale.shape) * weight
        return grad * inside, to_scale, None, None, None


class Simulated(nn.Module):
    """Rounds as an entry says whose reals are no multiples of a step; gradients pass."""

    def __init__(self, entry: Quantization) -> None:
        super().__init__()
        self.entry = entry

    def forward(self, x: Tensor) -> Tensor:
        """Return the nearest reals that the algorithm knows."""
        result: Tensor = _Through.apply(x, self.entry)  # type: ignore[no-untyped-call]
        return result

    def rounded(self) -> Quantization:
        """Return the entry."""
        return self.entry


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor, entry: Quantization) -> Tensor:
        array = simulate(np.asarray(x.detach().cpu()), entry)
        return torch.from_numpy(np.ascontiguousarray(array)).to(x)

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> Any:
        return grads[0], None


def fake_quantize(
    entry: Quantization, rank: int, *, learned: bool, stored: bool = False
) -> FakeQuantize | Simulated | None:
    """Return what rounds a tensor as an entry says.

    Args:
        entry: of graph.quant.
        rank: of the tensor.
        learned: whether the scale is a parameter.
        stored: whether it is a variable: one of more than 24 bits is left as it is (None).
    """
    grid = grid_of(entry)
    if grid is None:
        return Simulated(entry)
    if stored and grid.high >= 1 << (MOST_BITS - 1):
        return None
    return FakeQuantize(entry, grid, rank, learned)


def _with_scale(entry: Quantization, scale: Array, grid: Grid) -> Quantization:
    if entry.algorithm == "zero_point_linear_quantize":
        found: dict[str, Any] = {"scale": shortest(scale)}
    else:
        wide = scale.astype(np.float64)
        ends = {"min": (grid.low - grid.zero) * wide, "max": (grid.high - grid.zero) * wide}
        found = {name: end.tolist() for name, end in ends.items()}
    return Quantization(entry.algorithm, {**entry.attributes, **found}, entry.at)


def indices(weights: Array, entry: Quantization) -> Array | None:
    """Return the indices of a variable's reals on the grid of its entry; None without a grid."""
    grid = grid_of(entry)
    return None if grid is None else grid.indices(weights)


def with_biases(graph: Graph, entries: Mapping[str, Quantization]) -> dict[str, Quantization]:
    """Return entries in which every bias has the scale of the products that it is added to.

    Engines want it so; that scale follows from the input's and the filter's.
    """
    found = dict(entries)
    for node in graph.nodes:
        names = [getattr(node.inputs.get(key), "name", "") for key in ("input", "filter", "bias")]
        if node.name not in ("conv", "linear") or not all(name in entries for name in names):
            continue
        x, w, bias = (entries[name] for name in names)
        grids = grid_of(x), grid_of(w)
        if bias.algorithm != "zero_point_linear_quantize" or bias.attributes["bits"] <= MOST_BITS:
            continue
        if grids[0] is None or grids[1] is None or not grids[0].whole:
            continue
        products = grids[0].scale.reshape(()) * grids[1].scale.reshape(-1)
        scale = shortest(products.reshape(1, -1) if products.size > 1 else products.reshape(()))
        attributes = {**bias.attributes, "scale": scale, "zero_point": 0}
        found[names[2]] = Quantization(bias.algorithm, attributes, bias.at)
    return found
