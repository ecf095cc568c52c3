"""Checking many paths, in one process or in several."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from functools import partial
from multiprocessing import get_context
from time import perf_counter

from nnefx.checking.formats.report import Checked
from nnefx.checking.model import Options, check_path, check_source, models_within
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt, Source
from nnefx.tensors.container import decode_text

_MOST_AT_ONCE = 32  # paths that a process takes in one go


def models(paths: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """Return the models that `paths` lead to, each once, without those that match a pattern.

    Raises:
        NnefError: NX001 where a path leads nowhere.
    """
    for path in paths:
        if not os.path.exists(path):
            raise NnefError("NX001", "no such file or folder", FileAt(path))
    found = dict.fromkeys(model for path in paths for model in models_within(path))
    return [model for model in found if not any(fnmatch(model, pattern) for pattern in exclude)]


def check_model(path: str, options: Options) -> Checked:
    """Check one path, and take the time."""
    start = perf_counter()
    found = tuple(check_path(path, options))
    return Checked(path, found, perf_counter() - start)


def check_bytes(data: bytes, name: str, options: Options) -> Checked:
    """Check a text that is not in a file."""
    try:
        text = decode_text(data, name)
    except NnefError as error:
        return Checked(name, error.diagnostics)
    return Checked(name, tuple(check_source(Source(name, text), options)))


def check_models(paths: Sequence[str], options: Options, jobs: int = 1) -> Iterator[Checked]:
    """Check paths, in `jobs` processes (0 for one per processor); results come in their order."""
    one = partial(check_model, options=options)
    jobs = min(jobs or os.cpu_count() or 1, len(paths))
    if jobs <= 1:
        yield from map(one, paths)
        return
    step = max(1, min(len(paths) // (4 * jobs), _MOST_AT_ONCE))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(one, paths, chunksize=step)
