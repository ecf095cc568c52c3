"""A blob on a real OpenVX: VeriSilicon's simulator gives what ours in numpy gives."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnefx.openvx import lower, simulate, write_blob
from openvx_nets import Net
from simulator import simulator


@pytest.mark.skipif(sys.platform != "linux", reason="the simulator is for Linux on x86-64")
def test_a_blob_runs_on_a_real_library(tmp_path: Path):
    net = Net()
    x = net.input(1, 3, 8, 8)
    conv = net.conv(x, net.weight(4, 3, 3, 3), net.weight(1, 4), padding=[(1, 1), (1, 1)])
    model = net.model(net.relu(conv, name="y"))
    inputs = {"x": np.random.default_rng(0).uniform(-2, 2, (1, 3, 8, 8)).astype(np.float32)}
    plan = lower(model, "verisilicon", calibration=inputs)
    write_blob(plan, tmp_path / "net.nxvx")
    np.save(tmp_path / "x.npy", inputs["x"])
    target = simulator()
    libraries = target.target / "lib"
    command = [sys.executable, "-m", "nnefx", "run", "net.nxvx", "--input", "x=x.npy",
               "--openvx-lib", str(libraries / "libOpenVX.so"),
               "--openvx-lib", str(libraries / "libOpenVXU.so"), "-o", "out"]  # fmt: skip
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(libraries),
        "VIVANTE_SDK_DIR": str(target.target),
        "VSIMULATOR_CONFIG": (target.root / "licence.txt").read_text().strip(),
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    found = np.load(tmp_path / "out" / "y.npy")
    step = 1 / 256 / plan.tensor(plan.outputs[0]).scale
    assert np.abs(found - simulate(plan, inputs)["y"]).max() <= step
