"""The C loader of blobs: what it builds runs as the plan says, and hostile files are refused."""

import struct
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnefx.cli import cli
from nnefx.diagnostics import NnefError
from nnefx.openvx import blob_format as f
from nnefx.openvx import lower, read_blob, runtime_dir, simulate, write_blob
from nnefx.openvx.crc32c import crc32c
from nnefx.openvx.drive import PARAMETERS, READER, SOURCES, ZERO_COPY, compile_loader, drive
from nnefx.openvx.plan import Payload, Plan, Role, Tensor
from openvx_nets import CASES
from random_plans import random_plan

HERE = Path(__file__).parent
STUB = HERE / "openvx_stub"
WEAK = "-DNNEFX_VX_WEAK"  # the OpenVX of the tests lacks two functions
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-g", f"-I{STUB}", f"-I{runtime_dir()}"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
READING = [str(runtime_dir() / name) for name in READER]
ROUNDS = 200_000  # of the mutating driver; docs/blob.md tells of the long run


def run(*command: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan, dict[str, np.ndarray]]:
    """A blob, its plan, and inputs."""
    found = next(case for case in CASES if case.name == "classifier")
    model = found.model()
    samples = found.samples(model)
    path = tmp_path_factory.mktemp("loader") / "net.nxvx"
    write_blob(lower(model, calibration=samples), path)
    return path, read_blob(path), samples[0]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenVX of the tests as a shared library beside its headers."""
    folder = tmp_path_factory.mktemp("openvx")
    (folder / "include").symlink_to(STUB)
    target = folder / "libopenvx.so"
    run("gcc", "-std=c99", "-O1", "-shared", "-fPIC", f"-I{STUB}", STUB / "openvx.c",
        STUB / "export.c", "-lm", "-o", target)  # fmt: skip
    return target


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader, compiled once for what runs often."""
    return compile_loader(tmp_path_factory.mktemp("shared"), STUB)


def build(folder: Path, main: str) -> Path:
    """Compile the loader, the OpenVX of the tests and a program of blob_loader, with sanitizers."""
    objects = []
    sources = [runtime_dir() / name for name in SOURCES] + [STUB / "openvx.c", STUB / "export.c"]
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        run("gcc", "-std=c99", *STRICT, *SANITIZE, WEAK, "-c", source, "-o", objects[-1])
    program = folder / "program"
    run("g++", "-std=c++11", *STRICT, *SANITIZE, HERE / "blob_loader" / main, *objects,
        "-lm", "-o", program)  # fmt: skip
    return program


def expected_files(plan: Plan, inputs: dict[str, np.ndarray], folder: Path) -> tuple[Path, Path]:
    """Write the input and what the net has to make of it."""
    inputs["x"].tofile(folder / "x.raw")
    simulate(plan, inputs, "product")["shares"].astype(np.float32).tofile(folder / "shares.raw")
    return folder / "x.raw", folder / "shares.raw"


def test_every_function_of_the_loader(case, tmp_path: Path):
    path, plan, inputs = case
    label = next(tensor.label for tensor in plan.tensors if tensor.label)
    run(build(tmp_path, "main.cpp"), path, *expected_files(plan, inputs, tmp_path), label)


def test_exports_of_the_target_are_used_for_the_same_net_and_target_only(case, tmp_path: Path):
    path, plan, inputs = case
    other = tmp_path / "other.nxvx"
    weights = next(tensor for tensor in plan.tensors if tensor.payload)
    changed = replace(weights, payload=Payload.of(weights.payload.read() + np.int16(1)))
    tensors = tuple(changed if tensor is weights else tensor for tensor in plan.tensors)
    write_blob(replace(plan, tensors=tensors), other)  # the same graph with another weight
    files = expected_files(plan, inputs, tmp_path)
    run(build(tmp_path, "starts.cpp"), path, *files, "label", other, tmp_path / "cache")
    assert not list(tmp_path.glob("cache.*"))


def test_a_cache_harms_no_other_file(tmp_path: Path):
    found = next(case for case in CASES if case.name == "table_exp")
    model = found.model()
    samples = found.samples(model)
    path, turned, folder = tmp_path / "net.nxvx", tmp_path / "turned.nxvx", tmp_path / "caches"
    write_blob(lower(model, calibration=samples), path)
    files = [tmp_path / "x.raw", tmp_path / "y.raw"]
    samples[0]["x"].tofile(files[0])
    simulate(read_blob(path), samples[0], "product")["exp"].astype(np.float32).tofile(files[1])
    turned.write_bytes(with_turned_extents(path.read_bytes()))
    assert read_blob(turned).tensors[0].dims == (3, 5, 4, 1)
    folder.mkdir()
    run(build(tmp_path, "files.cpp"), path, *files, turned, folder)
    left = {file.name for file in folder.iterdir()}
    assert left == {"empty", "copy.nxvx", "linked", "victim", "turned"}


