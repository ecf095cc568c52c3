"""The colours of pictures, once: each has a light and a dark value.

Pages switch between them, so their style sheet has variables. Pictures of their own (SVG) go to
readers that know no variables; there the light values stand in the rules, and the dark ones in
rules for readers that prefer them.
"""

import re
from collections.abc import Mapping

from nnefx.show.files import read

PALETTE = {
    "paper": ("#f7f8fa", "#10141a"),
    "ink": ("#1c2430", "#e6eaf0"),
    "dim": ("#667085", "#93a0b4"),
    "box": ("#ffffff", "#1b222c"),
    "line": ("#c9d0da", "#344050"),
    "link": ("#98a2b3", "#5d6b80"),
    "frame": ("#eef1f6", "#161c25"),
    "bar": ("#e1e7f0", "#242e3b"),
    "pill": ("#eef1f6", "#242e3b"),
    "pill-ink": ("#475467", "#b6c2d2"),
    "on": ("#ffffff", "#ffffff"),
    "filter": ("#3b74d9", "#6b9cf0"),
    "pool": ("#2a9d6f", "#4fc596"),
    "activation": ("#d9534f", "#ef7f7b"),
    "norm": ("#8e5bc7", "#b58be6"),
    "layout": ("#7d8796", "#93a0b4"),
    "other": ("#d98a1f", "#eaab4c"),
    "group": ("#14808f", "#42b6c6"),
    "custom": ("#c2418f", "#e673b8"),
    "input": ("#344054", "#46566d"),
    "output": ("#344054", "#46566d"),
    "weight": ("#6b7280", "#6b7280"),
    "accent": ("#1570ef", "#53a0ff"),
}
LIGHT = {name: light for name, (light, _) in PALETTE.items()}
DARK = {name: dark for name, (_, dark) in PALETTE.items()}
# What boxes are coloured by.
FAMILIES = (
    "filter", "pool", "norm", "activation", "layout", "other", "group", "custom",
    "input", "output", "weight",
)  # fmt: skip

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_PREFERS = "@media (prefers-color-scheme: dark)"


def page_style() -> str:
    """Return the style of a picture in a page, where `data-theme` may override the preference."""
    light, dark = _variables(LIGHT), _variables(DARK)
    return (
        f".nnefx {{{light}}}\n{_PREFERS} {{ .nnefx:not([data-theme='light']) {{{dark}}} }}\n"
        f".nnefx[data-theme='dark'] {{{dark}}}\n{_rules()}"
    )


def picture_style() -> str:
    """Return the style of a picture that stands by itself, without variables."""
    rules = _rules()
    dark = "".join(
        f"{selector} {{{_filled('; '.join(coloured), DARK)}}}\n"
        for selector, body in _RULE.findall(rules)
        if (coloured := [part.strip() for part in body.split(";") if "var(" in part])
    )
    return f"{_filled(rules, LIGHT)}\n{_PREFERS} {{\n{dark}}}\n"


def _rules() -> str:
    families = "".join(f".{name} {{ fill: var(--{name}); }}\n" for name in FAMILIES)
    return f"{read('picture.css')}{families}"


def _variables(values: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"var\(--([a-z-]+)\)", lambda match: values[match[1]], text)
