"""The examples of docs/ci.md and docs/targets.md work as they stand there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from check.models import GRAPH, model
from nnefx.checking.syntax import KINDS
from nnefx.checking.target import _RULE, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
TARGETS = (ROOT / "docs" / "targets.md").read_text(encoding="utf-8")


def workflow(name: str) -> str:
    match = re.search(rf"<!-- workflow: {name} -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


def commands(text: str) -> list[str]:
    """The shell commands of a workflow that are ours."""
    return re.findall(r"(?:run: |- )(nnefx .*)$", text, re.MULTILINE)


def shell(command: str, folder: Path) -> int:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize(
    ("name", "files"), [("github", ["nnefx.sarif"]), ("gitlab", ["codequality.json", "junit.xml"])]
)
def test_the_workflow_passes_sound_models_and_stops_faulty_ones(name, files, tmp_path):
    lines = commands(workflow(name))
    assert len(lines) == 2
    model(tmp_path / "models" / "net")
    assert [shell(line, tmp_path) for line in lines] == [0, 0]
    assert all((tmp_path / file).stat().st_size for file in files)
    model(tmp_path / "models" / "other", GRAPH.replace("relu", "rely"))
    assert sorted(shell(line, tmp_path) for line in lines) == [0, 1]
    assert all((tmp_path / file).stat().st_size for file in files)


def test_the_settings_of_the_page_are_read(tmp_path, nnefx, monkeypatch):
    block = re.search(r"## Settings.*?```toml\n(.*?)```", PAGE, re.DOTALL)
    assert block
    (tmp_path / "nnefx.toml").write_text(block[1])
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "mychip.toml").write_text("title = 'mine'\n")
    model(tmp_path / "models" / "net")
    monkeypatch.chdir(tmp_path)
    assert nnefx("check", "models").exit_code == 0


def test_the_hooks_run_commands_that_exist(tmp_path):
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"entry: (.*)$", text, re.MULTILINE)
    model(tmp_path / "net")
    assert shell(f"{entries[0]} net/graph.nnef", tmp_path) == 0
    assert shell(entries[1], tmp_path) == 0
    (tmp_path / "net" / "conv" / "w.dat").unlink()
    assert shell(entries[1], tmp_path) == 1


def test_the_profile_of_the_page_has_every_key():
    block = re.search(r"## A profile.*?```toml\n(.*?)```", TARGETS, re.DOTALL)
    assert block
    (rule,) = tomllib.loads(block[1])["rule"]
    assert set(rule) == set(_RULE)
    assert parse("mychip", block[1], "mychip.toml").title == "My chip"


def test_the_page_lists_every_kind_of_syntax():
    listed = re.findall(r"^\| `([\w-]+)` \| ", TARGETS.partition("The kinds of syntax")[2], re.M)
    assert listed == list(KINDS)
