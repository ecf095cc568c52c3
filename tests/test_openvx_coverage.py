"""Every operation of the standard is lowered or refused as the table in docs/openvx.md says."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.openvx import legalisation, lower, refused, simulate, snr, write_stubs
from nnefx.openvx.coverage import markdown, rows
from nnefx.ops import standard_ops
from nnefx.tensors.model import Model, load, loads
from openvx_nets import CASES, Net

PAGE = Path(__file__).parents[1] / "docs" / "openvx.md"
STUB = Path(__file__).parent / "openvx_stub"
CLASSES = {"direct", "composite", "lookup", "view", "folded"}
STATEFUL = """version 1.0;
graph counter(x) -> (y) {
    x = external(shape = [1, 4]);
    h = variable(shape = [1, 4], label = 'h');
    t = mul(h, 0.5);
    s = add(t, x);
    n = update(h, s);
    y = relu(n);
}"""


def test_every_operation_has_a_class():
    assert set(rows()) == set(standard_ops())
    assert {row.kind for row in rows().values()} == CLASSES


def test_every_operation_is_in_a_network_that_is_lowered():
    used = {node.name for case in CASES for node in case.model().graph.nodes}
    assert set(rows()) - used == {"update"}  # which has a test of its own


def test_the_page_has_the_table():
    assert markdown(list(standard_ops())) in PAGE.read_text(encoding="utf-8")


def test_an_updated_variable_is_an_input_and_an_output():
    model = Model(loads(STATEFUL).graph, {"h": np.zeros((1, 4), np.float32)})
    random = np.random.default_rng(0)
    samples = [{"x": random.standard_normal((1, 4)).astype(np.float32)} for _ in range(4)]
    plan = lower(model, calibration=samples)
    assert (plan.inputs, plan.outputs) == (("x", "h"), ("y", "h_next"))
    assert "'h'" in plan.notes[0]
    executor, state = Executor(model), np.zeros((1, 4), np.float32)
    for sample in samples:
        found = simulate(plan, {**sample, "h": state})
        state = found["h_next"]
        assert snr(found["y"].astype(float), executor(sample)["y"].astype(float)) > 50


REFUSED = {
    "gather": lambda n: n.gather(n.input(1, 5), n.input(2, name="i", dtype="integer"), axis=1),
    "conv": lambda n: n.conv(n.input(1, 1, 4, 4), n.input(1, 1, 2, 2, name="f")),
    "max_roi_pool": lambda n: n.max_roi_pool(n.input(1, 1, 4, 4), n.input(2, 4, name="r"), n.input(
        2, 1, name="b", dtype="integer"), output_size=[2, 2]),
    "matmul": lambda n: n.matmul(n.input(1, 2, 3, 4), n.input(1, 2, 4, 5, name="y")),
    "reshape": lambda n: n.relu(n.reshape(n.input(1, 30, 20, 10), shape=[1, 20, 10, 30])),
    "relu": lambda n: n.relu(n.input(1, 2, 3, 4, 5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("op", REFUSED)
def test_what_no_node_can_do_is_refused_and_gets_a_stub_that_compiles(op: str, tmp_path: Path):
    net = Net()
    model = net.model(REFUSED[op](net))
    with pytest.raises(NnefError) as caught:
        lower(model)
    assert caught.value.code == "NX603"
    nodes = refused(model)
    assert nodes[-1].output.name in str(caught.value)
    files = write_stubs(nodes, tmp_path / "kernels")
    for file in files:
        assert f'"custom.nnef.{file.stem}"' in file.read_text()
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{STUB}"]
        subprocess.run(["gcc", *flags, "-c", str(file), "-o", str(tmp_path / "o")], check=True)
    assert write_stubs(nodes, tmp_path / "kernels") == []  # a completed kernel is left alone


def test_the_command_writes_stubs_and_reports(nnefx, tmp_path: Path):
    text = """version 1.0;
