"""NNEF models written as TFLite files and SavedModels compute what they computed before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnefx
from nnefx.converters import read, write
from nnefx.diagnostics import NnefError
from nnefx.tensors.model import Model, loads

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # TensorFlow and its packages warn on import
]

tf = pytest.importorskip("tensorflow")

X = "x = external(shape = [1, 4, 7, 6]);"
F = "f = variable(shape = [5, 4, 3, 3], label = 'f'); b = variable(shape = [1, 5], label = 'b');"
G = "g = variable(shape = [4, 5, 3, 3], label = 'g');"
D = "d = variable(shape = [4, 1, 3, 3], label = 'd');"
ALL = "padding = [(0, 0), (0, 0), (1, 0), (2, 1)]"

BODIES = {
    "relu": "y = relu(x);",
    "conv": f"{F} y = conv(x, f, b);",
    "conv_stride": f"{F} y = conv(x, f, b, stride = [2, 3]);",
    "conv_explicit": f"{F} y = conv(x, f, b, padding = [(1, 0), (2, 2)], dilation = [2, 1]);",
    "conv_cropped": f"{F} y = conv(x, f, padding = [(-1, 0), (0, 1)]);",
    "conv_replicate": f"{F} y = conv(x, f, border = 'replicate');",
    "conv_reflect": f"{F} y = conv(x, f, border = 'reflect');",
    "conv_depthwise": f"{D} y = conv(x, d, groups = 0, stride = [2, 2]);",
    "conv_uneven_depthwise": f"{D} y = conv(x, d, groups = 0, stride = [2, 1]);",
    "conv_grouped": "k = variable(shape = [6, 2, 3, 3], label = 'k'); y = conv(x, k, groups = 2);",
    "deconv": f"{G} y = deconv(x, g, stride = [2, 2]);",
    "deconv_explicit": f"{G} y = deconv(x, g, padding = [(1, 0), (0, 2)], stride = [2, 3]);",
    "deconv_dilated": f"{G} y = deconv(x, g, dilation = [2, 2], padding = [(0, 0), (0, 0)]);",
    "deconv_depthwise": f"{D} y = deconv(x, d, groups = 0, stride = [2, 2]);",
    "max_pool": f"y = max_pool(x, size = [1, 1, 3, 2], stride = [1, 1, 2, 2], {ALL});",
    "max_pool_ignore": "y = max_pool(x, size = [1, 1, 3, 2], border = 'ignore');",
    "avg_pool": f"y = avg_pool(x, size = [1, 1, 3, 3], {ALL}, border = 'ignore');",
    "avg_pool_constant": f"y = avg_pool(x, size = [1, 1, 3, 3], {ALL});",
    "box": "y = box(x, size = [1, 1, 2, 2], stride = [1, 1, 2, 2], border = 'ignore');",
    "box_channels": "y = box(x, size = [1, 3, 1, 1], normalize = true);",
    "lrn": "y = local_response_normalization(x, size = [1, 3, 1, 1], alpha = 0.5);",
    "softmax": "y = softmax(x, axes = [1]);",
    "softmax_two": "y = softmax(x, axes = [2, 3]);",
    "batch_norm": (
        "m = variable(shape = [1, 4], label = 'm'); v = constant(shape = [1, 4], value = [2.0]);"
        " y = batch_normalization(x, m, v, m, v, epsilon = 0.1);"
    ),
    "broadcast": "m = variable(shape = [1, 4], label = 'm'); y = mul(x, m);",
    "after_conv": (
        f"{F} c = conv(x, f, b); m = variable(shape = [1, 5], label = 'm'); n = mul(c, m);"
        " p = max_reduce(n, axes = [2]); q = concat([n, p], axis = 2);"
        " y = slice(q, axes = [1, 3], begin = [1, 2], end = [4, 0]);"
    ),
    "split": "[a, c] = split(x, axis = 1, ratios = [1, 3]); y = concat([c, a], axis = 1);",
    "stack": "[a, c, d, e] = unstack(x, axis = 1); y = stack([a, e], axis = 2);",
    "reshape": "y = reshape(x, shape = [4, -1], axis_start = 1, axis_count = 2);",
    "transpose": "y = transpose(x, axes = [0, 2, 3, 1]);",
    "linear": (
        "a = reshape(x, shape = [1, -1]); w = variable(shape = [3, 168], label = 'w');"
        " c = variable(shape = [1, 3], label = 'c'); y = linear(a, w, c);"
    ),
    "matmul": "a = transpose(x, axes = [0, 1, 3, 2]); y = matmul(x, a);",
    "reduce": "y = mean_reduce(x, axes = [1, 3]);",
    "argmax": "y = argmax_reduce(x, axes = [1]);",
    "pad": "y = pad(x, padding = [(0, 0), (1, 0), (2, 1), (0, 0)], border = 'replicate');",
    "pad_crop": "y = pad(x, padding = [(0, 0), (0, 0), (-2, 1), (0, -1)], value = 1.5);",
    "tile": "y = tile(x, repeats = [1, 2, 1, 2]);",
    "gather": "i = constant<integer>(shape = [2], value = [3, 1]); y = gather(x, i, axis = 1);",
    "nearest": "y = nearest_upsample(x, factor = [2, 3]);",
    "linear_symmetric": "y = multilinear_upsample(x, factor = [2, 2], border = 'replicate');",
    "linear_aligned": (
        "y = multilinear_upsample(x, factor = [2, 2], method = 'aligned', border = 'replicate');"
    ),
    "select": "c = gt(x, 0.0); y = select(c, x, 0.5);",
    "clamp": "y = clamp(x, 0.0, 6.0);",
    "elu": "y = elu(x);",
    "sigmoid": "y = sigmoid(x);",
    "composite": "y = l2_normalization(x, axes = [1]);",
    "separable": (
        f"{D} k = variable(shape = [6, 4, 1, 1], label = 'k'); y = separable_conv(x, d, k);"
    ),
}


def model(body: str) -> Model:
    loaded = loads(f"version 1.0; graph net(x) -> (y) {{ {X} {body} }}")
    rng = np.random.default_rng(0)
    weights = {
        node.attributes["label"]: rng.standard_normal(node.output.shape).astype(np.float32)
        for node in loaded.graph.variables
    }
    return Model(loaded.graph, weights)


def image() -> Any:
    return np.random.default_rng(1).standard_normal((1, 4, 7, 6)).astype(np.float32)


@pytest.mark.parametrize("name", BODIES)
def test_the_function_computes_the_same(name: str) -> None:
    from nnefx.converters.tensorflow.graph.write import module_of

    ours = model(BODIES[name])
    expected = nnefx.run(ours, {"x": image()})["y"]
    found = module_of(ours).run(tf.constant(image()))["y"].numpy()
    assert found.shape == expected.shape
    scale = max(float(np.abs(expected).max()), 1.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("format", ["tflite", "tensorflow"])
@pytest.mark.parametrize("name", ["after_conv", "linear", "conv_depthwise", "nearest", "max_pool"])
def test_a_file_reads_back_to_the_same_numbers(name: str, format: str, tmp_path: Path) -> None:
    ours = model(BODIES[name])
    path = tmp_path / ("net.tflite" if format == "tflite" else "net")
    write(ours, path, format=format)
    imported = read(path)
    assert [(v.name, v.shape) for v in imported.graph.inputs] == [("x", (1, 4, 7, 6))]
    assert [v.name for v in imported.graph.outputs] == ["y"]
    again = Model(imported.graph, imported.weights)
    ((expected,), (found,)) = (nnefx.run(m, {"x": image()}).values() for m in (ours, again))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_tflite_runs_what_is_written(tmp_path: Path) -> None:
    from nnefx.converters.tensorflow.lite.reference import run

    ours = model(BODIES["after_conv"])
    write(ours, tmp_path / "net.tflite", format="tflite")
    (name,) = read(tmp_path / "net.tflite").names.keys() & {"serving_default_x:0", "x"}
    outputs = read(tmp_path / "net.tflite")
    target = next(n for n, mine in outputs.names.items() if mine == "y")
    found = run(tmp_path / "net.tflite", {name: image()}, [target])[target]
    expected = nnefx.run(ours, {"x": image()})["y"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


LAYERS = """
    f = variable(shape = [5, 4, 3, 3], label = 'f'); b = variable(shape = [1, 5], label = 'b');
    g = variable(shape = [6, 5, 3, 3], label = 'g');
    c = conv(x, f, b); r = relu(c); p = max_pool(r, size = [1, 1, 2, 2], border = 'ignore');
    d = conv(p, g, 0.5); y = relu(d);
