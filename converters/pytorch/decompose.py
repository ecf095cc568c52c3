"""Operators without a rule, taken apart by PyTorch itself into operators that have one."""

from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from nnefx.converters.pytorch.alias import mutated


def decomposed(node: fx.Node) -> fx.GraphModule | None:
    """Return the graph of an operator's decomposition for the operands of `node`.

    Its placeholders are the tensors among the arguments, in order. None where there is none.
    """
    args, kwargs = _fakes(node.args), _fakes(node.kwargs)
    flat, spec = pytree.tree_flatten((args, kwargs))
    places = [index for index, item in enumerate(flat) if isinstance(item, torch.Tensor)]
    target: Any = node.target

    def call(*tensors: torch.Tensor) -> Any:
        items = list(flat)
        for index, tensor in zip(places, tensors):
            items[index] = tensor
        inner_args, inner_kwargs = pytree.tree_unflatten(items, spec)
        return target(*inner_args, **inner_kwargs)

    tensors = [flat[index] for index in places]
    try:
        module = _traced(call, tensors)
        if any(map(mutated, module.graph.nodes)):
            module = _traced(torch.func.functionalize(call), tensors)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return None  # it depends on data, or PyTorch itself cannot take it apart
    calls = [item.target for item in module.graph.nodes if item.op == "call_function"]
    return None if target in calls else module


def _traced(call: Any, tensors: list[Any]) -> fx.GraphModule:
    mode = next((item.fake_mode for item in tensors if hasattr(item, "fake_mode")), None)
    with mode or nullcontext():
        module: fx.GraphModule = make_fx(call, _table())(*tensors)
    return module


@cache
def _table() -> dict[Any, Any]:
    """Return the decompositions of all operators that no rule covers."""
    from nnefx.converters.pytorch.importer import find

    table = {**torch._decomp.decomposition_table, **torch._decomp.core_aten_decompositions()}
    return {
        op: function
        for op, function in table.items()
        if isinstance(op, torch._ops.OpOverload) and find(op) is None
    }


def _fakes(item: Any) -> Any:
    return pytree.tree_map(
        lambda leaf: leaf.meta.get("val") if isinstance(leaf, fx.Node) else leaf, item
    )
