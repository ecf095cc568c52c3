"""Pooling."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import spread
from nnefx.converters.pytorch.importer import ABSENT, Importer
from nnefx.converters.pytorch.layout import sliced
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.windows import taps_along
from nnefx.converters.scope import Tensor


def _batched(g: Importer, x: Tensor, count: int) -> Tensor:
    return x if x.rank == count + 2 else g.viewed(x, (1,) * (count + 2 - x.rank) + x.shape)


def _around(
    x: Tensor, sizes: list[int], steps: list[int], amounts: list[int], gaps: list[int],
    down: tuple[int, ...],
) -> list[tuple[int, int]]:  # fmt: skip
    """Return the padding that gives the extents `down`, which ceil_mode may have enlarged."""
    found = [(0, 0), (0, 0)]
    for axis, amount in enumerate(amounts):
        reach = (sizes[axis] - 1) * gaps[axis] + 1
        full = (down[axis] - 1) * steps[axis] + reach
        after = full - amount - x.shape[2 + axis]
        # what does not fill a window is left over; padding never exceeds what was asked for
        found.append((amount, max(after, 0) if after > amount else amount))
    return found


def _window(x: Tensor, kernel: Any, stride: Any, dilation: Any) -> dict[str, list[int]]:
    count = x.rank - 2
    sizes = spread(kernel, count)
    steps = spread(stride, count) if stride not in (None, []) else sizes
    gaps = spread(dilation, count)
    attributes = {"size": [1, 1, *sizes], "stride": [1, 1, *steps]}
    if set(gaps) != {1}:
        attributes["dilation"] = [1, 1, *gaps]
    return attributes


def _pooled_shape(g: Importer, count: int) -> tuple[int, ...]:
    return g.shape[-count:]


def _max_attributes(
    g: Importer, x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any
) -> dict[str, Any]:
    count = x.rank - 2
    window = _window(x, kernel, stride, dilation)
    gaps = spread(dilation, count)
    around = _around(
        x, window["size"][2:], window["stride"][2:], spread(padding, count), gaps,
        _pooled_shape(g, count),
    )  # fmt: skip
    # nothing of a border that is ignored can be the maximum
    border = "ignore" if any(map(any, around)) else "constant"
    extra = {"border": border} if border != "constant" else {}
    return {**window, "padding": around, **extra}


@rules.on("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(
    g: Importer, self: Tensor, kernel_size: Any, *, stride: Any = (), padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False,
) -> Any:  # fmt: skip
    count = _rank_of(self, kernel_size, g)
    x = _batched(g, self, count)
    attributes = _max_attributes(g, x, kernel_size, list(stride or []), padding, dilation)
    return g.viewed(g.max_pool(x, **attributes), g.shape)


def _rank_of(x: Tensor, kernel: Any, g: Importer) -> int:
    """Return the number of spatial dimensions; the name of the operator ends in it."""
    del g
    return len(kernel) if len(kernel) > 1 else x.rank - 2 if x.rank > 3 else 1


@rules.on("max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool1d_with_indices")
def max_pool_with_indices(
    g: Importer, self: Tensor, kernel_size: Any, *, stride: Any = (), padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False,
) -> Any:  # fmt: skip
    count = _rank_of(self, kernel_size, g)
    x = _batched(g, self, count)
    attributes = _max_attributes(g, x, kernel_size, list(stride or []), padding, dilation)
    return [g.viewed(item, g.shape) for item in _with_positions(g, x, attributes)]


def _with_positions(g: Importer, x: Tensor, attributes: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the maxima, and the position of each in its plane, as torch counts them."""
    values, index = g.max_pool_with_index(x, **attributes)
    places = _positions(x.shape, values.shape, attributes)
    inside = np.arange(values.volume).reshape(values.shape) * math.prod(attributes["size"])
    flat = g.nnefx_integer_add(g.known(inside), index)
    table = g.known(places.reshape(-1), "positions")
    picked = g.gather(table, g.viewed(flat, (values.volume,)), axis=0)
    return values, g.viewed(picked, values.shape)


def _positions(x: Any, y: Any, attributes: dict[str, Any]) -> Any:
    """Return, for each window and tap, the position in its plane that torch counts."""
    rank = len(x)
    sizes, steps = attributes["size"], attributes["stride"]
    gaps = attributes.get("dilation", [1] * rank)
    result = np.zeros((*y, *sizes), np.int64)
    for axis in range(2, rank):
        at = (
            np.arange(y[axis])[:, None] * steps[axis]
            - attributes["padding"][axis][0]
            + np.arange(sizes[axis]) * gaps[axis]
        )
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = at.shape
        result = result * x[axis] + at.reshape(shape)
    return result


