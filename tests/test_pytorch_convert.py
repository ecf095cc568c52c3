"""PyTorch sources: what is read, what is refused and why, and what the text looks like."""

import os
import pickle
import re
import sys
import zipfile

import nnef
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import nnefx as package  # noqa: E402
from nnefx.diagnostics import NnefError  # noqa: E402
from nnefx.ir.unbuild import unbuild  # noqa: E402
from nnefx.syntax.printer import print_document  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 1)

    def forward(self, x):
        y = self.conv2(self.relu(self.conv1(x)))
        y += x
        return self.relu(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer = nn.Sequential(Block(4), Block(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.layer(self.stem(x)).mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


PICTURE = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)


def text_of(model):
    return print_document(unbuild(model.graph))


def outputs(model, *tensors):
    feeds = {v.name: t.numpy() for v, t in zip(model.graph.inputs, tensors, strict=True)}
    return list(package.run(model, feeds).values())


def assert_close(found, wanted, tolerance=1e-5):
    wanted = wanted.detach().numpy()
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


# --- labels, names, memory


def test_labels_are_the_names_of_the_state_dict(net):
    model = package.from_torch(net, (PICTURE,))
    assert set(model.weights) == {name.replace(".", "/") for name in net.state_dict()}


def test_values_are_named_after_modules(net):
    model = package.from_torch(net, (PICTURE,))
    assert {"x", "stem", "layer_0_conv1", "output"} <= set(model.graph.values)


def test_weights_share_the_memory_of_the_module(net):
    model = package.from_torch(net, (PICTURE,))
    with torch.no_grad():
        net.stem.weight[0, 0, 0, 0] = 42
    assert model.weights["stem/weight"][0, 0, 0, 0] == 42


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


def test_shared_weights_are_stored_once():
    module = Tied()
    ids = torch.tensor([[1, 2, 3]])
    model = package.from_torch(module, (ids,))
    assert len(model.weights) == 1
    assert_close(outputs(model, ids)[0], module(ids))


def test_module_stays_in_training_mode(net):
    net.train()
    package.from_torch(net, (PICTURE,))
    assert all(part.training for part in net.modules())


def test_half_precision_is_stored_as_it_is(net):
    net.half()
    model = package.from_torch(net, (PICTURE.half(),))
    assert {array.dtype.name for array in model.weights.values()} == {"float16"}
    assert_close(outputs(model, PICTURE)[0], net(PICTURE.half()).float(), 1e-3)


class Named(nn.Module):
    def forward(self, pixels, *, mask):
        return {"scores": pixels * mask, "total": pixels.sum()}


def test_inputs_and_outputs_have_the_names_of_the_module():
    model = package.from_torch(Named(), (PICTURE,), {"mask": torch.ones(8)})
    assert [value.name for value in model.graph.inputs] == ["pixels", "mask"]
    assert [value.name for value in model.graph.outputs] == ["scores", "total"]


# --- fragments of modules


def test_hierarchy_has_one_fragment_for_each_class_and_configuration(net, tmp_path):
    model = package.from_torch(net, (PICTURE,), hierarchy=True)
    text = text_of(model)
    assert re.findall(r"^fragment (\w+)", text, re.MULTILINE) == ["Block"]
    assert len(re.findall(r"= Block\(", text)) == 2
    package.save(model, tmp_path / "net")
    nnef.load_graph(str(tmp_path / "net"))
    assert_close(outputs(package.load(tmp_path / "net"), PICTURE)[0], net(PICTURE))


def test_hierarchy_is_flat_again_when_flattened(net):
    from nnefx.passes.expand import expand

    deep = package.from_torch(net, (PICTURE,), hierarchy=True)
    flat = package.from_torch(net, (PICTURE,))
    keep = {node.name for node in flat.graph.nodes}
    names = [node.name for node in expand(deep.graph, keep).nodes]
    assert sorted(names) == sorted(node.name for node in flat.graph.nodes)


# --- writes in place, state


class Written(nn.Module):
    def forward(self, x):
        y = x.clone()
        y[:, 0] = 0
        y[:, :, 1:3] *= 2
        return y


def test_writes_through_views_are_followed():
    model = package.from_torch(Written(), (PICTURE,))
    assert_close(outputs(model, PICTURE)[0], Written()(PICTURE))


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x):
        self.state.mul_(0.5).add_(x)
        return self.state + 1


def test_buffers_that_change_become_updates_and_buffers_again():
    steps = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0]), torch.tensor([0.5, 4.0])]
    model = package.from_torch(Counter(), (steps[0],))
    assert "update" in [node.name for node in model.graph.nodes]
    from nnefx.execute.executor import Executor

    eager, ours, back = Counter(), Executor(model), package.to_torch(model)
    again = package.from_torch(package.to_torch(model), (steps[0],))
    assert "update" in [node.name for node in again.graph.nodes]
    twice = Executor(again)
    for step in steps:
        wanted = eager(step.clone())
        assert_close(ours({"x": step.numpy()})["output"], wanted)
        assert_close(back(step).numpy(), wanted)
        assert_close(next(iter(twice({"x": step.numpy()}).values())), wanted)


