"""A picture as one SVG file that needs nothing beside it."""

from html import escape

from nnefx.show.boxes import Box, boxes
from nnefx.show.palette import picture_style
from nnefx.show.place import HEAD, PILL, Layout, Placed, place
from nnefx.show.scene import Picture

MARGIN = 24


def svg(picture: Picture, depth: int) -> str:
    """Return the SVG text of a picture; groups are open down to `depth`, 0 for none."""
    made, arrangement = boxes(picture.level)
    deep: dict[int, int] = {}
    _depths(made, 1, deep)
    layout = place(made, arrangement, lambda box: deep[box.id] <= depth)
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" class="nnefx">'
        f"<title>{escape(picture.title)}</title><style>{picture_style()}</style>"
        f'<rect class="paper" width="100%" height="100%"/>'
        f'<g transform="translate({MARGIN} {MARGIN})">{_level(layout)}</g></svg>\n'
    )


def _depths(made: tuple[Box, ...], depth: int, found: dict[int, int]) -> None:
    for box in made:
        found[box.id] = depth
        _depths(box.boxes, depth + 1, found)


def _level(layout: Layout) -> str:
    frames = [_item(item) for item in layout.placed]
    return f"{_lines(layout)}{''.join(frames)}"


def _lines(layout: Layout) -> str:
    lines = "".join(_curve(*points) for _, points in layout.paths)
    heads = "".join(f"M{x:.1f} {y:.1f}l-3.5-6.5h7z" for x, y in layout.heads)
    return f'<path class="link" d="{lines}"/><path class="tip" d="{heads}"/>'


def _curve(x1: float, y0: float, y1: float, x2: float, y2: float, y3: float) -> str:
    """Return a line that goes down from y0 to y1, over to x2 at y2, and down to y3."""
    middle = (y1 + y2) / 2
    start = f"M{x1:.1f} {y0:.1f}V{y1:.1f}"
    if abs(x1 - x2) < 0.05:
        return f"M{x1:.1f} {y0:.1f}V{y3:.1f}"
    return f"{start}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}V{y3:.1f}"


def _item(item: Placed) -> str:
    box = item.box
    if box.kind in ("in", "out"):
        return ""
    lower = item.height - (PILL if box.pills else 0)
    if item.inside:
        left = (item.width - item.inside.width) / 2
        size = f'width="{item.width:.1f}"'
        body = (
            f'<rect class="frame" {size} height="{lower:.1f}" rx="9"/>'
            f'<rect class="bar" {size} height="{HEAD - 2}" rx="9"/>{box.bar}'
            f'<g transform="translate({left:.1f} {HEAD - 2})">{_level(item.inside)}</g>'
        )
    else:
        body = box.body
    pills = "".join(
        f'<path class="link" d="M{x:.1f} {lower:.1f}v{PILL}"/>'
        f'<g transform="translate({x:.1f} {lower + 4:.1f})">{pill}</g>'
        for x, pill in zip(item.outs, box.pills)
    )
    return f'<g class="item" transform="translate({item.x:.1f} {item.y:.1f})">{pills}{body}</g>'
