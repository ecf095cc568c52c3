"""The one traversal that passes share: a forward walk with a substitution map."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nnefx import collector
from nnefx.ir.builder import Builder
from nnefx.ir.graph import Graph, Input, Node, Value

# A rule gets a node whose inputs are already those of the new graph, and returns what replaces its
# results as `Builder.add` would: a Value or a sequence of them for a single result, a tuple of such
# for several; or None to keep the node.
Rule = Callable[[Node, "Rewriter"], Any]


class Rewriter(Builder):
    """The Builder of the new graph, with the map from old values to new ones."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph.name, graph.ops)
        self.old = graph
        self.map: dict[Value, Value] = {}
        self.at: Any = None
        self.reserve(graph.values)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        """As in Builder; a node that a rule makes has the place of the node that it replaces."""
        before = len(self.nodes)
        result = super().invoke(*args, **kwargs)
        for node in self.nodes[before:]:
            node.at = node.at or self.at
        return result

    def keep(self, node: Node) -> None:
        """Take a node over as it is."""
        self.nodes.append(node)

    def mapped(self, item: Any) -> Any:
        """Return an input with old values replaced by new ones."""
        if type(item) is Value:
            return self.map.get(item, item)
        if type(item) is tuple:
            return tuple(map(self.mapped, item))
        return item


def rewrite(graph: Graph, rules: Mapping[str, Rule] | Rule) -> Graph:
    """Return the graph with the nodes replaced for which a rule returns a replacement.

    `rules` are keyed by the name of the operation, or one function that is asked for every node.
    The same object comes back when nothing changed. A replacement for a graph output takes over
    its name.
    """
    g = Rewriter(graph)
    changed = False
    with collector.paused():
        for node in graph.nodes:
            rule = rules.get(node.op.name) if isinstance(rules, Mapping) else rules
            current = _with_inputs(node, g)
            g.at = node.at
            replacement = rule(current, g) if rule else None
            if replacement is None:
                g.keep(current)
                continue
            changed = True
            single = len(node.outputs) == 1
            _substitute(g, node.outputs, (replacement,) if single else replacement)
        return _finish(g, graph) if changed else graph


def _with_inputs(node: Node, g: Rewriter) -> Node:
    if g.map.keys().isdisjoint(node.operands()):
        return node
    inputs: dict[str, Input] = {name: g.mapped(item) for name, item in node.inputs.items()}
    return Node(node.op, inputs, node.attributes, node.outputs, node.dtype, node.at, node.body)


def _substitute(g: Rewriter, outputs: Any, replacements: Any) -> None:
    for old, new in zip(outputs, replacements, strict=True):
        if isinstance(old, Value):
            g.map[old] = new
        else:
            _substitute(g, old, new)


def _finish(g: Rewriter, graph: Graph) -> Graph:
    made = {value for node in g.nodes for value in node.values()} - set(graph.values.values())
    outputs = [_output(old, g, made) for old in graph.outputs]
    for old, new in g.map.items():  # a replacement inside takes over the name as well
        if new in made:
            made.discard(new)
            new.name = old.name
    results = tuple(g.mapped(result) for result in graph.results)
    inputs = tuple(g.map.get(value, value) for value in graph.inputs)
    finished = g.finish(outputs, inputs, results, graph.extensions)
    return replace(finished, ops={**graph.ops, **g.own})


def _output(old: Value, g: Rewriter, made: set[Value]) -> Value:
    new = g.map.get(old, old)
    if new is old:
        return old
    if new not in made:  # it has a name that must stay: an input, or another output
        copied = g.copy(new, name=old.name)
        assert isinstance(copied, Value)
        new = copied
    made.discard(new)
    new.name = old.name
    return new
