"""Wrong Caffe files: each is refused with a code and a place, all faults of a file at once."""

import random

import numpy as np
import pytest

from caffe_nets import layer, net, write
from nnefx import converters
from nnefx.converters.caffe.caffemodel import Blob, write_weights
from nnefx.diagnostics import NnefError


def refused(folder, text, weights="none", **options):
    path = write(folder, text)
    with pytest.raises(NnefError) as caught:
        converters.read(path, weights=weights, **options)
    return caught.value


# ---- the text

SYNTAX = {
    "no end": ('layer { name: "a"', "1:15", "expected '}'"),
    "unknown field": ('name: "n"\nlayer { nam: "a" }', "2:9", "no field named 'nam'"),
    "unknown value": (
        "\n\nlayer { pooling_param { pool: MIN } }", "3:31", "'PoolMethod' has no value named MIN",
    ),
    "unknown type of version 1": (
        "layers { type: CONVOLUTE }", "1:16", "no value named CONVOLUTE",
    ),
    "negative size": (
        "layer { convolution_param { kernel_size: -3 } }", "1:42", "value out of range: -3",
    ),
    "number for text": ("layer { name: 5 }", "1:15", "expected string but found: '5'"),
    "text for number": ('input_dim: "1"', "1:12", "couldn't parse integer"),
    "twice": ('name: "a"\nname: "b"', "2:7", "should not have multiple 'name' fields"),
    "open text": ('layer { name: "a\n}', "1:15", "missing ending quote"),
    "no text": ("\x00\x01\x02", "1:1", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "message"), SYNTAX.values(), ids=SYNTAX)
def test_errors_of_syntax_have_line_and_column(text, place, message, tmp_path):
    error = refused(tmp_path, text)
    assert error.code == "NX730"
    assert message in error.diagnostics[0].message
    assert str(error.at).endswith(f"net.prototxt:{place}")
    assert "nnefx_caffe" not in str(error)


def test_an_unknown_parameter_message_tells_of_plugins(tmp_path):
    error = refused(tmp_path, 'layer { name: "a" mine_param { x: 1 } }')
    assert "--plugin" in str(error)


# ---- the net: its text, the code, and what the message says.

