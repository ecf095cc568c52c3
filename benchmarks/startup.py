"""Starting the command: `nnefx --help` beside a Python that does nothing."""

import subprocess
import sys
from functools import partial
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
    times = seconds(*(partial(_run, words) for words in commands.values()), runs=RUNS)
    rows = tuple((f"`{name}`", duration(t), ratio(t, times[0])) for name, t in zip(commands, times))
    return Table(f"Start-up, median of {RUNS}", ("", "time", "time : python"), rows)


def _run(words: list[str]) -> None:
    subprocess.run(words, check=True, capture_output=True)