"""


def test_tflite_keeps_the_grids_of_a_quantized_model(tmp_path: Path) -> None:
    from nnefx.converters.tensorflow.lite.reference import run
    from nnefx.quantization import Options, quantize

    random = np.random.default_rng(3)
    samples = [{"x": random.normal(size=(1, 4, 7, 6)).astype(np.float32)} for _ in range(16)]
    ours = quantize(model(LAYERS), samples, Options(per_channel=True)).model
    write(ours, tmp_path / "net.tflite", format="tflite")
    imported = read(tmp_path / "net.tflite")
    again = Model(imported.graph, imported.weights, imported.quantization)
    stored = [again.weight(node).dtype for node in again.graph.variables]
    assert sorted(map(str, stored)) == ["int32", "int32", "int8", "int8"]

    kept = {pair(entry) for entry in again.quantization.values()}
    assert {pair(ours.quantization[name]) for name in "xrpy"} <= kept
    (name,) = imported.names.keys() & {"serving_default_x:0", "x"}
    target = next(n for n, mine in imported.names.items() if mine == "y")
    step, _ = pair(ours.quantization["y"])
    for feeds in samples[:4]:
        found = run(tmp_path / "net.tflite", {name: feeds["x"]}, [target])[target]
        expected = nnefx.run(ours, feeds, integer=True, rounding="tflite")["y"]
        off = np.rint(np.abs(found - expected) / step)
        assert off.max() <= 1  # what a literal adds is rounded elsewhere
        assert np.mean(off) < 0.1


def pair(entry: Any) -> tuple[float, int]:
    """The scale of an entry, the first one of several, and its zero point."""
    scale = np.ravel(entry.attributes["scale"])[0]
    return float(np.float32(scale)), int(np.ravel(entry.attributes["zero_point"])[0])


def test_the_command_writes_by_suffix(nnefx: Any, tmp_path: Path) -> None:
    import nnefx as package

    package.save(model(BODIES["relu"]), tmp_path / "net")
    run = nnefx("convert", tmp_path / "net", "-o", tmp_path / "net.tflite")
    assert (run.exit_code, run.stdout) == (0, "")
    assert (tmp_path / "net.tflite").read_bytes()[4:8] == b"TFL3"
    again = nnefx("convert", tmp_path / "net", "-o", tmp_path / "net.tflite")
    assert again.exit_code != 0
    run = nnefx("convert", tmp_path / "net", "-o", tmp_path / "saved", "--to", "tensorflow")
    assert run.exit_code == 0
    assert (tmp_path / "saved" / "saved_model.pb").exists()


def test_what_tensorflow_lacks_is_refused_by_place(tmp_path: Path) -> None:
    body = "y, i = max_pool_with_index(x, size = [1, 1, 2, 2]);"
    text = f"version 1.0; graph net(x) -> (y) {{ {X} {body} }}"
    with pytest.raises(NnefError, match="argmax_pool") as caught:
        write(loads(text), tmp_path / "net.tflite", format="tflite")
    assert {item.code for item in caught.value.diagnostics} == {"NX611"}
    assert not (tmp_path / "net.tflite").exists()