@rules.on("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(
    g: Importer, self: Tensor, kernel_size: Any, *, stride: Any = (), padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
) -> Any:  # fmt: skip
    count = _rank_of(self, kernel_size, g)
    x = _batched(g, self, count)
    window = _window(x, kernel_size, list(stride or []), 1)
    amounts = spread(padding, count)
    around = _around(
        x, window["size"][2:], window["stride"][2:], amounts, [1] * count, _pooled_shape(g, count)
    )
    if divisor_override:
        total = g.box(x, padding=around, **window)
        return g.viewed(g.div(total, float(divisor_override)), g.shape)
    if not any(map(any, around)):
        result = g.avg_pool(x, padding=around, **window)
    elif not count_include_pad:
        result = g.avg_pool(x, padding=around, border="ignore", **window)
    elif all(last == amount for (_, last), amount in zip(around[2:], amounts)):
        result = g.avg_pool(x, padding=around, **window)
    else:  # windows that ceil_mode adds count the padding, but not what lies beyond it
        total = g.box(x, padding=around, **window)
        ones = np.ones((1, 1, *(e + 2 * a for e, a in zip(x.shape[2:], amounts))), np.float32)
        beyond = [(0, 0), (0, 0), *((0, last - a) for (_, last), a in zip(around[2:], amounts))]
        counts = g.box(g.known(ones), padding=beyond, **window)
        result = g.div(total, counts)
    return g.viewed(result, g.shape)


@rules.on("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
          "_adaptive_avg_pool2d", "_adaptive_avg_pool3d")  # fmt: skip
def adaptive_avg_pool(g: Importer, self: Tensor, output_size: Any) -> Any:
    count = len(output_size)
    x = _batched(g, self, count)
    if all(extent == 1 for extent in g.shape[-count:]):
        result = g.mean_reduce(x, axes=list(range(2, x.rank)))
        return g.viewed(result, g.shape)
    regular = _regular(x, g.shape[-count:])
    if regular is not None:
        return g.viewed(g.avg_pool(x, **regular), g.shape)
    result = x
    for axis in range(count):
        extent = x.shape[2 + axis]
        result = applied(g, result, 2 + axis, _averages(extent, g.shape[axis - count]))
    return g.viewed(result, g.shape)


def _bins(extent: int, count: int) -> tuple[list[int], list[int]]:
    starts = [i * extent // count for i in range(count)]
    ends = [-((-(i + 1) * extent) // count) for i in range(count)]
    return starts, ends


def _regular(x: Tensor, down: tuple[int, ...]) -> dict[str, Any] | None:
    sizes, steps = [1, 1], [1, 1]
    for extent, count in zip(x.shape[2:], down):
        found = taps_along(*_bins(extent, count))
        if found is None:
            return None
        sizes.append(found[0])
        steps.append(found[1])
    return {"size": sizes, "stride": steps, "padding": [(0, 0)] * x.rank}


def _averages(extent: int, count: int) -> Any:
    """Return the matrix that averages the items of each bin."""
    matrix = np.zeros((count, extent), np.float32)
    for row, (start, end) in enumerate(zip(*_bins(extent, count))):
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def applied(g: Importer, x: Tensor, axis: int, matrix: Any) -> Tensor:
    """Return `x` with an axis multiplied by a known matrix of (new, old) extents."""
    last = x.rank - 1
    weights = matrix.astype(np.float64 if x.dtype == np.float64 else np.float32)
    if axis == last:
        known = g.known(weights.reshape((1,) * (x.rank - 2) + weights.shape), "weights")
        result = g.matmul(x, known, transposeB=True)
    elif axis == last - 1:
        known = g.known(weights.reshape((1,) * (x.rank - 2) + weights.shape), "weights")
        result = g.matmul(known, x)
    else:
        rest = x.shape[axis + 1 :]
        flat = g.viewed(x, (*x.shape[: axis + 1], int(np.prod(rest))))
        known = g.known(weights.reshape((1,) * (flat.rank - 2) + weights.shape), "weights")
        moved = g.matmul(known, flat)
        result = g.viewed(moved, (*x.shape[:axis], weights.shape[0], *rest))
    assert isinstance(result, Tensor)
    return result


@rules.on("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(g: Importer, self: Tensor, output_size: Any) -> Any:
    """Emit the maxima; where bins differ in size, positions that are used are refused."""
    count = len(output_size)
    x = _batched(g, self, count)
    regular = _regular(x, g.shape[-count:])
    if regular is not None:
        return [g.viewed(item, g.shape) for item in _with_positions(g, x, regular)]
    result = x
    for axis in range(count):
        starts, ends = _bins(x.shape[2 + axis], g.shape[axis - count])
        pieces = [
            g.max_reduce(sliced(g, result, 2 + axis, start, end), axes=[2 + axis])
            for start, end in zip(starts, ends)
        ]
        result = pieces[0] if len(pieces) == 1 else g.concat(pieces, axis=2 + axis)
    return g.viewed(result, g.shape), ABSENT


@rules.on("max_unpool2d", "max_unpool3d")
def max_unpool(
    g: Importer, self: Tensor, indices: Tensor, output_size: Any, *, stride: Any = None,
    padding: Any = None,
) -> Any:  # fmt: skip
    lead = g.shape[: -len(output_size)]
    planes, volume = int(np.prod(lead)), int(np.prod(output_size))
    empty = g.known(np.zeros((planes, volume), self.dtype))
    flat = g.viewed(self, (planes, self.volume // planes))
    where = g.viewed(indices, flat.shape)
    result = g.nnefx_scatter_elements(empty, where, flat, axis=1, reduction="none")
    return g.viewed(result, g.shape)
