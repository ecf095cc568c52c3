"""What is installed: the list of packages, and a wheel that works away from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
SOURCES = {"nnefx": "nnefx", "nnefx.grammar": "grammar", "nnefx.converters": "converters"}


def folders() -> set[str]:
    """The packages that the source folders make up: what has an __init__.py, or data to ship."""
    found = set()
    for package, folder in SOURCES.items():
        for path in (ROOT / folder).rglob("*"):
            if path.name == "__init__.py" or path.suffix in {".nnef", ".lark"}:
                found.add(".".join([package, *path.parent.relative_to(ROOT / folder).parts]))
    return found


def test_the_list_of_packages_equals_the_folders() -> None:
    assert set(SETUPTOOLS["packages"]) == folders()


def test_the_mapped_folders_are_the_ones_beside_the_package() -> None:
    assert SETUPTOOLS["package-dir"] == SOURCES


def test_every_data_file_is_named_as_package_data() -> None:
    for package, folder in SOURCES.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".pyc"} or path.is_dir() or path.name == ".gitkeep":
                continue
            home = ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
            assert any(matches(path, home, data) for data in SETUPTOOLS["package-data"].items()), (
                path
            )


def matches(path: Path, home: str, data: tuple[str, list[str]]) -> bool:
    """Whether the file `path` of the package `home` is meant by one line of package-data."""
    package, patterns = data
    inner = home.removeprefix(package).lstrip(".").replace(".", "/")
    name = f"{inner}/{path.name}".lstrip("/")
    return f"{home}.".startswith(f"{package}.") and any(Path(name).match(p) for p in patterns)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; other packages come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build(folder / "source", folder / "dist")
    home = folder / "env"
    venv.create(home, symlinks=os.name != "nt")
    python = home / "bin" / "python"
    pip(f"--python={python}", "install", "--no-index", "--no-deps", wheel)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    # Lines of a .pth file are not searched for further .pth files: the editable install of the
    # checkout, which is one, stays invisible.
    (site / "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return home


def build(source: Path, target: Path) -> Path:
    """Return a wheel built from a copy of the sources, so that nothing stale gets into it."""
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in SOURCES.values():
        shutil.copytree(ROOT / folder, source / folder, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source)
    (wheel,) = target.glob("*.whl")
    return wheel


def pip(*words: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, text=True)


def run(home: Path, folder: Path, program: str, *words: str) -> str:
    """Run a program of the environment in `folder` and return what it prints."""
    command = [str(home / "bin" / program), *words]
    # Nothing of the checkout may leak in through the environment.
    variables = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def small_model(path: Path) -> None:
    """Write an ONNX model of one operation."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "relu")], "small", [x], [y])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


@pytest.mark.xdist_group("packaging")
def test_wheel_installed_elsewhere_is_what_gets_imported(installed: Path, tmp_path: Path) -> None:
    text = (
        "import nnefx, nnefx.grammar as g; print(nnefx.__file__); print(len(g.read('nnef.lark')))"
    )
    file, size = run(installed, tmp_path, "python", "-c", text).splitlines()
    assert Path(file).is_relative_to(installed)
    assert int(size) > 0


@pytest.mark.xdist_group("packaging")
def test_wheel_installed_elsewhere_converts_a_model(installed: Path, tmp_path: Path) -> None:
    small_model(tmp_path / "small.onnx")
    run(installed, tmp_path, "nnefx", "convert", "small.onnx", "-o", "small")
    assert "relu(" in (tmp_path / "small" / "graph.nnef").read_text(encoding="utf-8")
    run(installed, tmp_path, "nnefx", "check", "small")
