"""`nnefx verify`: the source and a model made of it, run side by side."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import nnefx as api


def network(path, *, batch=None):
    """A convolution, a normalization and a dense layer; the batch is open or fixed."""
    rng = np.random.default_rng(7)
    stored = {
        "conv/w": rng.standard_normal((4, 3, 3, 3)),
        "conv/b": rng.standard_normal(4),
        "bn/scale": rng.random(4) + 0.5,
        "bn/offset": rng.standard_normal(4),
        "bn/mean": rng.standard_normal(4),
        "bn/variance": rng.random(4) + 0.5,
        "dense/w": rng.standard_normal((4, 2)),
    }
    norm = [f"bn/{name}" for name in ("scale", "offset", "mean", "variance")]
    nodes = [
        helper.make_node("Conv", ["image", "conv/w", "conv/b"], ["conv_out"], "conv"),
        helper.make_node("BatchNormalization", ["conv_out", *norm], ["bn_out"], "bn"),
        helper.make_node("Relu", ["bn_out"], ["relu_out"], "relu"),
        helper.make_node("GlobalAveragePool", ["relu_out"], ["mean_out"], "mean"),
        helper.make_node("Flatten", ["mean_out"], ["flat"], "flat"),
        helper.make_node("MatMul", ["flat", "dense/w"], ["scores"], "dense"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", 1, [batch or "N", 3, "H", 8])],
        [helper.make_tensor_value_info("scores", 1, [batch or "N", 2])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture
def pair(tmp_path, nnefx):
    """An ONNX file with open dimensions, and the folder that it was converted to."""
    source, target = network(tmp_path / "net.onnx"), tmp_path / "net"
    assert nnefx("convert", source, "-o", target, "--input-shape", "2,3,9,8").exit_code == 0
    return source, target


def corrupt(folder, label):
    path = folder / f"{label}.dat"
    array = np.array(api.read_tensor(path))
    array += 1
    path.unlink()
    api.write_tensor(path, array)


def test_a_conversion_agrees_and_takes_its_shapes_from_the_model(pair, nnefx):
    done = nnefx("verify", *pair)
    assert done.exit_code == 0, done.stderr
    assert "scores: relative error" in done.stderr
    assert done.stdout == ""


def test_unoptimized_models_are_compared_at_every_tensor(tmp_path, nnefx):
    source, target = network(tmp_path / "net.onnx"), tmp_path / "net"
    nnefx("convert", source, "-o", target, "--input-shape", "2,3,9,8", "--no-opt")
    report = json.loads(nnefx("verify", source, target, "--json").stdout)
    assert report["agrees"]
    compared = {item["source"] for item in report["comparisons"]}
    assert compared == {"conv_out", "bn_out", "relu_out", "mean_out", "flat", "scores"}


def test_the_first_tensor_behind_a_corrupted_weight_is_named_with_both_places(pair, nnefx):
    source, target = pair
    corrupt(target, "dense/w")
    done = nnefx("verify", source, target)
    assert done.exit_code == 1
    assert "error[NX709]: 'scores' diverges first" in done.stderr
    assert f"{target}/graph.nnef:" in done.stderr
    assert "node 'dense' (MatMul), 'scores'" in done.stderr
    assert "mean_out" not in done.stderr


def test_json_lists_every_tensor_with_its_places(pair, nnefx, tmp_path):
    source, target = pair
    corrupt(target, next(target.glob("conv/*.dat")).relative_to(target).with_suffix(""))
    report = tmp_path / "report.json"
    done = nnefx("verify", source, target, "--json", "--report", report)
    content = json.loads(done.stdout)
    assert (done.exit_code, content["format_version"], content["agrees"]) == (1, 1, False)
    first = content["comparisons"][0]
    assert content["first"] == first["name"] == "bn_out"
    assert "bn" in first["source_at"]
    assert json.loads(report.read_text()) == content


def test_random_truth_values_without_dimensions_are_fed(tmp_path, nnefx):
    kinds = {"c": 9, "x": 1, "z": 1}
    graph = helper.make_graph(
        [helper.make_node("Where", ["c", "x", "z"], ["y"])],
        "net",
        [helper.make_tensor_value_info(n, k, [] if n == "c" else [3]) for n, k in kinds.items()],
        [helper.make_tensor_value_info("y", 1, [3])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "net.onnx",
    )
    nnefx("convert", tmp_path / "net.onnx", "-o", tmp_path / "net")
    assert nnefx("verify", tmp_path / "net.onnx", tmp_path / "net").exit_code == 0


def test_tolerance_and_given_inputs_are_used(pair, nnefx, tmp_path):
    source, target = pair
    corrupt(target, "dense/w")
    assert nnefx("verify", source, target, "--rtol", "100").exit_code == 0
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 9, 8), np.float32))
    assert nnefx("verify", source, target, "--input", f"image={tmp_path}/x.npy").exit_code == 1
    assert nnefx("verify", source, target, "--input", f"picture={tmp_path}/x.npy").exit_code == 2


def test_a_model_of_something_else_is_refused(pair, nnefx, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "graph.nnef").write_text(
        "version 1.0;\ngraph g(a) -> (b)\n{ a = external(shape = [1, 2]); b = relu(a); }\n"
    )
    done = nnefx("verify", pair[0], tmp_path / "other")
    assert done.exit_code == 1
    assert "image" in done.stderr


def test_shapes_that_the_source_does_not_take_are_refused(pair, nnefx, tmp_path):
    source = network(tmp_path / "fixed.onnx", batch=5)
    done = nnefx("verify", source, pair[1])
    assert done.exit_code == 1
    assert "NX70" in done.stderr


def test_caffe(tmp_path, nnefx):
    pytest.importorskip("cv2")
    (tmp_path / "net.prototxt").write_text(
        'name: "n" input: "data" input_shape { dim: 1 dim: 2 dim: 6 dim: 6 }\n'
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c"'
        " convolution_param { num_output: 3 kernel_size: 3 } }\n"
        'layer { name: "r" type: "ReLU" bottom: "c" top: "r" }\n'
    )
    source, target = tmp_path / "net.prototxt", tmp_path / "net"
    words = ["--weights", "none", "--input-shape", "data:2,2,7,6"]
    assert nnefx("convert", source, "-o", target, *words).exit_code == 0
    done = nnefx("verify", source, target, "--weights", "none")
    assert done.exit_code == 0, done.stderr
    corrupt(target, next(target.rglob("*.dat")).relative_to(target).with_suffix(""))
    done = nnefx("verify", source, target, "--weights", "none")
    assert done.exit_code == 1
    assert "'c' diverges first" in done.stderr


def test_pytorch(tmp_path, nnefx):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    source, target = tmp_path / "net.pt2", tmp_path / "net"
    torch.export.save(torch.export.export(net.eval(), (torch.ones(2, 4),)), source)
    assert nnefx("convert", source, "-o", target).exit_code == 0
    done = nnefx("verify", source, target)
    assert done.exit_code == 0, done.stderr
    corrupt(target, sorted(target.rglob("*.dat"))[0].relative_to(target).with_suffix(""))
    done = nnefx("verify", source, target)
    assert done.exit_code == 1
    assert "diverges first" in done.stderr


def test_tflite(tmp_path, nnefx):
    pytest.importorskip("tensorflow")
    folder, source, target = tmp_path / "first", tmp_path / "net.tflite", tmp_path / "net"
    folder.mkdir()
    (folder / "graph.nnef").write_text(
        "version 1.0;\ngraph g(x) -> (y)\n{ x = external(shape = [1, 2, 6, 6]);\n"
        "f = variable(shape = [3, 2, 3, 3], label = 'f'); c = conv(x, f); y = relu(c); }\n"
    )
    items = np.random.default_rng(1).standard_normal((3, 2, 3, 3)).astype(np.float32)
    api.write_tensor(folder / "f.dat", items)
    assert nnefx("convert", folder, "-o", source).exit_code == 0
    assert nnefx("convert", source, "-o", target).exit_code == 0
    assert nnefx("verify", source, target).exit_code == 0
    corrupt(target, next(target.rglob("*.dat")).relative_to(target).with_suffix(""))
    done = nnefx("verify", source, target)
    assert done.exit_code == 1
    assert "diverges first" in done.stderr