def with_turned_extents(blob: bytes) -> bytes:
    """Exchange the first two extents of all tensors, and leave the content id as it was."""
    data, number = bytearray(blob), 1
    section = read_sections(blob)[number]
    assert section.type == b"TENS"
    for at in range(section.offset, section.offset + section.size, section.record_size):
        data[at + 24 : at + 40] = data[at + 32 : at + 40] + data[at + 24 : at + 32]
    content = bytes(data[section.offset : section.offset + section.size])
    struct.pack_into("<I", data, 128 + number * f.SECTION.size + 32, crc32c(content))
    return bytes(data)


def read_sections(blob: bytes) -> list[f.Section]:
    header = f.HEADER.unpack_from(blob)
    places = (header[7] + number * f.SECTION.size for number in range(header[6]))
    return [f.Section(*f.SECTION.unpack_from(blob, at)[:8]) for at in places]


def test_what_the_loader_refuses_the_reader_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, program = tmp_path / "net.nxvx", tmp_path / "program"
    case = next(case for case in CASES if case.name == "pad_constant")
    model = case.model()
    write_blob(lower(model, calibration=case.samples(model)), path)
    define = "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"  # checksums do not count
    run("gcc", "-std=c99", *STRICT, *SANITIZE, define, HERE / "blob_loader" / "accepted.c",
        *READING, "-o", program)  # fmt: skip
    lines = [line.split() for line in run(program, path).stdout.splitlines()]
    blob = path.read_bytes()
    assert len(lines) == len(blob) - 128
    monkeypatch.setattr("nnefx.openvx.blob_read._Reader._check_crc", lambda *_: None)
    for at in (int(at) for at, accepted in lines if accepted == "0"):
        path.write_bytes(blob[:at] + bytes([blob[at] ^ 0x80]) + blob[at + 1 :])
        with pytest.raises(NnefError):
            read_blob(path)


@pytest.mark.parametrize("define", ["-DNNEFX_PLAIN_CRC", "-DNNEFX_ANY_CRC"])
def test_checksums_are_those_of_the_writer_in_either_way(define: str, tmp_path: Path):
    data = np.random.default_rng(3).integers(0, 256, 40_000, np.uint8).tobytes()
    (tmp_path / "data").write_bytes(data)
    program = tmp_path / "program"
    run("gcc", "-std=c99", *STRICT, *SANITIZE, define, HERE / "blob_loader" / "crc.c", *READING,
        "-o", program)  # fmt: skip
    lines = run(program, tmp_path / "data").stdout.split()
    parts = [(start, size) for start in range(9) for size in (0, 1, 7, 8, 63, 8191, 8192, 30_001)]
    expected = [crc32c(data[start : start + size], start) for start, size in parts]
    assert [int(line, 16) for line in lines] == expected


def test_mutated_blobs_do_no_harm(tmp_path: Path):
    seeds = []
    for number in range(8):
        seeds.append(tmp_path / f"{number}.nxvx")
        write_blob(random_plan(number), seeds[-1])
    define = "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"  # checksums do not count
    program = tmp_path / "program"
    run("gcc", "-std=c99", "-O1", *STRICT, *SANITIZE, define, "-DSTANDALONE",
        HERE / "blob_fuzz" / "fuzz_blob.c", *READING, "-o", program)  # fmt: skip
    run(program, ROUNDS, *seeds)
    with tarfile.open(HERE / "blob_fuzz" / "corpus.tar.xz") as corpus:
        corpus.extractall(tmp_path / "corpus", filter="data")
    run(program, 0, *(tmp_path / "corpus").iterdir())


def test_a_blob_runs_on_a_library(case, library: Path):
    path, plan, inputs = case
    found = drive(path, plan, [library], inputs, flags=ZERO_COPY)
    assert np.array_equal(found["shares"], simulate(plan, inputs, "product")["shares"])


def test_what_is_used_at_several_places_is_replaced_at_all_of_them(tmp_path: Path):
    program = build(tmp_path, "ports.cpp")
    # Parameters (first, count) of each input and output, and which of the first ones gave way: not
    # those that are read or written in parts.
    expected = {
        "concat_input_twice": ["0 3", "3 0", "1 0"],
        "moments": ["0 2", "2 2", "4 1", "1 1"],
        "slice": ["0 0", "0 1", "0 1"],
    }
    for name, lines in expected.items():
        case = next(case for case in CASES if case.name == name)
        model = case.model()
        samples = case.samples(model)
        write_blob(lower(model, calibration=samples), tmp_path / "net.nxvx")
        samples[0]["x"].tofile(tmp_path / "x.raw")
        found = run(program, tmp_path / "net.nxvx", tmp_path / "x.raw").stdout.splitlines()
        assert found == [*lines, "1 1"]


