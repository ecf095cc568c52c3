"""What is imported: an ATen graph, the tensors that are stored with it, and names for its ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from nnefx.converters.pytorch.alias import Aliases, mutated


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of the module: its name there, and whether it is a weight or a mere constant."""

    name: str
    tensor: torch.Tensor
    kept: bool


@dataclass(frozen=True, eq=False)
class Program:
    """A graph of ATen operators.

    Attributes:
        graph: the graph; its placeholders are `inputs` and those in `stored`.
        holder: the module whose attributes `get_attr` nodes name.
        inputs: the placeholders that callers feed.
        stored: the placeholders that stand for tensors of the module.
        outputs: a name for each output of the graph that callers get, by its position.
        states: the placeholder that each further output is written to at the end of a call.
        tensors: all tensors of the module by name, where the graph holds them as attributes.
        functional: makes the program again, without writes to views.
    """

    graph: fx.Graph
    holder: Any
    inputs: tuple[fx.Node, ...]
    stored: Mapping[fx.Node, Stored]
    outputs: Mapping[int, str]
    states: Mapping[int, fx.Node] = field(default_factory=dict)
    tensors: Sequence[Stored] = ()
    functional: Callable[[], "Program"] | None = None

    def written(self) -> set[fx.Node]:
        """Return the stored tensors that a call changes."""
        found = set(self.states.values())
        aliases = Aliases(self.graph)
        for node in self.graph.nodes:
            found.update(aliases.root(operand) for operand in mutated(node))
        return found & set(self.stored)


def of_export(program: ExportedProgram) -> Program:
    """Return the program of `torch.export`."""
    signature = program.graph_signature
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    inputs: list[fx.Node] = []
    stored: dict[fx.Node, Stored] = {}
    for spec in signature.input_specs:
        node = nodes[spec.arg.name]
        if spec.kind is InputKind.USER_INPUT:
            inputs.append(node)
        elif spec.target is not None:
            tensor = _stored(program, spec.target)
            if isinstance(tensor, torch.Tensor):
                kept = spec.kind is not InputKind.CONSTANT_TENSOR
                stored[node] = Stored(spec.target, tensor, kept)
    by_target = {item.name: node for node, item in stored.items()}
    states: dict[int, fx.Node] = {}
    users: list[int] = []
    for index, output in enumerate(signature.output_specs):
        if output.kind is OutputKind.USER_OUTPUT:
            users.append(index)
        elif output.kind is OutputKind.BUFFER_MUTATION and output.target in by_target:
            states[index] = by_target[output.target]
    names = dict(zip(users, output_names(program.call_spec.out_spec, len(users))))
    return Program(
        program.graph,
        program.graph_module,
        tuple(inputs),
        stored,
        names,
        states,
        functional=lambda: of_export(program.run_decompositions({})),
    )


def _stored(program: ExportedProgram, target: str) -> Any:
    found = program.state_dict.get(target)
    return program.constants.get(target) if found is None else found


def output_names(spec: Any, count: int) -> list[str]:
    """Return a name for each output: its key where a module returns a dictionary."""
    if count == 1 or spec is None:
        return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
    leaves = [*range(spec.num_leaves)]
    paths, _ = pytree.tree_flatten_with_path(pytree.tree_unflatten(leaves, spec))
    names = []
    for path, _leaf in paths:
        words = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))))
                 for key in path]  # fmt: skip
        name = "_".join(words)
        names.append(f"output_{name}" if name[:1].isdigit() else name)
    return names
