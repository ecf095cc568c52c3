"""Replaces composites by their NNEF bodies."""

from collections.abc import Callable, Collection
from typing import Any

from nnefx.ir.evaluate import instantiate
from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.rewrite import Rewriter, rewrite


def expand(graph: Graph, keep: Collection[str] | Callable[[Node], bool] = ()) -> Graph:
    """Replace `y = f(x)` by the body of `f`, over and over, where `f` has one and is not kept.

    Args:
        graph: the graph.
        keep: names of operations to keep, or a function that tells it for a node.
    """
    kept: Callable[[Node], bool] = keep if callable(keep) else lambda node: node.name in keep

    def rule(node: Node, g: Rewriter) -> Any:
        if kept(node) or node.op.signature.body is None:
            return None
        return inline(node, g, kept)

    return rewrite(graph, rule)


def inline(node: Node, g: Rewriter, kept: Callable[[Node], bool]) -> Any:
    """Add the body of a composite to `g`; return its results in the structure of the outputs."""
    body = node.body or instantiate(g, node.op, node.inputs, node.attributes, node.dtype)
    env: dict[Value, Value] = dict(zip(body.inputs, node.operands()))
    names = _result_names(node, body)
    prefix = node.output.name

    def mapped(item: Any) -> Any:
        if type(item) is Value:
            return env.get(item, item)
        return tuple(map(mapped, item)) if type(item) is tuple else item

    for inner in body.nodes:
        inputs = {name: mapped(item) for name, item in inner.inputs.items()}
        outputs = tuple([_renamed(output, env, names, prefix, g) for output in inner.outputs])
        current = Node(
            inner.op, inputs, inner.attributes, outputs, inner.dtype, inner.at, inner.body
        )
        if kept(current) or current.op.signature.body is None:
            g.keep(current)
        else:
            _store(env, inner.outputs, inline(current, g, kept))
    results = tuple(mapped(result) for result in body.results)
    return results if len(results) != 1 else results[0]


def _result_names(node: Node, body: Graph) -> dict[Value, str]:
    """Let the values that become the node's results keep the names of those."""
    names: dict[Value, str] = {}
    for outer, inner in zip(node.values(), body.outputs):
        names.setdefault(inner, outer.name)
    return names


def _renamed(
    output: Any, env: dict[Value, Value], names: dict[Value, str], prefix: str, g: Rewriter
) -> Any:
    if type(output) is tuple:
        return tuple(_renamed(item, env, names, prefix, g) for item in output)
    name = names.get(output) or g.fresh(f"{prefix}_{output.name}")
    env[output] = Value(name, output.dtype, output.shape)
    return env[output]


def _store(env: dict[Value, Value], outputs: Any, results: Any) -> None:
    for old, new in zip(outputs, (results,) if len(outputs) == 1 else results):
        if type(old) is Value:
            env[old] = new
        else:
            env.update(zip(old, new))
