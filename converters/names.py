"""Foreign names made into NNEF identifiers and labels: unique, stable, readable."""

import re
from collections.abc import Iterable

# Keywords of the language and names that read as one (NNEF 1.0.5, section 3.2).
KEYWORDS = frozenset(
    [
        "version",
        "extension",
        "graph",
        "fragment",
        "tensor",
        "integer",
        "scalar",
        "logical",
        "string",
        "true",
        "false",
        "for",
        "in",
        "if",
        "else",
        "yield",
        "lengthof",
        "shape_of",
        "length_of",
        "range_of",
    ]
)

_NOISE = re.compile(r"_output_\d+$")
_NOT_WORD = re.compile(r"\W+", re.ASCII)
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9_\-./\\]+")


def identifier(name: str, hint: str = "x") -> str:
    """Return an identifier that resembles `name`; `hint` leads where it would begin with a digit.

    `identifier("/layer1/conv/Conv_output_0") == "layer1_conv_Conv"`, and
    `identifier("123", "relu") == "relu_123"`.
    """
    first = name.split(";", 1)[0]  # converters from TensorFlow list all that they fused
    word = _NOT_WORD.sub("_", stem(first)).strip("_")
    word = re.sub(r"__+", "_", word)
    if not word:
        word = hint
    if word[0].isdigit():
        word = f"{hint}_{word}"
    return f"{word}_" if word in KEYWORDS else word


def stem(name: str) -> str:
    """Return a name without what exporters append to every output."""
    return _NOISE.sub("", name)


def label(name: str) -> str:
    """Return a label that resembles `name`: a relative path without special components."""
    clean = _NOT_LABEL.sub("_", stem(name)).replace("\\", "/")
    parts = [part.strip(".") or "_" for part in clean.split("/") if part not in ("", ".")]
    return "/".join(parts) or "variable"


class Names:
    """Gives out names once each.

    Args:
        fold: compare without case, as labels do.
        reserved: names that are not given out.
    """

    def __init__(self, reserved: Iterable[str] = (), *, fold: bool = False) -> None:
        self._fold = fold
        self._taken = {self._key(name) for name in reserved}
        self._counts: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Return `name`, or `name` with the first free number."""
        candidate, count = name, self._counts.get(self._key(name), 1)
        while self._key(candidate) in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._counts[self._key(name)] = count
        self._taken.add(self._key(candidate))
        return candidate

    def _key(self, name: str) -> str:
        return name.casefold() if self._fold else name
