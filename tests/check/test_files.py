"""Models on disk: containers, tensor files against variables, and graph.quant."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from check.models import GRAPH, model, tensor
from nnefx.checking import check
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.source import FileAt, TextAt
from nnefx.tensors.header import ItemType

MIN_MAX = "min_max_linear_quantize"
RANGE = "min = 0.0, max = 1.0, bits = 8, signed = false, symmetric = false"


def codes(found: list[Diagnostic]) -> list[str]:
    return [item.code for item in found]


def test_a_sound_model_is_without_findings(tmp_path):
    assert check(model(tmp_path)) == []


@pytest.mark.parametrize("suffix", ["tar", "tgz", "tar.bz2", "tar.xz"])
def test_an_archive_is_checked_like_a_folder(tmp_path, suffix):
    folder = model(tmp_path / "net")
    (folder / "conv" / "b.dat").unlink()
    path = tmp_path / f"net.{suffix}"
    kind = {"tar": "", "tgz": "gz", "tar.bz2": "bz2", "tar.xz": "xz"}[suffix]
    with tarfile.open(path, f"w:{kind}") as archive:
        archive.add(folder, "net")
    assert codes(check(path)) == ["NX432"]


def test_a_folder_without_a_graph_is_a_finding(tmp_path):
    (tmp_path / "readme").write_text("nothing")
    assert codes(check(tmp_path)) == ["NX004"]


def test_a_file_that_is_no_archive_is_a_finding(tmp_path):
    path = tmp_path / "net.tgz"
    path.write_bytes(b"no archive")
    assert codes(check(path)) == ["NX003"]


def test_a_text_that_is_not_utf8_is_a_finding(tmp_path):
    path = tmp_path / "graph.nnef"
    path.write_bytes(GRAPH.encode().replace(b"relu", b"rel\xff"))
    (found,) = check(path)
    assert found.code == "NX009"
    assert isinstance(found.at, FileAt)
    assert path.read_bytes()[found.at.offset] == 0xFF


def test_a_path_that_leads_nowhere_is_a_finding(tmp_path):
    assert codes(check(tmp_path / "nothing")) == ["NX001"]


def test_a_tensor_file_is_checked_by_itself(tmp_path):
    path = tmp_path / "w.dat"
    tensor(path, np.array([1.0, np.nan, np.inf], np.float32))
    assert codes(check(path)) == ["NX417", "NX417"]
    assert check(path, data=False) == []


def test_every_fault_of_a_model_is_found_in_one_run(tmp_path):
    folder = model(tmp_path, GRAPH.replace("relu(z)", "rely(z)"), '"conv/w": nothing(bits = 8);\n')
    (folder / "conv" / "w.dat").write_bytes(b"short")
    (folder / "conv" / "b.dat").unlink()
    tensor(folder / "other.dat", np.ones(3, np.float32))
    assert sorted(codes(check(folder))) == ["NX201", "NX401", "NX432", "NX433", "NX501", "NX502"]


# ---- variables and their files


def test_a_missing_file_is_told_at_the_variable(tmp_path):
    folder = model(tmp_path)
    (folder / "conv" / "w.dat").unlink()
    (found,) = check(folder)
    assert found.code == "NX432"
    assert isinstance(found.at, TextAt)
    assert found.at.source.locate(found.at.pos)[0] == 5


@pytest.mark.parametrize(
    ("array", "options", "expected"),
    [
        (np.ones((4, 3, 3, 5), np.float32), {}, ["NX430"]),
        (np.ones((4, 3, 3, 3), np.int32), {}, ["NX431"]),
        (np.ones((4, 3, 3, 3), np.bool_), {}, ["NX431"]),
        (np.ones((4, 3), np.int32), {}, ["NX430", "NX431"]),
        (np.ones((4, 3, 3, 3), np.float16), {}, []),
        (np.ones((4, 3, 3, 3), np.float64), {}, []),
        (np.ones((4, 3, 3, 3), np.uint8), {"item_type": ItemType.QUINT}, ["NX505"]),
        (np.full((4, 3, 3, 3), np.nan, np.float32), {}, ["NX417"]),
    ],
)
def test_a_tensor_file_must_fit_its_variable(tmp_path, array, options, expected):
    folder = model(tmp_path)
    tensor(folder / "conv" / "w.dat", array, **options)
    assert codes(check(folder)) == expected


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_integers_of_all_widths_fit_integer_variables(tmp_path, dtype):
    graph = GRAPH.replace("b = variable(", "b = variable<integer>(").replace(", b)", ")")
    graph = graph.replace("relu(z)", "select(z < 0.0, z, z)").replace(
        "graph net", "extension KHR_enable_operator_expressions;\ngraph net"
    )
    folder = model(tmp_path, graph)
    tensor(folder / "conv" / "b.dat", np.zeros((1, 4), dtype))
    assert codes(check(folder, ignore=["NX801"])) == []


def test_odd_bit_widths_are_read(tmp_path):
    graph = GRAPH.replace("b = variable(", "b = variable<integer>(").replace(", b)", ")")
    folder = model(tmp_path, graph)
    tensor(folder / "conv" / "b.dat", np.arange(4, dtype=np.uint8).reshape(1, 4), bits=5)
    assert codes(check(folder, ignore=["NX801"])) == []


def test_labels_are_compared_without_case(tmp_path):
    folder = model(tmp_path, GRAPH.replace("'conv/w'", "'Conv/W'"))
    assert check(folder) == []


def test_a_label_that_leaves_the_model_is_refused(tmp_path):
    tensor(tmp_path / "outside.dat", np.ones((4, 3, 3, 3), np.float32))
    folder = model(tmp_path / "net", GRAPH.replace("'conv/w'", "'../outside'"))
    found = check(folder)
    assert "NX005" in codes(found)
    assert not any("outside.dat" in str(item.at) for item in found)


def test_a_link_out_of_the_model_is_refused(tmp_path):
    tensor(tmp_path / "outside.dat", np.ones((1, 4), np.float32))
    folder = model(tmp_path / "net")
    (folder / "conv" / "b.dat").unlink()
    os.symlink(tmp_path / "outside.dat", folder / "conv" / "b.dat")
    assert "NX006" in codes(check(folder))


def test_a_file_of_no_variable_is_a_warning(tmp_path):
    folder = model(tmp_path)
    tensor(folder / "conv" / "old.dat", np.ones(3, np.float32))
    (found,) = check(folder)
    assert (found.code, found.severity) == ("NX433", Severity.WARNING)


def test_samples_of_inputs_and_outputs_are_no_orphans(tmp_path):
    folder = model(tmp_path)
    tensor(folder / "x.dat", np.ones((1, 3, 8, 8), np.float32))
    tensor(folder / "y.dat", np.ones((1, 4, 8, 8), np.float32))
    assert check(folder) == []


def test_other_versions_of_a_tensor_must_fit(tmp_path):
    folder = model(tmp_path)
    tensor(folder / "conv" / "w.dat.q8", np.ones((4, 3, 3, 3), np.uint8))
    assert check(folder) == []
    tensor(folder / "conv" / "w.dat.q4", np.ones((4, 3), np.uint8))
    tensor(folder / "conv" / "c.dat.q4", np.ones((4, 3), np.uint8))
    assert codes(check(folder)) == ["NX434", "NX434"]


def test_a_header_of_an_old_writer_is_told(tmp_path):
    folder = model(tmp_path)
    path = folder / "conv" / "w.dat"
    data = path.read_bytes()
    path.write_bytes(data[:128] + bytes(4) + data[128:])
    assert codes(check(folder)) == ["NX413"]


def test_files_are_checked_when_the_graph_has_faults(tmp_path):
    folder = model(tmp_path, GRAPH.replace("relu(z)", "relu(z"))
    tensor(folder / "conv" / "w.dat", np.ones((4, 3, 3, 5), np.float32))
    assert codes(check(folder)) == ["NX106", "NX430"] or codes(check(folder)) == ["NX100", "NX430"]


def test_unknown_files_are_nobodys_business(tmp_path):
    folder = model(tmp_path)
    (folder / "notes.md").write_text("# notes")
    (folder / "vendor").mkdir()
    (folder / "vendor" / "net.bin").write_bytes(b"\0")
    assert check(folder) == []


# ---- graph.quant


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f'"z": {MIN_MAX}({RANGE});', []),
        (f'"z": {MIN_MAX}(min = [[0.0,0.0,0.0,0.0]], {RANGE.partition(", ")[2]});', []),
        (f'"w": {MIN_MAX}({RANGE});', []),
        ('"x": zero_point_linear_quantize(zero_point = 0, scale = 0.1, bits = 8, signed = true,'
         " symmetric = false);", []),
        ('"x": logarithmic_quantize(max = 1.0, bits = 4);', []),
        ('"x": linear_quantize(min = 0.0, max = 1.0, bits = 8);', ["NX507"]),
        (f'"nowhere": {MIN_MAX}({RANGE});', ["NX501"]),
        (f'"conv/w": {MIN_MAX}({RANGE});', ["NX501"]),
        (f'"z": {MIN_MAX}({RANGE});\n"z": {MIN_MAX}({RANGE});', ["NX501"]),
        ('"z": round_up(bits = 8);', ["NX502"]),
        ('"z": relu();', ["NX502"]),
        ('"z": logarithmic_quantize(max = 1.0);', ["NX503"]),
        ('"z": logarithmic_quantize(max = 1.0, bits = 4, bits = 4);', ["NX503"]),
        ('"z": logarithmic_quantize(1.0, bits = 4);', ["NX100"]),
        ('"z": logarithmic_quantize(max = 1.0, bits = 4, base = 2);', ["NX503"]),
        ('"z": logarithmic_quantize(max = [1.0,2.0,3.0], bits = 4);', ["NX504"]),
        ('"z": logarithmic_quantize(max = [[1.0],[2.0]], bits = 4);', ["NX504"]),
        ('"z": logarithmic_quantize(max = [[1.0,2.0],[3.0]], bits = 4);', ["NX506"]),
        ('"z": logarithmic_quantize(max = 1, bits = 4);', ["NX506"]),
        ('"z": logarithmic_quantize(max = 1.0, bits = 4.0);', ["NX506"]),
        ('"z": logarithmic_quantize(max = 1.0, bits = 0);', ["NX506"]),
        ('"z": zero_point_linear_quantize(zero_point = 0, scale = 0.0, bits = 8, signed = true,'
         " symmetric = false);", ["NX506"]),
        ('"z": logarithmic_quantize(max = z, bits = 4);', ["NX100"]),
        ('"z": logarithmic_quantize(max = 1.0, bits = 4)', ["NX106"]),
        ("z: logarithmic_quantize(max = 1.0, bits = 4);", ["NX100"]),
        ('"z": nothing(); # and\n"q": nothing();', ["NX502", "NX501", "NX502"]),
    ],
)  # fmt: skip
def test_entries_of_graph_quant(tmp_path, entry, expected):
    folder = model(tmp_path, quant=f"# ranges\n{entry}\n")
    assert codes(check(folder)) == expected


def test_an_entry_says_how_quantized_data_is_read(tmp_path):
    folder = model(tmp_path, quant=f'"w": {MIN_MAX}({RANGE});\n')
    quantized = np.ones((4, 3, 3, 3), np.uint8)
    tensor(folder / "conv" / "w.dat", quantized, item_type=ItemType.QUINT)
    assert check(folder) == []


@pytest.mark.parametrize("change", [("bits = 8", "bits = 4"), ("signed = false", "signed = true")])
def test_an_entry_that_does_not_fit_the_data_is_a_warning(tmp_path, change):
    folder = model(tmp_path, quant=f'"w": {MIN_MAX}({RANGE.replace(*change)});\n')
    quantized = np.ones((4, 3, 3, 3), np.uint8)
    tensor(folder / "conv" / "w.dat", quantized, item_type=ItemType.QUINT)
    (found,) = check(folder)
    assert (found.code, found.severity) == ("NX506", Severity.WARNING)


def test_a_quantization_file_is_checked_by_itself(tmp_path):
    path = tmp_path / "graph.quant"
    path.write_text('"z": relu(x = 1.0);\n"z": logarithmic_quantize(bits = 8);\n')
    assert codes(check(path)) == ["NX502", "NX501", "NX503"]


def test_the_models_of_the_conformance_tests_are_sound(shared):
    for folder in sorted(Path(shared("corpora", "nnef_core")).iterdir()):
        if folder.is_dir():
            assert codes(check(folder, ignore=["NX433"])) == [], folder.name
