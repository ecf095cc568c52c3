"""The order of nodes: names are defined once, and before they are used."""

from collections.abc import Iterable, Iterator, Sequence

import onnx

from nnefx.converters.onnx.proto import subgraphs
from nnefx.diagnostics import NnefError
from nnefx.source import At, ModelAt


def ordered(
    nodes: Sequence[onnx.NodeProto], given: Iterable[str], path: str
) -> list[onnx.NodeProto]:
    """Return the nodes so that each stands after those that it needs; keep the order otherwise.

    Args:
        nodes: the nodes of one graph.
        given: the names that the graph's inputs and initializers define.
        path: the name of the file, for messages.

    Raises:
        NnefError: NX713 for a name that is defined twice, NX714 for a cycle.
    """
    producer: dict[str, int] = {}
    known = set(given)
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in producer or name in known:
                raise NnefError("NX713", f"tensor '{name}' is defined twice", place(node, path))
            producer[name] = index
    needs = [[producer[name] for name in uses(node) if name in producer] for node in nodes]
    if all(need < index for index, wanted in enumerate(needs) for need in wanted):
        return list(nodes)
    return [nodes[index] for index in _sorted(needs, nodes, path)]


def uses(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that a node consumes, those of its subgraphs' surroundings included."""
    yield from filter(None, node.input)
    for graph in subgraphs(node):
        own = {item.name for item in graph.input}
        own.update(item.name for item in graph.initializer)
        own.update(name for inner in graph.node for name in inner.output)
        for inner in graph.node:
            yield from (name for name in uses(inner) if name not in own)
        yield from (item.name for item in graph.output if item.name not in own)


def place(node: onnx.NodeProto, path: str) -> At:
    """Return the place of a node: its name, or that of its first output, and its type."""
    name = node.name or next(filter(None, node.output), "")
    kind = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    return ModelAt(path, f"node '{name}' ({kind})")


def _sorted(
    needs: Sequence[Sequence[int]], nodes: Sequence[onnx.NodeProto], path: str
) -> list[int]:
    order: list[int] = []
    state = [0] * len(needs)  # 0: not seen, 1: its needs are being placed, 2: placed
    for start in range(len(needs)):
        stack = [start]
        while stack:
            index = stack[-1]
            state[index] = max(state[index], 1)
            waiting = [need for need in needs[index] if state[need] != 2]
            if not waiting:
                stack.pop()
                if state[index] != 2:
                    state[index] = 2
                    order.append(index)
            elif state[waiting[0]] == 1:
                raise NnefError("NX714", "the node needs its own output", place(nodes[index], path))
            else:
                stack.append(waiting[0])
    return order
