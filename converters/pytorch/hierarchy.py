"""The modules of a network as NNEF fragments: one for each class and configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nnefx.converters.names import Names, identifier
from nnefx.ir.builder import Builder
from nnefx.ir.graph import Graph, Node, Value, flat_values
from nnefx.ir.unbuild import unbuild
from nnefx.syntax import ast
from nnefx.types import Tensor

Calls = tuple[tuple[str, str], ...]

_CONTAINERS = frozenset(("Sequential", "ModuleList", "ModuleDict"))  # they compute nothing
_GRAPH_ONLY = frozenset(("external", "variable", "update"))


def outlined(graph: Graph, modules: Mapping[Node, Calls]) -> Graph:
    """Return the graph with the nodes of each module call replaced by a call of a fragment.

    Modules of a single operation stay as they are. Variables stay in the graph, where NNEF wants
    them, and are operands of the calls.

    Args:
        graph: a flat graph.
        modules: the module calls around each node, outermost first: path and class.
    """
    stacks = {node: modules.get(node, ()) for node in graph.nodes}
    outline = _Outline(Builder(graph.name, graph.ops), stacks, graph.users, set(graph.outputs))
    nodes = outline.replaced(list(graph.nodes), 0)
    return replace(graph, nodes=tuple(nodes), ops=dict(outline.builder.own))


@dataclass(slots=True)
class _Outline:
    """What is known while fragments are made; equal ones are one."""

    builder: Builder
    stacks: Mapping[Node, Calls]
    users: Mapping[Value, tuple[Node, ...]]
    outputs: set[Value]
    known: dict[Any, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    def replaced(self, nodes: list[Node], depth: int) -> list[Node]:
        """Return nodes with the module calls at `depth`, and those within, replaced."""
        groups: dict[str, list[Node]] = {}
        for node in nodes:
            calls = self.stacks[node]
            if len(calls) > depth and node.op.name not in _GRAPH_ONLY:
                groups.setdefault(calls[depth][0], []).append(node)
        instead: dict[Node, list[Node]] = {}
        for path, group in groups.items():
            inner = self.replaced(group, depth + 1)
            kind = self.stacks[group[0]][depth][1]
            if len(inner) < 2 or kind in _CONTAINERS or not _is_convex(group, nodes):
                instead.update((node, []) for node in group)
                instead.update(_placed(group, inner))
                continue
            call = self._call(path, kind, group, inner)
            instead.update((node, []) for node in group)
            instead[group[-1]] = [call]
        return [item for node in nodes for item in instead.get(node, [node])]

    def _call(self, path: str, kind: str, group: list[Node], inner: list[Node]) -> Node:
        """Return the call of a fragment that has `inner` as its body."""
        members = set(group)
        made = dict.fromkeys(value for node in inner for value in node.values())
        operands = (value for node in inner for value in node.operands())
        inputs = list(dict.fromkeys(value for value in operands if value not in made))
        results = [
            value
            for value in made
            if value in self.outputs or not members.issuperset(self.users.get(value, ()))
        ]
        key = (kind, _signature(inner, inputs, results))
        if key not in self.known:
            self.known[key] = self._unused_name(kind)
            self.builder.declare(_fragment(self.known[key], path, inner, inputs, results))
        names = [value.name for value in results]
        self.builder.invoke(
            self.known[key], inputs, {}, None, names if len(names) > 1 else names[0], group[-1].at
        )
        node = self.builder.nodes.pop()
        node.outputs = tuple(results)
        return node

    def _unused_name(self, kind: str) -> str:
        name = self.names.unique(identifier(kind, "module"))
        while name in self.builder.ops:
            name = self.names.unique(identifier(kind, "module"))
        return name


def _placed(group: list[Node], inner: list[Node]) -> dict[Node, list[Node]]:
    """Return which nodes stand where those of a group stood, of which no fragment is made."""
    if inner == group:
        return {node: [node] for node in group}
    last = {value: node for node in group for value in node.values()}
    places: dict[Node, list[Node]] = {}
    for item in inner:
        at = item if item in places or item in group else group[-1]
        for value in item.values():
            at = last.get(value, at)
        places.setdefault(at, []).append(item)
    return places


def _is_convex(group: Sequence[Node], around: Sequence[Node]) -> bool:
    """Tell whether nothing between the nodes of a group needs one of their values."""
    members = set(group)
    first, last = around.index(group[0]), around.index(group[-1])
    tainted = {value for node in group for value in node.values()}
    for node in around[first : last + 1]:
        if node not in members and any(
            value in tainted for value in flat_values(node.inputs.values())
        ):
            return False
    return True


def _signature(nodes: Sequence[Node], inputs: Sequence[Value], results: Sequence[Value]) -> Any:
    """Return what makes two fragments the same: their operations and how they are wired."""
    numbers = {value: index for index, value in enumerate(inputs)}
    for node in nodes:
        for value in node.values():
            numbers[value] = len(numbers)

    def reference(item: Any) -> Any:
        if type(item) is Value:
            return ("value", numbers[item])
        if type(item) in (tuple, list):
            return tuple(map(reference, item))
        return (type(item).__name__, repr(item))

    return (
        tuple((value.dtype, len(value.shape)) for value in inputs),
        tuple(
            (node.op.name, node.dtype, reference(tuple(node.inputs.values())),
             repr(node.attributes), reference(node.outputs))
            for node in nodes
        ),
        tuple(numbers[value] for value in results),
    )  # fmt: skip


def _fragment(
    name: str, path: str, nodes: Sequence[Node], inputs: Sequence[Value], results: Sequence[Value]
) -> ast.Fragment:
    """Return the declaration of a fragment with `nodes` as its body."""
    names = Names()
    prefix = identifier(path.split("@")[0]) + "_"
    local: dict[Value, Value] = {}
    for value in [*inputs, *(value for node in nodes for value in node.values())]:
        short = value.name.removeprefix(prefix)
        if value in inputs and short == value.name:
            short = "x"  # it comes from outside of the module
        elif not short or short[0].isdigit():
            short = value.name
        local[value] = Value(names.unique(short), value.dtype, value.shape)

    def mapped(item: Any) -> Any:
        if type(item) is Value:
            return local[item]
        return tuple(map(mapped, item)) if type(item) is tuple else item

    body = [
        replace(node, inputs={key: mapped(item) for key, item in node.inputs.items()},
                outputs=mapped(node.outputs))
        for node in nodes
    ]  # fmt: skip
    graph = Graph(name, mapped(tuple(inputs)), mapped(tuple(results)), tuple(body))
    return ast.Fragment(
        name,
        False,
        None,
        [ast.Param(local[value].name, Tensor(value.dtype)) for value in inputs],
        [ast.Result(local[value].name, Tensor(value.dtype)) for value in results],
        _body(graph),
    )


def _body(graph: Graph) -> list[ast.Assign]:
    definition = unbuild(graph).graph
    assert definition is not None
    return definition.body
