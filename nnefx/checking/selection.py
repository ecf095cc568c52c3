"""Which findings are shown: codes that are selected, ignored, or suppressed by comments."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nnefx.codes import CODES, is_selected
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.source import Source, TextAt

# A comment such as `# nnefx: ignore[NX802, NX804]`; without brackets it is about every code.
_COMMENT = re.compile(r"#[^\n\f]*?\bnnefx:[ \t]*ignore(?:\[(?P<codes>[^\]\n]*)\])?")
_STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|#[^\n\f]*")
_CODE = re.compile(r"NX[0-9]{0,3}\Z|ALL\Z")


@dataclass(frozen=True, slots=True)
class Selection:
    """Codes and prefixes of codes; `ALL` stands for every code.

    With `select` only those are shown; without it, all that are not off by default, and those
    of `extend`. `ignore` takes away from either.
    """

    select: tuple[str, ...] = ()
    extend: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        """Tell whether findings with `code` are shown; `ignore` prevails unless it is shorter."""
        entry = CODES.get(code)
        chosen = is_selected(code, self.select) if self.select else entry is None or entry.on
        chosen = chosen or is_selected(code, self.extend)
        return chosen and not is_selected(code, self.ignore)


def is_code(text: str) -> bool:
    """Tell whether `text` is a code, a prefix of codes, or `ALL`."""
    return bool(_CODE.match(text)) and (text == "ALL" or any(c.startswith(text) for c in CODES))


def suppress(source: Source, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Drop what comments on the lines of the findings suppress, and report idle comments."""
    comments = dict(_comments(source))
    if not comments:
        return list(found)
    kept: list[Diagnostic] = []
    used: set[tuple[int, str]] = set()
    for item in found:
        line = _line(item, source)
        codes = comments.get(line, (0, None))[1]
        if codes is not None and is_selected(item.code, codes):
            used.update((line, code) for code in codes if is_selected(item.code, (code,)))
        else:
            kept.append(item)
    for line, (pos, codes) in comments.items():
        for code in codes or ():
            if (line, code) not in used:
                message = f"comment suppresses {code}, which is not found on this line"
                kept.append(Diagnostic("NX806", message, TextAt(source, pos), Severity.INFO))
    return kept


def _line(item: Diagnostic, source: Source) -> int:
    """Return the line of a finding, 0 where it is not in this text."""
    if isinstance(item.at, TextAt) and item.at.source is source:
        return source.locate(item.at.pos)[0]
    return 0


def _comments(source: Source) -> Iterator[tuple[int, tuple[int, Sequence[str] | None]]]:
    """Yield line, offset and codes of each comment that suppresses something."""
    if "nnefx:" not in source.text:
        return
    for match in _COMMENT.finditer(source.text):
        line = source.locate(match.start())[0]
        begin = match.start() - source.locate(match.start())[1] + 1
        end = begin + len(source.line(line))
        if any(
            part.start() < match.start() < part.end() and part.group()[0] != "#"
            for part in _STRING.finditer(source.text, begin, end)
        ):
            continue  # it is part of a string
        codes = match["codes"]
        names = ["ALL"] if codes is None else [part.strip() for part in codes.split(",")]
        yield line, (match.start(), [name for name in names if name])
