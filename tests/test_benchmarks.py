"""The benchmarks still run: small sizes, every figure there, nothing written."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.xdist_group("benchmarks")
def test_quick_benchmarks_print_their_tables() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n## ") == 7
    for row in (
        "| 1,000 |",
        "| `nnefx.load` |",
        "| `nnef.load_graph` |",
        "| `nnefx --help` |",
        "| copy the weights |",
        "| lower and write ResNet-50 |",
        "| lay out 5,000 operations |",
    ):
        assert row in done.stdout
