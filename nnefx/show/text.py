"""A picture for terminals: one operation a line, and beside it the values that are alive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nnefx.show.scene import Item, Level, Picture, shape_text

NODE = {"input": "○", "output": "◎"}
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_SIGNS = {
    _UP | _DOWN: "│", _UP | _RIGHT: "╰", _UP | _LEFT: "╯", _DOWN | _RIGHT: "╭", _DOWN | _LEFT: "╮",
    _UP | _DOWN | _RIGHT: "├", _UP | _DOWN | _LEFT: "┤", _LEFT | _RIGHT: "─",
    _UP | _LEFT | _RIGHT: "┴", _DOWN | _LEFT | _RIGHT: "┬", _UP | _DOWN | _LEFT | _RIGHT: "┼",
    _UP: "│", _DOWN: "│", 0: " ",
}  # fmt: skip

_Source = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Line:
    rails: str
    cells: tuple[str, ...] = ()


def text(picture: Picture, depth: int) -> str:
    """Return a picture as lines of text; groups are open down to `depth`, 0 for none."""
    lines = list(_level(picture.level, depth, "", _Rails()))
    width = min(max((len(line.rails) for line in lines), default=0), 60)
    columns = [max((len(line.cells[i]) for line in lines if line.cells), default=0) for i in (0, 1)]
    rows = [" · ".join([picture.title, *picture.facts]), ""]
    for line in lines:
        if line.cells:
            title, shape, rest = line.cells
            row = f"{line.rails:{width}}  {title:{columns[0]}}  {shape:{columns[1]}}  {rest}"
            rows.append(row.rstrip())
        else:
            rows.append(line.rails.rstrip())
    return "\n".join([*rows, ""])


@dataclass(slots=True)
class _Rails:
    """Which value goes down in which column; None where a column is free."""

    columns: list[_Source | None] = field(default_factory=list)

    def draw(self, at: int = -1, sign: str = "") -> str:
        return " ".join(
            sign if index == at else "│" if value else " "
            for index, value in enumerate(self.columns)
        )

    def claim(self, value: _Source, start: int = 0) -> int:
        """Put a value into the first free column from `start` on."""
        for index in range(start, len(self.columns)):
            if self.columns[index] is None:
                self.columns[index] = value
                return index
        self.columns += [None] * (start - len(self.columns))
        self.columns.append(value)
        return len(self.columns) - 1

    def join(self, here: int, others: Sequence[int], *, up: bool, through: bool = True) -> str:
        """Draw how columns meet at `here`: from above (`up`) or, of new ones, from there on.

        `through` tells whether something comes down to `here` itself.
        """
        left, right = min([here, *others]), max([here, *others])
        text = ""
        for index, value in enumerate(self.columns):
            inside = left <= index <= right
            if inside and index != here and index not in others and value:
                text += "│"  # passes below
            else:
                marks = _LEFT * (left < index <= right) | _RIGHT * (left <= index < right)
                if index in others:
                    marks |= _UP if up else _DOWN
                    marks |= (_DOWN if up else 0) * bool(value)
                elif index == here or value:
                    marks |= _UP * (index != here or through) | _DOWN
                text += _SIGNS[marks]
            text += "─" if left <= index < right else " "
        return text.rstrip()


def _level(level: Level, depth: int, before: str, rails: _Rails) -> Iterator[_Line]:
    last = {(link.source, link.out): link.target for link in level.links}
    entering: dict[int, list[_Source]] = {}
    for link in level.links:
        last[link.source, link.out] = max(last[link.source, link.out], link.target)
        sources = entering.setdefault(link.target, [])
        if (link.source, link.out) not in sources:
            sources.append((link.source, link.out))
    for number, item in enumerate(level.items):
        sources = entering.get(number, [])
        if item.kind == "out":
            continue
        columns = sorted(rails.columns.index(s) for s in sources if s in rails.columns)
        ending = [c for c in columns if last[rails.columns[c] or (0, 0)] == number]
        for column in ending:
            rails.columns[column] = None
        here = ending[0] if ending else rails.claim((-1, 0))
        rails.columns[here] = None
        others = [column for column in columns if column != here]
        if others:
            yield _Line(before + rails.join(here, others, up=True, through=here in columns))
        if item.kind != "in":
            open_ = item.level is not None and depth > 0
            sign = NODE.get(item.kind, "▾" if open_ else "▸" if item.level else "●")
            yield _Line(before + rails.draw(here, sign), _cells(item))
        outputs = [(number, port) for port in range(len(item.outputs)) if (number, port) in last]
        if outputs:
            rails.columns[here] = outputs[0]
        if item.level and depth > 0:
            yield from _level(item.level, depth - 1, f"{before}{rails.draw()}   ", _Rails())
        new = [rails.claim(output, here + 1) for output in outputs[1:]]
        if new:
            yield _Line(before + rails.join(here, new, up=False))


def _cells(item: Item) -> tuple[str, str, str]:
    names = ", ".join(value.name for value in item.outputs) if item.name else ""
    title = f"{names} = {item.title}" if names else item.title
    shapes = ", ".join(shape_text(value) for value in item.outputs)
    return title, shapes, item.summary
