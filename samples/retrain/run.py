"""Train a network, bring it to NNEF, prune half of its weights, and retrain it through NNEF.

    python samples/retrain/run.py [FOLDER]

The data are the handwritten digits of scikit-learn. The pruned and retrained network is written to
FOLDER (out/digits), where any consumer of NNEF finds it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import nnefx

BATCH = 64


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures of 8 by 8 points, between 0 and 1, and the digits that they show."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Report:
    """How much of the test pictures is read right, and what part of the weights is zero."""

    trained: float
    pruned: float
    retrained: float
    zeros: float


def digits() -> Digits:
    """Return the data, a quarter of it for tests."""
    pictures, labels = load_digits(return_X_y=True)
    scaled = (pictures / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(scaled, labels, test_size=0.25, random_state=0, stratify=labels)
    seen, unseen, seen_labels, unseen_labels = map(torch.from_numpy, parts)
    return Digits((seen, seen_labels), (unseen, unseen_labels))


def network() -> nn.Module:
    """Return a small network: two convolutions, two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def train(
    module: nn.Module, data: tuple[Tensor, Tensor], rounds: int, after: Callable[[], None]
) -> None:
    """Train a module that takes `BATCH` pictures at a time; `after` is called after every step."""
    pictures, labels = data
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    shuffled = torch.Generator().manual_seed(0)
    for _ in range(rounds):
        for rows in torch.randperm(len(pictures), generator=shuffled).split(BATCH):
            if len(rows) < BATCH:
                continue
            loss = nn.functional.cross_entropy(module(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after()


def accuracy(model: nnefx.Model, data: tuple[Tensor, Tensor]) -> float:
    """Return how much of the data a model gets right, run by numpy."""
    pictures, labels = (item.numpy() for item in data)
    (source,), (result,) = model.graph.inputs, model.graph.outputs
    right = 0
    for start in range(0, len(pictures), BATCH):
        part = pictures[start : start + BATCH]
        full = np.zeros((BATCH, *part.shape[1:]), np.float32)
        full[: len(part)] = part
        scores = nnefx.run(model, {source.name: full})[result.name][: len(part)]
        right += int((scores.argmax(1) == labels[start : start + BATCH]).sum())
    return right / len(pictures)


def pruned(module: nn.Module, part: float) -> Callable[[], None]:
    """Set the least `part` of every filter to zero; return what keeps those items zero."""
    masks = {}
    for name, weight in module.named_parameters():
        if name.endswith("weight"):
            limit = torch.quantile(weight.detach().abs().flatten(), part)
            masks[name] = weight.detach().abs() > limit

    def hold() -> None:
        with torch.no_grad():
            for name, weight in module.named_parameters():
                if name in masks:
                    weight.mul_(masks[name])

    hold()
    return hold


def zeros(weights: list[NDArray[np.float32]]) -> float:
    """Return what part of the items is zero."""
    return sum(int((item == 0).sum()) for item in weights) / sum(item.size for item in weights)


def main(folder: Path, rounds: int = 12) -> Report:
    """Do all of it; return the accuracies."""
    torch.manual_seed(0)
    data = digits()
    source = network()
    train(source, data.train, rounds, lambda: None)
    model = nnefx.from_torch(source, (data.train[0][:BATCH],))
    trained = accuracy(model, data.test)

    module = nnefx.to_torch(model)  # from here on, there is no class of the network any more
    hold = pruned(module, 0.5)
    before = accuracy(nnefx.from_torch_module(module), data.test)
    train(module, data.train, rounds // 2, hold)
    nnefx.save(nnefx.from_torch_module(module), folder, force=True)

    final = nnefx.load(folder)
    filters = [np.asarray(final.weights[label]) for label in final.weights if "weight" in label]
    return Report(trained, before, accuracy(final, data.test), zeros(filters))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "out/digits")
    report = main(target)
    print(f"trained {report.trained:.1%}, half of the weights pruned {report.pruned:.1%}, "
          f"retrained {report.retrained:.1%} with {report.zeros:.0%} zeros: {target}")  # fmt: skip
