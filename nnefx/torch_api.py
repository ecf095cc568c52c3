"""The verbs of the Python interface that take or give PyTorch modules."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nnefx.diagnostics import NnefError
from nnefx.tensors.model import Model

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nnefx.execute.torch.executor import TorchExecutor


def from_torch(
    module: "nn.Module",
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    strict: bool | None = None,
    hierarchy: bool = False,
) -> Model:
    """Return a module as an NNEF model, in evaluation mode, for inputs of the given shapes.

    Weights share the memory of the module; their labels are the names of its state dict, with
    slashes for dots.

    Args:
        module: any module that `torch.export` accepts.
        args: example inputs.
        kwargs: example inputs by name.
        strict: how `torch.export` traces; by default not strictly, then strictly if that fails.
        hierarchy: keep modules as fragments, one for each class and configuration.

    Raises:
        NnefError: NX012 where PyTorch is missing, NX7xx with every operator that cannot be
            converted, and the line of Python that calls it.
    """
    from nnefx.passes.dead import drop_dead
    from nnefx.passes.fold import fold

    reader = _module("nnefx.converters.pytorch.read")
    imported = reader.read_module(module, args, kwargs, strict=strict, hierarchy=hierarchy)
    # nothing is fused, so that every weight stays what it is in the module
    graph = drop_dead(fold(imported.graph))
    entries = imported.quantization
    told = {name: entries[name] for name in entries if name in graph.values}
    return Model(graph, imported.weights, told, imported.extra)


def to_torch(
    model: Model, *, dtype: "torch.dtype | None" = None, learn_scales: bool = False
) -> "nn.Module":
    """Return a trainable module that computes what the model does.

    Its parameters are the scalar variables; the keys of its `state_dict` are their labels.
    Variables that an `update` writes to are buffers. What graph.quant speaks of is rounded, with
    gradients that go straight through: training a quantized model is quantization-aware.

    Args:
        model: the model; its weights are copied.
        dtype: the type of scalars; by default float32, and float64 where they are stored so.
        learn_scales: make the scales of graph.quant parameters too.

    Raises:
        NnefError: NX012 where PyTorch is missing, NX217 for an operation that nothing computes.
    """
    make = _module("nnefx.execute.torch.module").to_torch
    module: nn.Module = make(model, dtype=dtype, learn_scales=learn_scales)
    return module


def from_torch_module(module: "nn.Module") -> Model:
    """Return the model of a module that `to_torch` made, with the weights that it has now.

    Variables that graph.quant speaks of are integers on their grids again.

    Raises:
        NnefError: NX012 where PyTorch is missing, NX721 for a module of another origin.
    """
    model: Model = _module("nnefx.execute.torch.module").from_torch_module(module)
    return model


def executor(model: Model) -> "TorchExecutor":
    """Return the executor of `run --backend torch`.

    Raises:
        NnefError: NX012 where PyTorch is missing.
    """
    found: TorchExecutor = _module("nnefx.execute.torch.executor").TorchExecutor(model)
    return found


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "torch":
            raise
        message = "PyTorch is needed: pip install 'nnefx[torch]'"
        raise NnefError("NX012", message) from None
