"""PyTorch programs run node by node by PyTorch, which conversions are compared with."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import fx

from nnefx.converters.pytorch import sources
from nnefx.converters.pytorch.capture import FAULTS
from nnefx.converters.pytorch.program import Program
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

Arrays = Mapping[str, NDArray[Any]]


def run(
    source: str | os.PathLike[str],
    inputs: Arrays,
    tensors: Sequence[str],
    *,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Run a source on inputs of the shapes that it was imported with; return those of `tensors`.

    Raises:
        NnefError: NX707 where PyTorch refuses the model or the inputs.
    """
    text = os.fspath(source)
    shapes: dict[Any, Sequence[int]] = {name: array.shape for name, array in inputs.items()}
    if text.endswith(".pt2") or _has_examples(text):
        program = sources.program(source, {}, None, weights)
        if not _fits(program, inputs):
            program = sources.program(source, shapes, None, weights)
    else:
        program = sources.program(source, shapes, None, weights)
    try:
        return run_program(program, inputs, tensors)
    except FAULTS as error:
        first = str(error).splitlines()[0]
        raise NnefError("NX707", f"PyTorch: {first}", FileAt(text)) from None


def _fits(program: Program, inputs: Arrays) -> bool:
    fakes: dict[str, Any] = {node.name: node.meta.get("val") for node in program.inputs}
    return all(tuple(fakes[name].shape) == array.shape for name, array in inputs.items())


def _has_examples(source: str) -> bool:
    if not sources.is_attribute(source):
        return False
    try:
        sources.program(source, {}, None)
    except NnefError as error:
        return error.code != "NX707"
    return True


def run_program(
    program: Program, inputs: Arrays, tensors: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Run a program; return the values of the nodes called `tensors`."""
    recorder = _Recorder(program.holder, program.graph, set(tensors))
    feeds = []
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        if node in program.stored:
            feeds.append(program.stored[node].tensor.detach().clone())
        elif node in program.inputs and isinstance(node.meta.get("val"), torch.Tensor):
            like = node.meta["val"]
            feeds.append(torch.tensor(inputs[node.name]).to(like.dtype))
        else:
            feeds.append(node.meta.get("val"))
    with torch.no_grad():
        recorder.run(*feeds)
    return recorder.found


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps the values of some nodes, as they are when they are made."""

    def __init__(self, holder: Any, graph: fx.Graph, wanted: set[str]) -> None:
        super().__init__(holder, graph=graph)
        self.wanted = wanted
        self.found: dict[str, NDArray[Any]] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node."""
        result = super().run_node(n)
        if n.name in self.wanted and isinstance(result, torch.Tensor):
            plain = result.detach().clone()
            self.found[n.name] = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
        return result
