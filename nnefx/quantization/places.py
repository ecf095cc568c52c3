"""Which tensors of a graph are quantized: weights of layers, and the activations around them.

What a weighted layer reads is quantized. What an operation of `_POINTWISE` or `_WEIGHTED` gives is
quantized where all that it reads is; an activation that is computed with the layer before it leaves
the layer's own result alone. What only moves items keeps the quantization of what it reads.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.constants import Constants

# The parameters of data and of the filter.
_WEIGHTED = {
    "conv": ("input", "filter"),
    "deconv": ("input", "filter"),
    "linear": ("input", "filter"),
    "matmul": ("A", "B"),
}
_TABLES = {"gather": "input"}  # rows are chosen: embeddings
_NAMES = (
    "add sub mul min max neg abs prelu leaky_relu elu selu gelu silu sigmoid tanh softplus "
    "relu clamp concat stack box avg_pool mean_reduce sum_reduce batch_normalization "
    "multilinear_upsample area_downsample add_n"
)
_POINTWISE = frozenset(_NAMES.split())
_MOVING = (
    "reshape transpose squeeze unsqueeze slice split unstack tile pad copy max_pool max_reduce "
    "min_reduce nearest_upsample nearest_downsample gather copy_n"
)
_MOVES = frozenset(_MOVING.split())
_SUMS = frozenset({*_WEIGHTED, "add", "sub", "mul", "div"})
_SQUASHING = frozenset({"sigmoid", "tanh"})  # of scores: as outputs, small ones matter too
_FUSED = frozenset({"relu", "clamp"})  # engines compute these with the layer before
_FUSES = frozenset({*_WEIGHTED, "add", "sub", "batch_normalization", "avg_pool", "mean_reduce"})


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A node with weights that can be quantized.

    Attributes:
        node: conv, deconv, linear, matmul or gather.
        data: what it reads.
        filter: the variable with the weights.
        axis: the dimension of the filter with the output channels; None where there is no single.
        bias: the variable with the bias, where there is one that nothing else reads.
    """

    node: Node
    data: Value
    filter: Value
    axis: int | None
    bias: Value | None = None


