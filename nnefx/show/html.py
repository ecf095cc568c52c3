"""A picture as one HTML file: groups open and close, boxes tell what they are, names are found.

The file needs no network and no other file. Rows and order come from here; the page computes
coordinates itself, as they depend on which groups are open.
"""

import json
import os
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.show.boxes import Box, boxes
from nnefx.show.files import read
from nnefx.show.layout import Arrangement
from nnefx.show.palette import page_style
from nnefx.show.place import GEOMETRY, SWEEPS
from nnefx.show.scene import Item, Picture, changed, multiply_adds, shape_text, walk
from nnefx.show.statistics import statistics
from nnefx.source import At, TextAt
from nnefx.syntax.printer import print_literal

SCRIPTS = ("place.js", "panel.js", "ways.js", "page.js")
LONGEST = 240  # characters of an attribute that the panel shows


def html(
    picture: Picture,
    weights: Mapping[str, NDArray[Any]],
    depth: int,
    quantized: Mapping[str, Any] | None = None,
) -> str:
    """Return the text of a page.

    Args:
        picture: what is drawn.
        weights: the arrays by label.
        depth: groups are open down to there at first.
        quantized: what panels say about quantized tensors by name, see `quantized.describe`.
    """
    made, arrangement = boxes(picture.level)
    data = {
        "title": picture.title,
        "facts": picture.facts,
        "depth": depth,
        "geometry": {**GEOMETRY, "sweeps": SWEEPS},
        "root": _level(made, arrangement),
        "docs": _docs(picture),
        "weights": _weights(picture, weights),
        "quantized": _quantized(picture, quantized or {}),
    }
    # `<` is escaped, so that nothing in a string can end the element that holds it
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    parts = {
        "TITLE": escape(picture.title),
        "STYLE": page_style() + read("page.css"),
        "DATA": content.replace("<", "\\u003c").replace("\u2028", "\\u2028"),
        "SCRIPT": "".join(map(read, SCRIPTS)),
    }
    return re.sub("%%([A-Z]+)%%", lambda match: parts[match[1]], read("page.html"))


def _level(made: tuple[Box, ...], arrangement: Arrangement) -> dict[str, Any]:
    numbers = [
        number
        for s in arrangement.segments
        for number in (s.source, s.out, s.target, s.into, s.value)
    ]
    return {
        "items": [_box(box) for box in made],
        "rows": arrangement.rows,
        "segments": numbers,
        "count": arrangement.count,
    }


def _box(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": box.id,
        "kind": box.kind,
        "title": box.item.title,
        "name": box.item.outputs[0].name if box.item.outputs else "",
        "width": round(box.width, 1),
        "height": box.height,
        "ins": box.ins,
        "outs": [round(x, 2) for x in box.outs],
        "pills": box.pills,
        "body": box.body,
    }
    if box.kind not in ("in", "out"):
        found["info"] = _info(box.item)
    if box.arrangement:
        found.update(bar=box.bar, head=round(box.head, 1))
        found["level"] = _level(box.boxes, box.arrangement)
    return found


def _info(item: Item) -> dict[str, Any]:
    def port(param: str, name: str, shape: str) -> list[str]:
        return [param, name, shape]

    info: dict[str, Any] = {
        "in": [port(param, value.name, shape_text(value)) for param, value in item.inputs],
        "out": [port("", value.name, shape_text(value)) for value in item.outputs],
    }
    if item.node is None:
        return info
    differing = changed(item.node)
    info["op"] = item.node.name
    info["attributes"] = [
        [name, _text(value), name in differing] for name, value in item.node.attributes.items()
    ]
    info["attributes"] += [
        [name, _text(value), True]
        for name, value in item.node.inputs.items()
        if isinstance(value, bool | int | float | str)
    ]
    info["weights"] = [
        [weight.param, weight.label or _text(weight.content), shape_text(weight.value)]
        for weight in item.weights
    ]
    info["at"] = _origin(item.node.at)
    info["macs"] = multiply_adds(item)
    info["parameters"] = sum(w.value.volume for w in item.weights if w.label)
    return info


def _quantized(picture: Picture, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of the values of the graph itself, and by label, of its weights.

    Names inside of fragments are others: graph.quant does not speak of those.
    """
    values, labels = {}, {}
    for item in picture.level.items:
        values.update({v.name: known[v.name] for v in item.outputs if v.name in known})
        labels.update({w.label: known[w.value.name] for w in item.weights if w.value.name in known})
    return {"values": values, "weights": labels}


def _origin(at: At | None) -> str:
    """Return a place without the folder of a text: pages are passed on."""
    if isinstance(at, TextAt):
        line, column = at.source.locate(at.pos)
        return f"{os.path.basename(at.source.name)}:{line}:{column}"
    return str(at) if at else ""


def _text(value: Any) -> str:
    text = print_literal(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _docs(picture: Picture) -> dict[str, str]:
    nodes = (item.node for item in walk(picture.level) if item.node)
    return {node.name: _flowing(node.op.signature.doc) for node in nodes}


def _flowing(doc: str) -> str:
    """Return a text whose lines are as long as the reader's panel is wide: one for a paragraph."""
    return re.sub(r"(?<=\S)\n(?=[^\s*-])", " ", doc)


def _weights(picture: Picture, weights: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    labels = {w.label for item in walk(picture.level) for w in item.weights if w.label}
    found: dict[str, Any] = {}
    for label in sorted(labels):
        try:
            array = weights.get(label)
        except NnefError as error:  # one unreadable file does not spoil the picture
            found[label] = {"fault": error.diagnostics[0].message}
            continue
        if array is not None:
            known = statistics(array)
            found[label] = {name: getattr(known, name) for name in known.__slots__}
            found[label]["type"] = str(array.dtype)
    return found
