"""What start-up loads: no framework, and for `--help` not even numpy."""

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = {"onnx", "onnxruntime", "torch", "tensorflow", "keras", "tflite", "PIL", "nnef"}
COMMAND = Path(sys.executable).with_name("nnefx")


def loaded(*words: str) -> set[str]:
    """The top-level packages that a Python process imports, as it reports them itself."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    return {name.partition(".")[0] for name in names}


def test_import_of_the_package_loads_no_framework() -> None:
    assert loaded("-c", "import nnefx") & FRAMEWORKS == set()


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("convert", "--help")], ids=" ".join
)
def test_help_loads_no_framework_and_no_numpy(words: tuple[str, ...]) -> None:
    names = loaded(str(COMMAND), *words)
    assert "nnefx" in names
    assert names & (FRAMEWORKS | {"numpy", "lark"}) == set()
