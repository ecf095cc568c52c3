"""The folder for OpenVX's own import of NNEF."""

from pathlib import Path

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.openvx.folder import REQUIRED, write
from nnefx.tensors.model import load, save
from openvx_nets import CASES, Net

CLASSIFIER = next(case for case in CASES if case.name == "classifier")


def test_a_converted_model_is_flat_required_and_computes_the_same(nnefx, tmp_path: Path):
    net = Net()
    y = net.conv(net.input(1, 3, 8, 8), net.weight(4, 3, 3, 3), 0.0)
    y = net.relu(net.batch_normalization(y, *(net.weight(1, 4) for _ in range(4)), epsilon=9.0))
    y = net.max_pool(y, size=[1, 1, 2, 2], stride=[1, 1, 2, 2], padding=[(0, 0)] * 4)
    y = net.reshape(y, shape=[0, -1])
    model = net.model(net.linear(y, net.weight(3, 64), net.weight(1, 3), name="shares"))
    model.weights["w0"] = model.weights["w0"].astype(np.float64)
    save(model, tmp_path / "model")
    run = nnefx("convert", tmp_path / "model", "--to", "openvx-nnef", "-o", tmp_path / "folder")
    assert run.exit_code == 0, run.stderr
    written = load(tmp_path / "folder")
    assert {node.name for node in written.graph.nodes} <= REQUIRED
    assert all(written.weights[v.attributes["label"]].dtype == np.float32
               for v in written.graph.variables)  # fmt: skip
    sample = {"x": np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    expected = Executor(model)(sample)["shares"]
    assert np.allclose(Executor(written)(sample)["shares"], expected, atol=1e-6)
    assert nnefx("check", tmp_path / "folder", "--target", "openvx-nnef").exit_code == 0


def test_inputs_and_outputs_keep_their_order(tmp_path: Path):
    net = Net()
    b, a = net.input(1, 3, name="b"), net.input(1, 3, name="a")
    z, y = net.relu(b, name="z"), net.relu(a, name="y")
    write(net.model(z, y), tmp_path / "folder")
    graph = load(tmp_path / "folder").graph
    assert [value.name for value in graph.inputs] == ["b", "a"]
    assert [value.name for value in graph.outputs] == ["z", "y"]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda n: n.lt(n.input(1, 3), 0.0), "logical"),
        (lambda n: n.relu(n.input(1, 2, 3, 4, 5)), "rank 5"),
    ],
    ids=["logical output", "rank 5"],
)
def test_what_no_import_takes_is_refused(make, word: str, tmp_path: Path):
    net = Net()
    with pytest.raises(NnefError, match=word) as caught:
        write(net.model(make(net)), tmp_path / "folder")
    assert caught.value.code == "NX603"
    assert not (tmp_path / "folder").exists()


def test_an_archive_is_refused(tmp_path: Path):
    with pytest.raises(NnefError, match="imports a folder"):
        write(CLASSIFIER.model(), tmp_path / "net.tgz")
