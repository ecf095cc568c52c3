"""A small network for the handwritten digits of scikit-learn, trained here in some seconds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.tensors.model import Model

Array = NDArray[Any]

TRAINED, CALIBRATED = 1000, 128  # of 1797 digits; the others are for evaluation
EPOCHS = 30


def digits() -> tuple[Array, Array]:
    """Return all digits in a fixed random order: float32 of shape (1797, 1, 8, 8), and labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(1913).permutation(len(found.target))
    images = found.images[order, None].astype(np.float32) / 16
    return images, found.target[order]


def trained() -> Model:
    """Return a network with batch normalization and a depthwise layer, trained on 1000 digits."""
    import torch
    from torch import nn

    import nnefx

    torch.manual_seed(1913)
    images, labels = digits()
    module = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10), nn.Softmax(dim=1),
    )  # fmt: skip
    x = torch.from_numpy(images[:TRAINED])
    y = torch.from_numpy(labels[:TRAINED])
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for part in torch.randperm(TRAINED).split(50):
            optimizer.zero_grad()
            answer = torch.log(module(x[part]) + 1e-9)
            nn.functional.nll_loss(answer, y[part]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return nnefx.from_torch(module.eval(), (x[:1],))
