"""Weights: opening a model, reading all of it, saving it, and packing it."""

import shutil
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path
from statistics import median

import nnef
import numpy as np

import nnefx
from benchmarks import limits
from benchmarks.report import Table, duration, mebibytes, rate, ratio
from benchmarks.timing import environment, seconds
from nnefx.tensors.compress import LEVELS

TENSORS = 64
RUNS = 5
HEADER = 128  # bytes before the data of a tensor file

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


def write(model: Path, extent: int, *, sparse: bool = False) -> Path:
    """Write a folder model whose variables have `extent` rows and columns; return the folder.

    Sparse files have a size, and take no room on the disk; they hold zeros.
    """
    model.mkdir()
    weights = np.random.default_rng(0).standard_normal((extent, extent), np.float32)
    lines = [f"    x = external(shape = [1, {extent}]);"]
    last = "x"
    with open(model / "w0.dat", "wb") as file:
        nnef.write_tensor(file, weights)
    header = (model / "w0.dat").read_bytes()[:HEADER]
    for index in range(TENSORS):
        with open(model / f"w{index}.dat", "wb") as file:
            if sparse:
                file.write(header)
                file.truncate(HEADER + weights.nbytes)
            else:
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
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=True
        )
        found.append(tuple(map(float, done.stdout.split())))
    return [median(column) for column in zip(*found, strict=True)]


def tables(folder: Path, megabytes: tuple[int, ...], packed: int) -> list[Table]:
    """Measure opening models of these sizes, the first one also with the package by Khronos.

    The first size is also that of reading and saving; `packed` MiB are compressed.
    """
    small = write(folder / "small", extent=4)
    first = write(folder / "large", extent=_extent(megabytes[0]))
    rows = [_row("nnef", "", small, first, megabytes[0])]
    rows.append(_row("nnefx", "", small, first, megabytes[0]))
    for size in megabytes[1:]:
        sparse = write(folder / f"sparse{size}", extent=_extent(size), sparse=True)
        rows.append(_row("nnefx", "", small, sparse, size))
        shutil.rmtree(sparse)
    archive = folder / "large.nnef.tar"
    nnefx.save(nnefx.load(first), archive)
    rows.append(_row("nnefx", ", `.nnef.tar`", small, archive, megabytes[0]))
    head = ("", "weights", "time", "growth of memory", "import, and first small model")
    note = "The least that opening can take is reading 64 headers; the larger files are sparse."
    title = f"Open a model of {TENSORS} tensors"
    found = [
        Table(title, head, tuple(rows), note),
        _moving(folder, first, archive),
        _packing(folder, packed),
    ]
    archive.unlink()
    shutil.rmtree(first)
    return found


def _extent(megabytes: int) -> int:
    return int((megabytes * 2**20 / 4 / TENSORS) ** 0.5)


def _row(package: str, what: str, small: Path, large: Path, size: int) -> tuple[str, ...]:
    time, growth, begin = opened(package, small, large)
    name = f"`{CALLS[package]}`{what}"
    return name, f"{size:,} MiB", duration(time), mebibytes(growth), duration(begin)


def _moving(folder: Path, model: Path, archive: Path) -> Table:
    """Measure reading all values and saving, beside reading and copying the files."""
    files = sorted(model.iterdir())
    size = sum(file.stat().st_size for file in files)
    target, packed = folder / "saved", folder / "saved.nnef.tar"
    held = {label: np.array(array) for label, array in nnefx.load(model).weights.items()}
    graph = nnefx.load(model).graph

    def replaced(act: object) -> None:
        shutil.rmtree(target, ignore_errors=True)
        assert callable(act)
        act()

    acts = {
        "read the files": lambda: [limits.reading(file) for file in files],
        "`nnefx.load`, and the least of every weight": lambda: _read(model),
        "copy the files": partial(replaced, lambda: shutil.copytree(model, target)),
        "`nnefx.save` what was loaded": partial(
            replaced, lambda: nnefx.save(nnefx.load(model), target)
        ),
        "write the arrays to files": partial(replaced, lambda: _dump(held, target)),
        "`nnefx.save` arrays": partial(
            replaced, lambda: nnefx.save(nnefx.Model(graph, held), target)
        ),
        "copy the `.tar`": lambda: shutil.copyfile(archive, packed),
        "`nnefx.save` to a `.nnef.tar`": lambda: nnefx.save(nnefx.load(model), packed, force=True),
    }
    times = seconds(*acts.values(), runs=3, budget=40)
    replaced(lambda: None)
    packed.unlink(missing_ok=True)
    rows = []
    for index, (name, time) in enumerate(zip(acts, times)):
        limit = times[index - index % 2]
        rows.append((name, duration(time), rate(size, time), ratio(time, limit)))
    head = ("", "time", "speed", "time : the line above")
    note = f"A core copies {rate(limits.memory(), 1)} in memory; reading a weight also looks at it."
    return Table(f"Read and save {size / 2**20:,.0f} MiB of weights", head, tuple(rows), note)


def _read(model: Path) -> None:
    for array in nnefx.load(model).weights.values():
        array.min()


def _dump(arrays: dict[str, np.ndarray], folder: Path) -> None:
    folder.mkdir()
    for label, array in arrays.items():
        with open(folder / f"{label}.dat", "wb") as file:
            file.write(bytes(HEADER))
            file.write(array)


def _packing(folder: Path, megabytes: int) -> Table:
    """Measure `.nnef.tgz`, beside Python's own module and the tools of the system."""
    model = write(folder / "packed", extent=_extent(megabytes))
    size = sum(file.stat().st_size for file in model.iterdir())
    target = folder / "packed.tgz"

    def module(level: int) -> None:
        with tarfile.open(target, "w:gz", compresslevel=level) as archive:
            archive.add(model)

    tar = ["tar", "czf", str(target), "-C", str(model), "."]
    acts = {
        "`tarfile`, level 6": lambda: module(6),
        "`tar czf`": lambda: subprocess.run(tar, check=True),
        **{f"nnefx, `{level}`": partial(_pack, model, target, level) for level in LEVELS},
    }
    rows, first = [], 0.0
    for name, act in acts.items():
        (time,) = seconds(act, runs=2)
        first = first or time
        share = f"{target.stat().st_size / size:.1%}"
        rows.append((name, duration(time), rate(size, time), ratio(time, first), share))
        target.unlink()
    shutil.rmtree(model)
    head = ("", "time", "speed", "time : `tarfile`", "size of what it was")
    return Table(f"Pack {megabytes} MiB of random weights as `.nnef.tgz`", head, tuple(rows))


def _pack(model: Path, target: Path, level: str) -> None:
    nnefx.save(nnefx.load(model), target, force=True, compression=level)  # type: ignore[arg-type]
