"""What a graph costs: parameters, multiply-accumulates, bytes, and activation memory."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nnefx.ir.graph import Graph, Node, Value

ITEM_BYTES = {"scalar": 4, "integer": 4, "logical": 1}  # as float32, int32 and bool


@dataclass(frozen=True, slots=True)
class Layer:
    """The cost of one node.

    Attributes:
        node: the node.
        parameters: items of the variables that it reads.
        macs: multiply-accumulates; element-wise work does not count.
        activation: bytes of its results.
    """

    node: Node
    parameters: int
    macs: int
    activation: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a graph; `peak` is the most activation bytes alive at once, inputs included."""

    layers: tuple[Layer, ...]
    operations: dict[str, int]
    parameters: int
    macs: int
    peak: int


def cost(graph: Graph) -> Cost:
    """Return what running the graph once costs."""
    layers = tuple(
        Layer(node, _parameters(node, graph), macs(node), _bytes(node.values()))
        for node in graph.nodes
        if node.name not in ("external", "variable", "constant")
    )
    shared = {node.attributes["label"].lower(): node.output.volume for node in graph.variables}
    return Cost(
        layers,
        dict(Counter(layer.node.name for layer in layers).most_common()),
        sum(shared.values()),
        sum(layer.macs for layer in layers),
        peak_activation(graph),
    )


def macs(node: Node) -> int:
    """Return the multiply-accumulates of a node: of its body where it is a composite."""
    match node.name:
        case "conv" | "deconv":
            filter_, data = node.inputs["filter"], node.inputs["input"]
            if not isinstance(filter_, Value) or not isinstance(data, Value):
                return 0
            # each item of the output (of a deconv: of the input) meets one filter's volume
            reach = node.output.volume if node.name == "conv" else data.volume
            return reach * (filter_.volume // filter_.shape[0])
        case "matmul" | "linear":
            left = next(node.operands())
            turned = node.attributes.get("transposeA", False)
            return node.output.volume * left.shape[-2 if turned else -1]
        case "separable_conv" | "separable_deconv":
            plane, point = node.inputs["plane_filter"], node.inputs["point_filter"]
            if not isinstance(plane, Value) or not isinstance(point, Value):
                return 0
            area = node.output.volume // node.output.shape[1]
            return area * (plane.volume + point.volume)
        case _:
            return sum(map(macs, node.body.nodes)) if node.body else 0


def peak_activation(graph: Graph) -> int:
    """Return the most bytes of activations that are alive at once when values die early."""
    last: dict[Value, int] = {}
    for index, node in enumerate(graph.nodes):
        last.update(dict.fromkeys((*node.operands(), *node.values()), index))
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    dying: dict[int, list[Value]] = {}
    for value, index in last.items():
        dying.setdefault(index, []).append(value)
    stored = (node for node in graph.nodes if node.name in ("variable", "constant"))
    weights = {value for node in stored for value in node.values()}
    alive = peak = 0
    for index, node in enumerate(graph.nodes):
        alive += _bytes(v for v in node.values() if v not in weights)
        peak = max(peak, alive)
        alive -= _bytes(v for v in dying.get(index, ()) if v not in weights)
    return peak


def _parameters(node: Node, graph: Graph) -> int:
    operands = {value for value in node.operands() if value in graph.producer}
    return sum(v.volume for v in operands if graph.producer[v].name == "variable")


def _bytes(values: Iterator[Value] | tuple[Value, ...] | list[Value]) -> int:
    return sum(value.volume * ITEM_BYTES.get(value.dtype, 4) for value in values)
