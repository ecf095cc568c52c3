"""The benchmarks still run: small sizes, every figure there, nothing written."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.xdist_group("benchmarks")
def test_quick_benchmarks_print_their_tables() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not installed" not in done.stdout
    assert done.stdout.count("## ") >= 15
    for row in (
        "| copy in memory, one core |",
        "| 1,000 |",
        "| `nnefx.load` |",
        "| `nnef.load_graph` |",
        "| `nnefx --help` |",
        "| copy the weights |",
        "| lower and write ResNet-50 |",
        "| lay out 5,000 operations |",
    ):
        assert row in done.stdout
    assert "fails" not in done.stdout


def test_a_section_that_lacks_a_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import measure

    def section(folder: Path, quick: bool) -> list[str]:
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

    (table,) = measure(section, quick=True)
    assert table.rows == (("`onnx`", "not installed"),)


def test_a_section_that_crashes_keeps_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import measure
    from benchmarks.report import Table

    first = Table("first", ("", ""), ())

    def section(folder: Path, quick: bool) -> Iterator[Table]:
        yield first
        raise ValueError("too many")

    kept, table = measure(section, quick=True)
    assert kept is first
    assert table.rows == (("`ValueError`", "fails"),)
    assert "ValueError: too many" in capsys.readouterr().err


def test_a_command_that_fails_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.startup import ran

    with pytest.raises(subprocess.CalledProcessError):
        ran([sys.executable, "-c", "raise SystemExit(1)"])


def test_curves_are_drawn_to_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.plot import Plot

    svg = Plot("t", "n", "s", {"a": [(10, 0.01), (100, 0.1), (1000, 1)]}).svg()
    dots = [dot for dot in ET.fromstring(svg).iter() if dot.tag.endswith("circle")]
    (x0, y0), (x1, y1), (x2, y2) = [(float(d.get("cx")), float(d.get("cy"))) for d in dots]
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)
    assert y0 > y2


def test_more_instructions_than_are_stored_fail_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.instructions import compared

    stored = {"a": 1000, "b": 1000, "c": 1000}
    lines, worse = compared(stored, {"a": 1040, "b": 900, "d": 5})
    assert [line.split()[-1] for line in lines] == ["change", "4.0%", "less", "new"]
    assert not worse
    lines, worse = compared(stored, {"c": 1060})
    assert lines[1].endswith("6.0%  more")
    assert worse


@pytest.mark.xdist_group("benchmarks")
def test_jobs_of_the_check_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.instructions import JOBS

    assert len(JOBS) == 5
    for job in JOBS.values():
        job(tmp_path, 12)
