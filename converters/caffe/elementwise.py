"""Layers that combine blobs item by item."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import axis_of
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("Eltwise")
def eltwise(
    g: Importer, x: Tensor, *more: Tensor, operation: str = "SUM", coeff: Sequence[float] = ()
) -> Any:
    blobs = [x, *more]
    if len(blobs) < 2:
        raise Reject(None, "1 bottom, expected 2 or more", "NX703")
    if len({blob.shape for blob in blobs}) > 1:
        listed = ", ".join(str(list(blob.shape)) for blob in blobs)
        raise Reject(None, f"bottoms differ in shape: {listed}", "NX304")
    if coeff and len(coeff) != len(blobs):
        text = f"{len(coeff)} coeff for {len(blobs)} bottoms"
        raise Reject("coeff", text, "NX703")
    if coeff and operation != "SUM":
        raise Reject("coeff", f"coeff does not go with {operation}", "NX703")
    terms = [
        blob if factor == 1.0 else g.mul(blob, factor)
        for blob, factor in zip(blobs, coeff or [1.0] * len(blobs))
    ]
    name = {"PROD": "mul", "SUM": "add", "MAX": "max"}[operation]
    return reduce(lambda left, right: g.add(name, left, right), terms)


@rules.on("Scale")
def scale(
    g: Importer, x: Tensor, by: Tensor | None = None, *, axis: int = 1, num_axes: int = 1,
    bias_term: bool = False,
) -> Any:  # fmt: skip
    first, shape = _span(x, by, axis, num_axes)
    factor = g.blob(0, shape, "scale") if by is None else by
    y = g.mul(x, _placed(g, factor, first))
    if bias_term:
        y = g.add("add", y, _placed(g, g.blob(1 if by is None else 0, shape, "bias"), first))
    return y


@rules.on("Bias")
def bias(
    g: Importer, x: Tensor, by: Tensor | None = None, *, axis: int = 1, num_axes: int = 1
) -> Any:
    first, shape = _span(x, by, axis, num_axes)
    return g.add("add", x, _placed(g, g.blob(0, shape, "bias") if by is None else by, first))


def _span(x: Tensor, by: Tensor | None, axis: int, num_axes: int) -> tuple[int, tuple[int, ...]]:
    """Return the first axis of x that the other operand covers, and that operand's shape."""
    count = num_axes if by is None else by.rank
    first = axis_of(axis, x.rank) if count else 0
    stop = x.rank if by is None and num_axes == -1 else first + count
    shape = x.shape[first:stop]
    if stop > x.rank or count < -1:
        raise Reject("axis", f"{count} axes from {first} on, the blob has {x.rank}", "NX703")
    if by is not None and by.shape != shape:
        text = f"the second bottom is {list(by.shape)}, axes of the first are {list(shape)}"
        raise Reject(None, text, "NX304")
    return first, shape


def _placed(g: Importer, operand: Tensor, first: int) -> Tensor:
    """Return an operand whose dimensions stand where those of the other do from `first` on."""
    return g.viewed(operand, (1,) * first + operand.shape) if operand.rank else operand


@rules.on("Axpy")
def axpy(g: Importer, a: Tensor, x: Tensor, y: Tensor) -> Any:
    if a.shape[:2] != x.shape[:2] or a.volume != x.shape[0] * x.shape[1] or x.shape != y.shape:
        listed = ", ".join(str(list(blob.shape)) for blob in (a, x, y))
        raise Reject(None, f"shapes {listed} are not those of a, x and y", "NX304")
    return g.add("add", g.mul(g.viewed(a, (*x.shape[:2], *[1] * (x.rank - 2))), x), y)
