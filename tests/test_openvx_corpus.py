"""The test networks of OpenVX's own NNEF import, lowered for every profile and simulated."""

from pathlib import Path

import numpy as np
import pytest

from conftest import shared
from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.openvx import lower, simulate, snr
from nnefx.tensors.model import load

# Profile -> the least ratio (dB) with either rounding, and what it refuses.
PROFILES = {
    "khr16": (32, set()),
    "khronos-sample": (32, set()),
    "verisilicon": (20, set()),
    "float32": (120, {"argmax_reduce_channel"}),
}


def networks() -> list[Path]:
    return sorted(path for path in shared("corpora", "nnef_core").iterdir() if path.is_dir())


@pytest.mark.parametrize("profile", PROFILES)
def test_the_core_networks_come_near_to_float(profile: str):
    least, refused = PROFILES[profile]
    found: set[str] = set()
    for folder in networks():
        model = load(folder)
        random = np.random.default_rng(0)
        inputs = {
            value.name: random.standard_normal(value.shape).astype(np.float32)
            for value in model.graph.inputs
        }
        try:
            plan = lower(model, profile, calibration=inputs)
        except NnefError as error:
            found.add(f"{folder.name}" if error.code == "NX603" else str(error))
            continue
        expected = Executor(model)(inputs)
        for rounding in ("once", "product"):
            for name, values in simulate(plan, inputs, rounding).items():
                ratio = snr(values.astype(float), expected[name].astype(float))
                assert ratio >= least, f"{folder.name}: {name}, {rounding}: {ratio:.1f} dB"
    assert found == refused
