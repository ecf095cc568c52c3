"""The samples: compact, conformant once flattened, and the networks that they say they are."""

import subprocess
import sys
from pathlib import Path

import nnef
import numpy as np
import pytest

import nnefx
from nnefx.ir.cost import cost
from nnefx.ir.unbuild import unbuild
from nnefx.passes.compare import compare
from nnefx.passes.flatten import flatten
from nnefx.passes.initial import initial_weights
from nnefx.syntax.printer import print_document
from nnefx.tensors.structure import load_structure, save_text

SAMPLES = Path(__file__).parents[1] / "samples"

# Statements in the sample, operations once flattened, and parameters: those that the authors'
# implementations tell, with mean and variance of each normalization.
NETS = {
    "alexnet": (16, 39, 60_965_224),
    "googlenet": (20, 259, 6_998_552),
    "lenet": (11, 18, 431_080),
    "lstm": (15, 38, 4 * (64 * 97 + 64 * 129) + 4 * 64),
    "mobilenetv2": (27, 416, 3_504_872 + 2 * 17_056),
    "resnet18": (21, 173, 11_689_512 + 2 * 4_800),
    "resnet50": (24, 444, 25_557_032 + 2 * 26_560),
    "squeezenet": (15, 119, 1_235_496),
    "unet": (16, 97, 31_031_810),
    "vgg16": (15, 71, 138_357_544),
    "vit": (19, 51, 7_087_872),
}
# What numpy runs in about a second.
QUICK = ["alexnet", "googlenet", "lenet", "lstm", "mobilenetv2", "resnet18", "squeezenet", "vit"]
# The same nets as the converter of Caffe models reads them.
CAFFE = ["alexnet", "googlenet", "lenet", "vgg16"]
# tract has no split, update and gelu, and refuses deconv that changes the number of channels.
NOT_FOR_TRACT = {"lstm", "unet", "vit"}
TRACT = ["lenet", "mobilenetv2", "resnet18", "squeezenet"]
# At the edges of the channels it averages responses over fewer of them than the specification.
TRACT_LOADS = ["alexnet", "googlenet"]


def inputs(model: nnefx.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {v.name: rng.standard_normal(v.shape, np.float32) for v in model.graph.inputs}


def filled(name: str) -> nnefx.Model:
    model = load_structure(SAMPLES / name)
    return nnefx.Model(model.graph, dict(initial_weights(model.graph, 0)))


def statements(text: str) -> list[str]:
    """Return the lines of all bodies."""
    lines = [line.strip() for line in text.splitlines()]
    heads = ("version", "extension", "fragment", "graph", "#", ") ->", "{", "}")
    return [line for line in lines if line and not line.startswith(heads)]


def test_every_sample_is_known() -> None:
    assert {path.parent.name for path in SAMPLES.glob("*/graph.nnef")} == set(NETS)


@pytest.mark.parametrize("name", NETS)
def test_sample_has_no_faults_and_short_lines(name: str) -> None:
    path = SAMPLES / name / "graph.nnef"
    assert nnefx.check(path) == []
    assert max(map(len, path.read_text().splitlines())) <= 120


def test_googlenet_takes_twenty_lines() -> None:
    lines = statements((SAMPLES / "googlenet/graph.nnef").read_text())
    assert len(lines) <= 20
    assert all(line.endswith(";") and line.count(";") == 1 for line in lines)


@pytest.mark.parametrize("name", NETS)
def test_sample_is_compact_and_has_the_parameters_of_the_net(name: str) -> None:
    count, operations, parameters = NETS[name]
    text = (SAMPLES / name / "graph.nnef").read_text()
    assert sum(line.endswith(";") for line in statements(text)) == count
    graph = flatten(load_structure(SAMPLES / name).graph)
    assert len(graph.nodes) == operations
    assert cost(graph).parameters == parameters


@pytest.mark.parametrize("name", NETS)
def test_khronos_parser_reads_flat_and_compositional_form(name: str) -> None:
    graph = load_structure(SAMPLES / name).graph
    for form in (graph, flatten(graph)):
        read = nnef.parse_string(print_document(unbuild(form)))
        assert [op.name for op in read.operations] == [node.name for node in form.nodes]
    flat = flatten(graph)
    read = nnef.parse_string(print_document(unbuild(flat)))
    nnef.infer_shapes(read)
    for value in flat.values.values():
        assert tuple(read.tensors[value.name].shape) == value.shape


@pytest.mark.parametrize("name", QUICK)
def test_flattening_keeps_every_bit(name: str) -> None:
    model = filled(name)
    flat = nnefx.Model(flatten(model.graph), model.weights)
    for _ in range(2):
        wanted, found = nnefx.run(model, inputs(model)), nnefx.run(flat, inputs(model))
        for output, array in wanted.items():
            assert np.isfinite(array).all()
            assert array.std() > 1e-3
            np.testing.assert_array_equal(found[output], array)


@pytest.mark.parametrize("name", CAFFE)
def test_sample_is_the_published_caffe_net(name: str) -> None:
    published = nnefx.convert(SAMPLES / f"caffe/{name}.prototxt", weights="none")
    sample = load_structure(SAMPLES / name)
    flat = flatten(sample.graph)
    theirs, ours = published.graph.nodes, flat.nodes
    assert [(n.name, n.output.shape) for n in ours] == [(n.name, n.output.shape) for n in theirs]
    found = compare(nnefx.Model(published.graph), nnefx.Model(sample.graph))
    assert (found.matched, found.removed, found.added) == (len(ours), [], [])
    # LeNet and others write -1 for the extent that the converter writes out.
    assert {what for change in found.changed for what, _, _ in change.details} <= {"shape"}
    if name in QUICK:
        same_numbers(published, nnefx.Model(sample.graph), nnefx.Model(flat))


def same_numbers(published: nnefx.Model, *others: nnefx.Model) -> None:
    labels = [node.attributes["label"] for node in published.graph.variables]
    arrays = [published.weights[label] for label in labels]
    x = list(inputs(published).values())
    (wanted,) = nnefx.run(published, inputs(published)).values()
    for model in others:
        own = [node.attributes["label"] for node in model.graph.variables]
        named = dict(zip((value.name for value in model.graph.inputs), x))
        (found,) = nnefx.run(nnefx.Model(model.graph, dict(zip(own, arrays))), named).values()
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", NETS)
def test_profile_of_tract_knows_which_samples_it_takes(name: str, tmp_path: Path) -> None:
    save_text(flatten(load_structure(SAMPLES / name).graph), tmp_path / "flat.nnef")
    found = nnefx.check(tmp_path / "flat.nnef", targets=["tract"])
    assert bool(found) == (name in NOT_FOR_TRACT)


RUN_TRACT = """
import sys, numpy, tract
runnable = tract.nnef().load(sys.argv[1]).into_runnable()
y = runnable.run([numpy.load(sys.argv[2])])[0].to_numpy()
numpy.save(sys.argv[3], y)
"""


@pytest.mark.parametrize("name", TRACT + TRACT_LOADS)
def test_tract_runs_the_flat_sample(name: str, tmp_path: Path) -> None:
    model = filled(name)
    flat = nnefx.Model(flatten(model.graph), model.weights)
    nnefx.save(flat, tmp_path / "net")
    (x,), (wanted,) = inputs(model).values(), nnefx.run(flat, inputs(model)).values()
    np.save(tmp_path / "x.npy", x)
    # A process of its own: tract ends it where it meets what it did not expect.
    files = [str(tmp_path / item) for item in ("net", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", RUN_TRACT, *files], check=True, timeout=300)
    if name in TRACT:
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, rtol=1e-4, atol=1e-6)
