"""What start-up loads: no framework, no grammar, and for `--help` not even numpy."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnefx.cli import VERBS

FRAMEWORKS = {
    "onnx", "onnxruntime", "torch", "tensorflow", "keras", "tflite", "PIL", "nnef", "cv2", "google",
}  # fmt: skip
COMMAND = Path(sys.executable).with_name("nnefx")


def loaded(*words: str, folder: Path | None = None) -> set[str]:
    """The top-level packages that a Python process imports, as it reports them itself."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines())
    return {name.partition(".")[0] for name in names}


def test_import_of_the_package_loads_no_framework() -> None:
    assert loaded("-c", "import nnefx") & FRAMEWORKS == set()


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_loads_no_framework_and_not_even_numpy(word: str) -> None:
    names = loaded(str(COMMAND), word)
    assert "nnefx" in names
    assert names & (FRAMEWORKS | {"numpy", "lark"}) == set()


TEXTS = {
    "flat": "version 1.0; graph g(x) -> (y) { x = external(shape = [1, 4]); y = relu(x); }",
    "compositional": "version 1.0; extension KHR_enable_fragment_definitions; "
    "extension KHR_enable_operator_expressions; "
    "fragment f(x: tensor<scalar>) -> (y: tensor<scalar>) { y = x * 2.0 if true else x; } "
    "graph g(x) -> (y) { x = external(shape = [1, 4]); y = f(x) + 1.0; }",
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    "words", [["check"], ["run", "--random=1"], ["info"], ["fmt", "--check"]], ids=" ".join
)
def test_commands_read_small_models_without_frameworks_and_grammars(
    kind: str, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "model" / "graph.nnef"
    path.parent.mkdir()
    path.write_text(TEXTS[kind])
    code = "import sys; from nnefx.cli import cli; cli.main(sys.argv[1:], standalone_mode=False)"
    where = path if words[0] == "fmt" else path.parent
    names = loaded("-c", code, *words, str(where), folder=tmp_path)
    assert "numpy" in names or words[0] == "fmt"
    assert names & (FRAMEWORKS | {"lark", "tomllib", "xml", "http"}) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_loads_no_framework(verb: str) -> None:
    assert loaded(str(COMMAND), verb, "--help") & FRAMEWORKS == set()
