"""Layers and order: which box stands in which row, and at which place in it.

The layered layout of Sugiyama, Tagawa and Toda. A value that passes rows gets a slot in each, one
chain for all of its readers; rows are then sorted so that few links cross. Coordinates come later
(nnefx.show.place), as they depend on which groups are open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from nnefx.show.scene import Level

# Slots that chains may take together; the longest chains beyond that are not drawn.
MAX_SLOTS = 40_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A link, or a part of one, between neighbouring rows: slots, the ports of items, its value.

    `value` numbers the values that leave items; a port is -1 at a slot of a chain.
    """

    source: int
    out: int
    target: int
    into: int
    value: int


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Rows of slots from top to bottom; slots up to the number of items are items, others chains.

    `hidden` are the links (by index) that are too long to be drawn.
    """

    rows: tuple[tuple[int, ...], ...]
    segments: tuple[Segment, ...]
    count: int
    hidden: tuple[int, ...] = ()


def arrange(level: Level) -> Arrangement:
    """Return rows and order of a level; the same level always gets the same."""
    ranks = _ranks(level)
    segments, slot_ranks, hidden = _segments(level, ranks)
    rows: list[list[int]] = [[] for _ in range(max(slot_ranks, default=-1) + 1)]
    for slot, rank in enumerate(slot_ranks):
        rows[rank].append(slot)
    ordered = _order(level, rows, segments, slot_ranks)
    return Arrangement(tuple(map(tuple, ordered)), tuple(segments), len(slot_ranks), tuple(hidden))


def _ranks(level: Level) -> list[int]:
    """Return the row of each item: below its sources, and not further up than it need be."""
    count = len(level.items)
    above: list[set[int]] = [set() for _ in range(count)]
    below: list[set[int]] = [set() for _ in range(count)]
    for link in level.links:
        above[link.target].add(link.source)
        below[link.source].add(link.target)
    kinds = [item.kind for item in level.items]
    first = int("in" in kinds)
    ranks = [0] * count
    for index in range(count):
        low = 0 if kinds[index] == "in" else first
        ranks[index] = max([low, *(ranks[source] + 1 for source in above[index])])
    for index in reversed(range(count)):
        if below[index] and kinds[index] != "in" and len(above[index]) < len(below[index]):
            ranks[index] = min(ranks[target] for target in below[index]) - 1
    last = max(ranks, default=0)
    for index, kind in enumerate(kinds):
        if kind == "out":
            ranks[index] = last
    return ranks


def _segments(level: Level, ranks: list[int]) -> tuple[list[Segment], list[int], list[int]]:
    """Cut links into segments; return those, the row of each slot, and links that are too long."""
    values: dict[tuple[int, int], list[int]] = {}
    for index, link in enumerate(level.links):
        values.setdefault((link.source, link.out), []).append(index)
    hidden = _too_long(level, ranks, list(values.values()))
    segments: list[Segment] = []
    slots = list(ranks)
    for number, ((source, out), links) in enumerate(values.items()):
        chain = [source]
        for index in links:
            if index in hidden:
                continue
            link = level.links[index]
            while ranks[source] + len(chain) < ranks[link.target]:
                slots.append(ranks[source] + len(chain))
                port = out if len(chain) == 1 else -1
                segments.append(Segment(chain[-1], port, len(slots) - 1, -1, number))
                chain.append(len(slots) - 1)
            before = chain[ranks[link.target] - ranks[source] - 1]
            port = out if before == source else -1
            segments.append(Segment(before, port, link.target, link.into, number))
    return segments, slots, sorted(hidden)


def _too_long(level: Level, ranks: list[int], values: list[list[int]]) -> set[int]:
    """Return the links that are left out so that chains stay within MAX_SLOTS, longest first.

    A value's chain goes as far as its furthest reader, whose link is given up first.
    """

    def span(index: int) -> int:
        link = level.links[index]
        return ranks[link.target] - ranks[link.source]

    reach = [sorted(links, key=span) for links in values]
    total = sum(span(links[-1]) for links in reach)
    waiting = [(-span(links[-1]), number) for number, links in enumerate(reach)]
    heapify(waiting)
    hidden: set[int] = set()
    while total > MAX_SLOTS:
        longest, number = heappop(waiting)
        links = reach[number]
        hidden.add(links.pop())
        total += longest + (span(links[-1]) if links else 0)
        if links:
            heappush(waiting, (-span(links[-1]), number))
    return hidden


# Links of each slot towards one side: the slot there, and where on it, in parts of a place.
_Near = list[list[tuple[int, float]]]


def _order(
    level: Level, rows: list[list[int]], segments: Sequence[Segment], ranks: Sequence[int]
) -> list[list[int]]:
    """Return the rows, sorted by sweeps over the means of neighbours; the best is kept."""
    up: _Near = [[] for _ in ranks]
    down: _Near = [[] for _ in ranks]
    for segment in segments:
        aside = 0.0
        if segment.out >= 0:  # several outputs lie side by side
            aside = (segment.out + 0.5) / len(level.items[segment.source].outputs) - 0.5
        up[segment.target].append((segment.source, aside))
        down[segment.source].append((segment.target, aside))
    place = [0.0] * len(ranks)
    _place(rows, place)
    best, fewest = rows, -1
    current = [list(row) for row in rows]
    for sweep in range(12 if len(ranks) < 2000 else 6):
        downwards = sweep % 2 == 0
        near = up if downwards else down
        for row in current if downwards else reversed(current):
            _sort(row, near, place, 1 if downwards else -1)
        if len(ranks) < 2000:
            _swap(current, up, down, place)
        crossings = _crossings(current, down, place)
        if fewest < 0 or crossings < fewest:
            best, fewest = [list(row) for row in current], crossings
        if fewest == 0:
            break
    return best


def _place(rows: Sequence[Sequence[int]], place: list[float]) -> None:
    for row in rows:
        for position, slot in enumerate(row):
            place[slot] = position


def _sort(row: list[int], near: _Near, place: list[float], sign: int) -> None:
    keys = {
        slot: sum(place[other] + sign * aside for other, aside in near[slot]) / len(near[slot])
        if near[slot]
        else place[slot]
        for slot in row
    }
    row.sort(key=keys.__getitem__)
    for position, slot in enumerate(row):
        place[slot] = position


def _swap(rows: list[list[int]], up: _Near, down: _Near, place: list[float]) -> None:
    """Exchange neighbours in a row where that makes fewer links cross."""
    for row in rows:
        for index in range(len(row) - 1):
            left, right = row[index], row[index + 1]
            now = then = 0
            for near, weight in ((up, 1), (down, 0)):
                for a, aside_a in near[left]:
                    for b, aside_b in near[right]:
                        difference = place[a] - place[b] + weight * (aside_a - aside_b)
                        now += difference > 0
                        then += difference < 0
            if then < now:
                row[index], row[index + 1] = right, left
                place[left], place[right] = place[right], place[left]


def _crossings(rows: list[list[int]], down: _Near, place: list[float]) -> int:
    """Count crossing pairs of links between neighbouring rows."""
    total = 0
    for row in rows:
        ends = [
            target
            for slot in row
            for _, target in sorted((aside, int(place[other])) for other, aside in down[slot])
        ]
        size = max(ends, default=0) + 1
        tree = [0] * (size + 1)
        for seen, end in enumerate(ends):
            index, smaller = end + 1, 0
            while index:
                smaller += tree[index]
                index &= index - 1
            total += seen - smaller
            index = end + 1
            while index <= size:
                tree[index] += 1
                index += index & -index
    return total
