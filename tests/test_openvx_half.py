"""Half floats: the loader and the simulator read and write them as numpy does."""

import subprocess
from pathlib import Path

import numpy as np

from nnefx.openvx import runtime_dir, simulate
from nnefx.openvx.plan import Call, Enum, Plan, Ref, Role, Tensor

HERE = Path(__file__).parent
STUB = HERE / "openvx_stub"
ALL = np.arange(65536, dtype=np.uint16).view(np.float16)


def reals() -> np.ndarray:
    """Numbers at, beside and between half floats, of every magnitude."""
    random = np.random.default_rng(7)
    exact = ALL[np.isfinite(ALL)].astype(np.float32)[::7]
    ties = (exact[:-1] + exact[1:]) / 2
    wide = (random.standard_normal(20_000) * 2.0 ** random.integers(-40, 40, 20_000)).astype("f4")
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.99, 65520, 2**-25, 2**-26])
    return np.concatenate(
        [exact, ties, np.nextafter(ties, np.float32(9)), wide, edges.astype("f4")]
    )


def test_all_half_floats_are_read_and_any_number_is_rounded_as_numpy_does(tmp_path: Path):
    values = reals()
    values.tofile(tmp_path / "reals")
    program = tmp_path / "program"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsanitize=undefined",
             "-fno-sanitize-recover=all", f"-I{STUB}", f"-I{runtime_dir()}"]  # fmt: skip
    sources = [str(HERE / "blob_loader" / "halves.c"), str(STUB / "openvx.c")]
    subprocess.run(["gcc", *flags, *sources, "-lm", "-o", str(program)], check=True)
    out = subprocess.run([program, tmp_path / "reals"], capture_output=True, check=True).stdout
    read = np.frombuffer(out[: 65536 * 4], np.float32)
    assert np.array_equal(read, ALL.astype(np.float32), equal_nan=True)
    assert np.array_equal(np.signbit(read), np.signbit(ALL))
    stored = np.frombuffer(out[65536 * 4 :], np.float16)
    with np.errstate(over="ignore"):
        expected = (values.astype(np.float64) * 2).astype(np.float16)
    assert np.array_equal(stored, expected, equal_nan=True)
    assert np.array_equal(np.signbit(stored[~np.isnan(stored)]),
                          np.signbit(expected[~np.isnan(expected)]))  # fmt: skip


def test_plans_of_half_floats_are_simulated():
    x = Tensor("x", (3, 1, 1, 1), "float16", 0, Role.INPUT, shape=(1, 1, 1, 3))
    y = Tensor("y", (3, 1, 1, 1), "float16", 0, Role.OUTPUT, shape=(1, 1, 1, 3))
    call = Call("vxTensorAddNode", (Ref("x"), Ref("x"), Enum("VX_CONVERT_POLICY_SATURATE"),
                                    Ref("y")))  # fmt: skip
    plan = Plan("half", "float32", ("x",), ("y",), (x, y), calls=(call,))
    values = np.array([0.1, -2.5, 65504], np.float32).reshape(1, 1, 1, 3)
    found = simulate(plan, {"x": values})["y"]
    with np.errstate(over="ignore"):
        expected = (values.astype(np.float16) * np.float16(2)).astype(np.float32)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
