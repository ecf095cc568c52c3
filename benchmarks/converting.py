"""Converting models of other frameworks, whole commands, beside their peers and beside copying."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np

import nnefx
from benchmarks import limits, onnx_models, peers, pytorch
from benchmarks.report import Table, duration, mebibytes, ratio
from benchmarks.timing import Run, commands, environment, memory, middle
from benchmarks.timing import nnefx as command
from nnefx.converters.caffe.caffemodel import write_weights
from nnefx.converters.caffe.prototxt import read_net
from nnefx.converters.caffe.read import read_net_with
from nnefx.converters.caffe.reference import Recorder
from nnefx.ir.builder import Builder

SAMPLES = Path(__file__).parents[1] / "samples" / "caffe"
RUNS = 3
MISSING = "not installed"
HEAD = ("", "time", "time : copy", "memory", "of it no mapped file")

# A process that has converted a small model before: what it loads once does not count.
PROBE = """
import nnefx, sys
from time import perf_counter
small, source, target = sys.argv[1:]
nnefx.convert(small, **({"weights": "zeros"} if small.endswith("txt") else {}))
start = perf_counter()
nnefx.save(nnefx.convert(source), target)
print(perf_counter() - start)
"""


def anonymous(process: int) -> int:
    """Return the resident memory of a process that is no file, in bytes."""
    return memory(process, "RssAnon")


def resnet(folder: Path) -> Table:
    """Convert ResNet-50 from ONNX with both tools."""
    source = onnx_models.resnet50(folder / "resnet50.onnx")
    target = folder / "converted"
    theirs = [sys.executable, "-m", "nnef_tools.convert", "--input-format", "onnx"]
    theirs += ["--output-format", "nnef", "--input-model", str(source)]
    theirs += ["--output-model", str(folder / "theirs")]
    path = peers.path("nnef_tools")
    words: dict[str, list[str] | None] = {
        "`nnefx convert --no-opt`": command("convert", source, "-o", target, "-q", "--force",
                                            "--no-opt"),
        "`nnefx convert`": command("convert", source, "-o", target, "-q", "--force"),
        "nnef_tools": theirs if path else None,
        "nnef_tools, `--fold-constants --optimize`": [*theirs, "--fold-constants", "--optimize"]
        if path else None,
    }  # fmt: skip
    copied = limits.copying(source, folder / "copy")
    found = dict(zip(words, commands(*words.values(), runs=RUNS, path=path)))
    return Table(
        f"Convert ResNet-50 from ONNX, {source.stat().st_size / 1e6:.0f} MB",
        HEAD,
        (("copy the file", duration(copied), "1", "", ""), *_rows(found, words, copied)),
        "Whole commands, from their start. nnefx folds and optimizes unless told not to.",
    )


def _rows(
    found: dict[str, Run | None], words: dict[str, list[str] | None], copied: float
) -> list[tuple[str, ...]]:
    rows = []
    for name, run in found.items():
        if run is None:
            rows.append((name, "fails" if words[name] else MISSING, "", "", ""))
        else:
            memories = mebibytes(run.peak), mebibytes(run.anonymous)
            rows.append((name, duration(run.seconds), ratio(run.seconds, copied), *memories))
    return rows


def growing(folder: Path, sizes: tuple[int, ...]) -> Table:
    """Convert ONNX graphs of ever more nodes; the first one again, for what a start costs."""
    rows, most = [], 0.0
    for size in (sizes[0] // 10, *sizes):
        source = onnx_models.chain(folder / f"chain{size}.onnx", size)
        words = command("convert", source, "-o", folder / "chain.nnef.tar", "-q", "--force")
        (run,) = commands(words, runs=RUNS if size <= 10_000 else 1)
        source.unlink()
        if run is None:
            rows.append((f"{size:,}", "fails", "", ""))
            continue
        most = most or run.seconds  # the smallest is nearly all start
        each = max(run.seconds - most, 0) / size * 1e6
        rows.append((f"{size:,}", duration(run.seconds), f"{each:.0f} µs", mebibytes(run.peak)))
    head = ("nodes", "time", "beyond the first line, each", "memory")
    return Table("Convert ONNX graphs of many nodes to a `.nnef.tar`", head, tuple(rows))


def torch() -> Table:
    """Convert ResNet-50 from PyTorch with both tools, packages being loaded."""
    path = peers.path("torch_to_nnef")
    ours = [found for _ in range(RUNS) if (found := pytorch.run(["--probe", "resnet50"]))]
    theirs = pytorch.run(["--peer", "resnet50"]) if path else {}  # once: it may take a minute
    time = median([item["seconds"] for item in ours]) if ours else 0.0
    rows = [("nnefx.from_torch", duration(time) if time else "fails", "1")]
    if theirs:
        other = theirs["seconds"]
        rows.append(("torch-to-nnef", duration(other), ratio(other, time or other)))
    else:
        rows.append(("torch-to-nnef", "fails" if path else MISSING, ""))
    note = "The conversion alone. nnefx's includes tracing by `torch.export`."
    head = ("", "time", "time : nnefx")
    return Table("Convert ResNet-50 from PyTorch", head, tuple(rows), note)


def caffe(folder: Path, name: str) -> Table:
    """Convert a Caffe net with weights that are made up."""
    net = Path(shutil.copy(SAMPLES / f"{name}.prototxt", folder))
    made_up = Recorder()
    read_net_with(read_net(net), made_up, str(net), {})
    weights = net.with_suffix(".caffemodel")
    write_weights(weights, made_up.blobs)
    return _beside(folder, f"{name} from Caffe", net, weights, SAMPLES / "lenet.prototxt")


def lite(folder: Path, megabytes: int) -> Table:
    """Convert a TFLite file with large matrices, which our own exporter wrote."""
    small = _lite(folder / "small.tflite", 1, 8)
    large = _lite(folder / "large.tflite", max(megabytes // 16, 1), 2048)
    return _beside(folder, "a `.tflite` file", large, large, small)


def _lite(path: Path, count: int, extent: int) -> Path:
    g = Builder()
    x = g.external(shape=[1, extent], name="x")
    random = np.random.default_rng(0)
    weights = {}
    for index in range(count):
        weights[f"w{index}"] = random.standard_normal((extent, extent), np.float32)
        x = g.linear(x, g.variable(shape=[extent, extent], label=f"w{index}"))
    model = nnefx.Model(g.finish(outputs=[x]), weights)
    from nnefx import converters

    converters.write(model, path, format="tflite", force=True)
    return path


def large(folder: Path, megabytes: int) -> Table:
    """Convert an ONNX file with large matrices."""
    small = onnx_models.products(folder / "small.onnx", 1, 8)
    source = onnx_models.products(folder / "large.onnx", max(megabytes // 16, 1))
    return _beside(folder, "an ONNX file", source, source, small)


def _beside(folder: Path, what: str, source: Path, weights: Path, small: Path) -> Table:
    """Measure a conversion in turn with copying the file of the weights."""
    target = folder / "converted"
    words = command("convert", source, "-o", target, "-q", "--force")
    copies, inner = [], []
    whole: list[Run | None] = []
    for _ in range(RUNS):
        copies.append(limits.copying(weights, folder / "copy"))
        inner.append(_warm(small, source, target))
        whole += commands(words, runs=1)
    shutil.rmtree(target, ignore_errors=True)
    copied, time = median(copies), median(inner)
    rows = [("copy the weights", duration(copied), "1", "", "")]
    rows.append(("`nnefx.convert` and `save`", duration(time), ratio(time, copied), "", ""))
    rows += _rows({"`nnefx convert`": middle(whole)}, {"`nnefx convert`": words}, copied)
    size = weights.stat().st_size
    weights.unlink()
    return Table(f"Convert {what} with {mebibytes(size)} of weights", HEAD, tuple(rows))


def _warm(small: Path, source: Path, target: Path) -> float:
    """Return the time of converting in a process that has done so before, in s."""
    shutil.rmtree(target, ignore_errors=True)
    words = [sys.executable, "-c", PROBE, str(small), str(source), str(target)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    return float(re.findall(r"[\d.e-]+", done.stdout)[-1])
