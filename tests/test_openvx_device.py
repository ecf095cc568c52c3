"""Generated C on an OpenVX that we did not write: VeriSilicon's simulator (see simulator.py)."""

import platform
from pathlib import Path

import numpy as np
import pytest

from nnefx.execute.executor import Executor
from nnefx.openvx import lower, simulate, snr
from openvx_device_nets import NETS
from openvx_nets import Case
from simulator import Simulator, simulator

pytestmark = [
    pytest.mark.xdist_group("openvx-device"),
    pytest.mark.skipif(
        (platform.system(), platform.machine()) != ("Linux", "x86_64"),
        reason="the simulator is built for Linux on x86-64",
    ),
]
STEPS = 1.0  # of the stored integers, between the device and our simulator


@pytest.fixture(scope="module")
def device() -> Simulator:
    return simulator()


@pytest.mark.parametrize(
    ("profile", "case"), NETS, ids=[f"{case.name}-{profile}" for profile, case in NETS]
)
def test_a_real_openvx_computes_what_we_do(
    profile: str, case: Case, device: Simulator, tmp_path: Path
):
    model = case.model()
    samples = case.samples(model)
    plan = lower(model, profile, calibration=samples)
    outputs = device.run_project(plan, samples[0], tmp_path / "net")
    real, stored = Executor(model)(samples[0]), simulate(plan, samples[0])
    for name in plan.outputs:
        tensor = plan.tensor(name)
        found = outputs[tensor.source].astype(float)
        expected = real[tensor.source].astype(float).reshape(-1)
        least = 100 if profile == "float32" else case.snr
        assert snr(found, expected) >= least
        ours = stored[tensor.source].astype(float).reshape(-1)
        if profile != "float32":
            assert np.abs(found - ours).max() <= STEPS * tensor.unit
