"""The command line where the system refuses something: a line that says so, and no bug."""

import subprocess
import sys
from pathlib import Path

import pytest

TEXT = """version 1.0;

graph net( x ) -> ( y )
{
    x = external(shape = [1,3]);
    y = relu(x);
}
"""
LONG = "n" * 300
REFUSED = {
    "run -o": ("run", "net", "--random", 1, "-o", LONG),
    "run --dump": ("run", "net", "--random", 1, "--dump", LONG),
    "run --input": ("run", "net", "--input", f"x={LONG}.npy"),
    "run into a file": ("run", "net", "--random", 1, "-o", "net/graph.nnef"),
    "run into a folder that is no folder": ("run", "net", "--random", 1, "--dump", "net.nnef.tgz"),
    "fmt": ("fmt", LONG),
    "show": ("show", "net", "-o", f"{LONG}.svg"),
    "flatten": ("flatten", "net", "-o", LONG),
    "flatten to a text": ("flatten", "net", "-o", f"{LONG}.nnef"),
    "new": ("new", "cnn", LONG),
    "unpack": ("unpack", "net.nnef.tgz", "-o", LONG),
    "unpack what is not there": ("unpack", "nothing"),
    "check --output-file": ("check", "net", "--output-file", "nothing/out"),
    "convert": ("convert", f"{LONG}.onnx", "-o", "out"),
    "convert --plugin": (
        "convert", "net.prototxt", "-o", "out", "--weights", "none", "--plugin", "nothing.py",
    ),
    "convert -o": ("convert", "net", "-o", LONG),
    "convert --report": ("convert", "net", "-o", "out", "--report", "nothing/report.json"),
    "convert --report in a folder": ("convert", "net", "-o", "out", "--report", "net"),
    "export": ("export", "net", "--to", "openvx", "-o", LONG),
    "export --calibrate": (
        "export", "net", "--to", "openvx", "-o", "out", "--calibrate", f"{LONG}.npz",
    ),
}  # fmt: skip


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "graph.nnef").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_system_refuses_is_wrong_use(case, net, nnefx) -> None:
    assert nnefx("pack", "net").exit_code == 0
    (net / "net.prototxt").write_text('name: "net"')
    before = sorted(net.rglob("*"))
    run = nnefx(*REFUSED[case])
    assert run.exit_code == 2
    assert "error[NX0" in run.stderr
    assert sorted(net.rglob("*")) == before


def test_a_seed_is_not_negative(net, nnefx) -> None:
    for words in ("run", "net", "--random", -1), ("verify", "net", "net", "--seed", -1):
        assert nnefx(*words).exit_code == 2


@pytest.mark.parametrize("verb", ["run", "convert"])
def test_a_text_is_told_from_an_archive(verb, net, nnefx) -> None:
    run = nnefx(verb, "net/graph.nnef", *(("-o", "out") if verb == "convert" else ("--random", 1)))
    assert run.exit_code == 1
    assert "the folder that has it as graph.nnef" in run.stderr


def test_a_reader_that_leaves_is_no_problem() -> None:
    words = [sys.executable, "-m", "nnefx", "explain", "--all"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize(
    "report", ["net/graph.nnef", "net/report.json", "net", "taken.json", "out"]
)
def test_a_report_replaces_neither_the_model_nor_another_file(report, net, nnefx) -> None:
    (net / "taken.json").write_text("{}")
    run = nnefx("export", "net", "--to", "openvx", "-o", "out", "--report", report)
    assert run.exit_code == 2
    assert "NX010" in run.stderr
    assert not (net / "out").exists()
    assert (net / "taken.json").read_text() == "{}"


def test_a_report_may_lie_beside_the_project_that_it_is_about(net, nnefx) -> None:
    run = nnefx("export", "net", "--to", "openvx", "-o", "out", "--report", "out/report.json")
    assert run.exit_code == 0
    assert (net / "out" / "report.json").is_file()
    assert "expect a useless result" in run.stderr
