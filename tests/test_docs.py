"""What the pages say is true: commands exist, links lead somewhere, generated pages are current."""

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").rglob("*.md")]
)
names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def commands(page: Path) -> list[list[str]]:
    """The commands of a page's console blocks, as words; `$` begins one, `\\` goes on."""
    found = []
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            lines = block.replace("\\\n", " ").splitlines()
            found += [shlex.split(line[2:], comments=True) for line in lines if line[:2] == "$ "]
    return found


def targets() -> set[str]:
    return set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def unknown(words: list[str]) -> str | None:
    """What a command names that does not exist: a target of make, a verb or an option of nnefx."""
    if words[0] == "make":
        named = [word for word in words[1:] if "=" not in word]
        return next((word for word in named if word not in targets()), None)
    if words[0] != "nnefx" or len(words) == 1 or words[1].startswith("-"):
        return None
    from nnefx.cli import cli

    verb = cli.get_command(click.Context(cli), words[1])
    if verb is None:
        return words[1]
    options = {name for parameter in verb.params for name in parameter.opts} | {"--help"}
    used = [word.partition("=")[0] for word in words[2:] if re.match(r"--?[a-z]", word)]
    return next((word for word in used if word not in options), None)


@names
def test_every_command_on_a_page_exists(page: Path) -> None:
    for words in commands(page):
        assert unknown(words) is None, " ".join(words)


def test_readme_shows_the_two_commands() -> None:
    shown = commands(ROOT / "README.md")
    assert ["make", "run"] in shown
    assert ["make", "test"] in shown


@pytest.mark.parametrize("line", ["make rum", "nnefx transmogrify x", "nnefx check --colour x"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert unknown(line.split()) is not None


@names
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    for name, page in generator().pages().items():
        current = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert current == page, f"docs/{name} is out of date: run `make docs`"


def test_every_page_of_docs_is_in_its_index() -> None:
    linked = set(LINK.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages - {"README.md"} <= linked


# What only one machine has; put together here so that this file does not find itself.
MACHINE = [
    *(
        f"(?<![\\w.~-])/{folder}/"
        for folder in ("work", r"root/\.\w+", "home", "Users", "opt", "mnt")
    ),
    r"files\.python" + "hosted",
    "pypi" + r"\.org",
    "npm" + "js",
    "deb" + r"ian\.org",
]


def tracked() -> list[Path]:
    """The files that git knows, or all of the tree where this is no git checkout."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).exists()]
    return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


def test_no_file_names_a_place_that_only_one_machine_has() -> None:
    pattern = re.compile("|".join(MACHINE))
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture, a weight file
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []
