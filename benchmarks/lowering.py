"""Lowering and writing for OpenVX, and how fast the simulator multiplies."""

import shutil
import subprocess
import sys
from pathlib import Path
from time import process_time, sleep

import numpy as np

from benchmarks.converting import anonymous
from benchmarks.report import Table, duration, ratio
from nnefx.ir.builder import Builder
from nnefx.openvx import lower, simulate
from nnefx.tensors.model import Model, save

# Blocks of the residual network, by stage: how many, and their narrow width.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))

# A process of its own, so that memory is that of the work; nothing is loaded twice.
PROBE = """
import sys
from time import perf_counter, process_time
from nnefx.openvx import lower, write_c
from nnefx.tensors.model import load
model = load(sys.argv[1])
start, used = perf_counter(), process_time()
write_c(lower(model), sys.argv[2])
print(perf_counter() - start, process_time() - used)
"""


def _written(model: Path, target: Path) -> tuple[float, float, float]:
    """Return the time and the processor time in s, and the memory beyond mapped files in bytes."""
    command, most = [sys.executable, "-c", PROBE, str(model), str(target)], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            most = max(most, anonymous(process.pid))
            sleep(0.01)
        assert process.stdout is not None
        found = process.stdout.read().split()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return float(found[0]), float(found[1]), most


class _Net:
    """A residual network of the size of ResNet-50, with random weights."""

    def __init__(self, extent: int) -> None:
        self.g = Builder(name="residual")
        self.random = np.random.default_rng(0)
        self.weights: dict[str, np.ndarray] = {}
        self.extent = extent

    def variable(self, *shape: int) -> object:
        label = f"v{len(self.weights)}"
        scale = float(np.prod(shape[1:])) ** -0.5
        self.weights[label] = self.random.standard_normal(shape, np.float32) * np.float32(scale)
        return self.g.variable(shape=list(shape), label=label)

    def conv(self, x, count: int, size: int, step: int = 1):  # type: ignore[no-untyped-def]
        """A convolution whose batch normalization is folded already."""
        kernel, bias = self.variable(count, x.shape[1], size, size), self.variable(1, count)
        pads = [((size - 1) // 2, size // 2)] * 2
        return self.g.conv(x, kernel, bias, stride=[step, step], padding=pads)

    def block(self, x, width: int, step: int):  # type: ignore[no-untyped-def]
        """A bottleneck, with a projection where the extents change."""
        y = self.g.relu(self.conv(x, width, 1))
        y = self.conv(self.g.relu(self.conv(y, width, 3, step)), 4 * width, 1)
        if x.shape != y.shape:
            x = self.conv(x, 4 * width, 1, step)
        return self.g.relu(self.g.add("add", y, x))

    def model(self) -> Model:
        """Return all of it."""
        g = self.g
        x = g.external(shape=[1, 3, self.extent, self.extent], name="x")
        y = g.relu(self.conv(x, 64, 7, 2))
        window, edge = [1, 1, 3, 3], [(0, 0), (0, 0), (1, 1), (1, 1)]
        y = g.max_pool(y, size=window, stride=[1, 1, 2, 2], padding=edge, border="ignore")
        for stage, (count, width) in enumerate(STAGES):
            for number in range(count):
                y = self.block(y, width, 2 if stage and number == 0 else 1)
        y = g.squeeze(g.mean_reduce(y, axes=[2, 3]), axes=[2, 3])
        y = g.linear(y, self.variable(1000, y.shape[1]), self.variable(1, 1000), name="y")
        return Model(g.finish(outputs=[y]), self.weights)


def table(folder: Path, extent: int) -> Table:
    """Measure on inputs of `extent` items in either direction."""
    model = _Net(extent).model()
    size = sum(array.nbytes for array in model.weights.values())
    save(model, folder / "residual")
    time, used, most = _written(folder / "residual", folder / "out")
    written = sum(file.stat().st_size for file in (folder / "out").iterdir())
    shutil.rmtree(folder / "out")
    rows = [
        ("lower and write ResNet-50", duration(time), f"{duration(used)} of processor"),
        ("its memory, of the weight bytes", "", ratio(most, size)),
        ("its files, of the weight bytes", "", ratio(written, size)),
    ]
    extent = min(extent, 112)  # to simulate one of 224 takes more than a minute
    plan = lower(_Net(extent).model())
    macs = sum(layer.macs for layer in plan.report)
    sample = {"x": np.random.default_rng(0).standard_normal((1, 3, extent, extent), np.float32)}
    for rounding in ("once", "product"):
        start = process_time()
        simulate(plan, sample, rounding)  # type: ignore[arg-type]
        speed = f"{macs / (process_time() - start) / 1e6:.0f} MMAC/s of a core"
        rows.append((f"simulate {macs / 1e6:.0f} MMAC, rounding {rounding}", "", speed))
    return Table("OpenVX", ("", "time", ""), tuple(rows))