IMAGE = {"x": (1, 4, 6, 6)}
FAULTS = {
    "unknown layer": (layer("Mish"), "NX701", "layer type 'Mish' is not supported"),
    "no type": ('layer { name: "a" bottom: "x" top: "y" }', "NX701", "the layer has no type"),
    "missing bottom": (layer("ReLU", "", "z"), "NX713", "bottom 'z' is made by no layer"),
    "cycle": (
        layer("ReLU", "", "b", "a", "one") + layer("ReLU", "", "a", "b", "two"),
        "NX714", "bottom 'b' is made only by layer 'two': the net has a cycle",
    ),
    "itself": (layer("ReLU", "", "y", "y"), "NX714", "the net has a cycle"),
    "duplicate top": (
        layer("ReLU", name="one") + layer("AbsVal", name="two"),
        "NX713", "top 'y' is made by an earlier layer already",
    ),
    "too many tops": (layer("ReLU", tops="y z"), "NX703", "2 tops, expected 1"),
    "no bottom": ('layer { name: "a" type: "ReLU" top: "y" }', "NX703", "input 'x' is missing"),
    "too many bottoms": (layer("ReLU", "", "x x"), "NX703", "2 inputs, 1 are known"),
    "kernel of 0": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_size: 0 }"),
        "NX706", "kernel is [0, 0], expected 1 or more",
    ),
    "no kernel": (
        layer("Convolution", "convolution_param { num_output: 1 }"),
        "NX703", "kernel_size is missing",
    ),
    "two kernels": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_size: 3 kernel_h: 3 }"),
        "NX703", "either kernel_size, or both",
    ),
    "half a kernel": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_h: 3 }"),
        "NX703", "either kernel_size, or both",
    ),
    "three kernels": (
        layer(
            "Convolution",
            "convolution_param { num_output: 1 kernel_size: 3 kernel_size: 3 kernel_size: 3 }",
        ),
        "NX703", "kernel_size has 3 items, expected 1 or 2",
    ),
    "stride of 0": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_size: 3 stride: 0 }"),
        "NX706", "stride is [0, 0]",
    ),
    "no outputs": (
        layer("InnerProduct", "inner_product_param { num_output: 0 }"), "NX706", "num_output",
    ),
    "outputs not told": (layer("InnerProduct"), "NX703", "'num_output' is missing"),
    "group": (
        layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 group: 3 }"),
        "NX703", "group 3 divides not both 4 channels and num_output 4",
    ),
    "kernel too large": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_size: 9 }"), "NX304", "",
    ),
    "pool too large": (
        layer("Pooling", "pooling_param { kernel_size: 20 }"),
        "NX706", "is larger than the input [6, 6]",
    ),
    "pad of a pool": (
        layer("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"),
        "NX703", "pad [2, 2] is not less than the kernel [2, 2]",
    ),
    "global pool of a size": (
        layer("Pooling", "pooling_param { global_pooling: true kernel_size: 2 }"),
        "NX703", "global_pooling",
    ),
    "even lrn": (
        layer("LRN", "lrn_param { local_size: 4 }"), "NX703", "expected an odd number",
    ),
    "axis": (layer("Softmax", "softmax_param { axis: 4 }"), "NX703", "axis is 4, the blob has 4"),
    "shapes of eltwise": (
        layer("Eltwise", "", "x a"), "NX304", "[1, 4, 6, 6], [1, 4, 6, 5]",
    ),
    "coefficients": (
        layer("Eltwise", "eltwise_param { coeff: 1 }", "x x"), "NX703", "1 coeff for 2 bottoms",
    ),
    "reshape": (
        layer("Reshape", "reshape_param { shape { dim: 7 dim: -1 } }"),
        "NX304", "does not hold the 144 items",
    ),
    "reshape twice open": (
        layer("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }"), "NX703", "at most one",
    ),
    "slice points": (
        layer("Slice", "slice_param { slice_point: 3 slice_point: 1 }", tops="y z w"),
        "NX706", "do not rise",
    ),
    "uneven slice": (layer("Slice", "", tops="y z w"), "NX703", "do not divide the extent 4"),
    "crop": (
        layer("Crop", "crop_param { axis: 2 offset: 1 }", "a x"), "NX304", "the crop ends at 7",
    ),
    "concat": (layer("Concat", "", "x a"), "NX304", ""),
    "ratio": (
        layer("PriorBox", "prior_box_param { min_size: 4 aspect_ratio: 0 }", "x a"),
        "NX706", "aspect_ratio is 0",
    ),
    "top_k": (layer("ArgMax", "argmax_param { axis: 1 top_k: 5 }"), "NX706", "expected 1 to 4"),
    "recurrent": (
        layer("LSTM", "recurrent_param { num_output: 2 }", "x a"), "NX304", "same two axes",
    ),
    "mask": (layer("Upsample", "upsample_param { scale: 2 }", "x a"), "NX705", "the mask"),
    "huge blob": (
        layer("InnerProduct", "inner_product_param { num_output: 4000000000 }"),
        "NX706", "larger than a tensor file can be",
    ),
    "huge picture": (
        layer("Interp", "interp_param { height: 2000000000 width: 7 }"), "NX706", "takes matrices",
    ),
    "huge padding": (
        layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 pad: 4000000000 }"),
        "NX304", "window needs",
    ),
    "field of another layer": (
        layer("Pooling", "pooling_param { kernel_size: 2 ceil_mode: false }")
        + layer("ReLU6", "relu_param { negative_slope: 0.1 }", "y", "z", "z"),
        "NX702", "a ReLU6 has no slope",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message"), FAULTS.values(), ids=FAULTS)
def test_wrong_nets_are_refused_at_their_layer(text, code, message, tmp_path):
    error = refused(tmp_path, net(text, x=(1, 4, 6, 6), a=(1, 4, 6, 5)))
    found = [(item.code, item.message) for item in error.diagnostics]
    assert any(own == code and message in said for own, said in found), found
    assert all("layer '" in str(item.at) for item in error.diagnostics)


INPUTS = {
    "open shape": ('input: "x"\n' + layer("ReLU"), "NX707", "--input-shape x:"),
    "extent of 0": (net(layer("ReLU"), x=(1, 0, 3)), "NX706", "every extent must be 1 or more"),
    "negative extent": (net(layer("ReLU"), x=(1, -2)), "NX706", "every extent"),
    "input_dim": (
        'input: "x" input_dim: 1 input_dim: 2\n' + layer("ReLU"), "NX703", "2 input_dim",
    ),
    "input_shape": (
        'input: "x" input: "a" input_shape { dim: 1 }\n' + layer("ReLU"),
        "NX703", "1 input_shape for 2 inputs",
    ),
    "two inputs of one name": (
        'input: "x" input_shape { dim: 1 }\n' + net(layer("ReLU"), x=(1,)), "NX713", "made twice",
    ),
    "no layers": ('input: "x" input_shape { dim: 1 }', "NX710", "no layers"),
    "nothing to compute": (net("", x=(1,)), "NX710", "computes nothing"),
    "both versions": (layer("ReLU") + "layers { type: RELU }", "NX730", "two versions"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message"), INPUTS.values(), ids=INPUTS)
def test_wrong_inputs_are_refused(text, code, message, tmp_path):
    error = refused(tmp_path, text)
    assert error.code == code
    assert message in str(error)


def test_all_faults_of_a_net_are_told_at_once_and_none_that_follow(tmp_path):
    text = (
        layer("Mish", "", "x", "a", "a")
        + layer("ReLU", "", "a", "b", "b")
        + layer("Gelu", "", "b", "c", "c")
        + layer("Softmax", "softmax_param { axis: 7 }", "x", "d", "d")
    )
    error = refused(tmp_path, net(text, x=(1, 2)))
    assert [item.code for item in error.diagnostics] == ["NX701", "NX701", "NX703"]
    assert [str(item.at).partition("'")[2] for item in error.diagnostics] == [
        "a' (Mish)", "c' (Gelu)", "d' (Softmax)",
    ]  # fmt: skip


def test_wrong_names_of_inputs_and_outputs(tmp_path):
    text = net(layer("ReLU"), x=(1, 2))
    assert refused(tmp_path, text, input_shapes={"z": (1,)}).code == "NX708"
    assert refused(tmp_path, text, outputs=["z"]).code == "NX708"
    two = net(layer("Eltwise", "", "x a"), x=(1, 2), a=(1, 2))
    assert "several inputs" in str(refused(tmp_path, two, input_shapes={None: (1, 2)}))


def test_options_of_other_formats_are_refused(tmp_path):
    assert refused(tmp_path, net(layer("ReLU"), x=(1, 2)), dims={"N": 1}).code == "NX708"


# ---- weights

NET = net(
    layer("Convolution", "convolution_param { num_output: 2 kernel_size: 3 }", "x", "a", "conv")
    + layer("InnerProduct", "inner_product_param { num_output: 5 }", "a", "b", "fc")
    + layer("Scale", "", "b", "c", "scale"),
    x=(1, 3, 4, 4),
)


def blobs(*shapes):
    return [Blob(shape, np.ones(int(np.prod(shape)), np.float32)) for shape in shapes]


RIGHT = {"conv": blobs((2, 3, 3, 3), (2,)), "fc": blobs((5, 8), (5,)), "scale": blobs((5,))}
WRONG = {
    "all": (
        {"conv": blobs((2, 1, 3, 3), (2,)), "fc": blobs((5, 9), (6,)), "scale": []},
        [
            "weight: the net expects [2, 3, 3, 3], 'w.caffemodel' holds [2, 1, 3, 3]",
            "weight: the net expects [5, 8], 'w.caffemodel' holds [5, 9]",
            "bias: the net expects [5], 'w.caffemodel' holds [6]",
            "'w.caffemodel' holds no weights for this layer",
        ],
    ),
    "transposed": (
        RIGHT | {"fc": blobs((8, 5), (5,))},
        ["weight: the net expects [5, 8], 'w.caffemodel' holds [8, 5]"],
    ),
    "no bias": (RIGHT | {"conv": blobs((2, 3, 3, 3))}, ["bias: blob 1 is missing"]),
    "one too many": (
        RIGHT | {"scale": blobs((5,), (5,))},
        ["'w.caffemodel' holds 2 blobs for this layer, the net uses 1"],
    ),
    "none": ({"other": blobs((1,))}, ["holds no weights for this layer"] * 5),
}


@pytest.mark.parametrize(("stored", "messages"), WRONG.values(), ids=WRONG)
def test_weights_that_do_not_fit_are_all_told(stored, messages, tmp_path):
    write_weights(tmp_path / "w.caffemodel", stored)
    error = refused(tmp_path, NET, tmp_path / "w.caffemodel")
    assert {item.code for item in error.diagnostics} == {"NX731"}
    said = [item.message for item in error.diagnostics]
    assert len(set(zip(said, map(str, (item.at for item in error.diagnostics))))) == len(said)
    for message in messages:
        assert any(message in item for item in said), said


def test_right_weights_fit(tmp_path):
    write_weights(tmp_path / "w.caffemodel", RIGHT)
    converters.read(write(tmp_path, NET), weights=tmp_path / "w.caffemodel")


def test_shared_blobs_must_fit_all_their_layers(tmp_path):
    share = 'param { name: "w" }'
    text = "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "x" top: "{name}" {share} '
        f"inner_product_param {{ num_output: {count} bias_term: false }} }}"
        for name, count in (("one", 3), ("two", 4))
    )
    error = refused(tmp_path, net(text, x=(1, 2)))
    assert error.code == "NX731"
    assert "the shared blob 'one/weight' is [3, 2]" in str(error)


def test_a_net_without_weights_says_what_can_be_done(tmp_path):
    error = refused(tmp_path, NET, None)
    assert error.code == "NX001"
    assert "--weights none" in str(error)
    assert refused(tmp_path, NET, tmp_path / "none.caffemodel").code == "NX001"
    path = tmp_path / "net.caffemodel"
    path.write_bytes(b"")
    with pytest.raises(NnefError) as caught:
        converters.read(path)
    assert caught.value.code == "NX732"


def test_a_missing_net(tmp_path):
    with pytest.raises(NnefError) as caught:
        converters.read(str(tmp_path / "none.prototxt"), format="caffe")
    assert caught.value.code == "NX001"


# ---- damaged caffemodels


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    path = tmp_path_factory.mktemp("right") / "w.caffemodel"
    write_weights(path, RIGHT)
    return path.read_bytes()


def told(folder, data):
    """Return the code that a caffemodel is refused with, or nothing where it is read."""
    (folder / "w.caffemodel").write_bytes(data)
    try:
        converters.read(write(folder, NET), weights=folder / "w.caffemodel")
    except NnefError as error:
        return error.code, str(error)
    return "", ""


def test_every_cut_is_noticed(right, tmp_path):
    for size in range(len(right)):
        code, text = told(tmp_path, right[:size])
        assert code in ("NX710", "NX731"), size
        assert code == "NX731" or "byte" in text


def test_random_damage_is_refused_or_harmless(right, tmp_path):
    generator = random.Random(1)
    for _ in range(400):
        data = bytearray(right)
        for _ in range(generator.randint(1, 3)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        code, _ = told(tmp_path, bytes(data))
        assert code in ("", "NX710", "NX731")


BYTES = {
    "empty": (b"", "it holds no layers"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
    "text": (b'name: "net"\n', ""),
    "endless number": (b"\xff" * 20, "longer than ten bytes"),
    "field 0": (b"\x02\x00", "number 0"),
    "group": (b"\x0b\x00", "wire type 3"),
    "no whole items": (
        b"\xa2\x06\x0c\x0a\x01a\x3a\x07\x2a\x05\x00\x00\x00\x00\x00", "no whole number of items",
    ),
    "shape too large": (
        b"\xa2\x06\x0e\x0a\x01a\x3a\x09\x08\x7f\x2a\x05\x00\x00\x00\x00\x00", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BYTES.values(), ids=BYTES)
def test_what_is_no_caffemodel(data, message, tmp_path):
    code, text = told(tmp_path, data)
    assert code == "NX710"
    assert message in text


# ---- plugins

PLUGINS = {
    "no rules": ("x = 1", "registers no rules"),
    "syntax": ("def", "cannot be run: SyntaxError"),
    "import": ("import no_such_module", "cannot be run: ModuleNotFoundError"),
    "type": (
        "from nnefx.converters.rules import Rules\nrules = Rules('m')\n"
        "@rules.on('A')\ndef a(g, x, *, b: dict = None): pass",
        "parameter 'b' is of no type",
    ),
    "swallows": (
        "from nnefx.converters.rules import Rules\nrules = Rules('m')\n"
        "@rules.on('A')\ndef a(g, x, **rest): pass",
        "cannot be run: ValueError",
    ),
}


@pytest.mark.parametrize(("text", "message"), PLUGINS.values(), ids=PLUGINS)
def test_wrong_plugins(text, message, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(text)
    error = refused(tmp_path, net(layer("ReLU"), x=(1, 2)), plugins=[plugin])
    assert error.code == "NX733"
    assert message in str(error)


def test_a_missing_plugin(tmp_path):
    error = refused(tmp_path, net(layer("ReLU"), x=(1, 2)), plugins=[tmp_path / "none.py"])
    assert error.code == "NX001"
