"""Writing models: all or nothing, whatever happens meanwhile."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.tensors.container import open_container
from nnefx.tensors.weights import Weights
from nnefx.tensors.write import container_writer, write_container
from small_model import TENSORS, TEXTS, save


def everything(path: Path) -> dict[str, str]:
    """Return what is below a folder: names, and hashes of files."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


class Boom(Exception):
    pass


def broken(*, error: type[BaseException] = Boom) -> Iterator[tuple[str, Any]]:
    yield from TENSORS[:3]
    raise error


FAILURES: dict[str, Callable[[Path, bool], None]] = {
    "exception": lambda path, force: write_container(path, TEXTS, broken(), force=force),
    "interrupt": lambda path, force: write_container(
        path, TEXTS, broken(error=KeyboardInterrupt), force=force
    ),
    "label that leaves": lambda path, force: write_container(
        path, TEXTS, [("../x", np.arange(3))], force=force
    ),
    "label twice": lambda path, force: write_container(
        path, TEXTS, [("x", np.arange(3)), ("X", np.arange(3))], force=force
    ),
    "array that cannot be stored": lambda path, force: write_container(
        path, TEXTS, [*TENSORS, ("x", np.zeros(3, "c8"))], force=force
    ),
    "text that replaces a tensor": lambda path, force: write_container(
        path, TEXTS, TENSORS, {"conv/filter.dat": b""}, force=force
    ),
}


@pytest.mark.parametrize("kind", ["net", "net.tar", "net.tgz", "deep/er/net", "deep/er/net.tgz"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failed_write_leaves_nothing(failure: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises((Boom, KeyboardInterrupt, NnefError)):
        FAILURES[failure](tmp_path / kind, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["net", "net.tar", "net.tgz"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failed_write_leaves_what_was_there(failure: str, kind: str, tmp_path: Path) -> None:
    save(tmp_path / kind)
    before = everything(tmp_path)
    with pytest.raises((Boom, KeyboardInterrupt, NnefError)):
        FAILURES[failure](tmp_path / kind, True)
    assert everything(tmp_path) == before


def test_failed_rename_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "net")
    before = everything(tmp_path)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(NnefError) as caught:
        save(tmp_path / "net", force=True)
    assert caught.value.code == "NX002"
    assert everything(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_interrupted_process_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time, numpy as np\n"
        "from nnefx.tensors.write import write_container\n"
        # a job in the background inherits that interrupts are ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow():\n"
        "    yield 'a', np.arange(3)\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
        "write_container(sys.argv[1], {'graph.nnef': ''}, slow())\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "deep" / "net")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_command_that_is_asked_to_end_leaves_nothing(number: int, tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        "from nnefx.cli import main\n"
        "from nnefx.tensors import write\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def slow(*_):\n"
        "    print(*Path(sys.argv[1]).rglob('.net*'), flush=True)\n"
        "    time.sleep(60)\n"
        "write.copy_bytes = slow\n"
        "main(['pack', sys.argv[2], '-o', sys.argv[1] + '/deep/net.nnef.tgz'])\n"
    )
    made = tmp_path / "made"
    made.mkdir()
    save(tmp_path / "net")
    command = [sys.executable, "-c", program, str(made), str(tmp_path / "net")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert b".tmp" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == (130 if number == signal.SIGINT else 128 + number)
    assert list(made.iterdir()) == []


@pytest.mark.parametrize("kind", ["net", "net.tar", "net.tgz"])
def test_existing_output_is_replaced_with_force_only(kind: str, tmp_path: Path) -> None:
    save(tmp_path / kind)
    with pytest.raises(NnefError) as caught:
        save(tmp_path / kind)
    assert caught.value.code == "NX010"
    write_container(tmp_path / kind, TEXTS, [("only", np.arange(3))], force=True)
    assert open_container(tmp_path / kind).labels == ("only",)
    assert [path.name for path in tmp_path.iterdir()] == [kind]


@pytest.mark.parametrize("kind", ["net", "net.tar", "net.tgz"])
def test_model_is_saved_over_itself_while_it_is_mapped(kind: str, tmp_path: Path) -> None:
    path = save(tmp_path / kind)
    weights = Weights(open_container(path))
    held = weights["big"]
    copies = [
        (label, weights.stored(label) if label == "big" else weights[label]) for label in weights
    ]
    write_container(path, TEXTS, copies, force=True)
    assert np.array_equal(held, TENSORS[2][1])
    for label, array in TENSORS:
        assert np.array_equal(open_container(path).tensor(label), array)


def test_force_does_not_replace_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    (tmp_path / "folder.tgz").mkdir()
    (tmp_path / "file").write_text("a file")
    before = everything(tmp_path)
    for name in ("home", "folder.tgz", "file"):
        with pytest.raises(NnefError) as caught:
            save(tmp_path / name, force=True)
        assert caught.value.code == "NX010"
    assert everything(tmp_path) == before


def test_empty_folder_is_replaced_with_force(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    save(tmp_path / "net", force=True)
    assert len(open_container(tmp_path / "net").labels) == len(TENSORS)


@pytest.mark.parametrize("kind", ["net", "net.tgz"])
def test_link_stays_and_its_target_is_replaced(kind: str, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    save(tmp_path / "real" / kind)
    (tmp_path / kind).symlink_to(f"real/{kind}")
    save(tmp_path / kind, force=True)
    assert (tmp_path / kind).is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == [kind]


@pytest.mark.parametrize("name", ["net.zip", "net.tar.xz", "net.tar.bz2", "net.7z", "NET.ZIP"])
def test_kinds_that_are_not_written_are_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(NnefError) as caught:
        save(tmp_path / name)
    assert caught.value.code == "NX011"
    assert list(tmp_path.iterdir()) == []


def test_each_tensor_is_written_before_the_next_is_made(tmp_path: Path) -> None:
    sizes = []

    def tensors() -> Iterator[tuple[str, Any]]:
        for index in range(3):
            yield f"t{index}", np.zeros(1 << 18, "f4")
            sizes.append(sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()))

    write_container(tmp_path / "net", TEXTS, tensors())
    assert [size >> 20 for size in sizes] == [1, 2, 3]


def test_writer_takes_files_one_by_one(tmp_path: Path) -> None:
    with container_writer(tmp_path / "net.tar") as writer:
        writer.text("graph.nnef", "version 1.0;")
        writer.tensor("x", np.arange(3))
        writer.data("notes/readme", b"hello")
    assert open_container(tmp_path / "net.tar").names == ("graph.nnef", "notes/readme", "x.dat")


def test_more_tensors_than_file_descriptors_are_held(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    program = (
        "import resource, sys\n"
        "from nnefx.tensors.container import open_container\n"
        "from nnefx.tensors.weights import Weights\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (60, hard))\n"
        "weights = Weights(open_container(sys.argv[1]))\n"
        "held = [weights[label] for label in weights]\n"
        "print(len(held))\n"
    )
    if 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 400:
        pytest.skip("the hard limit of open files is too low")
    tensors = ((f"t{index}", np.zeros(1 << 14, "f4")) for index in range(200))
    write_container(tmp_path / "net", TEXTS, tensors)
    command = [sys.executable, "-c", program, str(tmp_path / "net")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"200\n"
