"""The page that the figures stand on: tables in Markdown."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version

INTRODUCTION = """\
# Performance

Written by `make bench`; {cores} cores, Python {python}, numpy {numpy}, nnef {nnef} (the parser by
Khronos). Times are medians by the clock where nothing else is said below a table. They differ by up
to a factor of two with what else the machine does, so read the ratios: what a table compares takes
turns. A column `a : b` is how many times as much a takes as b; below 1, a is faster or smaller. In
`time : copy`, b is copying the same bytes from file to file, which no conversion can do without.
The first table tells what the machine can do at most. The converters by others are those that
`python -m benchmarks.peers` installs.
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
    found = ours / theirs
    return f"{found:,.0f}" if found >= 10 else f"{found:.2g}"
