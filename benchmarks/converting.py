"""Converting a Caffe net with its weights, beside copying the file of the weights."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from benchmarks.report import Table, duration, ratio
from nnefx.converters.caffe.caffemodel import write_weights
from nnefx.converters.caffe.prototxt import read_net
from nnefx.converters.caffe.read import read_net_with
from nnefx.converters.caffe.reference import Recorder

SAMPLES = Path(__file__).parents[1] / "samples" / "caffe"
RUNS = 5

# A process that has converted a small net before: what it loads once does not count.
PROBE = """
import nnefx, shutil, sys
from time import perf_counter
small, net, target = sys.argv[1:]
nnefx.convert(small, weights="zeros")
start = perf_counter()
nnefx.save(nnefx.convert(net), target)
print(perf_counter() - start)
"""


def write(net: Path) -> Path:
    """Write the weights of a net, made up, beside it; return their file."""
    made_up = Recorder()
    read_net_with(read_net(net), made_up, str(net), {})
    file = net.with_suffix(".caffemodel")
    write_weights(file, made_up.blobs)
    return file


def copied(weights: Path, target: Path) -> float:
    """Return the time of copying the weights, in s."""
    start = perf_counter()
    shutil.copyfile(weights, target)
    time = perf_counter() - start
    target.unlink()
    return time


def commanded(net: Path, target: Path) -> tuple[float, float]:
    """Return the time of the whole command, in s, and its memory beyond mapped files, in bytes."""
    command = [sys.executable, "-m", "nnefx", "convert", str(net), "-o", str(target), "--quiet"]
    start, most = perf_counter(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            most = max(most, anonymous(process.pid))
            sleep(0.005)
    time = perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    shutil.rmtree(target)
    return time, most


def anonymous(process: int) -> int:
    """Return the resident memory of a process that is no file, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0


def warm(net: Path, target: Path) -> float:
    """Return the time of converting in a process that has done so before, in s."""
    command = [sys.executable, "-c", PROBE, str(SAMPLES / "lenet.prototxt"), str(net), str(target)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(target)
    return float(out)


def table(folder: Path, name: str = "vgg16") -> Table:
    """Measure in turn, so that what else the machine does meets all."""
    net = Path(shutil.copy(SAMPLES / f"{name}.prototxt", folder))
    weights = write(net)
    target = folder / "converted"
    found = [
        (copied(weights, target), warm(net, target), *commanded(net, target)) for _ in range(RUNS)
    ]
    copy, inner, whole, memory = (median(column) for column in zip(*found, strict=True))
    rows = (
        ("copy the weights", duration(copy), "1", ""),
        ("`nnefx.convert` and `save`", duration(inner), ratio(inner, copy), ""),
        (
            "`nnefx convert`, the command",
            duration(whole),
            ratio(whole, copy),
            f"{memory / 2**20:,.0f} MiB",
        ),
    )
    size = weights.stat().st_size / 2**20
    weights.unlink()
    head = ("", "time", "time : copy", "memory beyond mapped files")
    return Table(f"Convert a Caffe net ({name}) with {size:,.0f} MiB of weights", head, rows)
