"""Small models on disk for the tests of the validator."""

from pathlib import Path

import numpy as np

from nnefx.tensors.dat import write_tensor

GRAPH = """version 1.0;
graph net( x ) -> ( y )
{
    x = external(shape = [1,3,8,8]);
    w = variable(shape = [4,3,3,3], label = 'conv/w');
    b = variable(shape = [1,4], label = 'conv/b');
    z = conv(x, w, b);
    y = relu(z);
}
"""


def model(folder: Path, graph: str = GRAPH, quant: str = "") -> Path:
    """Write a model with two variables, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "graph.nnef").write_text(graph, encoding="utf-8")
    if quant:
        (folder / "graph.quant").write_text(quant, encoding="utf-8")
    tensor(folder / "conv" / "w.dat", np.ones((4, 3, 3, 3), np.float32))
    tensor(folder / "conv" / "b.dat", np.zeros((1, 4), np.float32))
    return folder


def tensor(path: Path, array, **options) -> None:
    """Write a tensor file, with the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensor(path, array, **options)
