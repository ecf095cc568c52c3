"""The main job, whole: what `make run` does, and that the README shows what it prints."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "samples" / "direction" / "run.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = Path(sys.executable).with_name("nnefx")

# One worker does all of this, and no other test runs beside it there.
pytestmark = pytest.mark.xdist_group("direction")

PYTHON = re.compile(r"^```python\n(.*?)^```\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.:])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w:])")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the script filled, and what it printed."""
    folder = tmp_path_factory.mktemp("direction")
    words = [sys.executable, str(SCRIPT), str(folder)]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def test_both_pictures_are_told_apart_before_and_after_lowering(job: tuple[Path, str]) -> None:
    lines = [line.strip() for line in job[1].splitlines()]
    upright = next(line for line in lines if line.startswith("upright.png"))
    turned = next(line for line in lines if line.startswith("turned.png"))
    assert [upright.count("upright ("), upright.count("upside down")] == [3, 0]
    assert [turned.count("upright ("), turned.count("upside down (")] == [0, 3]


@pytest.mark.parametrize("engine", ["onnxruntime", "tract"])
def test_outputs_agree_with_another_engine(job: tuple[Path, str], engine: str) -> None:
    (error,) = re.findall(rf"^ *{engine} .*relative error (\S+)$", job[1], re.MULTILINE)
    assert 0 <= float(error) <= 1e-4


@pytest.fixture
def checkout(job: tuple[Path, str], tmp_path: Path) -> Path:
    """A folder like the checkout before the job, except that its inputs are there."""
    out = tmp_path / "out" / "direction"
    out.mkdir(parents=True)
    for path in job[0].iterdir():
        if path.suffix in {".onnx", ".npy", ".npz", ".png"}:
            shutil.copy(path, out)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


def test_the_readme_shows_what_its_commands_print(checkout: Path) -> None:
    """Runs every `nnefx` command of the README's console blocks, as a reader would, in order."""
    compared = 0
    for block in BLOCK.findall(README):
        folder = checkout
        for words, shown in examples(block):
            if words[0] == "cd":
                folder = folder / words[1]
            elif words[0] == "nnefx":
                found = printed(folder, COMMAND, *words[1:])
                assert without_numbers(found) == without_numbers(shown), words
                compared += 1
    assert compared >= 5


def test_the_readme_shows_what_its_python_prints(checkout: Path) -> None:
    blocks = PYTHON.findall(README)
    assert blocks
    for code, shown in blocks:
        found = printed(checkout / "out" / "direction", sys.executable, "-c", code)
        assert without_numbers(found) == without_numbers(shown)


def examples(block: str) -> list[tuple[list[str], str]]:
    """The commands of a console block, each with the text that is shown below it."""
    parts = re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]
    split = [part.partition("\n") for part in parts]
    return [(shlex.split(command, comments=True), text) for command, _, text in split]


def printed(folder: Path, program: str | Path, *words: str) -> str:
    """What a command prints, to people too; a finding of `check` is no failure here."""
    done = subprocess.run(
        [program, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout
    return done.stdout


def without_numbers(text: str) -> str:
    """Text whose numbers are blanked out and spaces evened: what a model costs may get better.

    Places such as 8:28 and codes stay.
    """
    return " ".join(NUMBER.sub("#", text).split())
