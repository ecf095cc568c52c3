"""Tensor files: what is written is read back, as the Khronos package has it; faults are told."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import shared
from hostile.tensors import BROKEN, GOOD_DATA, READABLE, tensor_file
from nnefx.diagnostics import NnefError, Severity
from nnefx.source import FileAt
from nnefx.tensors import packing
from nnefx.tensors.dat import (
    ItemType,
    check_tensor,
    data_type_of,
    header_for,
    open_tensor,
    read_tensor,
    tensor_bytes,
    tensor_header,
    write_tensor,
)
from nnefx.tensors.header import DATA_TYPES, ITEM_TYPES

Arrays = np.ndarray[Any, Any]
DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=8, min_side=1, max_side=3)
INTEGERS = [ItemType.UINT, ItemType.INT, ItemType.QUINT, ItemType.QINT]


def file_of(array: Arrays, **options: Any) -> bytes:
    header = header_for(array, **options)
    return b"".join(tensor_bytes(array, header, "x"))


def khronos_read(path: Path) -> tuple[Arrays, bool]:
    nnef = pytest.importorskip("nnef")
    with open(path, "rb") as file:
        return nnef.read_tensor(file, return_quantization=True)


def khronos_write(path: Path, array: Arrays, quantized: bool = False) -> None:
    nnef = pytest.importorskip("nnef")
    with open(path, "wb") as file:
        nnef.write_tensor(file, array, quantized)


def same(a: Arrays, b: Arrays) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(st.data(), st.sampled_from(DTYPES), SHAPES)
def test_arrays_of_every_type_come_back(data: st.DataObject, dtype: str, shape: Any) -> None:
    array = data.draw(hnp.arrays(dtype, shape))
    assert same(open_tensor(file_of(array)), array)


@pytest.mark.parametrize("item", INTEGERS)
@given(data=st.data(), bits=st.integers(1, 64), shape=SHAPES)
def test_integers_of_every_width_come_back(
    data: st.DataObject, item: ItemType, bits: int, shape: Any
) -> None:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if item.signed else (0, (1 << bits) - 1)
    dtype = np.int64 if item.signed else np.uint64
    array = data.draw(hnp.arrays(dtype, shape, elements=st.integers(low, high)))
    content = file_of(array, item_type=item, bits=bits)
    found = open_tensor(content)
    assert len(content) == 128 + (array.size * bits + 7) // 8
    assert np.array_equal(found, array)
    assert found.dtype.itemsize == packing.container_bytes(bits)
    assert (found.dtype.kind == "i") is item.signed
    assert check_tensor(memoryview(content)) == []


@pytest.mark.parametrize("bits", range(1, 65))
@pytest.mark.parametrize("signed", [False, True])
def test_widths_come_back_across_chunks(
    bits: int, signed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK_ITEMS", 64)
    raw = np.random.default_rng(bits).integers(0, 2**64, size=200, dtype=np.uint64)
    shifted = raw.view(np.int64) >> (64 - bits) if signed else raw >> np.uint64(64 - bits)
    item = ItemType.INT if signed else ItemType.UINT
    assert np.array_equal(open_tensor(file_of(shifted, item_type=item, bits=bits)), shifted)


@given(bits=st.integers(1, 64), values=st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_bits_stand_as_the_specification_has_them(bits: int, values: list[int]) -> None:
    values = [value >> (64 - bits) for value in values]
    packed = file_of(np.array(values, np.uint64), item_type=ItemType.UINT, bits=bits)[128:]
    if bits % 8 == 0:
        assert packed == b"".join(value.to_bytes(bits // 8, "little") for value in values)
    else:
        stream = "".join(f"{value:0{bits}b}" for value in values)
        assert packed == bytes(
            int(stream[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(stream), 8)
        )


@pytest.mark.parametrize("bits", [1, 8])
def test_bool_comes_back_at_both_widths(bits: int) -> None:
    array = np.arange(13) % 3 == 0
    assert same(open_tensor(file_of(array, bits=bits)), array)


def test_any_byte_but_zero_is_true() -> None:
    content = tensor_file(item_type=5, bits=8, extents=(4,), data=b"\0\1\2\xff")
    assert open_tensor(content).tolist() == [False, True, True, True]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 1, 3, 1), (1, 2, 1, 2, 1, 2, 1, 3)])
def test_khronos_reads_what_we_write(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.random.default_rng(1).normal(size=shape) * 50).astype(dtype)
    write_tensor(tmp_path / "x.dat", array)
    found, quantized = khronos_read(tmp_path / "x.dat")
    assert same(found.reshape(shape), array)
    assert not quantized


@pytest.mark.parametrize("dtype", DTYPES)
def test_we_read_what_khronos_writes(tmp_path: Path, dtype: str) -> None:
    array = (np.random.default_rng(2).normal(size=(3, 7)) * 50).astype(dtype)
    khronos_write(tmp_path / "x.dat", array)
    assert same(open_tensor(tmp_path / "x.dat"), array)
    assert check_tensor(tmp_path / "x.dat") == []
    write_tensor(tmp_path / "y.dat", array)
    assert (tmp_path / "y.dat").read_bytes() == (tmp_path / "x.dat").read_bytes()


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_quantized_items_are_those_of_khronos(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24, dtype=dtype).reshape(4, 6)
    khronos_write(tmp_path / "x.dat", array, quantized=True)
    item = ItemType.QINT if array.dtype.kind == "i" else ItemType.QUINT
    write_tensor(tmp_path / "y.dat", array, item_type=item)
    assert (tmp_path / "y.dat").read_bytes() == (tmp_path / "x.dat").read_bytes()
    assert tensor_header(tmp_path / "x.dat").quantized
    assert same(open_tensor(tmp_path / "x.dat"), array)


def test_corpus_is_read_as_khronos_reads_it() -> None:
    files = sorted(shared("corpora", "nnef_core").rglob("*.dat"))
    assert files
    for path in files:
        assert same(open_tensor(path), khronos_read(path)[0]), path
        assert check_tensor(path) == [], path


def test_signedness_by_deprecated_parameter_is_obeyed() -> None:
    content = tensor_file(extents=(2,), bits=8, parameters=b"\1", data=b"\xff\x01")
    assert open_tensor(content).tolist() == [-1, 1]


LAYOUTS = {
    "transposed": lambda a: a.T,
    "every other": lambda a: a[:, ::2],
    "reversed": lambda a: a[::-1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "Fortran": np.asfortranarray,
}


@pytest.mark.parametrize("dtype", ["f4", "i2", "?"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_the_array_does_not_matter(layout: str, dtype: str) -> None:
    array = LAYOUTS[layout]((np.arange(35).reshape(5, 7) % 9).astype(dtype))
    found = open_tensor(file_of(array))
    assert np.array_equal(found, array)
    assert found.shape == array.shape


def test_opened_tensor_is_a_read_only_view_of_the_map(tmp_path: Path) -> None:
    array = np.arange(1 << 16, dtype="f4")
    write_tensor(tmp_path / "x.dat", array)
    opened, read = open_tensor(tmp_path / "x.dat"), read_tensor(tmp_path / "x.dat")
    assert not opened.flags.writeable
    assert not opened.flags.owndata
    read[0] = 7
    assert opened[0] == 0


def test_map_survives_the_replacement_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    write_tensor(path, np.zeros(1 << 16, "f4"))
    before = open_tensor(path)
    write_tensor(path, np.ones(1 << 16, "f4"))
    assert before.sum() == 0
    assert open_tensor(path).sum() == 1 << 16


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_file_is_diagnosed(fault: str, tmp_path: Path) -> None:
    make, codes = BROKEN[fault]
    path = tmp_path / "x.dat"
    path.write_bytes(make())
    found = check_tensor(path)
    assert [diagnostic.code for diagnostic in found] == codes
    assert all(isinstance(d.at, FileAt) and d.at.path == str(path) for d in found)
    assert all(isinstance(d.at, FileAt) and 0 <= d.at.offset <= path.stat().st_size for d in found)


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_file_is_refused_unless_its_data_is_beyond_doubt(fault: str) -> None:
    make, codes = BROKEN[fault]
    if set(codes) <= READABLE:
        assert open_tensor(make()).size
        return
    with pytest.raises(NnefError) as caught:
        open_tensor(make(), "x.dat")
    assert [d.code for d in caught.value.diagnostics] == [c for c in codes if c not in READABLE]


def test_good_file_has_no_faults() -> None:
    assert check_tensor(memoryview(tensor_file())) == []


def test_data_of_old_writers_starts_after_the_extra_bytes() -> None:
    content = tensor_file(data=bytes(4) + GOOD_DATA, length=24)
    assert open_tensor(content).tobytes() == GOOD_DATA


def test_not_finite_values_are_warnings_with_their_place() -> None:
    data = struct.pack("<4f", 1.0, 2.0, float("nan"), float("nan"))
    content = tensor_file(item_type=0, extents=(4,), data=data)
    (found,) = check_tensor(memoryview(content))
    assert found.severity is Severity.WARNING
    assert found.at == FileAt("<buffer>", 128 + 8)
    assert "2 items" in found.message
    assert check_tensor(memoryview(content), scan=False) == []


@given(st.binary(max_size=200), st.integers(0, 127))
def test_no_bytes_make_the_reader_fail_otherwise(noise: bytes, at: int) -> None:
    good = tensor_file()
    content = good[:at] + noise + good[at + len(noise) :]
    faults = check_tensor(memoryview(content))
    codes = {d.code for d in faults if d.severity is Severity.ERROR} - READABLE
    if not codes:
        assert open_tensor(content).size
        return
    with pytest.raises(NnefError) as caught:
        open_tensor(content)
    assert {d.code for d in caught.value.diagnostics} == codes


REFUSED: dict[str, tuple[Arrays, dict[str, Any], str]] = {
    "complex": (np.zeros(2, "c8"), {}, "NX420"),
    "text": (np.array(["a"]), {}, "NX420"),
    "objects": (np.array([None]), {}, "NX420"),
    "long double": (np.zeros(2, np.longdouble), {}, "NX420"),
    "float as integer": (np.zeros(2, "f4"), {"item_type": ItemType.INT}, "NX420"),
    "float as quantized": (np.zeros(2, "f4"), {"item_type": ItemType.QINT, "bits": 8}, "NX420"),
    "integer as float": (np.zeros(2, "i4"), {"item_type": ItemType.FLOAT}, "NX420"),
    "integer as bool": (np.zeros(2, "u1"), {"item_type": ItemType.BOOL}, "NX420"),
    "bool as integer": (np.zeros(2, "?"), {"item_type": ItemType.UINT}, "NX420"),
    "float32 in 16 bits": (np.zeros(2, "f4"), {"bits": 16}, "NX420"),
    "float in 8 bits": (np.zeros(2, "f4"), {"bits": 8}, "NX409"),
    "bool in 2 bits": (np.zeros(2, "?"), {"bits": 2}, "NX409"),
    "0 bits": (np.zeros(2, "i4"), {"bits": 0}, "NX407"),
    "65 bits": (np.zeros(2, "i4"), {"bits": 65}, "NX407"),
    "rank 9": (np.zeros((1,) * 9, "f4"), {}, "NX404"),
    "no items": (np.zeros((2, 0), "f4"), {}, "NX419"),
    "8 in 3 bits": (np.array([8], "u1"), {"bits": 3}, "NX421"),
    "4 in 3 signed bits": (np.array([4], "i1"), {"bits": 3}, "NX421"),
    "-1 unsigned": (np.array([-1], "i1"), {"item_type": ItemType.UINT}, "NX421"),
    "128 in 8 signed bits": (np.array([128], "u1"), {"item_type": ItemType.QINT}, "NX421"),
    "beyond 4 GiB": (np.broadcast_to(np.float32(0), (1 << 30,)), {}, "NX422"),
    "version of two bytes": (np.zeros(2, "f4"), {"version": (256, 0)}, "NX403"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_array_that_cannot_be_stored_is_refused(why: str, tmp_path: Path) -> None:
    array, options, code = REFUSED[why]
    with pytest.raises(NnefError) as caught:
        write_tensor(tmp_path / "x.dat", array, **options)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    write_tensor(path, np.arange(3))
    with pytest.raises(NnefError):
        write_tensor(path, np.array([9]), bits=2)
    assert open_tensor(path).tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_write_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.dat").symlink_to("real.dat")
    write_tensor(tmp_path / "link.dat", np.arange(3))
    assert (tmp_path / "link.dat").is_symlink()
    assert open_tensor(tmp_path / "real.dat").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "code"), [("none.dat", "NX001"), (".", "NX002"), ("pipe", "NX002")]
)
def test_path_without_a_file_is_told(name: str, code: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NnefError) as caught:
        open_tensor(tmp_path / name)
    assert caught.value.code == code


def test_write_into_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NnefError) as caught:
        write_tensor(tmp_path / "none" / "x.dat", np.arange(3))
    assert caught.value.code == "NX001"


@pytest.mark.parametrize("item", ItemType)
def test_every_item_type_stores_one_data_type(item: ItemType) -> None:
    kind = {ItemType.FLOAT: "f4", ItemType.BOOL: "?"}.get(item, "i4" if item.signed else "u4")
    name = data_type_of(header_for(np.zeros(1, kind), item))
    assert name == DATA_TYPES[item]
    assert item in ITEM_TYPES[name]