# --- files


def exported(module, path, *args, **options):
    torch.export.save(torch.export.export(module, args, **options), path)
    return path


def test_exported_program(net, tmp_path, nnefx):
    source = exported(net, tmp_path / "net.pt2", PICTURE)
    run = nnefx("convert", source, "-o", tmp_path / "net", "--verify", "--no-opt")
    assert run.exit_code == 0, run.stderr
    assert "compared" in run.stderr
    assert_close(outputs(package.load(tmp_path / "net"), PICTURE)[0], net(PICTURE))


def test_open_extents_are_fixed_by_the_example_or_by_the_user(net, tmp_path, nnefx):
    batch = {"x": {0: torch.export.Dim("n", min=1, max=9)}}
    source = exported(net, tmp_path / "net.pt2", PICTURE.repeat(2, 1, 1, 1), dynamic_shapes=batch)
    for words, count in (((), 2), (("--input-shape", "x:3,3,8,8"), 3)):
        out = tmp_path / f"net{count}"
        assert nnefx("convert", source, "-o", out, "--verify", *words).exit_code == 0
        assert package.load(out).graph.inputs[0].shape == (count, 3, 8, 8)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript(net, tmp_path, nnefx):
    source = tmp_path / "net.pt"
    torch.jit.script(net).save(source)
    run = nnefx("convert", source, "-o", tmp_path / "net", "--input-shape", "1,3,8,8", "--verify")
    assert run.exit_code == 0, run.stderr
    model = package.load(tmp_path / "net")
    assert "stem/weight" in model.weights
    assert_close(outputs(model, PICTURE)[0], net(PICTURE))


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write a Python module into the current folder; return its name."""
    monkeypatch.chdir(tmp_path)
    name = f"nets_{os.getpid()}_{abs(hash(str(tmp_path)))}"

    def write(body):
        head = "import torch\nfrom torch import nn\n"
        (tmp_path / f"{name}.py").write_text(head + body, encoding="utf-8")
        return name

    yield write
    sys.modules.pop(name, None)


MODULE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
    def forward(self, x):
        return self.fc(x).tanh()
"""


def test_module_that_is_imported_says_that_its_code_runs(script, tmp_path, nnefx):
    name = script(MODULE)
    run = nnefx("convert", f"{name}:Net", "-o", "net", "--input-shape", "1,4", "--verify")
    assert run.exit_code == 0, run.stderr
    assert f"importing '{name}' ran its code" in run.stderr


def test_module_gets_weights_of_a_state_dict(script, tmp_path, nnefx):
    name = script(MODULE)
    state = {"fc.weight": torch.full((2, 4), 2.0), "fc.bias": torch.zeros(2)}
    torch.save(state, tmp_path / "state.pth")
    words = ("--input-shape", "1,4", "--weights", tmp_path / "state.pth")
    assert nnefx("convert", f"{name}:Net", "-o", "net", "--verify", *words).exit_code == 0
    assert (package.load("net").weights["fc/weight"] == 2).all()


# --- safety


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_pickle_is_not_loaded(tmp_path, monkeypatch, nnefx):
    monkeypatch.chdir(tmp_path)
    torch.save(Trap(), "net.pt")
    run = nnefx("convert", "net.pt", "-o", "net")
    assert run.exit_code == 1
    assert "NX720" in run.stderr
    assert "torch.export.save" in run.stderr
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Trap()))
    assert "NX720" in nnefx("convert", "old.pt", "-o", "net").stderr
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"PK\x03\x04" + b"x" * 99, "damaged or cut short")]
)
def test_damaged_archive_is_not_taken_for_a_pickle(content, reason, tmp_path, nnefx):
    (tmp_path / "net.pt2").write_bytes(content)
    run = nnefx("convert", tmp_path / "net.pt2", "-o", tmp_path / "net")
    assert run.exit_code == 1
    assert "NX710" in run.stderr
    assert reason in run.stderr


def test_state_dict_alone_is_no_network(net, tmp_path, nnefx):
    torch.save(net.state_dict(), tmp_path / "net.pth")
    run = nnefx("convert", tmp_path / "net.pth", "-o", tmp_path / "net")
    assert run.exit_code == 1
    assert "weights, but no network" in run.stderr


