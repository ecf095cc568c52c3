"""What a graph costs: parameters, multiply-accumulates, bytes, and activation memory."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nnefx.ir.graph import Graph, Node, Value
from nnefx.ir.scoped import written_name

ITEM_BYTES = {"scalar": 4, "integer": 4, "logical": 1}  # as float32, int32 and bool


@dataclass(frozen=True, slots=True)
class Layer:
    """The cost of one node, and of the nodes in the body of a fragment that the document declares.

    Attributes:
        node: the node.
        path: the names of the results of the calls that lead to it, and its own.
        labels: of the variables that it reads, without case, each with its items.
        macs: multiply-accumulates; element-wise work does not count.
        activation: bytes of its results, of a fragment those of all in its body.
        parts: the layers of the body.
    """

    node: Node
    path: tuple[str, ...]
    labels: Mapping[str, int]
    macs: int
    activation: int
    parts: "tuple[Layer, ...]" = ()

    @property
    def parameters(self) -> int:
        """The items of the variables."""
        return sum(self.labels.values())

    def walk(self) -> "Iterator[Layer]":
        """Yield this layer and all below it, in order."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a graph; `peak` is the most activation bytes alive at once, inputs included."""

    layers: tuple[Layer, ...]
    operations: dict[str, int]
    parameters: int
    macs: int
    peak: int

    def fragments(self) -> dict[str, list[Layer]]:
        """Return the calls of each fragment that the document declares, those in others too."""
        found: dict[str, list[Layer]] = {}
        for layer in (inner for outer in self.layers for inner in outer.walk()):
            if layer.parts:
                found.setdefault(written_name(layer.node), []).append(layer)
        return found


def cost(graph: Graph) -> Cost:
    """Return what running the graph once costs."""
    labels = {node.output: node.attributes["label"].lower() for node in graph.variables}
    layers = tuple(_layers(graph, labels, ()))
    shared = {labels[node.output]: node.output.volume for node in graph.variables}
    return Cost(
        layers,
        dict(Counter(layer.node.name for layer in layers).most_common()),
        sum(shared.values()),
        sum(layer.macs for layer in layers),
        peak_activation(graph),
    )


def _layers(graph: Graph, labels: Mapping[Value, str], path: tuple[str, ...]) -> Iterator[Layer]:
    for node in graph.nodes:
        if node.name in ("external", "variable", "constant"):
            continue
        own = (*path, node.output.name)
        read = {labels[value]: value.volume for value in node.operands() if value in labels}
        parts: tuple[Layer, ...] = ()
        activation = _bytes(node.values())
        if node.op.shape is None and node.body is not None:
            inner = zip(node.body.inputs, node.operands())
            known = {formal: labels[value] for formal, value in inner if value in labels}
            parts = tuple(_layers(node.body, known, own))
            activation = sum(part.activation for part in parts)
        yield Layer(node, own, read, macs(node), activation, parts)


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


def _bytes(values: Iterator[Value] | tuple[Value, ...] | list[Value]) -> int:
    return sum(value.volume * ITEM_BYTES.get(value.dtype, 4) for value in values)
