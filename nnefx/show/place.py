"""Coordinates of what an arrangement holds, in pixels, depending on which groups are open.

`place.js` does the same in the reader's browser, where groups open and close; a test holds the two
together.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nnefx.show.boxes import Box
from nnefx.show.layout import Arrangement, Segment

# Distances in pixels. place.js gets them from here.
GEOMETRY = {
    "apart": 28,  # between boxes of a row
    "beside": 16,  # between a box and a link that passes it
    "gap": 26,  # between rows, at least
    "last": 12,  # the gap above the lower border of a group
    "slant": 0.10,  # what a link that goes sideways adds to the gap, for each pixel
    "gapMost": 70,
    "pad": 18,  # around the inside of a group
    "head": 30,  # the bar at the top of an open group
    "pill": 24,  # room below a box for the shapes of what leaves it
    "chain": 2,  # width of a passing link
}
SWEEPS = 10
APART, BESIDE, GAP, LAST = (GEOMETRY[name] for name in ("apart", "beside", "gap", "last"))
PAD, HEAD, PILL, CHAIN = (GEOMETRY[name] for name in ("pad", "head", "pill", "chain"))


@dataclass(frozen=True, slots=True)
class Placed:
    """An item at its place; `ins` and `outs` are where links meet it, relative to its left edge."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    ins: tuple[float, ...]
    outs: tuple[float, ...]
    inside: "Layout | None" = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A level with coordinates relative to its corner.

    `paths` has the lines of each value: sequences of points, two for each row or gap it passes.
    """

    width: float
    height: float
    placed: tuple[Placed, ...]
    paths: tuple[tuple[int, tuple[float, ...]], ...]
    heads: tuple[tuple[float, float], ...]


def place(boxes: Sequence[Box], arrangement: Arrangement, is_open: Callable[[Box], bool]) -> Layout:
    """Return the coordinates of a level and of everything open in it."""
    sized = [_size(box, is_open) for box in boxes]
    count = len(boxes)
    widths = [item.width for item in sized] + [CHAIN] * (arrangement.count - count)
    ends = _ends(arrangement.segments, sized)
    xs = _columns(arrangement, widths, ends, count)
    ends = _untangled(arrangement.segments, sized, ends, xs)
    tops, heights, total = _rows(arrangement, sized, ends, xs)
    row_of = {slot: number for number, row in enumerate(arrangement.rows) for slot in row}
    placed = []
    for slot, item in enumerate(sized):
        row = row_of[slot]
        y = tops[row] + (heights[row] - item.height) / 2
        if item.box.kind == "out":
            y = tops[row] + heights[row]
        placed.append(_moved(item, xs[slot], y))
    paths, heads = [], []
    for segment, (start, end) in zip(arrangement.segments, ends):
        a, b = segment.source, segment.target
        upper, lower = row_of[a], row_of[b]
        x1, x2 = xs[a] + start, xs[b] + end
        y0 = placed[a].y + placed[a].height if a < count else tops[upper]
        y3 = placed[b].y if b < count else tops[lower]
        paths.append((segment.value, (x1, y0, tops[upper] + heights[upper], x2, tops[lower], y3)))
        if b < count and placed[b].box.kind != "out":
            heads.append((x2, y3))
    width = max([x + w for x, w in zip(xs, widths)], default=0)
    return Layout(width, total, tuple(placed), tuple(paths), tuple(heads))


def _moved(item: Placed, x: float, y: float) -> Placed:
    return Placed(item.box, x, y, item.width, item.height, item.ins, item.outs, item.inside)


def _size(box: Box, is_open: Callable[[Box], bool]) -> Placed:
    """Return a box with its size and ports, at the origin."""
    if not (box.boxes and box.arrangement and is_open(box)):
        count = box.ins
        ins = tuple(box.width * (port + 1) / (count + 1) for port in range(count))
        height = box.height + (PILL if box.pills else 0)
        return Placed(box, 0, 0, box.width, height, ins, box.outs)
    inside = place(box.boxes, box.arrangement, is_open)
    width = max(inside.width + 2 * PAD, box.head)
    left = (width - inside.width) / 2
    entries = [left + item.x + item.outs[0] for item in inside.placed if item.box.kind == "in"]
    exits = [left + item.x + item.ins[0] for item in inside.placed if item.box.kind == "out"]
    height = HEAD + inside.height + PILL
    return Placed(box, 0, 0, width, height, tuple(entries), tuple(exits), inside)


def _ends(segments: Sequence[Segment], sized: Sequence[Placed]) -> list[tuple[float, float]]:
    """Return where each segment leaves its source and meets its target, from their left edges."""
    count = len(sized)
    middle = CHAIN / 2
    return [
        (
            sized[s.source].outs[s.out] if s.source < count else middle,
            sized[s.target].ins[s.into] if s.target < count else middle,
        )
        for s in segments
    ]


def _untangled(
    segments: Sequence[Segment],
    sized: Sequence[Placed],
    ends: list[tuple[float, float]],
    xs: Sequence[float],
) -> list[tuple[float, float]]:
    """Let links meet the closed boxes in the order that they come from, so that none cross."""
    meeting: dict[int, list[int]] = {}
    for number, segment in enumerate(segments):
        if segment.target < len(sized) and not sized[segment.target].inside:
            meeting.setdefault(segment.target, []).append(number)
    found = list(ends)
    for numbers in meeting.values():
        ports = sorted(ends[number][1] for number in numbers)
        numbers.sort(key=lambda number: xs[segments[number].source] + ends[number][0])
        for number, port in zip(numbers, ports):
            found[number] = (ends[number][0], port)
    return found


def _columns(
    arrangement: Arrangement,
    widths: list[float],
    ends: list[tuple[float, float]],
    count: int,
) -> list[float]:
    """Return the left edge of each slot: near those that it is linked to, and none overlapping."""
    xs = [0.0] * arrangement.count
    up: list[list[tuple[int, float, float]]] = [[] for _ in range(arrangement.count)]
    down: list[list[tuple[int, float, float]]] = [[] for _ in range(arrangement.count)]
    leaving = Counter(segment.source for segment in arrangement.segments)
    entering = Counter(segment.target for segment in arrangement.segments)
    for segment, (start, end) in zip(arrangement.segments, ends):
        a, b = segment.source, segment.target
        alone = leaving[a] == 1 and (entering[b] == 1 or b >= count)
        weight = 8.0 if a >= count and b >= count else 4.0 if alone else 1.0
        up[b].append((a, start - end, weight))
        down[a].append((b, end - start, weight))
    spaces = [_spaces(row, widths, count) for row in arrangement.rows]
    for row, offsets in zip(arrangement.rows, spaces):
        for slot, offset in zip(row, offsets):
            xs[slot] = offset - (offsets[-1] + widths[row[-1]]) / 2
    order = list(zip(arrangement.rows, spaces))
    for sweep in range(SWEEPS):
        for row, offsets in order if sweep % 2 == 0 else reversed(order):
            _settle(row, offsets, xs, (up,) if sweep % 2 == 0 else (down,))
    for row, offsets in order:
        _settle(row, offsets, xs, (up, down))
    for row, offsets in order:
        _straighten(row, offsets, xs, up, down)
    left = min(xs, default=0)
    return [x - left for x in xs]


def _spaces(row: Sequence[int], widths: list[float], count: int) -> list[float]:
    """Return how far each slot of a row is from the first one, at least."""
    offsets = [0.0]
    for left, right in pairwise(row):
        space = APART if left < count and right < count else BESIDE
        offsets.append(offsets[-1] + widths[left] + space)
    return offsets


def _settle(
    row: Sequence[int],
    offsets: list[float],
    xs: list[float],
    sides: tuple[list[list[tuple[int, float, float]]], ...],
) -> None:
    """Move the slots of a row to where their links want them, as near as the others let them.

    The positions with the least sum of squared distances, by pooling adjacent violators.
    """
    pools: list[tuple[float, float, int]] = []  # sum of weights, mean, slots
    for slot, offset in zip(row, offsets):
        total = weight = 0.0
        for side in sides:
            for other, shift, strength in side[slot]:
                total += (xs[other] + shift) * strength
                weight += strength
        if weight:
            wanted = total / weight - offset
        else:
            wanted, weight = xs[slot] - offset, 0.1
        size = 1
        while pools and pools[-1][1] > wanted:
            other_weight, mean, other_size = pools.pop()
            wanted = (wanted * weight + mean * other_weight) / (weight + other_weight)
            weight += other_weight
            size += other_size
        pools.append((weight, wanted, size))
    index = 0
    for _, mean, size in pools:
        for _ in range(size):
            xs[row[index]] = mean + offsets[index]
            index += 1


def _straighten(
    row: Sequence[int],
    offsets: list[float],
    xs: list[float],
    up: list[list[tuple[int, float, float]]],
    down: list[list[tuple[int, float, float]]],
) -> None:
    """Move what is alone below something straight below it, as far as its neighbours let it."""
    for index, slot in enumerate(row):
        if len(up[slot]) != 1:
            continue
        other, shift, _ = up[slot][0]
        if len(down[other]) != 1:
            continue
        wanted = xs[other] + shift
        if index:
            wanted = max(wanted, xs[row[index - 1]] + offsets[index] - offsets[index - 1])
        if index + 1 < len(row):
            wanted = min(wanted, xs[row[index + 1]] - offsets[index + 1] + offsets[index])
        xs[slot] = wanted


def _rows(
    arrangement: Arrangement,
    sized: Sequence[Placed],
    ends: list[tuple[float, float]],
    xs: list[float],
) -> tuple[list[float], list[float], float]:
    """Return top and height of each row, and the height of all."""
    count = len(sized)
    heights = [
        max([0.0, *(sized[slot].height for slot in row if slot < count)])
        for row in arrangement.rows
    ]
    row_of = {slot: number for number, row in enumerate(arrangement.rows) for slot in row}
    slants = [0.0] * len(heights)
    for segment, (start, end) in zip(arrangement.segments, ends):
        row = row_of[segment.source]
        slant = abs(xs[segment.source] + start - xs[segment.target] - end)
        slants[row] = max(slants[row], slant)
    below: tuple[tuple[int, ...], ...] = (*arrangement.rows[1:], ())
    tops, y = [], 0.0
    for height, slant, slots in zip(heights, slants, below):
        last = any(slot < count and sized[slot].box.kind == "out" for slot in slots)
        tops.append(y)
        y += height + min((LAST if last else GAP) + GEOMETRY["slant"] * slant, GEOMETRY["gapMost"])
    total = tops[-1] + heights[-1] if heights else 0.0
    return tops, heights, total
