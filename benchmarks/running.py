"""Running MobileNetV2, ResNet-50 and an encoder of BERT's size: numpy, onnxruntime, PyTorch.

All on one thread. Each network is measured in a process of its own: `--probe NAME` prints what it
found as JSON. Times are the least processor time of several calls that take turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.report import Table, duration, ratio

ROOT = Path(__file__).parents[1]
NETWORKS = ("MobileNetV2", "ResNet-50", "BERT-base encoder")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def made(name: str, quick: bool) -> tuple[Any, tuple[Any, ...]]:
    """Return a network with random weights, and its input: one picture, or 128 tokens."""
    import torch
    import transformers

    from benchmarks.architectures import picture

    if name != NETWORKS[2]:
        factory = {"MobileNetV2": "mobilenetv2_100", "ResNet-50": "resnet50"}[name]
        return picture(factory, 64 if quick else 224)()
    torch.manual_seed(0)
    layers = 1 if quick else 12
    config = transformers.BertConfig(attn_implementation="eager", num_hidden_layers=layers)

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = transformers.BertModel(config, add_pooling_layer=False)

        def forward(self, ids: Any) -> Any:
            return self.bert(input_ids=ids).last_hidden_state

    return Encoder().eval(), (torch.randint(1, 30_000, (1, 128)),)


def probe(name: str, quick: bool) -> dict[str, float]:
    """Measure one network; times are in s, memory in bytes, products in multiply-adds."""
    import torch

    import nnefx
    from nnefx.execute.executor import Executor
    from nnefx.execute.memory import least_bytes, measured

    torch.set_num_threads(1)
    module, args = made(name, quick)
    model = nnefx.from_torch(module, args)
    feeds = {model.graph.inputs[0].name: args[0].numpy()}
    plain, prepared = Executor(model), Executor(model, prepare=True)
    again, session = nnefx.to_torch(model), _session(module, args)
    rounds = 3 if quick else 15
    times = least(
        {
            "onnxruntime": lambda: session.run(None, {"x": args[0].numpy()}),
            "plain": lambda: plain(feeds),
            "prepared": lambda: prepared(feeds),
        },
        rounds,
    )
    with torch.inference_mode():
        times |= least({"eager": lambda: module(*args), "torch": lambda: again(*args)}, rounds)
    (wanted,) = session.run(None, {"x": args[0].numpy()})
    (found,) = prepared(feeds).values()
    with measured() as most:
        plain(feeds)
    return {
        **times,
        "error": float(abs(found - wanted).max() / abs(wanted).max()),
        "most": most[0],
        "alive": least_bytes(model.graph),
        "products": products(model.graph),
        "peak": _peak(),
    }


def least(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least processor time of each action; they take turns."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(rounds + 1):  # the first round prepares, and is never the fastest
        for name, action in actions.items():
            start = process_time()
            action()
            best[name] = min(best[name], process_time() - start)
    return best


def _session(module: Any, args: tuple[Any, ...]) -> Any:
    import onnxruntime
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        torch.onnx.export(
            module, args, path, dynamo=False, opset_version=17, input_names=["x"]
        )  # the older exporter needs no further package
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def products(graph: Any) -> int:
    """Return how many multiply-adds the convolutions and matrix products of a graph take."""
    total = 0
    for node in graph.nodes:
        operands = list(node.operands())
        if node.name == "conv":
            filter_ = operands[1]
            total += node.output.volume * filter_.volume // filter_.shape[0]
        elif node.name in ("linear", "matmul"):
            inner = -2 if node.attributes.get("transposeA") else -1
            total += node.output.volume * operands[0].shape[inner]
    return total


def _peak() -> float:
    """Return how many multiply-adds of float32 numpy's BLAS does in a second, at best."""
    import numpy as np

    matrix = np.random.default_rng(1).standard_normal((1024, 1024), np.float32)
    out = np.empty_like(matrix)
    seconds = least({"": lambda: np.matmul(matrix, matrix, out=out)}, rounds=7)[""]
    return float(1024**3 / seconds)


def tables(quick: bool = False) -> Sequence[Table]:
    """Return the tables of the numpy and the torch backend."""
    found = {name: _probed(name, quick) for name in NETWORKS}
    peak = max(item["peak"] for item in found.values())
    numpy_rows = tuple(
        (
            name,
            duration(item["onnxruntime"]),
            duration(item["prepared"]),
            ratio(item["prepared"], item["onnxruntime"]),
            duration(item["plain"]),
            ratio(item["plain"], item["onnxruntime"]),
            f"{item['products'] / item['prepared'] / 1e9:.0f} ({item['products'] / 1e9:.2g} G)",
            f"{item['most'] / 1e6:.1f} MB",
            f"{item['alive'] / 1e6:.1f} MB",
            ratio(item["most"], item["alive"]),
        )
        for name, item in found.items()
    )
    head = (
        "", "onnxruntime", "numpy, prepared", "prepared : onnxruntime", "numpy, as it is",
        "as it is : onnxruntime", "multiply-adds/ns (in all)", "memory of values",
        "alive at once", "memory : alive",
    )  # fmt: skip
    torch_rows = tuple(
        (
            name,
            duration(item["eager"]),
            duration(item["torch"]),
            ratio(item["torch"], item["eager"]),
        )
        for name, item in found.items()
    )
    note = (
        "Least processor times of calls that take turns. Prepared: batch normalization is part of "
        "the filters, as in onnxruntime's session. Memory without inputs and weights, scratch "
        "included; alive at once is the least that this order of operations needs. Limit: the BLAS "
        f"of numpy does {peak / 1e9:.0f} multiply-adds/ns. Aims: 3 times onnxruntime, 1.3 times "
        "what is alive at once."
    )
    title = "Run with numpy on one thread"
    return (
        Table(title, head, numpy_rows, note),
        Table(
            "Run with PyTorch on one thread",
            ("", "eager", "`to_torch`", "`to_torch` : eager"),
            torch_rows,
            "Least processor times of calls that take turns. Aim: 1.2 times eager.",
        ),
    )


def _probed(name: str, quick: bool) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.running", "--probe", name]
    done = subprocess.run(
        [*command, *["--quick"] * quick],
        cwd=ROOT, env={**os.environ, **ONE_THREAD}, check=True, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the tables, or be the process of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probe", choices=NETWORKS)
    parser.add_argument("--quick", action="store_true", help="small networks")
    given = parser.parse_args()
    if given.probe:
        print(json.dumps(probe(given.probe, given.quick)))
    else:
        print(*tables(given.quick), sep="\n")


if __name__ == "__main__":
    main()
