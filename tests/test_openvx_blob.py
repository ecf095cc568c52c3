"""The blob format: what is written comes back, and damaged files are refused with their place."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnefx.diagnostics import NnefError
from nnefx.openvx import blob_format as f
from nnefx.openvx import lower, read_blob, simulate, write_blob
from nnefx.openvx.crc32c import crc32c
from nnefx.openvx.plan import Plan
from openvx_nets import CASES

NAMES = (
    "classifier",
    "conv_depthwise_large",
    "concat_of_concat",
    "pad_constant",
    "matmul_constant",
)


def plan_of(name: str) -> Plan:
    case = next(case for case in CASES if case.name == name)
    model = case.model()
    return lower(model, calibration=case.samples(model))


@pytest.fixture(scope="module")
def blob(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("blob") / "net.nxvx"
    write_blob(plan_of("conv_depthwise_large"), path)
    return path.read_bytes()


def by_definition(data: bytes, state: int = 0xFFFFFFFF) -> int:
    for octet in data:
        state ^= octet
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def test_crc_of_the_check_string():
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("size", [0, 1, 7, 2047, 2048, 2049, 70_001])
def test_crc_is_that_of_the_definition(size: int):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    assert crc32c(data) == by_definition(data)
    assert crc32c(data[size // 3 :], crc32c(data[: size // 3])) == by_definition(data)


@pytest.mark.parametrize("name", NAMES)
def test_a_blob_gives_the_plan_again(name: str, tmp_path: Path):
    plan = plan_of(name)
    write_blob(plan, tmp_path / "net.nxvx")
    again = read_blob(tmp_path / "net.nxvx")
    assert again.same(plan)
    write_blob(again, tmp_path / "again.nxvx")
    first, second = (tmp_path / n for n in ("net.nxvx", "again.nxvx"))
    assert (
        f.HEADER.unpack_from(first.read_bytes())[7] == f.HEADER.unpack_from(second.read_bytes())[7]
    )


def test_a_blob_runs_as_its_plan(tmp_path: Path):
    plan = plan_of("classifier")
    write_blob(plan, tmp_path / "net.nxvx")
    inputs = {"x": np.random.default_rng(5).uniform(-2, 2, (1, 3, 32, 64)).astype(np.float32)}
    expected, found = simulate(plan, inputs), simulate(read_blob(tmp_path / "net.nxvx"), inputs)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_payloads_are_aligned_and_stand_in_the_data_section(blob: bytes):
    sections = section_table(blob)
    data = sections[b"DATA"]
    assert data.offset % 4096 == 0
    assert len(blob) == data.offset + data.size
    tensors = sections[b"TENS"]
    for number in range(tensors.count):
        row = f.TENSOR.unpack_from(blob, tensors.offset + number * f.TENSOR.size)
        if row[13]:
            assert row[12] % 64 == 0
            assert crc32c(blob[row[12] : row[12] + row[13]]) == row[17]


def test_names_are_sorted_by_their_hash(blob: bytes):
    names = section_table(blob)[b"NAMI"]
    hashes = [row[0] for row in f.NAME.iter_unpack(blob[names.offset : names.offset + names.size])]
    assert hashes == sorted(hashes)


def test_record_sizes_are_those_of_the_specification():
    sizes = {name.decode(): record.size for name, record in f.RECORDS.items()}
    assert sizes == {
        "TENS": 128, "VIEW": 112, "LUTS": 24, "SCAL": 16, "NODE": 32, "ARGS": 16, "GRIO": 96,
        "NAMI": 24, "QUAN": 16,
    }  # fmt: skip
    assert (f.HEADER.size, f.SECTION.size) == (128, 48)


def section_table(data: bytes) -> dict[bytes, f.Section]:
    header = f.HEADER.unpack_from(data)
    rows = (f.SECTION.unpack_from(data, header[7] + i * 48)[:8] for i in range(header[6]))
    return {row[0]: f.Section(*row) for row in rows}


def mended(data: bytearray) -> bytes:
    """Make all checksums right again, so that what follows them is tested."""
    for number, section in enumerate(section_table(bytes(data)).values()):
        content = bytes(data[section.offset : section.offset + section.size])
        struct.pack_into("<I", data, 128 + number * 48 + 32, crc32c(content))
    struct.pack_into("<I", data, 96, crc32c(bytes(data[:96])))
    return bytes(data)


def refused(data: bytes, folder: Path) -> NnefError:
    path = folder / "bad.nxvx"
    path.write_bytes(data)
    with pytest.raises(NnefError) as caught:
        read_blob(path)
    return caught.value


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: b"", "NX660"),
        (lambda data: data[:50], "NX660"),
        (lambda data: data[:-1], "NX661"),
        (lambda data: data + b"\0", "NX661"),
        (lambda data: b"\0" + data[1:], "NX660"),
        (lambda data: data[:8] + data[11:7:-1] + data[12:], "NX660"),
        (lambda data: data[:12] + b"\2\0" + data[14:], "NX660"),
        (lambda data: data[:17] + b"\7" + data[18:], "NX661"),
        (lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:], "NX661"),
    ],
)
def test_damage_is_found(blob: bytes, change, code: str, tmp_path: Path):
    assert refused(change(blob), tmp_path).code == code


@pytest.mark.parametrize(
    ("section", "offset", "value"),
    [
        (b"TENS", 0, 2**32 - 1),  # name outside of the strings
        (b"TENS", 4, 99),  # kind
        (b"TENS", 8, 99),  # type
        (b"TENS", 16, 7),  # rank
        (b"TENS", 24, 2**31),  # extent
        (b"TENS", 24, 0),
        (b"VIEW", 4, 2**32 - 1),  # parent
        (b"VIEW", 16, 2**31),  # start
        (b"NODE", 0, 77),  # operation
        (b"NODE", 8, 2**32 - 1),  # first argument
        (b"NODE", 12, 2**32 - 1),  # arguments
        (b"ARGS", 0, 0xFF),  # kind
        (b"ARGS", 4, 2**32 - 1),  # index
        (b"GRIO", 0, 2**32 - 1),  # tensor
        (b"GRIO", 4, 2),  # direction
        (b"NODE", 16, 2**32 - 1),  # kernel name
        (b"GRIO", 8, 2**32 - 1),  # name
        (b"GRIO", 12, 9),  # rank
        (b"QUAN", 12, 0x7FF80000),  # scale
    ],
)
def test_wrong_fields_are_found(blob: bytes, section: bytes, offset: int, value: int,
                                tmp_path: Path):  # fmt: skip
    data = bytearray(blob)
    struct.pack_into("<I", data, section_table(blob)[section].offset + offset, value)
    refused(mended(data), tmp_path)


@pytest.mark.parametrize("value", [1e39, -1e300, float("inf"), float("nan")])
def test_scalars_fit_their_type(value: float, tmp_path: Path):
    path = tmp_path / "net.nxvx"
    write_blob(plan_of("pad_constant"), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<d", data, section_table(bytes(data))[b"SCAL"].offset + 8, value)
    assert refused(mended(data), tmp_path).code == "NX650"


def test_windows_of_pooling_have_an_extent(tmp_path: Path):
    path = tmp_path / "net.nxvx"
    write_blob(plan_of("max_pool"), path)
    data = bytearray(path.read_bytes())
    sections = section_table(bytes(data))
    nodes = sections[b"NODE"]
    rows = [f.NODE.unpack_from(data, nodes.offset + i * 32) for i in range(nodes.count)]
    first = next(row[2] for row in rows if row[0] == 3)
    struct.pack_into("<Q", data, sections[b"ARGS"].offset + (first + 2) * 16 + 8, 0)
    assert "has no extent" in str(refused(mended(data), tmp_path))


def test_unknown_sections_are_skipped_unless_required(blob: bytes, tmp_path: Path):
    data = bytearray(blob)
    number = list(section_table(blob)).index(b"META")
    data[128 + number * 48 : 128 + number * 48 + 4] = b"XYZW"
    assert refused(mended(data), tmp_path).code == "NX660"
    struct.pack_into("<I", data, 128 + number * 48 + 4, 0)
    path = tmp_path / "newer.nxvx"
    path.write_bytes(mended(data))
    assert read_blob(path).name == "graph"


def test_messages_name_sections_in_plain_words(blob: bytes, tmp_path: Path):
    data = bytearray(blob)
    data[section_table(blob)[b"TENS"].offset + 4] ^= 1
    found = refused(bytes(data), tmp_path).diagnostics[0]
    assert found.message == "checksum of section 'TENS' is wrong"


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), repair=st.booleans())
def test_any_changed_byte_is_refused_or_harmless(
    place: int, value: int, repair: bool, blob: bytes, tmp_path_factory: pytest.TempPathFactory
):
    data = bytearray(blob)
    tables = section_table(blob)[b"DATA"].offset  # changed weights are weights
    place %= tables
    data[place] = value
    path = tmp_path_factory.getbasetemp() / "changed.nxvx"
    path.write_bytes(mended(data) if repair and place >= 128 + 48 * 12 else bytes(data))
    try:
        plan = read_blob(path)
    except NnefError as error:
        if error.code not in ("NX650", "NX660", "NX661"):
            raise
    else:
        assert plan.inputs
    finally:
        os.unlink(path)


def test_the_file_appears_whole_or_not_at_all(tmp_path: Path):
    with pytest.raises(NnefError):
        write_blob(plan_of("conv_groups"), tmp_path / "missing" / "net.nxvx")
    assert not list(tmp_path.iterdir())