# Nets whose inputs are read at several places, in parts, beside a border that is filled before.
@pytest.mark.parametrize(
    "name", ["add", "concat_input_twice", "slice", "pad_constant", "table_exp", "matmul_of_inputs"]
)
def test_a_second_start_gives_the_same_numbers(
    name: str, library: Path, compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nnefx.openvx.drive.compile_loader", lambda *_: compiled)
    case = next(case for case in CASES if case.name == name)
    model = case.model()
    samples = case.samples(model)
    plan = lower(model, calibration=samples)
    path, cache = tmp_path / "net.nxvx", tmp_path / "cache"
    write_blob(plan, path)
    expected = simulate(plan, samples[0], "product")
    for flags in (0, PARAMETERS):
        cache.unlink(missing_ok=True)
        first = drive(path, plan, [library], samples[0], flags=flags, cache=cache)
        written = cache.stat()
        second = drive(path, plan, [library], samples[0], flags=flags, cache=cache)
        assert cache.stat().st_mtime_ns == written.st_mtime_ns
        for output, numbers in expected.items():
            assert np.array_equal(first[output], numbers)
            assert np.array_equal(second[output], numbers)


def test_run_of_a_blob_on_a_library(case, library: Path, tmp_path: Path):
    path, plan, inputs = case
    np.save(tmp_path / "x.npy", inputs["x"])
    call = ["run", str(path), "--openvx-lib", str(library), "--input", f"x={tmp_path / 'x.npy'}",
            "-o", str(tmp_path / "out")]  # fmt: skip
    result = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert result.exit_code == 0
    expected = simulate(plan, inputs, "product")["shares"]
    assert np.array_equal(np.load(tmp_path / "out" / "shares.npy"), expected)


def test_run_of_a_blob_simulates_without_a_library(case, tmp_path: Path):
    result = CliRunner().invoke(cli, ["run", str(case[0]), "--random", "1"])
    assert result.exit_code == 0
    assert result.output.startswith("shares [1, ")


def test_what_a_library_refuses_is_told(case, library: Path, tmp_path: Path):
    path, plan, inputs = case
    with pytest.raises(NnefError) as caught:
        drive(path, plan, [tmp_path / "none.so"], inputs, include=STUB)
    assert caught.value.code == "NX680"
    with pytest.raises(NnefError) as caught:
        drive(path, plan, [library], {})
    assert caught.value.code == "NX651"
    data = bytearray(path.read_bytes())
    data[130] ^= 1
    (tmp_path / "bad.nxvx").write_bytes(data)
    with pytest.raises(NnefError) as caught:
        drive(tmp_path / "bad.nxvx", plan, [library], inputs)
    assert caught.value.code == "NX681"
    assert "byte" in str(caught.value)


@pytest.mark.parametrize("seed", range(25))
def test_random_plans_come_back(seed: int, tmp_path: Path):
    plan = random_plan(seed)
    write_blob(plan, tmp_path / "net.nxvx")
    assert read_blob(tmp_path / "net.nxvx").same(plan)


def test_a_prefilled_tensor_of_half_floats_comes_back(tmp_path: Path):
    plan = random_plan(1)
    half = Tensor("half", (2, 3), "float16", 0, Role.PREFILLED, fill=0x3C00)
    plan = replace(plan, tensors=(*plan.tensors, half))
    write_blob(plan, tmp_path / "net.nxvx")
    assert read_blob(tmp_path / "net.nxvx").same(plan)


def test_info_show_and_check_of_blobs(case, tmp_path: Path):
    path = str(case[0])
    info = CliRunner().invoke(cli, ["info", path])
    assert info.exit_code == 0
    assert "profile" in info.output
    assert "vxConvolutionLayer" in info.output
    shown = CliRunner().invoke(cli, ["show", path])
    assert shown.exit_code == 0
    assert "vxSoftmaxLayer" in shown.output
    assert CliRunner().invoke(cli, ["check", path], standalone_mode=False).return_value == 0
    data = bytearray(case[0].read_bytes())
    data[-1] ^= 1
    (tmp_path / "bad.nxvx").write_bytes(data)
    call = ["check", str(tmp_path / "bad.nxvx")]
    damaged = CliRunner().invoke(cli, call, standalone_mode=False)
    assert damaged.return_value == 1
    assert "NX661" in damaged.output
