"""Operators that write into their operands, in a graph where nodes are values."""

from typing import Any

import torch
from torch import fx


class NotFunctional(Exception):
    """Raised where a graph writes through a view: it has to be made functional first."""


class Aliases:
    """Which nodes of a graph may share memory, and what a write to one does to the others."""

    def __init__(self, graph: fx.Graph) -> None:
        self._root: dict[fx.Node, fx.Node] = {}
        self._same: dict[fx.Node, fx.Node] = {}  # in-place results are their operands
        self._order: dict[fx.Node, int] = {}
        for index, node in enumerate(graph.nodes):
            self._order[node] = index
            self._root[node] = node
            self._same[node] = node
            if node.op == "call_function":
                self._follow(node)

    def root(self, node: fx.Node) -> fx.Node:
        """Return the node whose memory `node` may be a view of."""
        return self._root[node]

    def mutate(self, node: fx.Node, env: dict[fx.Node, Any], result: Any) -> None:
        """Let those that read what `node` has overwritten see `result` from here on.

        Raises:
            NotFunctional: a view of the memory, or what it is a view of, is read later on.
        """
        written = mutated(node)
        if not written:
            return
        if not _is_in_place(node):  # it writes something else than its result
            raise NotFunctional
        index = self._order[node]
        for operand in written:
            for other, root in self._root.items():
                if root is not self._root[operand]:
                    continue
                if self._same[other] is self._same[operand]:
                    if self._order[other] <= index:
                        env[other] = result
                elif self._order[other] < index and self._is_read_after(other, index):
                    raise NotFunctional

    def _is_read_after(self, node: fx.Node, index: int) -> bool:
        return any(self._order[user] > index for user in node.users)

    def _follow(self, node: fx.Node) -> None:
        source = mutated(node) or viewed(node)
        if source:
            self._root[node] = self._root[source[0]]
            if mutated(node):
                self._same[node] = self._same[source[0]]


def _is_in_place(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._opname.endswith("_")


def mutated(node: fx.Node) -> list[fx.Node]:
    """Return the operands that a node writes to."""
    return _operands(node, write=True)


def viewed(node: fx.Node) -> list[fx.Node]:
    """Return the operands that a node's result may be a view of."""
    import operator

    if node.target is operator.getitem and isinstance(node.args[0], fx.Node):
        return [node.args[0]]
    return _operands(node, write=False)


def _operands(node: fx.Node, *, write: bool) -> list[fx.Node]:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return []
    schema = node.target._schema
    if write and not schema.is_mutable:
        return []
    found = []
    for index, item in enumerate(schema.arguments):
        info = item.alias_info
        if info is None or info.is_write is not write:
            continue
        value = node.args[index] if index < len(node.args) else node.kwargs.get(item.name)
        values = value if isinstance(value, (list, tuple)) else [value]
        found += [entry for entry in values if isinstance(entry, fx.Node)]
    return found
