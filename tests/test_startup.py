"""What start-up loads: no framework, and for `--help` not even numpy."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnefx.cli import VERBS

FRAMEWORKS = {
    "onnx", "onnxruntime", "torch", "tensorflow", "keras", "tflite", "PIL", "nnef", "cv2", "google",
}  # fmt: skip
COMMAND = Path(sys.executable).with_name("nnefx")


def loaded(*words: str) -> set[str]:
    """The top-level packages that a Python process imports, as it reports them itself."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    return {name.partition(".")[0] for name in names}


def test_import_of_the_package_loads_no_framework() -> None:
    assert loaded("-c", "import nnefx") & FRAMEWORKS == set()


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_loads_no_framework_and_not_even_numpy(word: str) -> None:
    names = loaded(str(COMMAND), word)
    assert "nnefx" in names
    assert names & (FRAMEWORKS | {"numpy", "lark"}) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_loads_no_framework(verb: str) -> None:
    assert loaded(str(COMMAND), verb, "--help") & FRAMEWORKS == set()
