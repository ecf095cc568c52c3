"""Caffe layers that OpenCV lacks or computes otherwise, beside their formulas written as loops."""

import itertools
import math

import numpy as np
import pytest

from caffe_nets import feeds, layer, net, random, read, run
from nnefx.diagnostics import NnefError

IMAGE = (2, 4, 5, 3)


def close(actual, expected, rtol=1e-5):
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol)


def converted(folder, text, low=-2.0, high=2.0, **shapes):
    """The inputs, the blobs that the converted net makes of them, and its weights."""
    imported = read(folder, net(text, **(shapes or {"x": IMAGE})))
    inputs = feeds(imported, low, high)
    weights = {name.partition("/")[2]: array for name, array in imported.weights.items()}
    return inputs, run(imported, inputs), weights


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Functions of one blob: the layer, and its formula.
FUNCTIONS = {
    "threshold": ("Threshold", "threshold_param { threshold: 0.5 }", lambda x: x > 0.5),
    "threshold of 0": ("Threshold", "", lambda x: x > 0),
    "clip": ("Clip", "clip_param { min: -1 max: 0.5 }", lambda x: np.clip(x, -1, 0.5)),
    "elu": ("ELU", "elu_param { alpha: 0.3 }", lambda x: np.where(x > 0, x, 0.3 * np.expm1(x))),
    "swish": ("Swish", "swish_param { beta: 2 }", lambda x: x * sigmoid(2 * x)),
    "exp": ("Exp", "exp_param { base: 3 scale: 0.5 }", lambda x: 3 ** (0.5 * x)),
    "log": ("Log", "log_param { shift: 3 }", lambda x: np.log(3 + x)),
    "log of base": (
        "Log", "log_param { base: 10 scale: 2 shift: 5 }", lambda x: np.log10(5 + 2 * x),
    ),
    "power 0": ("Power", "power_param { power: 0 }", np.ones_like),
    "power 2": ("Power", "power_param { power: 2 shift: 1 }", lambda x: (x + 1) ** 2),
    "root": ("Power", "power_param { power: 0.5 shift: 3 }", lambda x: np.sqrt(x + 3)),
    "inverse": ("Power", "power_param { power: -1 shift: 3 }", lambda x: 1 / (x + 3)),
    "bnll": ("BNLL", "", lambda x: np.log1p(np.exp(x))),
    "dropout of forks": (
        "Dropout", "dropout_param { dropout_ratio: 0.25 scale_train: false }", lambda x: 0.75 * x,
    ),
    "tile": ("Tile", "tile_param { axis: 2 tiles: 3 }", lambda x: np.tile(x, (1, 1, 3, 1))),
    "tile channels": ("Tile", "tile_param { tiles: 2 }", lambda x: np.tile(x, (1, 2, 1, 1))),
    "upsample": (
        "Upsample", "upsample_param { scale: 2 }", lambda x: x.repeat(2, axis=2).repeat(2, axis=3),
    ),
    "shuffle channel": (
        "ShuffleChannel", "shuffle_channel_param { group: 2 }", lambda x: x[:, [0, 2, 1, 3]],
    ),
    "permute some": ("Permute", "permute_param { order: 2 }", lambda x: x.transpose(2, 0, 1, 3)),
    "sum": ("Reduction", "", lambda x: x.sum()),
    "absolute sum": (
        "Reduction", "reduction_param { operation: ASUM axis: 1 }",
        lambda x: abs(x).sum(axis=(1, 2, 3)),
    ),
    "sum of squares": (
        "Reduction", "reduction_param { operation: SUMSQ axis: -1 coeff: 0.5 }",
        lambda x: 0.5 * (x * x).sum(axis=3),
    ),
    "mean": (
        "Reduction", "reduction_param { operation: MEAN axis: 2 coeff: 2 }",
        lambda x: 2 * x.mean(axis=(2, 3)),
    ),
    "argmax": (
        "ArgMax", "", lambda x: x.reshape(2, -1).argmax(axis=1).reshape(2, 1, 1, 1),
    ),
    "argmax of axis": (
        "ArgMax", "argmax_param { axis: 1 }", lambda x: x.argmax(axis=1)[:, None],
    ),
    "max of axis": (
        "ArgMax", "argmax_param { axis: -1 out_max_val: true }", lambda x: x.max(axis=3)[..., None],
    ),
    "best three": (
        "ArgMax", "argmax_param { axis: 1 top_k: 3 }",
        lambda x: np.argsort(-x, axis=1)[:, :3],
    ),
    "best two values": (
        "ArgMax", "argmax_param { top_k: 2 out_max_val: true }",
        lambda x: np.stack(
            [np.argsort(-x.reshape(2, -1))[:, :2], -np.sort(-x.reshape(2, -1))[:, :2]], axis=1
        )[..., None],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "parameters", "formula"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_function_of_one_blob(kind, parameters, formula, tmp_path):
    inputs, blobs, _ = converted(tmp_path, layer(kind, parameters))
    close(blobs["y"], formula(inputs["x"]))


def test_argmax_of_a_matrix_has_three_axes(tmp_path):
    inputs, blobs, _ = converted(tmp_path, layer("ArgMax"), x=(3, 5))
    close(blobs["y"], inputs["x"].argmax(axis=1).reshape(3, 1, 1))


# ---- blobs with weights


@pytest.mark.parametrize(
    ("parameters", "shape", "placed"),
    [
        ("", (4,), (1, 4, 1, 1)),
        ("axis: 0", (2,), (2, 1, 1, 1)),
        ("axis: -2 num_axes: 2", (5, 3), (1, 1, 5, 3)),
        ("axis: 1 num_axes: -1", (4, 5, 3), (1, 4, 5, 3)),
    ],
)
def test_scale_and_bias_cover_the_axes_that_they_name(parameters, shape, placed, tmp_path):
    inputs, blobs, weights = converted(tmp_path, layer("Bias", f"bias_param {{ {parameters} }}"))
    assert weights["bias"].size == math.prod(shape)
    close(blobs["y"], inputs["x"] + weights["bias"].reshape(placed))
    text = layer("Scale", f"scale_param {{ {parameters} bias_term: true }}")
    inputs, blobs, weights = converted(tmp_path, text)
    factor, offset = weights["scale"].reshape(placed), weights["bias"].reshape(placed)
    close(blobs["y"], inputs["x"] * factor + offset)


def test_a_scale_of_no_axes_is_one_number(tmp_path):
    text = layer("Scale", "scale_param { num_axes: 0 }")
    inputs, blobs, weights = converted(tmp_path, text)
    factor = float(blobs["y"].reshape(-1)[0] / inputs["x"].reshape(-1)[0])
    assert weights == {}
    assert 0.5 <= factor <= 1.5
    close(blobs["y"], inputs["x"] * factor)


def test_scale_by_a_blob_may_have_a_bias_of_its_own(tmp_path):
    text = layer("Scale", "scale_param { axis: 1 bias_term: true }", "x a")
    inputs, blobs, weights = converted(tmp_path, text, x=IMAGE, a=(4, 5))
    offset = weights["bias"].reshape(1, 4, 5, 1)
    close(blobs["y"], inputs["x"] * inputs["a"][None, :, :, None] + offset)


def test_bias_of_a_second_bottom(tmp_path):
    inputs, blobs, _ = converted(
        tmp_path, layer("Bias", "bias_param { axis: 2 }", "x a"), x=IMAGE, a=(5, 3)
    )
    close(blobs["y"], inputs["x"] + inputs["a"])


def test_inner_product_of_transposed_weights(tmp_path):
    text = layer("InnerProduct", "inner_product_param { num_output: 6 transpose: true }")
    inputs, blobs, weights = converted(tmp_path, text)
    assert weights["weight"].shape == (60, 6)
    close(blobs["y"], inputs["x"].reshape(2, 60) @ weights["weight"] + weights["bias"])


def test_inner_product_over_all_axes(tmp_path):
    text = layer("InnerProduct", "inner_product_param { num_output: 6 axis: 0 }")
    inputs, blobs, weights = converted(tmp_path, text)
    bias = weights["bias"].reshape(6)
    close(blobs["y"], weights["weight"] @ inputs["x"].reshape(-1) + bias)


def test_embedding_takes_rows(tmp_path):
    text = layer("Embed", "embed_param { num_output: 3 input_dim: 7 }")
    imported = read(tmp_path, net(text, x=(2, 5)))
    rows = np.arange(10).reshape(2, 5) % 7
    blobs = run(imported, {"x": rows.astype(np.float32)})
    table, bias = imported.weights["y/weight"], imported.weights["y/bias"]
    close(blobs["y"], table[rows] + bias.reshape(3))


def test_batch_norm_by_the_statistics_of_the_batch(tmp_path):
    text = layer("BatchNorm", "batch_norm_param { use_global_stats: false eps: 0.1 }")
    inputs, blobs, _ = converted(tmp_path, text)
    x = inputs["x"]
    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    placed = (1, 4, 1, 1)
    close(blobs["y"], (x - mean.reshape(placed)) / np.sqrt(variance.reshape(placed) + 0.1))


def test_batch_norm_of_a_fork_scales_as_well(tmp_path):
    text = layer("BatchNorm", "batch_norm_param { scale_bias: true }")
    inputs, blobs, weights = converted(tmp_path, text)
    of = {name: array.reshape(1, 4, 1, 1) for name, array in weights.items()}
    normal = (inputs["x"] - of["mean"]) / np.sqrt(of["variance"] + 1e-5)
    close(blobs["y"], normal * of["scale"] + of["bias"])


def test_lrn_adds_k_across_channels_only(tmp_path):
    text = "local_size: 3 alpha: 0.5 beta: 0.6 k: 2"
    inputs, blobs, _ = converted(tmp_path, layer("LRN", f"lrn_param {{ {text} }}"))
    x = inputs["x"]
    squares = np.pad(x * x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    close(blobs["y"], x / (2 + 0.5 / 3 * sums) ** 0.6)
    within = f"lrn_param {{ {text} norm_region: WITHIN_CHANNEL }}"
    inputs, blobs, _ = converted(tmp_path, layer("LRN", within))
    squares = np.pad(x * x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    sums = sum(squares[:, :, i : i + 5, j : j + 3] for i in range(3) for j in range(3))
    close(blobs["y"], x / (1 + 0.5 / 9 * sums) ** 0.6)


def test_mvn_divides_by_deviation_plus_eps(tmp_path):
    inputs, blobs, _ = converted(tmp_path, layer("MVN", "mvn_param { eps: 0.5 }"))
    x = inputs["x"]
    mean, deviation = x.mean(axis=(2, 3), keepdims=True), x.std(axis=(2, 3), keepdims=True)
    close(blobs["y"], (x - mean) / (deviation + 0.5))


def test_axpy(tmp_path):
    shapes = {"a": (2, 3, 1, 1), "x": (2, 3, 4, 5), "b": (2, 3, 4, 5)}
    inputs, blobs, _ = converted(tmp_path, layer("Axpy", "", "a x b"), **shapes)
    close(blobs["y"], inputs["a"] * inputs["x"] + inputs["b"])


# ---- windows


def correlate(x, filters, bias, stride, pad, dilation):
    """Convolution of any number of spatial axes, one output at a time."""
    spatial = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    reach = [(k - 1) * d + 1 for k, d in zip(filters.shape[2:], dilation)]
    out = [(e - r) // s + 1 for e, r, s in zip(x.shape[2:], reach, stride)]
    y = np.zeros((x.shape[0], filters.shape[0], *out))
    for at in np.ndindex(*out):
        part = tuple(
            slice(i * stride[a], i * stride[a] + reach[a], dilation[a]) for a, i in enumerate(at)
        )
        window = x[(slice(None), slice(None), *part)]
        axes = list(range(1, spatial + 2))
        y[(slice(None), slice(None), *at)] = np.tensordot(window, filters, (axes, axes))
    return y + bias.reshape(1, -1, *[1] * spatial)


@pytest.mark.parametrize(
    ("shape", "text", "pad", "stride", "dilation"),
    [
        ((2, 3, 9), "kernel_size: 3 stride: 2 pad: 1", [1], [2], [1]),
        ((1, 2, 4, 5, 6), "kernel_size: 2 pad: 1 pad: 0 pad: 1", [1, 0, 1], [1] * 3, [1] * 3),
        ((1, 2, 5, 5, 6), "kernel_size: 2 dilation: 2", [0] * 3, [1] * 3, [2] * 3),
    ],
)
def test_convolution_of_one_and_three_dimensions(shape, text, pad, stride, dilation, tmp_path):
    text = layer("Convolution", f"convolution_param {{ num_output: 4 {text} }}")
    inputs, blobs, weights = converted(tmp_path, text, x=shape)
    expected = correlate(inputs["x"], weights["weight"], weights["bias"], stride, pad, dilation)
    close(blobs["y"], expected)


def test_convolution_over_other_channels_than_the_second_axis(tmp_path):
    text = layer("Convolution", "convolution_param { num_output: 4 kernel_size: 2 axis: 2 }")
    inputs, blobs, weights = converted(tmp_path, text, x=(2, 3, 4, 5, 6))
    x = inputs["x"].reshape(6, 4, 5, 6)
    y = correlate(x, weights["weight"], weights["bias"], [1, 1], [0, 0], [1, 1])
    close(blobs["y"], y.reshape(2, 3, *y.shape[1:]))


def test_layers_of_several_bottoms_share_their_weights(tmp_path):
    text = layer("Convolution", "convolution_param { num_output: 4 kernel_size: 2 }", "x a", "y z")
    inputs, blobs, weights = converted(tmp_path, text, x=(1, 2, 5, 5), a=(3, 2, 4, 6))
    for bottom, top in (("x", "y"), ("a", "z")):
        once = correlate(inputs[bottom], weights["weight"], weights["bias"], [1, 1], [0, 0], [1, 1])
        close(blobs[top], once)
    assert set(weights) == {"weight", "bias"}


def test_deconvolution_dilated(tmp_path):
    text = "num_output: 4 kernel_size: 3 stride: 2 dilation: 2 pad: 1 bias_term: false"
    text = layer("Deconvolution", f"convolution_param {{ {text} }}")
    inputs, blobs, weights = converted(tmp_path, text, x=(1, 2, 4, 3))
    x, filters = inputs["x"], weights["weight"]
    full = np.zeros((1, 4, (4 - 1) * 2 + 5, (3 - 1) * 2 + 5))
    for i, j in np.ndindex(4, 3):
        part = np.einsum("nc,cokl->nokl", x[:, :, i, j], filters)
        full[:, :, 2 * i : 2 * i + 5 : 2, 2 * j : 2 * j + 5 : 2] += part
    close(blobs["y"], full[:, :, 1:-1, 1:-1])


def caffe_pool(x, method, size, stride, pad, floor):
    """Pooling as Caffe's layer does it, one window at a time."""
    extents = x.shape[2:]
    rounded = math.floor if floor else math.ceil
    out = [rounded((e + 2 * p - k) / s) + 1 for e, p, k, s in zip(extents, pad, size, stride)]
    if any(pad):
        out = [n - ((n - 1) * s >= e + p) for n, s, e, p in zip(out, stride, extents, pad)]
    y = np.zeros((*x.shape[:2], *out))
    for at in np.ndindex(*out):
        first = [i * s - p for i, s, p in zip(at, stride, pad)]
        last = [min(a + k, e + p) for a, k, e, p in zip(first, size, extents, pad)]
        volume = math.prod(b - a for a, b in zip(first, last))
        part = tuple(slice(max(a, 0), min(b, e)) for a, b, e in zip(first, last, extents))
        window = x[:, :, part[0], part[1]].reshape(*x.shape[:2], -1)
        if method == "MAX":
            result = window.max(axis=2, initial=-3.4028235e38)
        elif method == "AVE":
            result = window.sum(axis=2) / volume
        else:
            total = window.sum(axis=2)
            result = np.where(total > 0, (window**2).sum(axis=2) / np.where(total > 0, total, 1), 0)
        y[:, :, at[0], at[1]] = result
    return y


GRID = [
    (extent, size, stride, pad)
    for extent, size, stride, pad in itertools.product(
        (4, 5, 6, 7), (1, 2, 3), (1, 2, 3), (0, 1, 2)
    )
    if pad < size
]


@pytest.mark.parametrize("floor", [False, True], ids=["ceil", "floor"])
@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_pooling_over_a_grid(method, floor, tmp_path):
    """Two windows at a time, one per axis: what the axes have in common is padding or none."""
    refused = 0
    for (h, k, s, p), (w, m, t, q) in zip(GRID, GRID[7:] + GRID[:7]):
        mode = "round_mode: FLOOR" if floor else ""
        text = (
            f"pooling_param {{ pool: {method} kernel_h: {k} kernel_w: {m} stride_h: {s} "
            f"stride_w: {t} pad_h: {p} pad_w: {q} {mode} }}"
        )
        shape = (1, 2, h, w)
        x = random(shape)
        with np.errstate(all="ignore"):
            expected = caffe_pool(x, method, (k, m), (s, t), (p, q), floor)
        if method == "AVE" and _empty((h, w), (k, m), (s, t), (p, q), expected.shape[2:]):
            with pytest.raises(NnefError, match="lies outside"):
                read(tmp_path, net(layer("Pooling", text), x=shape))
            refused += 1
            continue
        close(run(read(tmp_path, net(layer("Pooling", text), x=shape)), {"x": x})["y"], expected)
    assert refused < len(GRID) / 4


def _empty(extents, size, stride, pad, out):
    """Whether a last window begins behind the padded input, where Caffe divides by 0 or less."""
    return any((n - 1) * s >= e + p for n, s, e, p in zip(out, stride, extents, pad))


@pytest.mark.parametrize("text", ["kernel_size: 2 stride: 2", "kernel_size: 3 stride: 2"])
def test_stochastic_pooling_weighs_values_by_themselves(text, tmp_path):
    size, stride = int(text.split()[1]), 2
    text = layer("Pooling", f"pooling_param {{ pool: STOCHASTIC {text} }}")
    inputs, blobs, _ = converted(tmp_path, text, low=-0.5, x=(1, 3, 6, 7))
    expected = caffe_pool(inputs["x"], "STOCHASTIC", (size, size), (stride, stride), (0, 0), False)
    close(blobs["y"], expected, 1e-4)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_spatial_pyramid(method, levels, tmp_path):
    text = layer("SPP", f"spp_param {{ pyramid_height: {levels} pool: {method} }}")
    inputs, blobs, _ = converted(tmp_path, text, x=(2, 3, 11, 10))
    parts = []
    for bins in (2**level for level in range(levels)):
        size = [math.ceil(extent / bins) for extent in (11, 10)]
        pad = [(k * bins - extent + 1) // 2 for k, extent in zip(size, (11, 10))]
        parts.append(caffe_pool(inputs["x"], method, size, size, pad, False))
    expected = parts[0] if levels == 1 else np.concatenate([p.reshape(2, -1) for p in parts], 1)
    close(blobs["y"], expected)


def test_upsample_puts_values_where_the_maxima_were(tmp_path):
    pooling = layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }", "x", "p mask", "pool")
    text = pooling + layer("Upsample", "upsample_param { scale: 2 }", "p mask")
    inputs, blobs, _ = converted(tmp_path, text, x=(1, 2, 6, 4))
    x, expected = inputs["x"], np.zeros((1, 2, 6, 4))
    for c, i, j in np.ndindex(2, 3, 2):
        block = x[0, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        a, b = np.unravel_index(block.argmax(), (2, 2))
        expected[0, c, 2 * i + a, 2 * j + b] = block.max()
    close(blobs["y"], expected)


# ---- recurrent layers


def lstm(x, cont, static, weights, h, c):
    """All outputs and the last states; gates stand in the order input, forget, output, cell."""
    outputs = []
    for item, going in zip(x, cont[..., None]):
        gates = item.reshape(len(item), -1) @ weights["weight_input"].T + weights["bias"]
        gates = gates + (going * h) @ weights["weight_hidden"].T
        if static is not None:
            gates = gates + static @ weights["weight_static"].T
        i, f, o, z = np.split(gates, 4, axis=1)
        c = going * sigmoid(f) * c + sigmoid(i) * np.tanh(z)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), h[None], c[None]


def as_caffe(weights):
    """Weights with the gates in Caffe's order again."""
    ordered = dict(weights)
    for name in {"weight_input", "bias", "weight_hidden", "weight_static"} & set(weights):
        array = weights[name].reshape(-1) if name == "bias" else weights[name]
        i, o, f, z = np.split(array, 4)
        ordered[name] = np.concatenate([i, f, o, z])
    return ordered


CONT = np.array([[0, 0], [1, 1], [1, 0], [1, 1]], np.float32)


@pytest.mark.parametrize("static", [False, True])
def test_lstm(static, tmp_path):
    shapes = {"x": (4, 2, 3), "cont": (4, 2)} | ({"s": (2, 5)} if static else {})
    text = layer("LSTM", "recurrent_param { num_output: 6 }", " ".join(shapes))
    imported = read(tmp_path, net(text, **shapes))
    inputs = feeds(imported) | {"cont": CONT}
    weights = {name.partition("/")[2]: array for name, array in imported.weights.items()}
    state = np.zeros((2, 6))
    expected, *_ = lstm(inputs["x"], CONT, inputs.get("s"), as_caffe(weights), state, state)
    close(run(imported, inputs)["y"], expected)


def test_lstm_with_its_state_outside(tmp_path):
    shapes = {"x": (4, 2, 3, 2), "cont": (4, 2), "h": (1, 2, 6), "c": (1, 2, 6)}
    parameters = "recurrent_param { num_output: 6 expose_hidden: true }"
    text = layer("LSTM", parameters, "x cont h c", "y last_h last_c")
    imported = read(tmp_path, net(text, **shapes))
    inputs = feeds(imported) | {"cont": np.maximum(CONT, 1)}
    weights = {name.partition("/")[2]: array for name, array in imported.weights.items()}
    expected = lstm(
        inputs["x"], inputs["cont"], None, as_caffe(weights), inputs["h"][0], inputs["c"][0]
    )
    blobs = run(imported, inputs)
    for name, array in zip(("y", "last_h", "last_c"), expected):
        close(blobs[name], array)


def test_rnn(tmp_path):
    shapes = {"x": (4, 2, 3), "cont": (4, 2)}
    text = layer("RNN", "recurrent_param { num_output: 6 }", "x cont")
    imported = read(tmp_path, net(text, **shapes))
    inputs = feeds(imported) | {"cont": CONT}
    of = {name.partition("/")[2]: array for name, array in imported.weights.items()}
    h, expected = np.zeros((2, 6)), []
    for item, going in zip(inputs["x"], CONT[..., None]):
        inner = item @ of["weight_input"].T + of["bias"]
        h = np.tanh(inner + (going * h) @ of["weight_hidden"].T)
        expected.append(np.tanh(h @ of["weight_output"].T + of["bias_output"]))
    close(run(imported, inputs)["y"], np.stack(expected))
