"""Compressed archives: plain gzip for every reader, the same bytes whatever the machine."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import nnef
import numpy as np
import pytest

from nnefx.tensors.compress import LEVELS, GzipWriter
from nnefx.tensors.model import Model, load, loads, save

TEXT = """version 1.0;
graph net( x ) -> ( y )
{
    x = external(shape = [1, 700]);
    w = variable(shape = [900, 700], label = 'w');
    y = linear(x, w);
}
"""
BLOCK = 1 << 20
NOISE = np.random.default_rng(0).standard_normal(700_000, np.float32).tobytes()


def compressed(data: bytes, step: int, **options) -> bytes:
    out = io.BytesIO()
    with GzipWriter(out, **options) as writer:
        for begin in range(0, len(data), step):
            writer.write(memoryview(data)[begin : begin + step])
    return out.getvalue()


@pytest.mark.parametrize("compression", LEVELS)
@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"ab" * (BLOCK // 2), b"ab" * BLOCK + b"c", NOISE, NOISE[: BLOCK + 1]],
    ids=["empty", "short", "a block", "blocks and a byte", "noise", "noise and a byte"],
)
@pytest.mark.parametrize("step", [100_003, 1 << 24])
def test_what_is_written_is_what_gzip_reads(compression, data: bytes, step: int) -> None:
    found = compressed(data, step, compression=compression)
    assert gzip.decompress(found) == data
    assert subprocess.run(["gzip", "-dc"], input=found, capture_output=True).stdout == data


def test_the_bytes_do_not_depend_on_processors_and_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = compressed(NOISE, 1 << 24)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert compressed(NOISE, 54_321) == first


def test_harder_compression_is_smaller_and_none_is_none() -> None:
    text = b"".join(b"y%d = relu(x%d);\n" % (n, n) for n in range(100_000))
    sizes = [len(compressed(text, 1 << 20, compression=level)) for level in LEVELS]
    assert sizes[0] > len(text) > 3 * sizes[1]
    assert sizes[1] >= max(sizes[2:])
    # blocks know what stood before them: little is lost beside one stream
    assert sizes[2] < 1.05 * len(gzip.compress(text, 6))


@pytest.mark.parametrize("compression", LEVELS)
def test_archives_are_read_by_everybody(compression, tmp_path: Path) -> None:
    weights = np.random.default_rng(1).standard_normal((900, 700), np.float32)
    path = tmp_path / "net.nnef.tgz"
    save(Model(loads(TEXT).graph, {"w": weights}), path, compression=compression)
    assert np.array_equal(load(path).weights["w"], weights)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "net", filter="data")
    (tensor,) = (v.data for v in nnef.load_graph(str(tmp_path / "net")).tensors.values()
                 if v.data is not None)  # fmt: skip
    assert np.array_equal(tensor, weights)


def test_commands_take_the_compression(nnefx, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = np.zeros((900, 700), np.float32)
    save(Model(loads(TEXT).graph, {"w": weights}), "net")
    for level in ("none", "best"):
        nnefx("pack", "net", "-o", f"{level}.nnef.tgz", "--compression", level)
        nnefx("convert", "net", "-o", f"{level}2.nnef.tgz", "--compression", level)
    sizes = [Path(f"{name}.nnef.tgz").stat().st_size for name in ("none", "none2", "best", "best2")]
    assert min(sizes[:2]) > weights.nbytes > 100 * max(sizes[2:])
