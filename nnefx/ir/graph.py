"""The checked graph: values, nodes in topological order, and the model that holds weights too."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nnefx.ops.registry import Op, Shape
from nnefx.source import At


class Unknown(tuple[int, ...]):
    """The shape of a value that an error or a custom operation left undetermined."""

    def __repr__(self) -> str:
        return "?"


# Only diagnosis ever sees it: a graph that is handed out has a shape for every value.
UNKNOWN: Shape = Unknown()


@dataclass(slots=True, eq=False)
class Value:
    """A tensor of the graph: its identifier, data-type (`scalar`, `integer`, ...) and shape."""

    name: str
    dtype: str
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def volume(self) -> int:
        """The number of items."""
        volume = 1
        for extent in self.shape:
            volume *= extent
        return volume

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype}{list(self.shape)}"


Primitive = int | float | bool | str
# What a tensor parameter holds: a value, a literal (a constant of shape ()), or an array of those.
Input = Value | Primitive | tuple["Input", ...]
# What an attribute holds: NNEF arrays are lists, NNEF tuples are tuples.
Attribute = Any
Output = Value | tuple[Value, ...]


@dataclass(slots=True, eq=False)
class Node:
    """One invocation, all of its arguments bound: nothing is left to defaults.

    `inputs` and `attributes` are keyed by parameter name in order of declaration; `outputs` has
    one entry per result, a tuple of values where the result is an array. `dtype` is the generic
    data-type where the operation has one. `body` is the instance of the fragment's body for these
    arguments where the operation has no shape rule of its own.
    """

    op: Op
    inputs: dict[str, Input]
    attributes: dict[str, Attribute]
    outputs: tuple[Output, ...]
    dtype: str | None = None
    at: At | None = None
    body: "Graph | None" = None

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.op.name

    @property
    def output(self) -> Value:
        """The first value that the node produces; the only one of most operations."""
        first = self.outputs[0]
        return first if type(first) is Value else next(self.values())

    def values(self) -> Iterator[Value]:
        """All values that the node produces, in order."""
        return flat_values(self.outputs)

    def operands(self) -> Iterator[Value]:
        """All values that the node consumes, in order, literals left out."""
        return flat_values(self.inputs.values())

    def __repr__(self) -> str:
        return f"{[v.name for v in self.values()]} = {self.name}({self.inputs}, {self.attributes})"


def flat_values(items: Iterable[Any]) -> Iterator[Value]:
    """Yield the values in nested tuples and lists, in order; literals are left out."""
    for item in items:
        if type(item) is Value:
            yield item
        elif type(item) is tuple or type(item) is list:
            yield from flat_values(item)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A node as runs meet it: its operands, its results, and the values that no later one reads."""

    node: Node
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    gone: tuple[Value, ...] = ()

    @staticmethod
    def of(node: Node) -> "Step":
        """Return the step of a node on its own."""
        return Step(node, tuple(node.operands()), tuple(node.values()))


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """What a fragment that declares variables is called as (see nnefx.ir.scoped).

    `variables` are declarations that the caller makes, and passes the results of, after all other
    inputs; `op` is the fragment that takes them.
    """

    op: Op
    variables: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph whose nodes stand in topological order. Nothing of it is changed once it is made.

    `results` keeps the structure of the outputs where the graph is the body of a fragment (an
    array result is a tuple); `ops` are the operations that the document itself declares; `scope`
    is there where it is the body of a fragment with variables of its own.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    ops: Mapping[str, Op] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    results: tuple[Output, ...] = ()
    scope: Scope | None = None

    @cached_property
    def producer(self) -> Mapping[Value, Node]:
        """The node that produces each value; inputs of a fragment's body have none."""
        return {value: node for node in self.nodes for value in node.values()}

    @cached_property
    def users(self) -> Mapping[Value, tuple[Node, ...]]:
        """The nodes that consume each value; a node that does so twice stands twice."""
        users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.operands():
                users.setdefault(value, []).append(node)
        return {value: tuple(nodes) for value, nodes in users.items()}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The nodes as a run meets them; the outputs never go."""
        steps = [Step.of(node) for node in self.nodes]
        last: dict[Value, int] = {}
        for index, step in enumerate(steps):
            last.update(dict.fromkeys((*step.operands, *step.results), index))
        gone: list[list[Value]] = [[] for _ in steps]
        for value in last.keys() - set(self.outputs):
            gone[last[value]].append(value)
        return tuple(replace(step, gone=tuple(some)) for step, some in zip(steps, gone))

    @cached_property
    def is_itemwise(self) -> bool:
        """Whether an item of a result depends on the items of the inputs at its place alone."""
        return all(
            node.op.itemwise or (node.body is not None and node.body.is_itemwise)
            for node in self.nodes
        )

    @cached_property
    def values(self) -> Mapping[str, Value]:
        """All values by name."""
        named = {value.name: value for value in self.inputs}
        named.update((value.name, value) for node in self.nodes for value in node.values())
        return named

    @property
    def variables(self) -> Iterator[Node]:
        """The `variable` nodes."""
        return (node for node in self.nodes if node.op.name == "variable")
