"""Every lowering against the float run, the simulator against a plain C implementation of ours."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.openvx import lower, simulate, snr, write_c
from nnefx.openvx.plan import Plan
from openvx_nets import CASES, Case

STUB = Path(__file__).parent / "openvx_stub"
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]
ids = [case.name for case in CASES]


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own small OpenVX as an object file."""
    target = tmp_path_factory.mktemp("stub") / "openvx.o"
    command = ["gcc", *FLAGS, "-O2", f"-I{STUB}", "-c", str(STUB / "openvx.c"), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_fixed_point_is_near_to_float(case: Case):
    model = case.model()
    samples = case.samples(model)
    plan = lower(model, calibration=samples)
    for rounding in ("once", "product"):
        results = simulate(plan, samples[0], rounding)
        for name, expected in Executor(model)(samples[0]).items():
            assert results[name].shape == expected.shape
            ratio = snr(results[name].astype(float), expected.astype(float))
            assert ratio >= case.snr, f"{name}, {rounding}: {ratio:.1f} dB"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_floating_point_is_exact_or_refused(case: Case):
    model = case.model()
    samples = case.samples(model)
    try:
        plan = lower(model, "float32")
    except NnefError as error:
        assert {fault.code for fault in error.diagnostics} <= {"NX602", "NX603"}  # noqa: PT017
        return
    results = simulate(plan, samples[0])
    for name, expected in Executor(model)(samples[0]).items():
        assert snr(results[name].astype(float), expected.astype(float)) > 100


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_c_program_gives_the_simulator_bits(case: Case, stub: Path, tmp_path: Path):
    model = case.model()
    samples = case.samples(model)
    plan = lower(model, calibration=samples)
    write_c(plan, tmp_path / "net", name="small")
    program = build(tmp_path / "net", stub)
    for rounding in ("once", "product"):
        expected = simulate(plan, samples[0], rounding)
        found = run(program, plan, samples[0], rounding)
        for name, values in expected.items():
            assert np.array_equal(found[name].reshape(values.shape), values), f"{name}, {rounding}"


def build(folder: Path, stub: Path) -> Path:
    """Compile a C project as strictly as users may."""
    program = folder / "program"
    sources = [str(folder / "main.c"), str(folder / "small.c"), str(stub)]
    command = ["gcc", *FLAGS, f"-I{STUB}", f"-I{folder}", *sources, "-lm", "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def run(program: Path, plan: Plan, inputs: dict, rounding: str) -> dict[str, np.ndarray]:
    """Run a test program on one sample; it aborts when it leaves an object behind."""
    folder = program.parent
    command = [str(program), "-w", str(folder / "small.nxvx")]
    for name in plan.inputs:
        file = folder / f"{name}.raw"
        np.asarray(inputs[plan.tensor(name).source], np.float32).tofile(file)
        command += ["-i", str(file)]
    for name in plan.outputs:
        command += ["-o", str(folder / f"{name}.out")]
    environment = {**os.environ, "STUB_ROUND_ONCE": "1"} if rounding == "once" else None
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return {
        plan.tensor(name).source: np.fromfile(folder / f"{name}.out", np.float32)
        for name in plan.outputs
    }
