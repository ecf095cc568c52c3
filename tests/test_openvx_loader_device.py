"""A blob on an OpenVX that we did not write: VeriSilicon's simulator (see simulator.py)."""

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from nnefx.execute.executor import Executor
from nnefx.openvx import lower, simulate, snr, write_blob
from openvx_device_nets import NETS
from openvx_nets import Case
from simulator import simulator

pytestmark = [
    pytest.mark.xdist_group("openvx-device"),
    pytest.mark.skipif(
        (platform.system(), platform.machine()) != ("Linux", "x86_64"),
        reason="the simulator is built for Linux on x86-64",
    ),
]
CHOSEN = {("conv_uneven", "verisilicon"), ("concat", "verisilicon"),
          ("flatten_linear", "float32"), ("pad", "float32")}  # fmt: skip
FOUND = [(profile, case) for profile, case in NETS if (case.name, profile) in CHOSEN]


@pytest.mark.parametrize(
    ("profile", "case"), FOUND, ids=[f"{case.name}-{profile}" for profile, case in FOUND]
)
def test_a_blob_the_c_project_and_the_net_agree(profile: str, case: Case, tmp_path: Path):
    """The blob's graph gives the very numbers of the C project's, near to those of the net."""
    device = simulator()
    model = case.model()
    samples = case.samples(model)
    plan = lower(model, profile, calibration=samples)
    write_blob(plan, tmp_path / "net.nxvx")
    command = [sys.executable, "-m", "nnefx", "run", "net.nxvx", "-o", "out"]
    for name, array in samples[0].items():
        np.save(tmp_path / f"{name}.npy", array)
        command += ["--input", f"{name}={name}.npy"]
    for library in ("libOpenVX.so", "libOpenVXU.so"):
        command += ["--openvx-lib", str(device.target / "lib" / library)]
    device.run(tmp_path, *command)
    project = device.run_project(plan, samples[0], tmp_path / "project")
    real, stored = Executor(model)(samples[0]), simulate(plan, samples[0])
    for name in plan.outputs:
        tensor = plan.tensor(name)
        found = np.load(tmp_path / "out" / f"{tensor.source}.npy")
        assert np.array_equal(found.reshape(-1), project[tensor.source])
        least = 100 if profile == "float32" else case.snr
        assert snr(found.astype(float), real[tensor.source].astype(float)) >= least
        if profile != "float32":
            assert np.abs(found - stored[tensor.source]).max() <= tensor.unit
