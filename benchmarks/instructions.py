"""`make bench-check`: instructions of five fixed jobs, beside those that are stored.

Unlike times, counts hardly depend on what else the machine does: a change of 5 % is one. They are
taken by valgrind, of a whole process, less those of the same process with next to nothing to do;
starting is a job of its own. Counts of other versions of Python and numpy are others: after a
change of version, and after a change that is meant, `make bench-check ARGS=--update` stores anew.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.timing import environment

STORED = Path(__file__).with_name("instructions.json")
ROOT = Path(__file__).parents[1]
TOLERANCE = 0.05
TINY, FULL = 12, 3_000  # statements

Job = Callable[[Path, int], None]


def start(folder: Path, size: int) -> None:
    """Check a model of one operation: mostly imports. Counted as it is, nothing taken away."""
    import nnefx
    from benchmarks import parsing

    nnefx.check(parsing.write(folder, min(size, TINY)))


def check(folder: Path, size: int) -> None:
    """Parse and check a flat graph."""
    import nnefx
    from benchmarks import parsing

    assert not nnefx.check(parsing.write(folder, size))


def expand(folder: Path, size: int) -> None:
    """Parse, check and expand a hierarchical graph."""
    from benchmarks import parsing

    parsing.expanded(str(parsing.write_hierarchical(folder, size)))


def convert(folder: Path, size: int) -> None:
    """Convert an ONNX graph of a third as many nodes to an archive."""
    import nnefx
    from benchmarks import onnx_models

    source = onnx_models.chain(folder / "chain.onnx", size // 3)
    nnefx.save(nnefx.convert(source), folder / "chain.nnef.tar", force=True)


def rewrite(folder: Path, size: int) -> None:
    """Format a flat text."""
    from benchmarks import parsing
    from nnefx.source import Source
    from nnefx.syntax.format import format_document

    format_document(Source("flat", parsing.write(folder, size).read_text(encoding="utf-8")))


JOBS: Mapping[str, Job] = {job.__name__: job for job in (start, check, expand, convert, rewrite)}


def count(job: str, size: int) -> int:
    """Return how many instructions a process takes for a job."""
    fixed = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "benchmarks.instructions", "--job", job, "--size", str(size)]
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    settings: dict[str, Any] = {"cwd": ROOT, "env": {**environment(), **fixed}, "check": True}
    subprocess.run(words, **settings)  # what is compiled once does not count
    done = subprocess.run([*tool, *words], stderr=subprocess.PIPE, text=True, **settings)
    found = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def counts() -> dict[str, int]:
    """Return the instructions of every job."""
    found = {}
    for name in JOBS:
        full = count(name, FULL)
        found[name] = full if name == "start" else full - count(name, TINY)
        print(f"{name}: {found[name]:,}", file=sys.stderr, flush=True)
    return found


def versions() -> dict[str, str]:
    """Return what counts depend on."""
    return {"python": platform.python_version(), "numpy": version("numpy"),
            "machine": platform.machine()}  # fmt: skip


def compared(stored: Mapping[str, int], found: Mapping[str, int]) -> tuple[list[str], bool]:
    """Return a line for each job, and whether any takes more than it may."""
    lines, worse = [f"{'job':8} {'stored':>15} {'now':>15} {'change':>8}"], False
    for name, now in found.items():
        if name not in stored:
            lines.append(f"{name:8} {'':>15} {now:15,} {'new':>8}")
            continue
        change = now / stored[name] - 1
        verdict = "" if abs(change) <= TOLERANCE else "  more" if change > 0 else "  less"
        worse = worse or change > TOLERANCE
        lines.append(f"{name:8} {stored[name]:15,} {now:15,} {change:8.1%}{verdict}")
    return lines, worse


def main() -> int:
    """Compare, or store; or be the process of one job."""
    parser = argparse.ArgumentParser(prog="make bench-check ARGS=...", description=__doc__)
    parser.add_argument("--update", action="store_true", help="store the counts")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        with tempfile.TemporaryDirectory() as folder:
            JOBS[given.job](Path(folder), given.size)
        return 0
    if shutil.which("valgrind") is None:
        print("valgrind is not installed; nothing is compared", file=sys.stderr)
        return os.EX_UNAVAILABLE
    found = counts()
    if given.update or not STORED.exists():
        content = {"format_version": 1, **versions(), "instructions": found}
        STORED.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return 0
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    lines, worse = compared(stored["instructions"], found)
    print("\n".join(lines))
    others = {key: stored[key] for key, now in versions().items() if stored[key] != now}
    if others:
        listed = ", ".join(f"{key} {value}" for key, value in others.items())
        print(f"stored with {listed}: not comparable, --update stores anew", file=sys.stderr)
        return 0
    return int(worse)


if __name__ == "__main__":
    sys.exit(main())
