"""Published PyTorch models give the outputs that PyTorch once gave, as NNEF and back again."""

from pathlib import Path

import nnef
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnefx  # noqa: E402
from pytorch_nets import NETS  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")


def golden(shared, name):
    """Return the stored inputs and outputs of a model, in order."""
    stored = np.load(shared("golden", f"{name.replace('/', '__')}.npz"))
    inputs = [stored[key] for key in sorted(stored) if key.startswith("in/")]
    return inputs, [stored[key] for key in sorted(stored) if key.startswith("out/")]


def assert_same(found, wanted, tolerance=1e-4):
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted):
        assert ours.shape == theirs.shape
        scale = np.abs(theirs).max()
        assert np.abs(ours - theirs).max() <= tolerance * scale + 1e-7


@pytest.mark.parametrize("name", NETS)
def test_published_weights_reproduce_stored_outputs(name, shared, trained, tmp_path):
    state = torch.load(trained(name), map_location="cpu", weights_only=True)
    module = NETS[name](state)
    module.load_state_dict(state)
    inputs, outputs = golden(shared, name)
    model = nnefx.from_torch(module, tuple(map(torch.from_numpy, inputs)))
    feeds = dict(zip((value.name for value in model.graph.inputs), inputs))
    assert_same(list(nnefx.run(model, feeds).values()), outputs)
    nnefx.save(model, tmp_path / "net")
    nnef.load_graph(str(tmp_path / "net"))  # the Khronos parser
    back = nnefx.to_torch(nnefx.load(tmp_path / "net"))
    again = back(*map(torch.from_numpy, inputs))
    again = again if isinstance(again, tuple) else (again,)
    assert_same([item.detach().numpy() for item in again], outputs)


def test_torchscript_with_control_flow_over_extents(shared, trained, nnefx, tmp_path):
    path = trained("pytorch/silero_vad_jit")
    source = Path(tmp_path / "vad.pt")
    source.write_bytes(path.read_bytes())
    out = tmp_path / "vad"
    run = nnefx(
        "convert", source, "-o", out, "--input-shape", "x:1,512", "--input-shape", "sr:16000"
    )
    assert run.exit_code == 0, run.stderr
    import nnefx as package

    (sound,), outputs = golden(shared, "pytorch/silero_vad_jit")
    model = package.load(out)
    found = package.run(model, {model.graph.inputs[0].name: sound})
    assert_same(list(found.values())[:1], outputs)
