"""Starting commands, beside a Python that does nothing."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

import nnefx
from benchmarks.report import Table, duration, ratio
from benchmarks.timing import commands, seconds, watched
from benchmarks.timing import nnefx as command

TEXT = """version 1.0;
graph net( x ) -> ( y )
{
    x = external(shape = [1, 4]);
    w = variable(shape = [8, 4], label = 'w');
    y = linear(x, w);
}
"""


def table(folder: Path, runs: int) -> Table:
    """Measure commands on small models, in this environment."""
    model = folder / "tiny"
    weights = {"w": np.zeros((8, 4), np.float32)}
    nnefx.save(nnefx.Model(nnefx.loads(TEXT).graph, weights), model)
    words = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
        "nnefx --help": command("--help"),
        "nnefx check tiny": command("check", model),
        "nnefx run tiny --random=0": command("run", model, "--random=0"),
        "nnefx convert tiny -o small.nnef.tgz": command(
            "convert", model, "-o", folder / "small.nnef.tgz", "--force"
        ),
    }
    commands(*words.values(), runs=1)  # what is compiled once does not count
    times = seconds(*(partial(ran, item) for item in words.values()), runs=runs)
    rows = tuple((f"`{name}`", duration(t), ratio(t, times[0])) for name, t in zip(words, times))
    note = "A model of one operation. Aims: 150 ms for help, 300 ms for checking."
    return Table(f"Start-up, median of {runs}", ("", "time", "time : python"), rows, note)


def ran(words: Sequence[str]) -> None:
    """Run a command; one that fails is no figure.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    if watched(words) is None:
        raise subprocess.CalledProcessError(1, list(words))
