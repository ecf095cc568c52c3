"""Resize and Upsample: by the standard's up-sampling where it fits, else axis by axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.index import gathered
from nnefx.converters.onnx.layout import sliced, transposed
from nnefx.converters.onnx.sampling import (
    Array,
    Axis,
    coordinates,
    cubic_kernel,
    linear_kernel,
    nearest,
    weights,
)
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject
from nnefx.ops.resample import sources


@rules.on("Resize", since=11)
def resize(
    g: Importer, x: Tensor, roi: Const | None = None, scales: Const | None = None,
    sizes: Const | None = None, *, antialias: int = 0, axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Any:  # fmt: skip
    chosen = [axis_of(a, x.rank) for a in axes] if axes is not None else list(range(x.rank))
    if sizes is not None and sizes.size:
        plan = _sized(x, chosen, sizes, keep_aspect_ratio_policy)
    elif scales is not None and scales.size:
        plan = {
            axis: Axis(x.shape[axis], int(np.floor(x.shape[axis] * float(s))), float(s))
            for axis, s in zip(chosen, scales, strict=True)
        }
    else:
        raise Reject(None, "neither scales nor sizes are given", "NX703")
    crop = coordinate_transformation_mode == "tf_crop_and_resize"
    if crop:
        plan = _cropped(plan, chosen, roi)
    # Ties that go down need exact halves, which float32 scales push up (17.5 / (35 / 30) - 0.5).
    single = mode == "nearest" and nearest_mode != "round_prefer_floor"
    dtype = np.float32 if single else np.float64
    where = {i: coordinates(a, coordinate_transformation_mode, dtype) for i, a in plan.items()}
    kept = {i: a for i, a in plan.items() if crop or a.count != a.extent or a.scale != 1}
    if x.kind != "scalar" and mode != "nearest":
        raise Reject("mode", f"interpolating {x.dtype.name} is not supported", "NX704")
    if mode == "nearest":
        indices = {i: nearest(where[i], a.extent, nearest_mode) for i, a in kept.items()}
        y = picked(g, x, indices)
    else:
        kernel, radius = _kernel(mode, cubic_coeff_a)
        matrices = {
            i: weights(
                a, where[i], kernel, radius, antialias=bool(antialias),
                exclude_outside=bool(exclude_outside),
            )
            for i, a in kept.items()
        }  # fmt: skip
        y = interpolated(g, x, matrices)
    return _outside(g, y, plan, where, extrapolation_value) if crop else y


def _kernel(mode: str, a: float) -> Any:
    if mode == "linear":
        return linear_kernel, 1
    if mode == "cubic":
        return cubic_kernel(a), 2
    raise Reject("mode", f"mode is '{mode}'", "NX702")


def _sized(x: Tensor, axes: list[int], sizes: Any, policy: str) -> dict[int, Axis]:
    counts = [int(size) for size in sizes]
    ratios = [count / x.shape[axis] for axis, count in zip(axes, counts, strict=True)]
    if policy != "stretch":
        if policy not in ("not_larger", "not_smaller"):
            raise Reject("keep_aspect_ratio_policy", f"it is '{policy}'", "NX702")
        scale = min(ratios) if policy == "not_larger" else max(ratios)
        ratios = [scale] * len(axes)
        counts = [int(np.floor(scale * x.shape[axis] + 0.5)) for axis in axes]
    return {a: Axis(x.shape[a], n, r) for a, n, r in zip(axes, counts, ratios)}


def _cropped(plan: dict[int, Axis], axes: list[int], roi: Any) -> dict[int, Axis]:
    if roi is None or len(roi) != 2 * len(axes):
        raise Reject("roi", "it must have a start and an end for each axis", "NX304")
    return {
        i: Axis(a.extent, a.count, a.scale, float(roi[n]), float(roi[n + len(axes)]))
        for n, (i, a) in enumerate(plan.items())
    }


def _outside(
    g: Importer, y: Tensor, plan: dict[int, Axis], where: dict[int, Array], value: float
) -> Any:
    inside = np.ones((1,) * y.rank, np.bool_)
    for i, axis in plan.items():
        fits = (where[i] >= 0) & (where[i] <= axis.extent - 1)
        inside = inside & fits.reshape([-1 if k == i else 1 for k in range(y.rank)])
    if inside.all():
        return y
    return g.select(g.known(np.broadcast_to(inside, y.shape)), y, float(value))


def picked(g: Importer, x: Tensor, indices: dict[int, Array]) -> Tensor:
    """Return the items at known places of several axes."""
    factors = [1] * x.rank
    regular = x.rank > 2 and x.kind == "scalar"
    for axis, places in indices.items():
        factor, rest = divmod(len(places), x.shape[axis])
        regular &= axis >= 2 and not rest and factor > 0
        regular = regular and np.array_equal(places, np.arange(len(places)) // factor)
        factors[axis] = max(factor, 1)
    if regular and indices:
        result = g.nearest_upsample(x, factor=factors[2:])
        assert isinstance(result, Tensor)
        return result
    for axis, places in indices.items():
        steps = set(np.diff(places).tolist())
        if len(steps) == 1 and (step := steps.pop()) > 0:
            first, last = int(places[0]), int(places[-1]) + 1
            x = sliced(g, x, [axis], [first], [last], [step])
        else:
            x = gathered(g, x, places, axis)
    return x


def interpolated(g: Importer, x: Tensor, matrices: dict[int, Array]) -> Tensor:
    """Return `x` with each axis multiplied by a matrix (count, extent)."""
    method = _method(x, matrices)
    if method is not None:
        factor = [len(matrices[i]) // x.shape[i] if i in matrices else 1 for i in range(2, x.rank)]
        result = g.multilinear_upsample(x, factor=factor, method=method, border="replicate")
        assert isinstance(result, Tensor)
        return result
    for axis, matrix in matrices.items():
        x = _multiplied(g, x, axis, matrix.astype(x.dtype))
    return x


def _method(x: Tensor, matrices: dict[int, Array]) -> str | None:
    """Return the method of `multilinear_upsample` that computes the same, or None."""
    if x.rank < 3 or x.known or not matrices or min(matrices) < 2:
        return None
    for method in ("symmetric", "asymmetric", "aligned"):
        if all(_is_upsampling(matrix, method) for matrix in matrices.values()):
            return method
    return None


def _is_upsampling(matrix: Array, method: str) -> bool:
    count, extent = matrix.shape
    factor, rest = divmod(count, extent)
    if rest or not factor:
        return False
    low, high, weight = sources(extent, factor, method)
    expected = np.zeros_like(matrix)
    rows = np.arange(count)
    np.add.at(expected, (rows, np.clip(low, 0, extent - 1)), 1 - weight)
    np.add.at(expected, (rows, np.clip(high, 0, extent - 1)), weight)
    return bool(np.allclose(matrix, expected, atol=1e-7))


def _multiplied(g: Importer, x: Tensor, axis: int, matrix: Array) -> Tensor:
    if x.rank == 1:
        row = g.viewed(x, (1, x.volume))
        return g.viewed(_multiplied(g, row, 1, matrix), (len(matrix),))
    if axis < x.rank - 2:
        order = [*range(axis), *range(axis + 1, x.rank), axis]
        moved = _multiplied(g, transposed(g, x, order), x.rank - 1, matrix)
        return transposed(g, moved, [order.index(i) for i in range(x.rank)])
    lead = (1,) * (x.rank - 2)
    if axis == x.rank - 2:
        result = g.matmul(g.known(matrix.reshape(lead + matrix.shape)), x)
    else:
        right = np.ascontiguousarray(matrix.T)
        result = g.matmul(x, g.known(right.reshape(lead + right.shape)))
    assert isinstance(result, Tensor)
    return result


@rules.on("Resize", since=10)
def resize_10(g: Importer, x: Tensor, scales: Const, *, mode: str = "nearest") -> Any:
    return _scaled(g, x, scales, mode)


@rules.on("Upsample", since=9)
def upsample(g: Importer, x: Tensor, scales: Const, *, mode: str = "nearest") -> Any:
    return _scaled(g, x, scales, mode)


@rules.on("Upsample", since=7)
def upsample_7(g: Importer, x: Tensor, *, scales: Sequence[float], mode: str = "nearest") -> Any:
    return _scaled(g, x, np.asarray(scales), mode)


@rules.on("Upsample")
def upsample_1(
    g: Importer, x: Tensor, *, height_scale: float, width_scale: float, mode: str = "nearest"
) -> Any:
    return _scaled(g, x, np.asarray([1, 1, height_scale, width_scale]), mode)


def _scaled(g: Importer, x: Tensor, scales: Any, mode: str) -> Any:
    return resize(
        g, x, None, scales, mode="linear" if mode in ("bilinear", "linear") else mode,
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
