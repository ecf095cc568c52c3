"""Loading a blob in C beside reading graph.nnef and the .dat files and copying them."""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.opening import TENSORS, write
from benchmarks.report import Table, duration
from nnefx.openvx import runtime_dir, write_blob
from nnefx.openvx.drive import SOURCES, ZERO_COPY
from nnefx.openvx.plan import Call, Enum, Null, Payload, Plan, Ref, Role, Tensor

HERE = Path(__file__).parent / "openvx"
STUB = Path(__file__).parents[1] / "tests" / "openvx_stub"
RUNS = 5
CHECK_DATA = 1

# What a program does without a blob: parse the text, read every tensor file into memory, and hand
# a copy to the target (np.array stands for its memory). A small model is opened first.
PROBE = """
from time import perf_counter
import {package}, re, sys
import numpy as np
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
def arrays(graph):
    if hasattr(graph, "weights"):
        return graph.weights.values()
    return [tensor.data for tensor in graph.tensors.values() if tensor.data is not None]
def copies(path): return [np.array(array) for array in arrays({call}(path))]
copies(sys.argv[1])
before, start = peak(), perf_counter()
kept = copies(sys.argv[2])
print(perf_counter() - start, peak() - before)
"""
READERS = {"nnef": "nnef.load_graph", "nnefx": "nnefx.load"}
# Label, flags, whether the stand-in for OpenVX copies what it is given.
LOADS = (
    ("blob, calls counted only", 0, False),
    ("blob, copied into the target", 0, True),
    ("blob, copied, weights' checksum compared", CHECK_DATA, True),
    ("blob, weights used where they are", ZERO_COPY, False),
)


def plan_of(extent: int) -> Plan:
    """Return a chain of fully connected layers like the model of `opening.write`, in float32."""
    tensors = [Tensor("x", (extent, 1), "float32", 0, Role.INPUT, shape=(1, extent))]
    calls = []
    weights = np.ones((extent, extent), np.float32)
    for index in range(TENSORS):
        role = Role.OUTPUT if index == TENSORS - 1 else Role.VIRTUAL
        payload = Payload.of(weights)
        tensors.append(
            Tensor(f"w{index}", (extent, extent), "float32", 0, Role.CONST, label=f"w{index}",
                   payload=payload)
        )  # fmt: skip
        tensors.append(Tensor(f"y{index}", (extent, 1), "float32", 0, role))
        source = f"y{index - 1}" if index else "x"
        policies = (Enum("VX_CONVERT_POLICY_SATURATE"), Enum("VX_ROUND_POLICY_TO_ZERO"))
        args = (Ref(source), Ref(f"w{index}"), Null(), *policies, Ref(f"y{index}"))
        calls.append(Call("vxFullyConnectedLayer", args, "linear", f"y{index}"))
    outputs = (f"y{TENSORS - 1}",)
    return Plan("large", "float32", ("x",), outputs, tuple(tensors), calls=tuple(calls))


def compile_loader(folder: Path) -> Path:
    """Compile the measuring program against the OpenVX that does nothing."""
    program = folder / "load"
    sources = [runtime_dir() / name for name in SOURCES] + [HERE / "counting.c", HERE / "load.c"]
    flags = ["-std=gnu99", "-O2", "-DNNEFX_VX_WEAK", f"-I{STUB}", f"-I{runtime_dir()}"]
    subprocess.run(["gcc", *flags, *map(str, sources), "-lm", "-o", str(program)], check=True)
    return program


def measured(command: list[str], copy: bool = False) -> list[float]:
    """Return the medians of what the runs of a command print: time in s, memory in bytes."""
    environment = {**os.environ, **({"COUNTING_COPY": "1"} if copy else {})}
    found = []
    for _ in range(RUNS):
        out = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout
        found.append(tuple(map(float, out.split())))
    return [median(column) for column in zip(*found, strict=True)]


def table(folder: Path, sizes: tuple[int, ...] = (10, 100, 500)) -> Table:
    """Measure all ways for weights of `sizes` MiB."""
    program = compile_loader(folder)
    small = write(folder / "small", extent=4)
    rows = []
    for size in sizes:
        extent = int((size * 2**20 / 4 / TENSORS) ** 0.5)
        large = write(folder / f"{size}", extent)
        blob = folder / f"{size}.nxvx"
        write_blob(plan_of(extent), blob)
        found = {
            f"`{call}`, copied": measured(
                [sys.executable, "-c", PROBE.format(package=package, call=call), str(small),
                 str(large)])
            for package, call in READERS.items()
        }  # fmt: skip
        for label, flags, copy in LOADS:
            found[label] = measured([str(program), str(blob), str(flags)], copy)
        base = found["`nnef.load_graph`, copied"][0]
        rows += [
            (f"{size} MiB", label, duration(time), f"{base / time:,.1f}",
             f"{growth / 2**20:,.0f} MiB")
            for label, (time, growth) in found.items()
        ]  # fmt: skip
        blob.unlink()
    head = ("weights", "way", "time to the graph", "times faster", "growth of memory")
    return Table("Loading a net into OpenVX", head, tuple(rows))


def main() -> None:
    """Measure and print."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(table(Path(folder)))


if __name__ == "__main__":
    main()
