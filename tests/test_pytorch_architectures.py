"""Networks of timm and transformers: converted, parsed by Khronos, run both ways, compared.

These stand for the families; benchmarks/pytorch.py tries all of benchmarks/architectures.py and
writes docs/pytorch.md.
"""

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import nnef
import numpy as np
import pytest

torch = pytest.importorskip("torch")
if find_spec("timm") is None or find_spec("transformers") is None:
    pytest.skip("timm or transformers is missing", allow_module_level=True)

from torch.utils import _pytree as pytree  # noqa: E402

import nnefx  # noqa: E402
from nnefx.ir.unbuild import unbuild  # noqa: E402
from nnefx.syntax.printer import print_document  # noqa: E402

pytestmark = [pytest.mark.xdist_group("torch"), pytest.mark.filterwarnings("ignore")]


def architectures():
    """Return the networks of benchmarks/, which is no package that tests see."""
    path = Path(__file__).parents[1] / "benchmarks" / "architectures.py"
    spec = spec_from_file_location("architectures", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ARCHITECTURES


ARCHITECTURES = architectures()
CHOSEN = (
    "resnet18", "densenet121", "mobilenetv3_large_100", "regnety_004", "convnext_atto",
    "vit_tiny_patch16", "swin_tiny", "xcit_nano", "mobilevit_xxs", "BERT", "GPT-2", "Llama",
    "T5 encoder", "Whisper encoder", "CLIP", "SegFormer", "DETR", "FNet",
)  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_architecture_agrees_with_eager_mode(name):
    module, args = ARCHITECTURES[name]()
    with torch.no_grad():
        wanted = [item for item in pytree.tree_leaves(module(*args)) if torch.is_tensor(item)]
    model = nnefx.from_torch(module, args)
    nnef.parse_string(print_document(unbuild(model.graph)))
    feeds = {value.name: arg.numpy() for value, arg in zip(model.graph.inputs, args, strict=True)}
    ours = list(nnefx.run(model, feeds).values())
    with torch.no_grad():
        back = nnefx.to_torch(model)(*args)
    theirs = [item.numpy() for item in (back if isinstance(back, tuple) else (back,))]
    for found in (ours, theirs):
        assert len(found) == len(wanted)
        for array, tensor in zip(found, wanted):
            scale = np.abs(tensor.numpy()).max()
            assert scale > 0
            assert np.abs(array - tensor.numpy()).max() <= 1e-4 * scale
