"""TorchScript -> a program: the operators that a run on example inputs calls."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.jit._fuser import optimized_execution

from nnefx.converters.pytorch.capture import FAULTS, quiet
from nnefx.converters.pytorch.program import Program, Stored, output_names
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt, ModelAt


def of_script(module: Any, path: str, shapes: dict[Any, Sequence[int]]) -> Program:
    """Return the program of a scripted module, traced on inputs of the given shapes.

    Control flow is followed as the inputs lead; where it depends on their values, it is refused.
    """
    module.eval()
    names = [item.debugName() for item in list(module.graph.inputs())[1:]]
    values, traced = _inputs(module, names, shapes, path)
    tensors = [Stored(name, item, True) for name, item in module.named_parameters()]
    tensors += [Stored(name, item, True) for name, item in module.named_buffers()]

    def call(*given: torch.Tensor) -> Any:
        items = list(values)
        for index, tensor in zip(traced, given):
            items[index] = tensor
        return module(*items)

    examples = [values[index] for index in traced]
    try:
        with quiet(), torch.no_grad(), optimized_execution(False):
            result: fx.GraphModule = make_fx(call)(*examples)
    except FAULTS as error:
        raise _refusal(error, path) from None
    plain = [names[index].split(".")[0] for index in traced]

    def functional() -> Program:
        with torch.no_grad():
            again = make_fx(torch.func.functionalize(result))(*examples)
        return _program(again, plain, tensors)

    return replace(_program(result, plain, tensors), functional=functional)


def _program(result: fx.GraphModule, names: list[str], tensors: list[Stored]) -> Program:
    holders = [node for node in result.graph.nodes if node.op == "placeholder"]
    for holder, name in zip(holders, names):
        holder._rename(name)
    output = next(node for node in result.graph.nodes if node.op == "output").args[0]
    count = len(output) if isinstance(output, (list, tuple)) else 1
    return Program(
        result.graph,
        result,
        tuple(holders),
        {},
        dict(enumerate(output_names(None, count))),
        tensors=tensors,
    )


def _inputs(
    module: Any, names: list[str], shapes: dict[Any, Sequence[int]], path: str
) -> tuple[list[Any], list[int]]:
    """Return values for all inputs, and which of them are tensors."""
    if not shapes:
        message = "TorchScript does not say the shapes of inputs; give --input-shape"
        raise NnefError("NX707", message, FileAt(path))
    plain = [name.split(".")[0] for name in names]
    if unknown := [name for name in shapes if name is not None and name not in plain]:
        message = f"there is no input '{unknown[0]}'; the inputs are {', '.join(plain)}"
        raise NnefError("NX708", message, FileAt(path))
    unnamed = [shape for name, shape in shapes.items() if name is None]
    values: list[Any] = []
    traced = []
    defaults = {item.name: item for item in module.forward.schema.arguments[1:]}
    for index, (full, name) in enumerate(zip(list(module.graph.inputs())[1:], plain)):
        kind = str(full.type())
        shape = shapes.get(name) or (unnamed.pop(0) if unnamed and kind == "Tensor" else None)
        argument = defaults.get(name)
        if kind == "Tensor" and shape is not None:
            values.append(torch.randn(tuple(shape)))
            traced.append(index)
        elif kind in ("int", "float") and shape is not None and len(shape) == 1:
            values.append(int(shape[0]) if kind == "int" else float(shape[0]))
        elif argument is not None and argument.has_default_value():
            values.append(argument.default_value)
        else:
            what = "shape" if kind == "Tensor" else f"value, a single number ({kind})"
            message = f"input '{name}' has no {what}; give --input-shape {name}:..."
            raise NnefError("NX707", message, FileAt(path))
    return values, traced


def _refusal(error: BaseException, path: str) -> NnefError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    if last.endswith("Error:"):  # PyTorch leaves the reason out
        last = f"{last} no reason is given, the shapes may not fit"
    at = ModelAt(path, "forward")
    if "get value out of a tracing tensor" in str(error):
        message = "control flow depends on the values of tensors, which a graph cannot"
        return NnefError("NX717", message, at)
    return NnefError("NX718", f"the script fails on these inputs: {last}", at)