def tampered(source, target, change):
    """Copy an archive with its members changed: `change(name, content)` returns the new content."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            new.writestr(item, change(item.filename, old.read(item.filename)))
    return target


def test_pickled_weights_of_an_exported_program_are_not_loaded(net, tmp_path, monkeypatch, nnefx):
    monkeypatch.chdir(tmp_path)
    source = exported(net, tmp_path / "net.pt2", PICTURE)

    def change(name, content):
        if name.endswith("weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true')
        return pickle.dumps(Trap()) if "data/weights/weight_" in name else content

    run = nnefx("convert", tampered(source, tmp_path / "bad.pt2", change), "-o", "net")
    assert run.exit_code == 1
    assert not (tmp_path / "trapped").exists()


def test_expressions_of_an_exported_program_are_not_evaluated(net, tmp_path, monkeypatch, nnefx):
    monkeypatch.chdir(tmp_path)
    batch = {"x": {0: torch.export.Dim("n", min=1, max=9)}}
    source = exported(net, tmp_path / "net.pt2", PICTURE.repeat(2, 1, 1, 1), dynamic_shapes=batch)
    attack = b"\"expr_str\": \"__import__('os').mkdir('trapped')\""

    def change(name, content):
        return (
            re.sub(rb'"expr_str": "[^"]*"', attack, content) if name.endswith(".json") else content
        )

    run = nnefx("convert", tampered(source, tmp_path / "bad.pt2", change), "-o", "net")
    assert run.exit_code == 1
    assert "NX720" in run.stderr
    assert not (tmp_path / "trapped").exists()


# --- refusals


class Branching(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x + 1
        return x - 1


class Unsupported(nn.Module):
    def forward(self, x):
        y = torch.lgamma(x)
        return torch.special.airy_ai(y) + torch.cummax(x, 0)[0]


class Random(nn.Module):
    def forward(self, x):
        return x + torch.randn(3)


class Dynamic(nn.Module):
    def forward(self, x):
        return x[x > 0]


def refused(module, *args):
    with pytest.raises(NnefError) as found:
        package.from_torch(module, args)
    return found.value


def test_control_flow_over_values_is_refused_with_its_line():
    error = refused(Branching(), torch.ones(3))
    assert error.code == "NX717"
    assert f"{os.path.basename(__file__)}:" in str(error)
    assert "if x.sum() > 0" in str(error)


def test_all_unsupported_operators_are_listed_with_their_lines():
    error = refused(Unsupported(), torch.ones(3))
    assert [item.code for item in error.diagnostics] == ["NX701"] * 3
    text = str(error)
    for operator in ("lgamma", "airy_ai", "cummax"):
        assert operator in text
    assert text.count(os.path.basename(__file__)) == 3


def test_random_numbers_and_open_results_are_refused_with_a_reason():
    assert "random numbers" in str(refused(Random(), torch.ones(3)))
    assert "depends on" in str(refused(Dynamic(), torch.ones(3)))


def test_inputs_that_do_not_fit_are_refused(net):
    error = refused(net, torch.ones(1, 4, 8, 8))
    assert error.code == "NX718"
    assert "stem" in str(error) or "forward" in str(error)


def test_bare_tensor_is_not_taken_for_the_list_of_inputs(net):
    with pytest.raises(NnefError, match=r"write \(x,\)"):
        package.from_torch(net, torch.ones(1, 3, 8, 8))


def test_second_shape_without_a_name_asks_for_a_name(nnefx):
    shape = ("--input-shape", "4,4")
    run = nnefx("convert", "net:make", "-o", "net", *shape, *shape)
    assert run.exit_code == 2
    assert "give NAME:4,4" in run.stderr


def test_missing_input_is_not_blamed_on_a_line_of_python_itself(net):
    error = refused(net)
    assert "missing a required argument" in str(error)
    assert "inspect.py" not in str(error)


def test_custom_operator_without_rule_is_refused():
    @torch.library.custom_op("nnefx_test::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @twice.register_fake
    def _(x):
        return torch.empty_like(x)

    class Custom(nn.Module):
        def forward(self, x):
            return torch.ops.nnefx_test.twice(x)

    error = refused(Custom(), torch.ones(3))
    assert error.code == "NX701"
    assert "nnefx_test.twice" in str(error)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("no_such_module_at_all:Net", "NX719"),
        ("collections:no_such_name", "NX719"),
        ("collections:OrderedDict", "NX719"),
    ],
)
def test_attributes_that_are_no_modules(source, code, nnefx, tmp_path):
    run = nnefx("convert", source, "-o", tmp_path / "net", "--input-shape", "1,4")
    assert run.exit_code == 1
    assert code in run.stderr


def test_module_without_inputs_wants_a_shape(script, nnefx):
    name = script(MODULE)
    run = nnefx("convert", f"{name}:Net", "-o", "net")
    assert run.exit_code == 1
    assert "NX707" in run.stderr
    assert "--input-shape" in run.stderr
