"""Operations that only numpy computes here: without gradients, through the memory of the CPU."""

from typing import Any

import numpy as np
import torch

from nnefx.ir.graph import Node


class Fallback:
    """Calls the numpy kernel of one node with tensors."""

    def __init__(self, node: Node) -> None:
        self.kernel = node.op.run
        self.attributes = dict(node.attributes)
        if node.op.run_takes_dtype:
            self.attributes["dtype"] = node.dtype
        self.__name__ = self.__qualname__ = node.name
        self.__module__ = __name__

    def __call__(self, *items: Any) -> Any:
        """Return the results as tensors on the device of the first operand."""
        device = next((item.device for item in items if isinstance(item, torch.Tensor)), None)
        assert self.kernel is not None
        result = self.kernel(*map(_array, items), **self.attributes)
        if isinstance(result, (list, tuple)):
            return [_tensor(item, device) for item in result]
        return _tensor(result, device)


def _array(item: Any) -> Any:
    if isinstance(item, torch.Tensor):
        return item.detach().cpu().numpy()
    if isinstance(item, list):
        return [_array(part) for part in item]
    return np.asarray(item, np.float32 if isinstance(item, float) else None)


def _tensor(array: Any, device: torch.device | None) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)
