"""Documents with the findings that are expected in them, in a compact form.

A file holds several cases. Each begins with a line `=== what it shows (section)`, after which may
stand `khronos: why the parser of Khronos decides otherwise`. What follows is a whole document if
it begins with `version`; else it is the body of a graph whose parameters are its externals and
whose results are `y`, or what a line `-> a, b` says; fragments stand before it, up to a line
`--`. Both extensions of the standard are put before it.

A finding is expected by `#! CODE` at the end of its line, or `#! CODE@text` where the finding
points at `text`; several may follow each other. A case without any must be without findings.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"=== (?P<title>.*?) \((?P<section>\d[\d.]*)\)(?: khronos: (?P<reason>.*))?")
_MARK = re.compile(r"[ \t]*#!(?P<expected>.*)$", re.MULTILINE)
_EXTERNAL = re.compile(r"(\w+)\s*=\s*external\b")
_PRELUDE = (
    "version 1.0;",
    "extension KHR_enable_fragment_definitions;",
    "extension KHR_enable_operator_expressions;",
)


@dataclass(frozen=True)
class Expected:
    """A finding: its line, its code, and the text that it points at, if that is said."""

    line: int
    code: str
    text: str


@dataclass(frozen=True)
class Case:
    """A document, and what is expected of it."""

    title: str
    section: str
    text: str
    expected: tuple[Expected, ...]
    reason: str  # why the parser of Khronos decides otherwise, if it does
    place: str

    @property
    def valid(self) -> bool:
        return not any(item.code < "NX8" and item.code not in WARNINGS for item in self.expected)


# Codes of findings that leave a document valid.
WARNINGS = {"NX122", "NX217", "NX218", "NX308", "NX309", "NX310"}


def read(path: Path) -> Iterator[Case]:
    """Yield the cases of a file."""
    blocks = re.split(r"^(?==== )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    line = blocks[0].count("\n") + 1
    for block in blocks[1:]:
        head, _, body = block.partition("\n")
        match = _HEAD.fullmatch(head)
        assert match, f"{path.name}:{line}: {head}"
        text = _document(body)
        yield Case(
            match["title"],
            match["section"],
            _MARK.sub("", text),
            tuple(_expected(text)),
            match["reason"] or "",
            f"{path.name}:{line}",
        )
        line += block.count("\n")


def _expected(text: str) -> Iterator[Expected]:
    for number, line in enumerate(text.split("\n"), 1):
        for mark in _MARK.finditer(line):
            for item in re.split(r"\s+(?=NX\d)", mark["expected"].strip()):
                code, _, pointed = item.partition("@")
                yield Expected(number, code, pointed.strip())


def _document(body: str) -> str:
    body = body.strip("\n").replace("\\f", "\f") + "\n"
    if body.startswith(("version", "#!", "<")):
        return body.removeprefix("<")
    fragments, _, graph = body.rpartition("\n--\n")
    results = "y"
    first, _, rest = graph.partition("\n")
    if first.startswith("->"):
        results, graph = first.removeprefix("->").strip(), rest
    inputs = ", ".join(_EXTERNAL.findall(_MARK.sub("", graph))) or "x"
    return "\n".join(
        [*_PRELUDE, fragments, f"graph net( {inputs} ) -> ( {results} )", "{", graph + "}\n"]
    )
