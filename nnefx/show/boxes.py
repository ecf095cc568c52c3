"""The boxes of a scene as SVG: sizes, texts and markup, before anything has a place."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import count

from nnefx.show.layout import Arrangement, arrange
from nnefx.show.scene import Item, Level, shape_text

TITLE, NAME, SUMMARY, SHAPE = 13.0, 11.0, 10.5, 10.5  # font sizes
_MONO = 0.61  # width of a character of a monospaced font, as a part of its size
_TOGGLE = '<rect class="toggle" width="30" height="28" fill="none"/>'
_NARROW, _WIDE = set("ijlftrI.,:;|'()[] _"), set("mwMW@%")


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """An item ready to be drawn: its markup has its corner at the origin.

    Attributes:
        id: a number of its own in the whole picture.
        width, height: of the box without what hangs below it.
        ins: how many links meet it.
        outs: where links leave it, from its left edge.
        pills: markup of the shapes of what leaves it, each centred at the origin.
        body: markup of the box, closed.
        bar: markup of the bar of an open group; `head` is its least width.
        boxes, arrangement: the inside of a group.
    """

    id: int
    kind: str
    item: Item
    width: float
    height: float
    ins: int
    outs: tuple[float, ...]
    pills: tuple[str, ...]
    body: str
    bar: str = ""
    head: float = 0
    boxes: tuple["Box", ...] = ()
    arrangement: Arrangement | None = None


def boxes(level: Level) -> tuple[tuple[Box, ...], Arrangement]:
    """Return the boxes of a level with those inside of them, and how they are arranged."""
    return _level(level, count())


def _level(level: Level, ids: Iterator[int]) -> tuple[tuple[Box, ...], Arrangement]:
    arrangement = arrange(level)
    far: dict[int, list[str]] = {}
    for index in arrangement.hidden:
        link = level.links[index]
        source = level.items[link.source]
        far.setdefault(link.target, []).append(source.outputs[link.out].name)
    made = [_box(item, ids, far.get(index, [])) for index, item in enumerate(level.items)]
    return tuple(made), arrangement


def _box(item: Item, ids: Iterator[int], far: list[str]) -> Box:
    number = next(ids)
    if item.kind == "in":
        return Box(number, "in", item, 2, 0, 0, (1.0,), (), "")
    if item.kind == "out":
        width = max(map(_pill_width, [shape_text(value) for _, value in item.inputs]))
        return Box(number, "out", item, width, 0, 1, (), (), "")
    shapes = [shape_text(value) for value in item.outputs]
    widths = [_pill_width(text) for text in shapes]
    beside = sum(widths) + 8 * max(len(widths) - 1, 0)
    if item.kind in ("input", "output", "weight"):
        width, height, body = _terminal(item, beside)
    else:
        lines = _lines(item, far)
        width, height = _text_size(lines, item.level is not None)
        width = max(width, beside)
        body = _body(item, lines, width, height)
    left = (width - beside) / 2
    outs = []
    for pill in widths:
        outs.append(left + pill / 2)
        left += pill + 8
    pills = tuple(_pill(text, wide) for text, wide in zip(shapes, widths))
    inside: tuple[Box, ...] = ()
    arrangement, bar, head = None, "", 0.0
    if item.level:
        inside, arrangement = _level(item.level, ids)
        bar, head = _bar(item)
    return Box(
        number, item.kind, item, width, height, len(item.inputs), tuple(outs), pills, body, bar,
        head, inside, arrangement,
    )  # fmt: skip


def mono_width(text: str, size: float) -> float:
    """Return the width of a text in a monospaced font."""
    return len(text) * size * _MONO


def sans_width(text: str, size: float) -> float:
    """Return the width of a bold text, generously: fonts differ."""
    units = sum(0.42 if c in _NARROW else 1.05 if c in _WIDE else 0.72 for c in text)
    return units * size


def _short(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def _filled(parts: list[str], most: int) -> list[str]:
    """Return lines that hold as many parts as fit, two spaces apart."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= most:
            lines[-1] += f"  {part}"
        else:
            lines.append(part if len(part) <= most else f"{part[: most - 1].rstrip()}…")
    return lines


def _lines(item: Item, far: list[str]) -> tuple[str, str, list[str]]:
    summary = _filled(item.summary.split("  "), 38) if item.summary else []
    summary += [_short(f"↑ {name}", 34) for name in far[:3]]
    return _short(item.title, 28), _short(item.name, 28), summary


def _text_size(lines: tuple[str, str, list[str]], sign: bool) -> tuple[float, float]:
    title, name, summary = lines
    first = sans_width(title, TITLE) + (14 + mono_width(name, NAME) if name else 0)
    widest = max([first, *(mono_width(text, SUMMARY) for text in summary)])
    return max(widest + (46 if sign else 28), 84.0), 28.0 + 15 * len(summary)


def _body(item: Item, lines: tuple[str, str, list[str]], width: float, height: float) -> str:
    title, name, summary = lines
    w, h = _number(width), _number(height)
    left = 14
    parts, sign = [], ""
    if item.level:  # more is behind it
        left = 32
        parts.append(f'<rect class="back" x="4" y="4" width="{w}" height="{h}" rx="7"/>')
        sign = f'{_TOGGLE}<path class="sign" d="M14 14.5h10M19 9.5v10"/>'
    parts += [
        f'<rect class="box" width="{w}" height="{h}" rx="7"/>',
        f'<path class="edge {item.family}" d="M5.5 1.5h-.5a4 4 0 0 0-4 4v{_number(height - 11)}'
        f'a4 4 0 0 0 4 4h.5z"/>',
        f'{sign}<text class="t" x="{left}" y="19">{escape(title)}</text>',
    ]
    if name:
        parts.append(
            f'<text class="n" x="{_number(width - 12)}" y="19" text-anchor="end">'
            f"{escape(name)}</text>"
        )
    for number, text in enumerate(summary):
        parts.append(f'<text class="s" x="{left}" y="{34 + 15 * number}">{escape(text)}</text>')
    return "".join(parts)


def _terminal(item: Item, beside: float) -> tuple[float, float, str]:
    """Return width, height and markup; it stands in the middle of what hangs below, if wider."""
    title = _short(item.title, 34)
    own = sans_width(title, TITLE) + 36
    width = max(own, beside)
    left, middle = _number((width - own) / 2), _number(width / 2)
    body = (
        f'<rect class="terminal {item.family}" x="{left}" width="{_number(own)}" height="28" '
        f'rx="14"/>'
        f'<text class="t on" x="{middle}" y="19" text-anchor="middle">{escape(title)}</text>'
    )
    return width, 28.0, body


def _bar(item: Item) -> tuple[str, float]:
    """Return what stands in the bar of an open group, and how wide that is."""
    title, name, _ = _lines(item, [])
    offset = 30 + sans_width(title, TITLE)
    parts = [
        f'{_TOGGLE}<path class="sign" d="M12 14.5h10"/>',
        f'<text class="t" x="30" y="20">{escape(title)}</text>',
    ]
    if name:
        parts.append(f'<text class="n" x="{_number(offset + 10)}" y="20">{escape(name)}</text>')
        offset += 10 + mono_width(name, NAME)
    return "".join(parts), offset + 16


def _pill_width(text: str) -> float:
    return mono_width(text, SHAPE) + 14


def _pill(text: str, width: float) -> str:
    half = _number(width / 2)
    return (
        f'<rect class="pill" x="-{half}" width="{_number(width)}" height="17" rx="8.5"/>'
        f'<text class="p" y="12.3" text-anchor="middle">{escape(text)}</text>'
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
