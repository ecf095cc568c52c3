"""Quantized to 8 bits per channel, trained networks answer as before: a small part of the table.

All of it is `python -m benchmarks.quantization`, see docs/quantization.md.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from benchmarks.quantization.judge import agreement, edits, letters  # noqa: E402
from benchmarks.quantization.page import END, PAGE, START, renew  # noqa: E402
from benchmarks.quantization.variants import (  # noqa: E402
    BEST,
    FLOAT,
    INTEGERS,
    OURS,
    PEER_PER_CHANNEL,
    PER_CHANNEL,
)

AIM = 0.005  # of the answers that may become others
JUDGED = {"digits": 797, "direction": 200}


def chance(network: str) -> float:
    """How far off a share is by chance, for as many answers: two standard deviations."""
    return 2 * math.sqrt(AIM * (1 - AIM) / JUDGED[network])


@pytest.fixture(scope="module")
def agreements() -> dict[str, dict[str, float]]:
    """How far each way agrees with the network in real numbers, by network."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.quantization", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.xdist_group("quantization")
@pytest.mark.parametrize("network", ["digits", "direction"])
@pytest.mark.parametrize("way", [PER_CHANNEL, BEST, INTEGERS])
def test_eight_bits_keep_the_answers(
    agreements: dict[str, dict[str, float]], network: str, way: str
) -> None:
    found = agreements[network]
    assert found[way] >= 1 - AIM - chance(network)
    assert found[way] >= found[PEER_PER_CHANNEL] - AIM - chance(network)
    assert found[FLOAT] == 1


@pytest.mark.parametrize(
    ("found", "wanted", "count"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0),
     ("ab", "ba", 2), ("flaw", "lawn", 2)],
)  # fmt: skip
def test_edits(found: str, wanted: str, count: int) -> None:
    assert edits(found, wanted) == count


def test_shares_count_answers_and_letters() -> None:
    assert agreement([1, 2, 3, 4], [1, 2, 0, 4]) == 0.75
    assert agreement([1, 2, 3], [1]) == 1  # of the rest the truth is not known
    assert letters(["abcd", "efgh"], ["abcd", "efxh"]) == 0.875


def test_tables_are_replaced_between_their_marks() -> None:
    page = f"before\n{START}\n\nold\n{END}\nafter\n"
    once = renew(page, "new\n")
    assert once == f"before\n{START}\n\nnew\n\n{END}\nafter\n"
    assert renew(once, "new\n") == once


def test_page_has_the_tables_that_the_benchmark_writes() -> None:
    """Figures are measured, so they are not made again here; but no way may be missing."""
    text = PAGE.read_text(encoding="utf-8")
    tables = text[text.index(START) : text.index(END)]
    for name in (*OURS, INTEGERS, PEER_PER_CHANNEL):
        assert f"\n| {name} |" in tables
