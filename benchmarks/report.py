"""The page that the figures stand on: tables in Markdown."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version

INTRODUCTION = """\
# Performance

Written by `make bench`. Times are medians; {cores} cores, Python {python}, numpy {numpy},
nnef {nnef} (the parser by Khronos). Runs differ by up to a factor of two with what else the
machine does, so read the ratios: below 1 means that nnefx is faster. The converters by others are
those that `python -m benchmarks.peers` installs.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the heads of its columns, and its rows."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""  # what is below it

    def __str__(self) -> str:
        rule = ["---" if index == 0 else "---:" for index in range(len(self.head))]
        lines = [f"| {' | '.join(row)} |" for row in (self.head, rule, *self.rows)]
        note = [self.note, ""] if self.note else []
        return "\n".join([f"## {self.title}", "", *lines, "", *note])


def page(*tables: Table, curves: str) -> str:
    """Return the whole page; `curves` is a link to the picture of how times grow."""
    head = INTRODUCTION.format(
        cores=os.cpu_count(),
        python=platform.python_version(),
        numpy=version("numpy"),
        nnef=version("nnef"),
    )
    return "\n".join([head, curves, *map(str, tables)])


def duration(seconds: float) -> str:
    """Return a time with three digits that count, such as `12.3 ms`."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def rate(size: float, seconds: float) -> str:
    """Return bytes in a time as a speed."""
    speed = size / seconds
    return f"{speed / 1e9:.2g} GB/s" if speed >= 1e9 else f"{speed / 1e6:.3g} MB/s"


def mebibytes(size: float) -> str:
    """Return bytes as MiB."""
    return f"{size / 2**20:,.0f} MiB"


def ratio(ours: float, theirs: float) -> str:
    """Return how many times as long as theirs ours took."""
    return f"{ours / theirs:.2g}"
