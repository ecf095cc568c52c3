"""Train a network, quantize it to 8 and 4 bits, and train the one of 4 bits to live with them.

    python samples/quantize_digits/run.py [FOLDER]

The data are the handwritten digits of scikit-learn. The retrained network is written to FOLDER
(out/quantized-digits) with weights of 4 bits and graph.quant, read again, and run in three ways:
rounded reals with numpy, the same with PyTorch, and integers only.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import nnefx
from nnefx.execute.integer import IntegerExecutor
from nnefx.quantization import Options, quantize

BATCH = 64
Pictures = tuple[Tensor, Tensor]  # of 8 by 8 points between 0 and 1, and what they show
Run = Callable[[nnefx.Model, dict[str, Any]], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Report:
    """How much of the test pictures each network reads right.

    Attributes:
        real: the network in real numbers.
        eight: quantized to 8 bits.
        four: quantized to 4 bits, weights and activations.
        retrained: the same after training with the rounding in place, as it was written; run with
            rounded reals by numpy.
        torch: that one run by PyTorch.
        integer: that one run in integers.
        floats: the operations that the integer run computed in float.
    """

    real: float
    eight: float
    four: float
    retrained: float
    torch: float
    integer: float
    floats: tuple[str, ...]


def digits() -> tuple[Pictures, Pictures]:
    """Return the data for training and for tests."""
    pictures, labels = load_digits(return_X_y=True)
    scaled = (pictures / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(scaled, labels, test_size=0.25, random_state=0, stratify=labels)
    seen, unseen, seen_labels, unseen_labels = map(torch.from_numpy, parts)
    return (seen, seen_labels), (unseen, unseen_labels)


def network() -> nn.Module:
    """Return a small network."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def train(module: nn.Module, data: Pictures, rounds: int, rate: float) -> None:
    """Train a module that takes `BATCH` pictures at a time."""
    pictures, labels = data
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    shuffled = torch.Generator().manual_seed(0)
    for _ in range(rounds):
        for rows in torch.randperm(len(pictures), generator=shuffled).split(BATCH):
            if len(rows) == BATCH:
                loss = nn.functional.cross_entropy(module(pictures[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def batches(pictures: Tensor) -> list[tuple[int, NDArray[Any]]]:
    """Return pictures in full batches, and how many of each count."""
    found = []
    for part in pictures.split(BATCH):
        full = np.zeros((BATCH, *part.shape[1:]), np.float32)
        full[: len(part)] = part.numpy()
        found.append((len(part), full))
    return found


def accuracy(model: nnefx.Model, data: Pictures, run: Run = nnefx.run) -> float:
    """Return how much of the data a model gets right."""
    pictures, labels = data
    (source,), (result,) = model.graph.inputs, model.graph.outputs
    answers = [
        run(model, {source.name: full})[result.name][:count].argmax(1)
        for count, full in batches(pictures)
    ]
    return float((np.concatenate(answers) == labels.numpy()).mean())


def by_torch(model: nnefx.Model, inputs: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Run a model of one input and one output with PyTorch."""
    module = nnefx.to_torch(model)
    with torch.no_grad():
        result = module(*map(torch.from_numpy, inputs.values()))
    return {model.graph.outputs[0].name: result.numpy()}


def main(folder: Path, rounds: int = 12) -> Report:
    """Do all of it."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a network is only slower with more
    seen, unseen = digits()
    source = network()
    train(source, seen, rounds, 2e-3)
    model = nnefx.from_torch(source, (seen[0][:BATCH],))
    name = model.graph.inputs[0].name
    samples = [{name: full} for _, full in batches(seen[0][: 8 * BATCH])]

    eight = quantize(model, samples, Options(per_channel=True)).model
    four = quantize(model, samples, Options(bits=4, per_channel=True)).model

    module = nnefx.to_torch(four, learn_scales=True)  # rounds, and lets gradients through
    train(module, seen, 2 * rounds, 3e-3)
    nnefx.save(nnefx.from_torch_module(module), folder, force=True)

    final = nnefx.load(folder)
    integer = IntegerExecutor(final)
    return Report(
        accuracy(model, unseen),
        accuracy(eight, unseen),
        accuracy(four, unseen),
        accuracy(final, unseen),
        accuracy(final, unseen, by_torch),
        accuracy(final, unseen, lambda _, inputs: integer(inputs)),
        tuple(step.op for step in integer.steps if step.how == "float"),
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "out/quantized-digits")
    report = main(target)
    print(f"real {report.real:.1%}, 8 bits {report.eight:.1%}, 4 bits {report.four:.1%}")
    print(f"4 bits retrained: {report.retrained:.1%}, with PyTorch {report.torch:.1%}, "
          f"in integers {report.integer:.1%}: {target}")  # fmt: skip
