"""The OpenVX conformance models: 74 small networks with ground truth, run by nnefx.

They lie beside the checkout, in ../shared/corpora/nnef_core, or where NNEFX_CORPORA says.
"""

import numpy as np

import nnefx
from conftest import shared


def test_all_conformance_models_give_their_ground_truth() -> None:
    folders = sorted(path for path in shared("corpora", "nnef_core").iterdir() if path.is_dir())
    assert len(folders) == 74
    wrong = []
    for folder in folders:
        assert nnefx.check(folder) is not None
        model = nnefx.load(folder)
        inputs = {v.name: nnefx.read_tensor(folder / f"{v.name}.dat") for v in model.graph.inputs}
        for name, found in nnefx.run(model, inputs).items():
            wanted = nnefx.read_tensor(folder / f"{name}.dat")
            assert found.shape == wanted.shape
            if wanted.dtype.kind == "f":
                error = np.linalg.norm(found - wanted) / max(np.linalg.norm(wanted), 1e-12)
            else:
                error = float((found != wanted).any())
            if error > 1e-3:
                wrong.append(f"{folder.name}: {name}: relative L2 error {error:.1e}")
    assert not wrong
