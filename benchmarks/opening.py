"""Opening a model with 1 GB of weights in 64 tensors: time, and memory that it takes."""

import subprocess
import sys
from pathlib import Path
from statistics import median

import nnef
import numpy as np

from benchmarks.report import Table, duration, ratio

TENSORS = 64
RUNS = 5

# Runs in a process of its own, so that the peak of one does not hide another's. A small model is
# opened first: what a package loads and prepares once does not count as growth. Memory is the peak
# of what Linux calls resident, so a mapped page counts once it is touched. (getrusage would not do:
# a process begins with the peak of the one that started it.)
PROBE = """
from time import perf_counter
zero = perf_counter()
import {package}, re, sys
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
{call}(sys.argv[1])
first, before, start = perf_counter() - zero, peak(), perf_counter()
model = {call}(sys.argv[2])
print(perf_counter() - start, peak() - before, first)
"""
CALLS = {"nnefx": "nnefx.load", "nnef": "nnef.load_graph"}


def write(model: Path, extent: int) -> Path:
    """Write a folder model whose variables have `extent` rows and columns; return the folder."""
    model.mkdir()
    weights = np.ones((extent, extent), dtype=np.float32)
    lines = [f"    x = external(shape = [1, {extent}]);"]
    last = "x"
    for index in range(TENSORS):
        with open(model / f"w{index}.dat", "wb") as file:
            nnef.write_tensor(file, weights)
        lines.append(f"    w{index} = variable(shape = [{extent}, {extent}], label = 'w{index}');")
        lines.append(f"    y{index} = linear({last}, w{index});")
        last = f"y{index}"
    body = "\n".join(lines)
    text = f"version 1.0;\n\ngraph large( x ) -> ( {last} )\n{{\n{body}\n}}\n"
    (model / "graph.nnef").write_text(text, encoding="utf-8")
    return model


def opened(package: str, small: Path, large: Path) -> list[float]:
    """Return medians of opening `large`: time in s, growth of memory in bytes.

    The third is the time of importing the package and opening `small`, in s.
    """
    code = PROBE.format(package=package, call=CALLS[package])
    command = [sys.executable, "-c", code, str(small), str(large)]
    found = []
    for _ in range(RUNS):
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(tuple(map(float, out.split())))
    return [median(column) for column in zip(*found, strict=True)]


def table(folder: Path, megabytes: int) -> Table:
    """Measure both packages on the same files."""
    small = write(folder / "small", extent=4)
    large = write(folder / "large", extent=int((megabytes * 2**20 / 4 / TENSORS) ** 0.5))
    found = {package: opened(package, small, large) for package in CALLS}
    theirs = found["nnef"][0]
    rows = tuple(
        (
            f"`{CALLS[package]}`",
            duration(time),
            f"{growth / 2**20:,.0f} MiB",
            ratio(time, theirs),
            duration(first),
        )
        for package, (time, growth, first) in found.items()
    )
    head = ("", "time", "growth of memory", "time : nnef", "import, and first small model")
    return Table(f"Open a model with {megabytes:,} MiB of weights in {TENSORS} tensors", head, rows)