graph net(x, i) -> (y) {
    x = external(shape = [1, 4]);
    i = external<integer>(shape = [2]);
    y = gather(x, i, axis = 1);
}"""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "graph.nnef").write_text(text)
    words = ["export", tmp_path / "model", "--to", "openvx", "-o", tmp_path / "out"]
    run = nnefx(*words, "--stubs", tmp_path / "kernels")
    assert run.exit_code == 1
    assert [path.name for path in (tmp_path / "kernels").iterdir()] == ["gather.c"]
    assert not (tmp_path / "out").exists()


def test_the_report_tells_of_every_operation_what_it_became():
    net = Net()
    x = net.input(1, 4, 6, 6)
    y = net.conv(x, net.weight(4, 1, 3, 3), net.weight(1, 4), groups=0)
    y = net.tanh(net.batch_normalization(y, *(net.weight(1, 4) for _ in range(4)), epsilon=1.0))
    z = net.argmax_reduce(net.reshape(y, shape=[1, 4, 36]), axes=[1])
    model = net.model(y, z)
    plan = lower(model)
    report = legalisation(model.graph, plan)
    entries = {entry["operation"]: entry for entry in report["operations"]}
    assert entries["tanh"]["class"] == "lookup"
    assert entries["tanh"]["table_bytes"] == 131072
    assert entries["argmax_reduce"]["class"] == "composite"
    assert entries["reshape"]["class"] == "folded"
    assert entries["external"]["nodes"] == 0
    everything = [*report["operations"], *report["made"]]
    assert sum(entry["nodes"] for entry in everything) == len(plan.calls)
    assert sum(entry["macs"] for entry in everything) == sum(layer.macs for layer in plan.report)
    (layer,) = (entry for entry in everything if entry["macs"])
    assert layer["overhead"] == 4.0  # depthwise as one dense layer of 4 groups


def test_equalization_levels_channels_and_changes_nothing_else():
    net = Net()
    spread = np.exp(np.linspace(-3, 3, 16))
    random = net.random
    one = net.numbers(random.standard_normal((16, 3, 3, 3)) * 0.2 * spread[:, None, None, None])
    two = net.numbers(random.standard_normal((16, 1, 3, 3)) * 0.4 / spread[:, None, None, None])
    y = net.relu(net.conv(net.input(1, 3, 9, 9), one, net.numbers([random.random(16) * spread])))
    y = net.max_pool(net.relu(net.conv(y, two, net.weight(1, 16), groups=0)), size=[1, 1, 2, 2])
    y = net.linear(net.reshape(net.conv(y, net.weight(8, 16, 9, 9), padding=[(0, 0), (0, 0)]),
        shape=[0, -1]), net.weight(4, 8), name="y")  # fmt: skip
    model = net.model(y)
    samples = [{"x": random.standard_normal((1, 3, 9, 9)).astype(np.float32)} for _ in range(3)]
    expected = Executor(model)(samples[0])["y"].astype(float)
    ratios = []
    for equalize in (False, True):
        real = lower(model, "float32", equalize=equalize)
        assert snr(simulate(real, samples[0])["y"].astype(float), expected) > 100
        plan = lower(model, calibration=samples, equalize=equalize)
        ratios.append(snr(simulate(plan, samples[0])["y"].astype(float), expected))
    assert ratios[1] > ratios[0] + 6, ratios


def test_convolutions_of_other_borders_in_volumes_are_refused_in_words():
    net = Net()
    y = net.conv(net.input(1, 1, 3, 3, 3), net.weight(1, 1, 2, 2, 2), border="replicate")
    with pytest.raises(NnefError, match="rank 5"):
        lower(net.model(y))


def test_a_report_of_a_model_from_a_file_has_places(tmp_path: Path):
    (tmp_path / "graph.nnef").write_text(
        "version 1.0;\ngraph g(x) -> (y) {\n"
        "    x = external(shape = [1, 2]);\n    y = relu(x);\n}\n"
    )
    model = load(tmp_path)
    report = legalisation(model.graph, lower(model))
    assert report["operations"][-1]["at"].endswith("graph.nnef:4:9")
