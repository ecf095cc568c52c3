"""What the machine can do at most: the limits that the other figures run into."""

import shutil
import zlib
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.report import Table, rate
from benchmarks.timing import seconds


@cache
def memory() -> float:
    """Return how many bytes a core copies in memory, in a second."""
    source = np.ones(1 << 26, np.uint8)
    target = np.zeros_like(source)
    (time,) = seconds(lambda: np.copyto(target, source))
    return source.nbytes / time


def copying(path: Path, target: Path) -> float:
    """Return the time of copying a file, in s."""
    start = perf_counter()
    shutil.copyfile(path, target)
    time = perf_counter() - start
    target.unlink()
    return time


def reading(path: Path) -> float:
    """Return the time of reading a file into memory that is there already, in s."""
    buffer = bytearray(1 << 24)
    start = perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return perf_counter() - start


def table(folder: Path, megabytes: int) -> Table:
    """Measure memory, files, products and compression."""
    path = folder / "limits"
    noise = np.random.default_rng(0).standard_normal(1 << 20, np.float32)
    with open(path, "wb") as file:
        for _ in range(megabytes // 4):
            file.write(noise)
    size = path.stat().st_size
    copied, read = seconds(
        lambda: copying(path, folder / "limits.copy"), lambda: reading(path), runs=5
    )
    path.unlink()
    matrix = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    data = noise.tobytes()
    product, packed = seconds(lambda: matrix @ matrix, lambda: zlib.compress(data, 6), runs=5)
    rows = (
        ("copy in memory, one core", rate(memory(), 1)),
        (f"read {megabytes} MiB of a file that is in memory", rate(size, read)),
        (f"copy {megabytes} MiB of such a file", rate(size, copied)),
        ("multiply matrices (BLAS)", f"{2 * 1024**3 / product / 1e9:.0f} GFLOP/s"),
        ("compress weights (zlib 6), one core", rate(len(data), packed)),
    )
    return Table("What the machine can do", ("", "speed"), rows)
