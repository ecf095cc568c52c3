"""Folders and archives of models: what goes in comes out, whole or not at all, and nothing else."""

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hostile.containers import ARCHIVES, FOLDERS, GRAPH, TENSOR, model, tar
from hostile.tensors import tensor_file
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.container import Limits, open_container
from nnefx.tensors.dat import ItemType, check_tensor
from nnefx.tensors.paths import member_name
from nnefx.tensors.weights import Weights
from nnefx.tensors.write import write_container
from small_model import KINDS, TENSORS, TEXTS, save


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(kind: str, tmp_path: Path) -> None:
    with open_container(save(tmp_path / kind)) as container:
        weights = Weights(container)
        assert container.text() == TEXTS["graph.nnef"]
        assert container.text("graph.quant") == ""
        assert sorted(weights) == sorted(label for label, _ in TENSORS)
        for label, array in TENSORS:
            assert weights[label].dtype == array.dtype
            assert np.array_equal(weights[label], array)
            assert not weights[label].flags.writeable
        assert list(container.extra) == ["vendor/plan.bin"]
        assert container.extra["vendor/plan.bin"].data() == b"\0\1"


@pytest.mark.parametrize("source", KINDS[:2] + KINDS[-1:])
@pytest.mark.parametrize("target", KINDS[:2] + KINDS[-1:])
def test_stored_files_are_copied_byte_by_byte(source: str, target: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save(tmp_path / "a" / source)
    container = open_container(tmp_path / "a" / source)
    weights = Weights(container)
    copies = ((label, weights.stored(label)) for label in weights)
    write_container(tmp_path / target, TEXTS, copies, container.extra)
    copied = open_container(tmp_path / target)
    assert copied.names == container.names
    for name in container.names:
        assert copied.member(name).data() == container.member(name).data()


def test_copy_of_an_old_file_has_a_good_header(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "x.dat").write_bytes(tensor_file(data=bytes(28), length=24))
    container = open_container(old)
    write_container(tmp_path / "new", TEXTS, [("x", container.stored("x"))])
    assert check_tensor(tmp_path / "new" / "x.dat") == []


def test_options_say_how_a_tensor_is_stored(tmp_path: Path) -> None:
    codes = np.arange(16, dtype="u1")
    options: Any = {"item_type": ItemType.QUINT, "bits": 4}
    write_container(tmp_path / "net", TEXTS, [("q", codes, options)])
    container = open_container(tmp_path / "net")
    assert container.header("q").bits == 4
    assert container.header("q").quantized
    assert np.array_equal(container.tensor("q"), codes)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_archives_of_the_same_files_are_the_same_bytes(kind: str, tmp_path: Path) -> None:
    first = save(tmp_path / kind).read_bytes()
    assert save(tmp_path / kind, force=True).read_bytes() == first


@pytest.mark.parametrize("kind", KINDS[1:])
def test_archives_are_what_tar_knows(kind: str, tmp_path: Path) -> None:
    with tarfile.open(save(tmp_path / kind)) as archive:
        members = archive.getmembers()
    assert [m.name for m in members][:2] == ["graph.nnef", "graph.quant"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


@pytest.mark.parametrize("label", ["a" * 90 + "/" + "b" * 90, "d/" * 120 + "x", "längsschnitt/π"])
def test_long_and_foreign_names_survive(label: str, tmp_path: Path) -> None:
    write_container(tmp_path / "net.tar", TEXTS, [(label, np.arange(3))])
    assert open_container(tmp_path / "net.tar").labels == (label,)


@pytest.mark.parametrize("press", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("suffix", [".tar", ".whatever"])
def test_kind_of_archive_is_told_by_its_content(
    press: Callable[[bytes], bytes], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(press(model()))
    assert open_container(path).labels == ("conv/filter",)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./", "net/", "./net/"])
def test_archive_of_a_folder_as_such_is_read(form: int, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "net.tar"
    folder = [(prefix, b"", {"type": tarfile.DIRTYPE})] if prefix else []
    files = [
        (f"{prefix}{name}", data, {}) for name, data in (("graph.nnef", GRAPH), ("c/f.dat", TENSOR))
    ]
    path.write_bytes(tar(*folder, *files, form=form))
    assert open_container(path).names == ("c/f.dat", "graph.nnef")


def test_labels_are_equal_without_case_and_by_either_slash(tmp_path: Path) -> None:
    weights = Weights(open_container(save(tmp_path / "net")))
    for label in ("Conv/Filter", "conv\\filter", "./conv//filter"):
        assert np.array_equal(weights[label], TENSORS[0][1])
        assert label in weights
    assert "conv" not in weights
    with pytest.raises(KeyError):
        weights["conv/filters"]


def test_file_with_a_backslash_in_its_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "conv\\filter.dat").write_bytes(TENSOR)
    assert open_container(tmp_path).labels == ("conv/filter",)


def test_folder_with_labels_that_differ_in_case_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(TENSOR)
    (tmp_path / "A.dat").write_bytes(TENSOR)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system does not tell case apart")
    with pytest.raises(NnefError) as caught:
        open_container(tmp_path)
    assert caught.value.code == "NX007"


def test_other_versions_of_a_tensor_are_known_and_survive(tmp_path: Path) -> None:
    save(tmp_path / "net")
    (tmp_path / "net" / "conv" / "filter.dat.q8").write_bytes(TENSOR)
    container = open_container(tmp_path / "net")
    assert list(container.versions("conv/filter")) == ["q8"]
    assert "conv/filter.dat.q8" in container.extra
    assert container.versions("conv/bias") == {}


def test_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    save(tmp_path / "net")
    (tmp_path / "net" / "same.dat").symlink_to("conv/filter.dat")
    assert np.array_equal(open_container(tmp_path / "net").tensor("same"), TENSORS[0][1])


def test_array_outlives_its_container(tmp_path: Path) -> None:
    container = open_container(save(tmp_path / "net.tgz"))
    array = container.tensor("big")
    container.close()
    (tmp_path / "net.tgz").unlink()
    assert np.array_equal(array, TENSORS[2][1])


def test_text_that_is_not_utf8_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "graph.nnef").write_bytes(b"version \xff")
    with pytest.raises(NnefError) as caught:
        open_container(tmp_path).text()
    assert caught.value.code == "NX009"
    assert caught.value.at == FileAt(str(tmp_path / "graph.nnef"), 8)


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "graph.nnef").write_bytes(b"\xef\xbb\xbfversion 1.0;")
    assert open_container(tmp_path).text() == "version 1.0;"


@pytest.mark.parametrize("fault", ARCHIVES)
def test_hostile_archive_is_refused(fault: str, tmp_path: Path) -> None:
    make, code = ARCHIVES[fault]
    path = tmp_path / "net.tgz"
    path.write_bytes(make())
    with pytest.raises(NnefError) as caught:
        open_container(path)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", FOLDERS)
def test_hostile_label_is_refused(fault: str, tmp_path: Path) -> None:
    attack, code = FOLDERS[fault]
    folder = save(tmp_path / "net")
    label = attack(folder)
    with pytest.raises(NnefError) as caught:
        open_container(folder).tensor(label)
    assert caught.value.code == code


BOMBS: dict[str, tuple[Callable[[], bytes], Limits]] = {
    "ratio": (
        lambda: gzip.compress(model(("zeros.dat", bytes(4 << 20), {}))),
        Limits(free_bytes=1 << 20, max_ratio=100),
    ),
    "ratio of bzip2": (
        lambda: bz2.compress(model(("zeros.dat", bytes(4 << 20), {}))),
        Limits(free_bytes=1 << 20, max_ratio=100),
    ),
    "size": (lambda: lzma.compress(model()), Limits(max_bytes=1000)),
    "members": (
        lambda: tar(*((f"{i}.dat", b"", {}) for i in range(101))),
        Limits(max_files=100),
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_stopped(bomb: str, tmp_path: Path) -> None:
    make, limits = BOMBS[bomb]
    (tmp_path / "net").write_bytes(make())
    with pytest.raises(NnefError) as caught:
        open_container(tmp_path / "net", limits)
    assert caught.value.code == "NX008"
    open_container(tmp_path / "net")


def test_folder_with_too_many_files_and_text_too_long_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "net")
    with pytest.raises(NnefError) as caught:
        open_container(tmp_path / "net", Limits(max_files=3))
    assert caught.value.code == "NX008"
    with pytest.raises(NnefError) as caught:
        open_container(tmp_path / "net", Limits(max_text=3)).text()
    assert caught.value.code == "NX008"


@settings(deadline=None)
@given(st.binary(max_size=600), st.integers(0, 2500), st.booleans())
def test_damage_anywhere_is_a_diagnostic_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, pressed: bool
) -> None:
    good = gzip.compress(model()) if pressed else model()
    path = tmp_path_factory.getbasetemp() / "damaged.tgz"
    path.write_bytes(good[:at] + noise + good[at + len(noise) :])
    code = "NX00"
    try:
        container = open_container(path)
        for label in container.labels:
            container.tensor(label)
    except NnefError as error:
        code = error.code
    assert code.startswith(("NX00", "NX4"))


@given(st.text(alphabet="ab./\\:C\0", max_size=12))
@example(".\\C:")
def test_member_names_stay_inside(name: str) -> None:
    root = "/root/model"
    try:
        safe = member_name(name)
    except NnefError:
        return
    assert os.path.normpath(os.path.join(root, safe)) == f"{root}/{safe}"
    assert member_name(safe) == safe
