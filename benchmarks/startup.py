"""Starting the command: `nnefx --help` beside a Python that does nothing."""

import subprocess
import sys
from pathlib import Path

from benchmarks.report import Table, duration, ratio
from benchmarks.timing import seconds

RUNS = 15


def table() -> Table:
    """Measure both, in this environment."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "nnefx --help": [str(Path(sys.executable).with_name("nnefx")), "--help"],
    }
    times = {
        name: seconds(lambda words=words: _run(words), runs=RUNS)
        for name, words in commands.items()
    }
    bare = times["python -c pass"]
    rows = tuple((f"`{name}`", duration(time), ratio(time, bare)) for name, time in times.items())
    return Table(f"Start-up, median of {RUNS}", ("", "time", "time : python"), rows)


def _run(words: list[str]) -> None:
    subprocess.run(words, check=True, capture_output=True)
