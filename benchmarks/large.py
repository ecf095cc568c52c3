"""Converting an ONNX model with 1 GB of weights, beside copying its file."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np
import onnx
from onnx import helper, numpy_helper

from benchmarks.report import Table, duration, ratio

EXTENT = 2048  # rows and columns of a matrix, 16 MiB
RUNS = 3
PROBE = "import nnefx.cli, nnefx.converters.onnx.read"  # what a conversion needs before it begins


def write(path: Path, count: int) -> Path:
    """Write a chain of products with `count` stored matrices; return its file."""
    matrix = np.random.default_rng(1).standard_normal((EXTENT, EXTENT), np.float32)
    stored = [numpy_helper.from_array(matrix, f"w{index}") for index in range(count)]
    names = ["x", *(f"y{index}" for index in range(count))]
    nodes = [
        helper.make_node("MatMul", [before, item.name], [after], after)
        for before, item, after in zip(names, stored, names[1:])
    ]
    ends = [helper.make_tensor_value_info(name, 1, [1, EXTENT]) for name in (names[0], names[-1])]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], stored)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def watched(command: list[str]) -> tuple[float, float]:
    """Return the time of a command in s, and the most memory that it held, in bytes."""
    start, most = perf_counter(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            found = re.search(r"VmRSS:\s+(\d+)", status)
            most = max(most, int(found[1]) * 1024 if found else 0)
            sleep(0.005)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return perf_counter() - start, most


def copied(path: Path) -> float:
    """Return the time of copying the file, in s."""
    start, target = perf_counter(), path.with_suffix(".copy")
    shutil.copyfile(path, target)
    time = perf_counter() - start
    target.unlink()
    return time


def table(folder: Path, megabytes: int) -> Table:
    """Measure in turn, so that what else the machine does meets all."""
    source, target = write(folder / "large.onnx", megabytes // 16), folder / "converted"
    command = [sys.executable, "-m", "nnefx", "convert", str(source), "-o", str(target), "-q"]
    found = []
    for _ in range(RUNS):
        found.append((copied(source), *watched([sys.executable, "-c", PROBE]), *watched(command)))
        shutil.rmtree(target)
    copy, begin, before, whole, most = (median(column) for column in zip(*found, strict=True))
    source.unlink()
    rows = (
        ("copy the file", duration(copy), "1", ""),
        ("imports alone", duration(begin), ratio(begin, copy), f"{before / 2**20:,.0f} MiB"),
        (
            "`nnefx convert`, the command",
            duration(whole),
            ratio(whole, copy),
            f"{most / 2**20:,.0f} MiB",
        ),
    )
    head = ("", "time", "time : copy", "resident memory at most, mapped files included")
    return Table(f"Convert an ONNX model with {megabytes:,} MiB of weights", head, rows)
