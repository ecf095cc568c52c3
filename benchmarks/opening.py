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

# Runs in a process of its own, so that the peak of one does not hide another's. Memory is what
# the kernel calls resident: a mapped page counts once it is touched.
PROBE = """
import resource, sys, time, {module}
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, start = peak(), time.perf_counter()
model = {call}(sys.argv[1])
print(time.perf_counter() - start, (peak() - before) * 1024)
"""
CALLS = {"nnefx": "nnefx.load", "nnef": "nnef.load_graph"}


def write(folder: Path, megabytes: int) -> Path:
    """Write a folder model whose variables hold `megabytes` MiB together; return the folder."""
    model = folder / "large"
    model.mkdir()
    extent = int((megabytes * 2**20 / 4 / TENSORS) ** 0.5)
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


def opened(package: str, model: Path) -> tuple[float, float]:
    """Return the median time in s, and memory growth in bytes, of opening `model`."""
    code = PROBE.format(module=package, call=CALLS[package])
    command = [sys.executable, "-c", code, str(model)]
    found = []
    for _ in range(RUNS):
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(tuple(map(float, out.split())))
    times, growths = zip(*found, strict=True)
    return median(times), median(growths)


def table(folder: Path, megabytes: int) -> Table:
    """Measure both packages on the same files."""
    model = write(folder, megabytes)
    found = {package: opened(package, model) for package in CALLS}
    theirs = found["nnef"][0]
    rows = tuple(
        (CALLS[package], duration(time), f"{growth / 2**20:,.0f} MiB", ratio(time, theirs))
        for package, (time, growth) in found.items()
    )
    title = f"Open a model with {megabytes:,} MiB of weights in {TENSORS} tensors"
    return Table(title, ("", "time", "growth of memory", "time : nnef.load_graph"), rows)
