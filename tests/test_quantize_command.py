"""`nnefx quantize`: what it writes, what it tells, and what is wrong with its input."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnefx as package
from nnefx.cli.samples import SampleFiles
from nnefx.tensors.quant import Quantization
from quantized_nets import CHAIN, SMALL, net, samples

STACK = np.concatenate([sample["x"] for sample in samples(12)])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a model and calibration data, where the command runs."""
    package.save(net(SMALL), tmp_path / "net")
    np.savez(tmp_path / "data.npz", x=STACK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_model_is_written_and_the_worst_layers_are_told(nnefx, folder):
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out", "--per-channel")
    assert (run.exit_code, run.stdout) == (0, "")
    lines = run.stderr.splitlines()
    assert lines[0].split() == ["layer", "operation", "bits", "weights", "result", "range"]
    assert len(lines) == 1 + 5 + 2
    assert lines[6].startswith("out: 3 layers with weights, 12 samples, ")
    assert lines[7].startswith("y: ")
    assert package.check("out") == []
    assert package.load("out").weights["c1/f"].dtype == np.int8


def test_report_is_json_on_stdout_and_in_a_file(nnefx, folder):
    words = ("--json", "-q", "--report", "report.json")
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out.nnef.tgz", *words)
    report = json.loads(run.stdout)
    assert report == json.loads((folder / "report.json").read_text())
    assert report["format_version"] == 1
    assert report["layers"][0]["weight"]["label"] == "c1/f"
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("budget", "most"), [("1KB", 1000), ("1KiB", 1024), ("60%", None), ("1100", 1100)]
)
def test_budget_is_read_in_bytes_and_in_shares(nnefx, folder, budget, most):
    words = ("--budget", budget, "--json", "-q")
    report = json.loads(
        nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out", *words).stdout
    )
    assert report["bytes_after"] <= (most or 0.6 * report["bytes_before"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--bits", "3"], "'--bits'"),
        (["--weight-bits", "17"], "'--weight-bits'"),
        (["--budget", "0%"], "not of the form 5MB"),
        (["--budget", "120%"], "no less than there is"),
        (["--budget", "many"], "not of the form 5MB"),
        (["--budget", "1KB", "--exclude", "conv"], "NX511"),
        (["--budget", "300"], "NX511"),
        (["--exclude", "convolution"], "NX510"),
        (["--exclude", "conv9*", "--exclude", "conv"], "NX510"),
        (["--mean", "a,b"], "'--mean'"),
        (["--mean", "0,nan"], "not finite"),
        (["--std", "0"], "not positive"),
        (["--std", "inf"], "not finite"),
        (["--percentile", "101"], "'--percentile'"),
        (["--samples", "0"], "'--samples'"),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else None,
)
def test_wrong_options_are_wrong_use(nnefx, folder, words, code):
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out", *words)
    assert run.exit_code == 2
    assert code in run.stderr
    assert not (folder / "out").exists()


def test_output_that_exists_is_kept_without_force(nnefx, folder):
    words = ("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    (folder / "out").mkdir()
    assert nnefx(*words).exit_code == 2
    assert nnefx(*words, "--force").exit_code == 0


def poisoned(position):
    stack = STACK.copy()
    stack[position] = np.nan
    return stack


@pytest.mark.parametrize(
    ("arrays", "code", "message"),
    [
        ({"x": poisoned((7, 1, 2, 2))}, "NX014", "data.npz: error[NX014]: samples for 'x' hold NaN "
         "or infinity, first in sample 7"),
        ({"x": STACK[:, :, :4]}, "NX307", "samples for 'x' have shape [12, 3, 4, 8], the graph "
         "declares [1, 3, 8, 8]"),
        ({"z": STACK}, "NX307", "no samples for input 'x'; there is z"),
        ({"x": STACK[:0]}, "NX014", "no samples"),
        ({"x": np.array([object()])}, "NX014", "not a readable array"),
    ],
)  # fmt: skip
def test_bad_calibration_data_is_named(nnefx, folder, arrays, code, message):
    np.savez(folder / "data.npz", **arrays)
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    assert run.exit_code == (2 if code == "NX307" else 1)
    assert code in run.stderr
    assert message in run.stderr
    assert not (folder / "out").exists()


def test_missing_calibration_data_is_wrong_use(nnefx, folder):
    run = nnefx("quantize", "net", "--calibrate", "none.npz", "-o", "out")
    assert (run.exit_code, "NX001" in run.stderr) == (2, True)
    assert nnefx("quantize", "net", "-o", "out").exit_code == 2


def test_empty_folder_is_told(nnefx, folder):
    (folder / "empty").mkdir()
    run = nnefx("quantize", "net", "--calibrate", "empty", "-o", "out")
    assert (run.exit_code, "no samples" in run.stderr) == (1, True)


@pytest.mark.parametrize("cut", [0, 5, 100, 3000])
def test_damaged_archive_is_told(nnefx, folder, cut):
    whole = (folder / "data.npz").read_bytes()
    (folder / "data.npz").write_bytes(whole[:cut])
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    assert (run.exit_code, "NX014" in run.stderr) == (1, True)


def test_little_data_is_a_warning(nnefx, folder):
    words = ("quantize", "net", "--calibrate", "data.npz", "-o", "out", "--samples")
    assert "warning[NX508]: 3 calibration samples" in nnefx(*words, "3").stderr
    assert "NX508" not in nnefx(*words, "8", "--force").stderr


@pytest.mark.parametrize("order", ["C", "F"])
def test_folders_of_arrays_give_what_one_archive_gives(nnefx, folder, order):
    (folder / "parts").mkdir()
    np.save(folder / "parts/a.npy", np.asarray(STACK[:5], order=order))
    np.save(folder / "parts/b.npy", STACK[5])
    np.save(folder / "parts/c.npy", STACK[6][None])
    np.savez_compressed(folder / "parts/d.npz", x=np.asarray(STACK[7:], order=order))
    texts = []
    for data in ("parts", "data.npz"):
        nnefx("quantize", "net", "--calibrate", data, "-o", "out", "--force")
        texts.append((folder / "out/graph.quant").read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("packed", [False, True])
def test_samples_are_not_held_in_memory(folder, packed):
    stack = np.zeros((2000, 3, 8, 8), np.float32)  # 1.5 MB
    (np.savez_compressed if packed else np.savez)("many.npz", x=stack)
    files = SampleFiles(net(SMALL).graph, Path("many.npz"))
    tracemalloc.start()
    assert sum(1 for _ in files) == 2000
    assert sum(1 for _ in files) == 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 400_000


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_pictures_are_normalized(nnefx, folder, layout):
    from PIL import Image

    shape = [1, 3, 8, 8] if layout == "NCHW" else [1, 8, 8, 3]
    axes = "[0,1,2,3]" if layout == "NCHW" else "[0,3,1,2]"
    (folder / "net/graph.nnef").write_text(
        "version 1.0;\n\ngraph net( x ) -> ( y )\n{\n"
        f"    x = external<scalar>(shape = {shape});\n"
        f"    t = transpose(x, axes = {axes});\n"
        "    f = variable<scalar>(shape = [8,3,3,3], label = 'c1/f');\n    y = conv(t, f);\n}\n"
    )
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    for index in range(8):
        pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels[0, 0], pixels[0, 1] = 0, 255
        Image.fromarray(pixels).save(folder / f"pictures/{index}.png")
    words = ("--mean", "0.5,0.5,0.25", "--std", "0.5", "--layout", layout, "--json", "-q")
    run = nnefx("quantize", "net", "--calibrate", "pictures", "-o", "out", *words)
    (seen,) = json.loads(run.stdout)["inputs"]
    assert (seen["low"], seen["high"]) == (-1.0, 1.5)
    wrong = ("--mean", "0.5,0.5", "--layout", layout)
    run = nnefx("quantize", "net", "--calibrate", "pictures", "-o", "out2", *wrong)
    assert "mean has 2 numbers, 'x' has 3 channels" in run.stderr


# ---- models that cannot be quantized


def test_quantized_model_is_refused_where_it_says_so(nnefx, folder):
    nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "once")
    run = nnefx("quantize", "once", "--calibrate", "data.npz", "-o", "twice")
    assert run.exit_code == 1
    assert "once/graph.quant:1:1: error[NX512]: model is quantized already" in run.stderr


def test_model_with_quantizing_operations_is_refused(nnefx, folder):
    nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "once", "--fake")
    run = nnefx("quantize", "once", "--calibrate", "data.npz", "-o", "twice")
    assert run.exit_code == 1
    assert "'x_quantized' is made by zero_point_linear_quantize" in run.stderr


def test_quant_file_that_does_not_fit_is_told(nnefx, folder):
    entry = Quantization("zero_point_linear_quantize", {"zero_point": 0, "scale": 1.0, "bits": 8})
    package.save(replace(net(SMALL), quantization={"nobody": entry}), "odd")
    run = nnefx("quantize", "odd", "--calibrate", "data.npz", "-o", "out")
    assert (run.exit_code, "NX501" in run.stderr) == (1, True)
    assert "odd/graph.quant:1:1" in run.stderr


def test_model_without_layers_is_refused(nnefx, folder):
    (folder / "net/graph.nnef").write_text(
        "version 1.0;\n\ngraph net( x ) -> ( y )\n{\n"
        "    x = external<scalar>(shape = [1,3,8,8]);\n    y = exp(x);\n}\n"
    )
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    assert (run.exit_code, "NX513" in run.stderr) == (1, True)


def test_unknown_extent_is_told_where_it_is_declared(nnefx, folder):
    text = (folder / "net/graph.nnef").read_text()
    (folder / "net/graph.nnef").write_text(text.replace("[1, 3, 8, 8]", "[0, 3, 8, 8]"))
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    assert run.exit_code == 1
    assert "graph.nnef:5" in run.stderr


def test_weights_that_are_missing_are_told(nnefx, folder):
    (folder / "net/c1/f.dat").unlink()
    run = nnefx("quantize", "net", "--calibrate", "data.npz", "-o", "out")
    assert (run.exit_code, "NX432" in run.stderr) == (1, True)


def test_weights_that_are_not_finite_are_told_where_they_are_declared(nnefx, folder):
    model = net(SMALL)
    model.weights["c2/f"][1, 0, 1, 1] = np.inf
    package.save(model, "odd")
    run = nnefx("quantize", "odd", "--calibrate", "data.npz", "-o", "out")
    assert (run.exit_code, "NX417" in run.stderr, "c2/f" in run.stderr) == (1, True, True)
    assert "odd/graph.nnef:" in run.stderr


def test_what_overflows_stays_real(nnefx, folder):
    model = net("m = mul(x, 1e31);\n"
                "    f = variable<scalar>(shape = [8,3,3,3], label = 'f');\n"
                "    y = conv(m, f);")  # fmt: skip
    package.save(model, "odd")
    run = nnefx("quantize", "odd", "--calibrate", "data.npz", "-o", "out")
    assert run.exit_code == 0
    assert "warning[NX514]: 'm' is beyond 1e30 or NaN on the samples: it stays real" in run.stderr
    assert package.check("out") == []


@pytest.mark.parametrize("factor", [1e-42, 3e37])
def test_samples_near_the_ends_of_32_bits_leave_numpy_silent(nnefx, folder, factor):
    inputs = np.concatenate([sample["x"] for sample in samples(8)])
    np.savez("far.npz", x=np.clip(inputs, -3, 3) * np.float32(factor))
    run = nnefx("quantize", "net", "--calibrate", "far.npz", "-o", "out")
    assert run.exit_code == 0
    assert package.check("out") == []


def test_chain_has_an_entry_for_each_tensor(nnefx, folder):
    package.save(net(CHAIN), "chain")
    nnefx("quantize", "chain", "--calibrate", "data.npz", "-o", "out", "--exclude", "x")
    entries = package.load("out").quantization
    assert list(entries) == ["n", "f", "b", "c", "y"]
