"""The torch executor: the module of a model, fed with arrays."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import fx

from nnefx.execute.executor import check_inputs
from nnefx.execute.torch.module import to_torch
from nnefx.ir.graph import Value
from nnefx.tensors.model import Model

Arrays = NDArray[Any]


class TorchExecutor:
    """Runs a model with PyTorch; `update`s change its state, which the next call sees."""

    def __init__(self, model: Model) -> None:
        self.graph = model.graph
        self.module = to_torch(model)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Arrays]:
        """Return the outputs by name; see `nnefx.execute.executor.Executor`."""
        feeds = check_inputs(self.graph, inputs)
        with torch.inference_mode():
            found = self.module(*(torch.tensor(feeds[value.name]) for value in self.graph.inputs))
        outputs = found if isinstance(found, tuple) else (found,)
        return {v.name: array.detach().numpy() for v, array in zip(self.graph.outputs, outputs)}

    def trace(self, inputs: Mapping[str, Any]) -> Iterator[tuple[Value, Arrays]]:
        """Yield the values of the graph with their arrays, in order."""
        feeds = check_inputs(self.graph, inputs)
        recorder = _Recorder(self.module)
        with torch.no_grad():
            recorder.run(*(torch.tensor(feeds[value.name]) for value in self.graph.inputs))
        for node in self.graph.nodes:
            for value in node.values():
                if value.name in recorder.found:
                    yield value, recorder.found[value.name].numpy()
        for value in self.graph.inputs:
            if value.name not in recorder.found:
                yield value, feeds[value.name]


class _Recorder(fx.Interpreter):
    """Keeps the values that a run makes, by their names in the NNEF graph."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.found: dict[str, torch.Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node."""
        result = super().run_node(n)
        name = n.meta.get("nnef")
        if name is not None and isinstance(result, torch.Tensor):
            self.found[name] = result.detach().clone()
        return result
