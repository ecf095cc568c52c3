"""How times are taken: the actions take turns; the median of several rounds, few if long."""

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: time in s; memory at most, and of that what is no file, in bytes."""

    seconds: float
    peak: int
    anonymous: int


def seconds(*actions: Action, runs: int = 7, budget: float = 40.0) -> Sequence[float]:
    """Return the median time of each action; no further round starts after `budget` s.

    They take turns, so that what else the machine does hits all of them alike.
    """
    rounds: list[list[float]] = []
    start = perf_counter()
    while len(rounds) < runs and (not rounds or perf_counter() - start < budget):
        rounds.append([_once(action) for action in actions])
    return [median(taken) for taken in zip(*rounds, strict=True)]


def watched(command: Sequence[str], *, path: str | None = None) -> Run | None:
    """Run a command and return what it took, None where it failed; `path` is its PYTHONPATH."""
    start, peak, anonymous = perf_counter(), 0, 0
    with subprocess.Popen(
        command,
        env=environment(path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak, own = max(peak, memory(process.pid, "VmHWM")), memory(process.pid, "RssAnon")
            anonymous = max(anonymous, own)
            sleep(0.002)
    return None if process.returncode else Run(perf_counter() - start, peak, anonymous)


def commands(
    *lists: Sequence[str] | None, runs: int = 3, path: str | None = None
) -> list[Run | None]:
    """Run commands in turn; return the medians of each, None where it fails or is None itself."""
    rounds = [[words and watched(words, path=path) for words in lists] for _ in range(runs)]
    return [middle(found) for found in zip(*rounds, strict=True)]


def middle(runs: Sequence[Run | None]) -> Run | None:
    """Return the medians of runs, None where all failed."""
    done = [run for run in runs if run is not None]
    if not done:
        return None
    return Run(
        median([run.seconds for run in done]),
        int(median([run.peak for run in done])),
        int(median([run.anonymous for run in done])),
    )


def memory(process: int | str, kind: str) -> int:
    """Return what Linux says of the memory of a process, in bytes; 0 where it has ended.

    Resident counts mapped pages once they are touched. (getrusage would not do: a process begins
    with the peak of the one that started it.)
    """
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"{kind}:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0


def nnefx(*words: str | Path) -> list[str]:
    """Return the command `nnefx` of this environment with arguments."""
    return [str(Path(sys.executable).with_name("nnefx")), *map(str, words)]


def environment(path: str | None = None) -> Mapping[str, str]:
    """Return the environment of commands: modules are compiled once, as where they are installed.

    The compiled ones go into a folder of their own, so that a checkout stays as it is.
    """
    found = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    found["PYTHONPYCACHEPREFIX"] = _COMPILED.name
    if path is not None:
        found["PYTHONPATH"] = path
    return found


_COMPILED = tempfile.TemporaryDirectory(prefix="nnefx-bench-")


def _once(action: Action) -> float:
    gc.collect()
    start = perf_counter()
    result = action()
    taken = perf_counter() - start
    del result
    return taken