@dataclass(slots=True)
class Places:
    """What is quantized in a graph.

    Attributes:
        layers: nodes with weights to quantize.
        activations: the values to quantize, in the order of the graph.
        same: of those, what has the quantization of another value.
        nodes: the operations that are computed with integers, in order.
    """

    layers: list[Layer] = field(default_factory=list)
    activations: list[Value] = field(default_factory=list)
    same: dict[Value, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def root(self, value: Value) -> Value:
        """Return the value whose quantization a value has."""
        while value in self.same:
            value = self.same[value]
        return value


def find_places(graph: Graph, constants: Constants, excluded: Collection[str]) -> Places:
    """Return what is to be quantized.

    Args:
        graph: the graph, its batch normalizations folded.
        constants: the values that are known.
        excluded: names of values and of labels that stay real.
    """
    walk = _Walk(graph, constants, excluded)
    wanted = walk.wanted()
    return walk.places(wanted)


class _Walk:
    def __init__(self, graph: Graph, constants: Constants, excluded: Collection[str]) -> None:
        self.graph = graph
        self.constants = constants
        self.excluded = excluded
        self.uses = {value: len(nodes) for value, nodes in graph.users.items()}
        for value in graph.outputs:
            self.uses[value] = self.uses.get(value, 0) + 1
        self.layers = {id(layer.node): layer for layer in self._layers()}
        self.placed: set[Value] = set()

    def out(self, node: Node) -> bool:
        """Tell whether a node was excluded."""
        return any(value.name in self.excluded for value in node.values())

    def data(self, node: Node) -> list[Value]:
        """Return the reals that a node reads and that are not known."""
        return [v for v in node.operands() if v.dtype == "scalar" and v not in self.constants]

    def wanted(self) -> set[Value]:
        """Return what weighted layers read, and what items are only moved from on the way."""
        found: set[Value] = set()
        for node in reversed(self.graph.nodes):
            if self.out(node):
                continue
            moved = node.name in _MOVES and any(value in found for value in node.values())
            if moved or node.name in _WEIGHTED:
                found.update(self.data(node))
        return {v for v in found if v.name not in self.excluded}

    def places(self, wanted: set[Value]) -> Places:
        places = Places(layers=list(self.layers.values()))
        done: set[Value] = set()
        for node in self.graph.nodes:
            if node.name in ("variable", "constant", "update"):
                continue
            computed = self._computed(node, done)
            if computed:
                places.nodes.append(node)
            for value in node.values():
                if value.dtype != "scalar" or value in self.constants:
                    continue
                if self._inside(node, value):
                    if computed:
                        done.add(value)  # counts as quantized for what is computed with it
                elif (computed or value in wanted) and value.name not in self.excluded:
                    self._add(node, value, places, done)
        self._leave_sums(places, wanted)
        return places

    def _leave_sums(self, places: Places, wanted: set[Value]) -> None:
        """Leave real what only real operations read: the sum is exact, and masked with -10000."""
        computed = {id(node) for node in places.nodes}
        left: set[Value] = set()
        for node in reversed(places.nodes):
            value, users = node.output, self.graph.users.get(node.output, ())
            inner = node.name in _SUMS and value not in wanted and value not in self.graph.outputs
            if inner and users and not any(id(user) in computed for user in users):
                left.add(value)
                if node.name not in _WEIGHTED:
                    computed.discard(id(node))
        places.activations = [value for value in places.activations if value not in left]
        places.nodes = [node for node in places.nodes if id(node) in computed]

    def _computed(self, node: Node, done: set[Value]) -> bool:
        if self.out(node):
            return False
        data = self.data(node)
        if node.name in _TABLES and not data:
            return id(node) in self.layers
        if node.name in _SQUASHING and all(value in self.graph.outputs for value in node.values()):
            return False
        known = node.name in _WEIGHTED or node.name in _POINTWISE or node.name in _MOVES
        if node.name == "div":  # by a constant it is a product
            known = len(data) == 1 and node.inputs["x"] is data[0]
        return known and bool(data) and all(value in done for value in data)

    def _add(self, node: Node, value: Value, places: Places, done: set[Value]) -> None:
        places.activations.append(value)
        done.add(value)
        data = self.data(node)
        if node.name in _MOVES and len(data) == 1 and data[0] in self.placed:
            places.same[value] = data[0]
        self.placed.add(value)

    def _inside(self, node: Node, value: Value) -> bool:
        """Tell whether a result is only an accumulator of what comes next."""
        users = self.graph.users.get(value, ())
        if node.name not in _FUSES or self.uses.get(value, 0) != 1 or len(users) != 1:
            return False
        user = users[0]
        if self.out(user) or self.out(node):
            return False
        if node.name in _WEIGHTED and user.name in ("add", "sub"):
            return len(self.data(user)) == 1
        return user.name in _FUSED and self.data(user) == [value]

    def _layers(self) -> Iterator[Layer]:
        """Yield the nodes whose weights nothing else reads otherwise."""
        found = [layer for node in self.graph.nodes if (layer := self._layer(node)) is not None]
        readers: dict[str, list[tuple[Node, int | None]]] = {}
        for layer in found:
            label = self.constants.label(layer.filter).lower()
            readers.setdefault(label, []).append((layer.node, layer.axis))
        total: dict[str, int] = {}
        for node in self.graph.variables:
            label = node.attributes["label"].lower()
            total[label] = total.get(label, 0) + self.uses.get(node.output, 0)
        for layer in found:
            label = self.constants.label(layer.filter).lower()
            same = len({axis for _, axis in readers[label]}) == 1
            if same and len(readers[label]) == total[label]:
                yield layer

    def _layer(self, node: Node) -> Layer | None:
        if self.out(node) or (node.name not in _WEIGHTED and node.name not in _TABLES):
            return None
        if node.name in _TABLES:
            weights = node.inputs[_TABLES[node.name]]
            data: Any = next((v for v in node.operands() if v is not weights), None)
        else:
            data, weights = (node.inputs[name] for name in _WEIGHTED[node.name])
            if node.name == "matmul" and data in self.constants:
                data, weights = weights, data
        if not isinstance(weights, Value) or not isinstance(data, Value):
            return None
        label = self.constants.label(weights) if weights in self.constants else ""
        if not label or data in self.constants or weights.dtype != "scalar":
            return None
        if label in self.excluded or weights.name in self.excluded:
            return None
        return Layer(node, data, weights, _axis(node, weights), self._bias(node))

    def _bias(self, node: Node) -> Value | None:
        bias = node.inputs.get("bias")
        if not isinstance(bias, Value) or bias not in self.constants:
            return None
        label = self.constants.label(bias)
        shared = sum(n.attributes["label"].lower() == label.lower() for n in self.graph.variables)
        if not label or shared != 1 or self.uses.get(bias) != 1:
            return None
        return None if label in self.excluded or bias.name in self.excluded else bias


def _axis(node: Node, weights: Value) -> int | None:
    """Return the dimension of a filter along which the output channels lie."""
    if node.name in ("conv", "linear"):
        return 0
    if node.name == "deconv":
        groups = node.attributes.get("groups", 1) or weights.shape[0]
        return 1 if groups == 1 else 0 if groups == weights.shape[0] else None
    if node.name == "matmul" and weights.rank == 2:
        first = weights is node.inputs["A"]
        return int(node.attributes["transposeA"] if first else not node.attributes["transposeB"])
    return None
