"""Curves as SVG: both axes logarithmic, a straight line of slope one is linear growth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT, MARGIN = 640, 400, 60
COLORS = ("#0b6e99", "#c2571a", "#4f7a28")
STYLE = (
    "text{font:13px sans-serif;fill:#555}.grid{stroke:#8884}.curve{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
)


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves by name; what stands at the axes."""

    title: str
    across: str
    up: str
    curves: Mapping[str, Points]

    def svg(self) -> str:
        """Return the picture."""
        points = [point for curve in self.curves.values() for point in curve]
        spans = [_span([point[axis] for point in points]) for axis in (0, 1)]
        parts = [f"<title>{escape(self.title)}</title><style>{STYLE}</style>"]
        parts += _grid(*spans)
        parts.append(_text(WIDTH / 2, HEIGHT - 12, self.across, "middle"))
        parts.append(_text(12, MARGIN / 2, self.up, "start"))
        for (name, curve), color in zip(self.curves.items(), COLORS, strict=False):
            parts += _curve(name, curve, color, *spans)
        size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        body = "\n".join(parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{body}\n</svg>\n'


def _span(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around values."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def _place(point: tuple[float, float], *spans: tuple[int, int]) -> tuple[float, float]:
    (left, right), (low, high) = spans
    x = (log10(point[0]) - left) / (right - left)
    y = (log10(point[1]) - low) / (high - low)
    return MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)


def _grid(*spans: tuple[int, int]) -> list[str]:
    (left, right), (low, high) = spans
    parts = []
    for power in range(left, right + 1):
        x, y = _place((10**power, 10**low), *spans)
        parts.append(f'<path class="grid" d="M{x:.1f} {y:.1f}V{MARGIN}"/>')
        parts.append(_text(x, y + 20, f"{10**power:,}", "middle"))
    for power in range(low, high + 1):
        x, y = _place((10**left, 10**power), *spans)
        parts.append(f'<path class="grid" d="M{x:.1f} {y:.1f}H{WIDTH - MARGIN}"/>')
        parts.append(_text(x - 8, y + 4, f"{10.0**power:g}", "end"))
    return parts


def _curve(name: str, curve: Points, color: str, *spans: tuple[int, int]) -> list[str]:
    places = [_place(point, *spans) for point in curve]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
    x, y = places[-1]
    label = f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" style="fill:{color}">{escape(name)}</text>'
    return [f'<path class="curve" stroke="{color}" d="M{path}"/>', *dots, label]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
