"""A model with a tensor of each kind, for tests of folders and archives."""

from pathlib import Path
from typing import Any

import numpy as np

from hostile.containers import GRAPH
from nnefx.tensors.write import write_container

KINDS = ["net", "net.tar", "net.nnef.tar", "net.tgz", "net.nnef.tgz", "net.tar.gz"]
TEXTS = {"graph.nnef": GRAPH.decode(), "graph.quant": ""}
RNG = np.random.default_rng(5)
TENSORS: list[tuple[str, Any]] = [
    ("conv/filter", RNG.normal(size=(8, 3, 3, 3)).astype("f4")),
    ("conv/bias", RNG.normal(size=(1, 8))),
    ("big", RNG.normal(size=(200, 200)).astype("f4")),
    ("mask", RNG.random((3, 5)) > 0.5),
    ("steps", np.arange(11, dtype="i8")),
]


def save(path: Path, **options: Any) -> Path:
    write_container(path, TEXTS, TENSORS, {"vendor/plan.bin": b"\0\1"}, **options)
    return path
