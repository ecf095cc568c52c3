"""Loading a blob in C beside reading graph.nnef and the .dat files and copying them."""

import os
import subprocess
import sys
from pathlib import Path

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

# What a program does without a blob: parse the text, read every tensor file into memory, hand a
# copy to the target (np.array stands for its memory), and read all of it. A small model is opened
# first.
PROBE = """
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
import {package}, re, sys
import numpy as np
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
def faults(): return getrusage(RUSAGE_SELF).ru_minflt + getrusage(RUSAGE_SELF).ru_majflt
def arrays(graph):
    if hasattr(graph, "weights"):
        return graph.weights.values()
    return [tensor.data for tensor in graph.tensors.values() if tensor.data is not None]
def copies(path): return [np.array(array) for array in arrays({call}(path))]
def read(arrays): return sum(int(array.view(np.uint32).sum()) for array in arrays)
read(copies(sys.argv[1]))
before, counted, start, used = peak(), faults(), perf_counter(), process_time()
kept = copies(sys.argv[2])
there = perf_counter() - start
read(kept)
print(there, perf_counter() - start, process_time() - used, faults() - counted, peak() - before)
"""
READERS = {"nnef": "nnef.load_graph", "nnefx": "nnefx.load"}
# Label, flags, whether the stand-in for OpenVX copies what it is given.
LOADS = (
    ("blob, calls counted only", 0, False),
    ("blob, copied into the target", 0, True),
    ("blob, copied, weights' checksum compared", CHECK_DATA, True),
    ("blob, weights used where they are", ZERO_COPY, False),
)
LEAST = "(fresh memory of that size, filled)"


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


def run(command: list[str], copies: bool = False) -> tuple[float, ...]:
    """Return what a run of a command prints: times in s, page faults, memory in bytes."""
    environment = {**os.environ, **({"COUNTING_COPY": "1"} if copies else {})}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return tuple(map(float, done.stdout.split()))


def ways(program: Path, small: Path, large: Path, blob: Path) -> dict[str, tuple[list[str], bool]]:
    """Return the commands to measure, and whether the target copies in them."""
    found = {
        f"`{call}`, copied": (
            [sys.executable, "-c", PROBE.format(package=package, call=call), str(small),
             str(large)], False)
        for package, call in READERS.items()
    }  # fmt: skip
    for label, flags, copies in LOADS:
        found[label] = ([str(program), str(blob), str(flags)], copies)
    size = sum(file.stat().st_size for file in large.glob("**/*.dat"))
    found[LEAST] = ([str(program), "-", str(size)], False)
    return found


def least(commands: dict[str, tuple[list[str], bool]]) -> dict[str, list[float]]:
    """Measure the commands in turns; return the least of each number that they print."""
    found: dict[str, list[tuple[float, ...]]] = {label: [] for label in commands}
    for _ in range(RUNS):
        for label, (command, copies) in commands.items():
            found[label].append(run(command, copies))
    return {label: [*map(min, *rows)] for label, rows in found.items()}


def table(folder: Path, sizes: tuple[int, ...] = (10, 100, 500)) -> Table:
    """Measure all ways for weights of `sizes` MiB."""
    program = compile_loader(folder)
    small = write(folder / "small", extent=4)
    rows: list[tuple[str, ...]] = []
    for size in sizes:
        extent = int((size * 2**20 / 4 / TENSORS) ** 0.5)
        large = write(folder / f"{size}", extent)
        blob = folder / f"{size}.nxvx"
        write_blob(plan_of(extent), blob)
        found = least(ways(program, small, large, blob))
        base = found["`nnef.load_graph`, copied"]
        rows += [
            (f"{size} MiB", label, duration(there), f"{base[0] / there:,.1f}", duration(over),
             f"{base[1] / over:,.1f}", duration(used), f"{faults:,.0f}",
             f"{growth / 2**20:,.0f} MiB")
            for label, (there, over, used, faults, growth) in found.items()
        ]  # fmt: skip
        blob.unlink()
    head = ("weights", "way", "to the graph", "times faster", "to the end of the first run",
            "times faster", "processor time", "page faults", "growth of memory")  # fmt: skip
    return Table("Loading a net into OpenVX", head, tuple(rows))


def main() -> None:
    """Measure and print."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(table(Path(folder)))


if __name__ == "__main__":
    main()
