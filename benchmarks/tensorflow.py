"""`python -m benchmarks.tensorflow`: Keras' applications and the time of conversion.

The tables go into docs/tensorflow.md. The converters by Khronos are measured beside where
`python -m benchmarks.peers` has put them; `--with FOLDER` names another folder.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.report import duration

PAGE = Path(__file__).parents[1] / "docs" / "tensorflow.md"
BEGIN, END = "<!-- measured by benchmarks/tensorflow.py -->", "<!-- end of measured -->"
RUNS = 3
SIZES = {
    "VGG16": 64, "ResNet50": 96, "MobileNet": 96, "MobileNetV2": 96, "MobileNetV3Small": 96,
    "MobileNetV3Large": 96, "EfficientNetB0": 96, "DenseNet121": 96, "InceptionV3": 96,
    "Xception": 96, "NASNetMobile": 224, "ConvNeXtTiny": 96,
}  # fmt: skip

PROBE = """
import sys
from time import perf_counter
start = perf_counter()
import nnefx.converters.tensorflow.graph.load as load
loaded = perf_counter()
from pathlib import Path
load.load(Path(sys.argv[1]))
frozen = perf_counter()
print(loaded - start, frozen - loaded)
"""


def made(name: str) -> Any:
    """Return an application with random weights that let signals through."""
    import keras

    keras.utils.set_random_seed(0)
    size = SIZES[name]
    classes = 1000 if name == "NASNetMobile" else 10
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=classes
    )
    rng = np.random.default_rng(0)
    model.set_weights(
        [_weight(v.name, array, rng) for v, array in zip(model.weights, model.get_weights())]
    )
    return model


def _weight(name: str, array: Any, rng: Any) -> Any:
    if "variance" in name or "gamma" in name:
        return (0.5 + rng.random(array.shape)).astype(np.float32)
    if array.ndim == 1:
        return (0.05 * rng.standard_normal(array.shape)).astype(np.float32)
    return array


def application(name: str) -> tuple[str, ...]:
    """Convert an application, run both, and return its row."""
    import nnefx
    from nnefx.converters.optimized import optimized
    from nnefx.converters.tensorflow.graph.load import of_model
    from nnefx.converters.tensorflow.graph.read import Wanted, read_frozen
    from nnefx.tensors.model import Model

    model = made(name)
    frozen = of_model(model)
    start = perf_counter()
    imported = optimized(read_frozen(frozen, name, Wanted({}, {})))
    time = perf_counter() - start
    x = np.random.default_rng(1).random((1, SIZES[name], SIZES[name], 3)).astype(np.float32)
    x *= (
        1
        if name in ("MobileNet", "MobileNetV2", "Xception", "InceptionV3", "NASNetMobile")
        else 255
    )
    expected = model(x, training=False).numpy()
    feeds = {imported.graph.inputs[0].name: x}
    (found,) = nnefx.run(Model(imported.graph, imported.weights), feeds).values()
    error = np.abs(found - expected).max() / np.abs(expected).max()
    nodes = [node.name for node in imported.graph.nodes]
    operations = sum(node not in ("external", "variable") for node in nodes)
    inside = nodes.count("transpose") - 1  # one is that of the input
    return name, str(operations), str(inside), duration(time), f"{error:.1e}"


def files(folder: Path) -> Mapping[str, Path]:
    """Write MobileNetV2 as a TFLite file, a SavedModel and a frozen graph."""
    import keras
    import tensorflow as tf

    from nnefx.converters.tensorflow.graph.load import of_model

    model = keras.applications.MobileNetV2(weights=None)
    found = {kind: folder / f"net{kind}" for kind in (".tflite", "", ".pb")}
    found[".tflite"].write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    model.export(found[""], verbose=False)
    found[".pb"].write_bytes(of_model(model).graph.SerializeToString())
    return found


def commanded(words: list[str], environment: Mapping[str, str]) -> tuple[float, int] | None:
    """Run a command; return its time, in s, and its peak memory, in MiB."""
    times, most = [], 0
    for _ in range(RUNS):
        start = perf_counter()
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(environment)
        )
        sleep(0.05)  # until it is the command: before, the memory is that of this process
        while process.poll() is None:
            most = max(most, _peak(process.pid))
            sleep(0.005)
        times.append(perf_counter() - start)
        if process.returncode:
            return None
    return median(times), most // 1024


def _peak(process: int) -> int:
    """Return the peak memory of a process so far, in KiB."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0


def conversions(folder: Path, tools: str | None) -> list[tuple[str, ...]]:
    """Measure commands from process start."""
    environment = dict(os.environ)
    theirs = {**environment, **({"PYTHONPATH": tools} if tools else {})}
    rows = []
    for kind, path in files(folder).items():
        title = {".tflite": "`.tflite`", "": "SavedModel", ".pb": "frozen `.pb`"}[kind]
        out = folder / "out"
        words = [sys.executable, "-m", "nnefx", "convert", str(path), "-o", str(out), "--force"]
        ours = commanded(words, environment)
        other = None
        if kind:
            form = {".tflite": "tflite", ".pb": "tf"}[kind]
            words = [sys.executable, "-m", "nnef_tools.convert", "--input-format", form]
            words += ["--output-format", "nnef", "--input-model", str(path)]
            other = commanded([*words, "--output-model", str(folder / "theirs")], theirs)
        share = "none" if kind == ".tflite" else _share(path, ours)
        rows.append((title, *_shown(ours), share, *(_shown(other) if kind else ("-", "-"))))
    return rows


def _shown(found: tuple[float, int] | None) -> tuple[str, str]:
    return ("fails", "") if found is None else (duration(found[0]), f"{found[1]} MiB")


def _share(path: Path, ours: tuple[float, int] | None) -> str:
    """Return which part of the time TensorFlow takes to be imported, and to load and freeze."""
    out = subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True
    ).stdout
    imported, frozen = map(float, out.split())
    assert ours is not None
    return f"{min((imported + frozen) / ours[0], 1):.0%}"


def tables(folder: Path, tools: str | None) -> str:
    """Return both tables as Markdown."""
    head = ("MobileNetV2 as", "nnefx", "memory", "of it TensorFlow", "nnef_tools", "memory")
    first = _table(head, conversions(folder, tools))
    head = ("architecture", "operations", "transposes inside", "conversion", "relative error")
    second = _table(head, [application(name) for name in SIZES])
    return f"{first}\n{second}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def main() -> None:
    """Measure, and put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--with",
        dest="tools",
        metavar="FOLDER",
        default=peers.path("nnef_tools"),
        help="where nnef_tools is",
    )
    tools = parser.parse_args().tools
    with tempfile.TemporaryDirectory() as folder:
        made_tables = tables(Path(folder), tools)
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{made_tables}{END}{tail}", encoding="utf-8")
    print(made_tables, end="")


if __name__ == "__main__":
    main()
