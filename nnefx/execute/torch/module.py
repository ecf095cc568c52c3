"""NNEF models as PyTorch modules, and back."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from nnefx.diagnostics import NnefError
from nnefx.execute.fit import check_fit
from nnefx.execute.torch.fake import fake_quantize, indices, with_biases
from nnefx.execute.torch.fallback import Fallback
from nnefx.execute.torch.table import kernels
from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.expand import expand
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]

_ORIGIN = "nnef_model"  # where a module keeps what it was made of, in its `meta`
_LABELS = "nnef_labels"
_ROUNDERS = "nnef_rounders"
_MOVES = frozenset(
    {"copy", "reshape", "squeeze", "unsqueeze", "transpose", "max_pool", "relu", "slice"}
)


def to_torch(
    model: Model, *, dtype: torch.dtype | None = None, learn_scales: bool = False
) -> fx.GraphModule:
    """Return a module that computes what the model does.

    Scalar variables are its parameters, trainable; integer and logical ones, and those that an
    `update` writes to, are buffers. The keys of its `state_dict` are the labels. It takes the
    inputs of the graph in order, and returns its output, or a tuple of them.

    What graph.quant speaks of is rounded as it says; gradients go straight through the rounding,
    so that training a quantized model is quantization-aware.

    Args:
        model: the model; its weights are copied.
        dtype: the type of scalars; by default float32, and float64 where they are stored so.
        learn_scales: make the scales of graph.quant parameters too.

    Raises:
        NnefError: NX217 for a custom operation that nothing computes, NX4xx for weights.
    """
    check_fit(model.graph, model.quantization)
    with np.errstate(all="ignore"):
        return _Maker(model, dtype, learn_scales).made()


def from_torch_module(module: nn.Module) -> Model:
    """Return the model of a module that `to_torch` made, with the weights that it has now.

    Variables that graph.quant speaks of become integers on their grids again, with the scales that
    were learned. The other weights share memory with the module where it is on the CPU.

    Raises:
        NnefError: NX721 for a module of another origin, or one with a parameter less.
    """
    origin: Model | None = getattr(module, "meta", {}).get(_ORIGIN)
    if origin is None:
        message = f"{type(module).__name__} was not made by to_torch; from_torch converts modules"
        raise NnefError("NX721", message)
    names: Mapping[str, str] = module.meta[_LABELS]  # type: ignore[assignment,index]
    state = module.state_dict()
    weights: dict[str, Array] = {}
    quantization = _learned(module, origin)
    for node in origin.graph.variables:
        label = node.attributes["label"]
        key = names[label.lower()]
        if key not in state:
            raise NnefError("NX721", f"the module has no parameter '{key}' any more", node.at)
        tensor = state[key].detach().cpu()
        array = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
        entry = quantization.get(node.output.name) if array.dtype.kind == "f" else None
        whole = None if entry is None else indices(array, entry)
        weights[label] = array if whole is None else whole
    return Model(origin.graph, weights, quantization, origin.extra)


def _learned(module: nn.Module, origin: Model) -> dict[str, Quantization]:
    """Return graph.quant with the scales that the module has now."""
    rounders: Mapping[str, str] = module.meta[_ROUNDERS]  # type: ignore[assignment,index]
    found = dict(origin.quantization)
    for name, place in rounders.items():
        rounder = getattr(module, place)
        found[name] = rounder.rounded()
    return found if found == origin.quantization else with_biases(origin.graph, found)


class _Maker:
    """Makes one module."""

    def __init__(
        self, model: Model, dtype: torch.dtype | None = None, learned: bool = False
    ) -> None:
        self.model = model
        self.dtype = dtype
        self.learned = learned
        self.rounders: dict[str, str] = {}
        self.states: dict[Value, fx.Node] = {}  # variables before they are rounded
        self.kernels = kernels()
        self.graph = expand(model.graph, self._is_kept)
        self.root = nn.Module()
        self.fx = fx.Graph()
        self.values: dict[Value, fx.Node] = {}
        self.labels: dict[str, str] = {}
        self.updates: list[tuple[fx.Node, fx.Node]] = []
        self.written = {
            self.graph.producer[next(node.operands())].attributes["label"].lower()
            for node in self.graph.nodes
            if node.name == "update"
        }

    def made(self) -> fx.GraphModule:
        """Return the module."""
        self._place_inputs()
        for node in self.graph.nodes:
            self._add(node)
        outputs = [self.values[value] for value in self.graph.outputs]
        for state, new in self.updates:
            self.fx.call_function(_written, (state, new))
        self.fx.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        module = fx.GraphModule(self.root, self.fx, "NnefModule")
        module.meta[_ORIGIN] = Model(
            self.model.graph, {}, self.model.quantization, self.model.extra
        )
        module.meta[_LABELS] = self.labels
        module.meta[_ROUNDERS] = self.rounders
        return module

    def _is_kept(self, node: Node) -> bool:
        if node.name in self.kernels:
            return True
        return node.op.signature.body is None or node.name in _WITHOUT_BODIES

    def _place_inputs(self) -> None:
        for value in self.graph.inputs:
            self.values[value] = self.fx.placeholder(value.name)
        for node in self.graph.nodes:
            if node.name == "external":
                self._round(node)

    def _add(self, node: Node) -> None:
        match node.name:
            case "external":
                return
            case "variable":
                self.values[node.output] = self.fx.get_attr(self._variable(node))
                self.states[node.output] = self.values[node.output]
            case "constant":
                self.values[node.output] = self.fx.get_attr(self._constant(node))
            case "update":
                state, new = node.operands()
                value = self._argument(new)
                self.updates.append((self.states[state], value))
                self.values[node.output] = value
            case _:
                self._call(node)
        self._round(node)
        self.values[node.output].meta["nnef"] = node.output.name

    def _round(self, node: Node) -> None:
        """Round what graph.quant speaks of."""
        for value in node.values():
            entry = self.model.quantization.get(value.name)
            if entry is None or value.dtype != "scalar" or value not in self.values:
                continue
            source = next(node.operands(), value)
            known = self.rounders.get(source.name)
            if node.name in _MOVES and known and self.model.quantization[source.name] == entry:
                self.rounders[value.name] = known  # it is on the grid, whose scale may learn
                continue
            stored = node.name == "variable"
            rounder = fake_quantize(entry, value.rank, learned=self.learned, stored=stored)
            if rounder is None:
                continue
            place = f"_quantize_{value.name}"
            if value.name not in self.rounders:
                self.root.add_module(place, rounder)
                self.rounders[value.name] = place
            self.values[value] = self.fx.call_module(place, (self.values[value],))
            self.values[value].meta["nnef"] = value.name

    def _call(self, node: Node) -> None:
        arguments = tuple(self._argument(item) for item in node.inputs.values())
        kernel = self.kernels.get(node.name)
        if kernel is not None:
            function, keywords = kernel.run, kernel.prepare(node)
        elif node.op.run is not None:
            function, keywords = Fallback(node), {}
        else:
            message = f"custom operation '{node.name}' has no kernel here"
            raise NnefError("NX217", message, node.at)
        result = self.fx.create_node(
            "call_function", function, arguments, keywords, name=node.output.name
        )
        self._results(node, result)

    def _results(self, node: Node, result: fx.Node) -> None:
        outputs = node.outputs
        if len(outputs) == 1 and isinstance(outputs[0], Value):
            self.values[outputs[0]] = result
            return
        items = outputs[0] if len(outputs) == 1 else outputs
        for index, item in enumerate(items):  # type: ignore[arg-type]
            part = self.fx.call_function(_item, (result, index))
            if isinstance(item, Value):
                self.values[item] = part
                part.meta["nnef"] = item.name
                continue
            for inner, value in enumerate(item):
                self.values[value] = self.fx.call_function(_item, (part, inner))

    def _argument(self, item: Any) -> Any:
        if isinstance(item, Value):
            return self.values[item]
        if isinstance(item, tuple):
            return [self._argument(part) for part in item]
        return item

    def _variable(self, node: Node) -> str:
        label: str = node.attributes["label"]
        known = self.labels.get(label.lower())
        if known is not None:
            return known
        tensor = self._tensor(node)
        holder, name = self._place(label)
        if tensor.is_floating_point() and label.lower() not in self.written:
            holder.register_parameter(name, nn.Parameter(tensor))
        else:
            holder.register_buffer(name, tensor)
        return self.labels[label.lower()]

    def _place(self, label: str) -> tuple[nn.Module, str]:
        """Return the module that holds a label's tensor, and its name there: dots part modules."""
        *path, name = label.split(".")
        if not name or not all(path):
            path, name = [], label.replace(".", "_")
        holder = self.root
        for part in path:
            child = getattr(holder, part, None)
            if not isinstance(child, nn.Module):
                child = nn.Module()
                holder.add_module(part, child)
            holder = child
        while hasattr(holder, name) or hasattr(fx.GraphModule, name):
            name += "_"
        self.labels[label.lower()] = ".".join([*path, name])
        return holder, name

    def _tensor(self, node: Node) -> torch.Tensor:
        stored = self.model.weight(node)
        if node.output.dtype == "integer":
            return torch.tensor(stored.astype(np.int64))
        if node.output.dtype == "logical":
            return torch.tensor(stored.astype(np.bool_))
        if stored.dtype.kind in "iu":
            entry = self.model.quantization.get(node.output.name)
            if entry is None:
                message = (
                    f"variable '{node.output.name}': stored as {stored.dtype}, but graph.quant "
                    "does not say how to read it"
                )
                raise NnefError("NX505", message, node.at)
            stored = dequantize(stored, entry)
        wide = np.float64 if stored.dtype == np.float64 else np.float32
        tensor = torch.from_numpy(np.array(stored, wide))  # a copy that may be written to
        return tensor if self.dtype is None else tensor.to(self.dtype)

    def _constant(self, node: Node) -> str:
        items = node.attributes["value"]
        shape = node.output.shape
        kind = {"scalar": self.dtype or torch.float32, "integer": torch.int64,
                "logical": torch.bool}[node.output.dtype]  # fmt: skip
        tensor = torch.tensor(items, dtype=kind)
        tensor = tensor[0].expand(shape) if len(items) == 1 else tensor.reshape(shape)
        names = (f"_constant_{node.output.name}{suffix}" for suffix in _suffixes())
        name = next(name for name in names if not hasattr(self.root, name))
        self.root.register_buffer(name, tensor.contiguous(), persistent=False)
        return name


# Compounds that are better computed by their numpy kernels than by bodies of many steps.
_WITHOUT_BODIES: frozenset[str] = frozenset()


def _suffixes() -> Any:
    return itertools.chain([""], map(str, itertools.count(2)))


def _item(items: Any, index: int) -> Any:
    """Return one of several results."""
    return items[index]


def _written(state: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Give a buffer the value that it has in the next call."""
    return state.copy_(value.detach())


def graph_of(module: fx.GraphModule) -> Graph:
    """Return the NNEF graph that a module was made of."""
    origin: Model = module.meta[_ORIGIN]
    return origin.graph
