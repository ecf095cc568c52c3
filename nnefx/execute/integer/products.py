"""Sums of products: convolutions and matrix products, with biases in steps of the sum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.execute.integer.held import EXACT, Held, Integers, Part, Pending, Real
from nnefx.execute.integer.rules import rule
from nnefx.ir.graph import Node, Value
from nnefx.tensors.grid import aligned

Arrays = NDArray[Any]
SCALE_MATCH = 1e-5  # a bias has the scale of the sum up to this share of it
WIDEST = 2**31 - 1  # a bias is stored in 32 bits


@rule("conv")
def conv(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Correlate indices; the filter may have a scale for each output channel."""
    return _weighted(node, held, "input", "filter", weight_axis=0, out_axis=1)


@rule("deconv")
def deconv(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Spread indices; scales for output channels stand along axis 1 of the filter, or of groups
    that give one channel each along axis 0.
    """
    groups, weights = node.attributes["groups"], node.inputs["filter"]
    assert isinstance(weights, Value)
    depthwise = groups in (0, weights.shape[0]) and weights.shape[1] == 1
    axis = 1 if groups == 1 else 0 if depthwise else None
    return _weighted(node, held, "input", "filter", axis, out_axis=1)


@rule("linear")
def linear(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Multiply by the transposed filter."""
    rank = node.output.rank
    return _weighted(node, held, "input", "filter", weight_axis=rank - 2, out_axis=rank - 1)


@rule("matmul")
def matmul(node: Node, held: Mapping[str, Any]) -> Held | None:
    """Multiply matrices; the second may have a scale for each column."""
    rank = node.output.rank
    columns = rank - 2 if node.attributes["transposeB"] else rank - 1
    return _weighted(node, held, "A", "B", weight_axis=columns, out_axis=rank - 1)


def _weighted(
    node: Node,
    held: Mapping[str, Any],
    source: str,
    filter: str,
    weight_axis: int | None,
    out_axis: int,
) -> Held | None:
    x, w = held[source], held[filter]
    if not (isinstance(x, Integers) and isinstance(w, Integers) and x.grid.whole):
        return None
    rank = node.output.rank
    scales = _along(w, weight_axis, out_axis, rank)
    if scales is None:
        return None
    factor = x.grid.scale.reshape(())
    scale = np.asarray(factor * scales, np.float32)
    # engines multiply the two in float32 where there is one of each
    wide = np.float32 if scales.ndim == 0 and node.name in ("linear", "matmul") else np.float64
    exact = np.asarray(factor.astype(wide) * scales.astype(wide), np.float64)
    bias = 0.0 if "bias" not in held else bias_steps(held["bias"], exact, rank)
    if bias is None:
        return None
    items = _products(node, [x.centred, w.centred], bias)
    kind = "matrix" if node.name in ("linear", "matmul") else "product"
    return Pending((Part(items, scale, exact),), kind)


def _along(w: Integers, axis: int | None, out_axis: int, rank: int) -> Arrays | None:
    """Return a filter's scales along the output's axis, None where they vary otherwise."""
    scale = w.grid.scale
    if scale.size == 1:
        return scale.reshape(())
    wide = aligned(scale, w.items.ndim)
    if axis is None or wide.shape[axis] != wide.size:
        return None
    return wide.reshape([-1 if at == out_axis else 1 for at in range(rank)])


def bias_steps(bias: Any, scale: Arrays, rank: int) -> Any:
    """Return a bias in steps of the sum, or None where 32 bits do not hold it."""
    if not isinstance(bias, (Integers, Real, Pending)):
        return _held(float(bias) / scale)
    if isinstance(bias, Integers):
        own = aligned(bias.grid.scale, rank).astype(np.float64)
        if np.all(np.abs(own - scale) <= SCALE_MATCH * scale):
            return aligned(bias.centred, rank)
    reals = aligned(bias.real().astype(np.float64), rank)
    return _held(reals / scale)


def _held(steps: Arrays) -> Arrays | None:
    whole = np.rint(steps)
    return whole if np.abs(whole).max(initial=0.0) <= WIDEST else None


def _products(node: Node, operands: list[Arrays], bias: Any) -> Arrays:
    """Run a kernel on integers: in float64 where no sum can leave what that holds exactly."""
    x, w = operands
    peak = float(np.abs(x).max(initial=0.0)) * float(np.abs(w).max(initial=0.0))
    taps = w.size // max(w.shape[0] if node.name in ("conv", "linear") else 1, 1)
    most = peak * taps + float(np.abs(bias).max(initial=0.0))
    wide: Any = np.float64 if most < EXACT else np.int64
    arguments = [x.astype(wide, copy=False), w.astype(wide, copy=False)]
    if "bias" in node.inputs:
        arguments.append(np.zeros((), wide))
    assert node.op.run is not None
    out = np.asarray(node.op.run(*arguments, **node.attributes))
    return np.asarray(out + np.asarray(bias).astype(wide))
