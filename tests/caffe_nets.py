"""Small Caffe nets for tests: written, converted, run, and compared with OpenCV."""

from pathlib import Path

import nnef
import numpy as np

from nnefx import converters
from nnefx.converters.verify import compare_with_source
from nnefx.execute.executor import Executor
from nnefx.ir.unbuild import unbuild
from nnefx.syntax.printer import print_document
from nnefx.tensors.model import Model


def net(layers, **shapes):
    """The text of a net: inputs of the given shapes, and layers as text."""
    lines = ['name: "net"']
    for name, shape in shapes.items():
        dims = " ".join(f"dim: {extent}" for extent in shape)
        lines.append(
            f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f"input_param {{ shape {{ {dims} }} }} }}"
        )
    return "\n".join([*lines, layers]) + "\n"


def layer(kind, parameters="", bottoms="x", tops="y", name="y"):
    """The text of one layer."""
    links = "".join(f' bottom: "{item}"' for item in bottoms.split())
    links += "".join(f' top: "{item}"' for item in tops.split())
    return f'layer {{ name: "{name}" type: "{kind}"{links} {parameters} }}'


def write(folder, text):
    path = Path(folder, "net.prototxt")
    path.write_text(text)
    return path


def read(folder, text, weights="none", **options):
    """Convert the text of a net; what is written must be NNEF to the parser of Khronos, too."""
    imported = converters.read(write(folder, text), weights=weights, **options)
    nnef.parse_string(print_document(unbuild(imported.graph)))
    return imported


def random(shape, seed=3, low=-2.0, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def feeds(imported, low=-2.0, high=2.0):
    return {
        value.name: random(value.shape, seed, low, high)
        for seed, value in enumerate(imported.graph.inputs)
    }


def run(imported, inputs):
    """The blobs of a converted net, by their names in Caffe."""
    model = Model(imported.graph, imported.weights)
    values = {value.name: array for value, array in Executor(model).trace(inputs)}
    return {name: values[own] for name, own in imported.names.items()}


def assert_as_opencv(folder, text, low=-2.0, high=2.0, rtol=1e-5):
    """All blobs of the converted net are those that OpenCV computes, its outputs among them."""
    imported = read(folder, text)
    found = compare_with_source(
        Path(folder, "net.prototxt"), "caffe", imported, feeds(imported, low, high), rtol=rtol,
        weights="none",
    )  # fmt: skip
    assert [item for item in found if not item.agrees] == []
    outputs = {value.name for value in imported.graph.outputs}
    assert {item.name for item in found if item.output} == outputs
    assert outputs
    return imported
