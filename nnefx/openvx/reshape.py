"""Moves the items of a stored tensor into other extents: what OpenVX has no node for."""

from itertools import combinations

import numpy as np

from nnefx.openvx.emit import Emitter
from nnefx.openvx.plan import Dims
from nnefx.openvx.rules import UnsupportedError
from nnefx.openvx.storage import Slot

_MOST_COPIES = 64
_MOST_ITEMS = 2048


def reshaped(g: Emitter, x: Slot, dims: Dims) -> Slot:
    """Return the items of `x`, in row-major order, with other extents.

    By exchanging dimensions where only extents of 1 move, by copies of boxes where neighbours are
    merged or split, by convolutions with identity kernels where nothing cheaper does it.
    """
    if len(x.dims) != 4 or len(dims) != 4:
        raise UnsupportedError(f"extents {x.dims} cannot become {dims}: no node raises the rank")
    swaps = _swaps(x.dims, dims)
    if swaps is not None:
        for first, second in swaps:
            x = g.transpose(x, first, second)
        return x
    boxes = _boxes(x.dims, dims)
    if boxes is not None:
        y = g.temp(dims, x.scale, "reshaped")
        for source, target in boxes:
            g.copy(g.box(x, *source), g.box(y, *target))
        return y
    return _by_convolution(g, x, dims)


def _swaps(start: Dims, goal: Dims) -> list[tuple[int, int]] | None:
    """Return exchanges that lead from `start` to `goal` and keep the order of the items."""
    if [d for d in start if d > 1] != [d for d in goal if d > 1]:
        return None
    seen: dict[Dims, list[tuple[int, int]]] = {start: []}
    pending = [start]
    for dims in pending:
        if dims == goal:
            return seen[dims]
        for first, second in combinations(range(4), 2):
            inside = dims[first : second + 1]
            if sum(extent > 1 for extent in inside) != 1 or dims[first] == dims[second]:
                continue
            turned = list(dims)
            turned[first], turned[second] = turned[second], turned[first]
            after = (turned[0], turned[1], turned[2], turned[3])
            if after not in seen:
                seen[after] = [*seen[dims], (first, second)]
                pending.append(after)
    return None


Box = tuple[Dims, Dims]


def _boxes(start: Dims, goal: Dims) -> list[tuple[Box, Box]] | None:
    """Return pairs of equal boxes to copy, where dimensions inside equal ones are regrouped."""
    low = 0
    while start[low] == goal[low]:
        low += 1
    high = 4
    while start[high - 1] == goal[high - 1]:
        high -= 1
    inner, outer = start[low:high], goal[low:high]
    if np.prod(inner) != np.prod(outer):
        return None
    run = int(np.gcd(inner[0], outer[0]))
    count = int(np.prod(inner)) // run
    if count > _MOST_COPIES:
        return None
    found = []
    for index in range(count):
        pair = []
        for dims, part in ((start, inner), (goal, outer)):
            place = np.unravel_index(index * run, part[::-1])[::-1]
            first, last = [0] * 4, list(dims)
            for offset, at in enumerate(place):
                first[low + offset] = int(at)
                last[low + offset] = int(at) + (run if offset == 0 else 1)
            pair.append((tuple(first), tuple(last)))
        found.append((pair[0], pair[1]))
    return found


def _by_convolution(g: Emitter, x: Slot, dims: Dims) -> Slot:
    """Flatten by a kernel as large as the input, and spread by a padded, flipped kernel."""
    items = int(np.prod(x.dims[:3]))
    if x.dims[3] != dims[3]:
        raise UnsupportedError(
            f"reshaping {x.dims} to {dims} moves items between batches of {x.dims[3]} and {dims[3]}"
        )
    if items > _MOST_ITEMS:
        raise UnsupportedError(
            f"reshaping {x.dims} to {dims} moves {items} items, at most {_MOST_ITEMS} in one batch"
        )
    width, height, channels, batch = x.dims
    if (width, height) != (1, 1):
        flat = g.temp((1, 1, items, batch), x.scale, "flat")
        kernel = (width, height, channels, items)
        g.convolve(x, g.const("identity", kernel, lambda: np.eye(items), 1.0), None, flat)
        x = flat
    width, height, channels, batch = dims
    if (width, height) == (1, 1):
        return x
    y = g.temp(dims, x.scale, "spread")
    kernel = (width, height, items, channels)

    def flipped() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        eye = np.eye(items).reshape(channels, height, width, items)
        return eye[:, ::-1, ::-1].transpose(0, 3, 1, 2)

    weights = g.const("identity", kernel, flipped, 1.0)
    g.convolve(x, weights, None, y, padding=(width - 1, height - 1))
    return y
