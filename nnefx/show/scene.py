"""What a picture of a graph holds: boxes for operations, groups for fragments, links between them.

Variables and constants get no boxes: each operation shows the weights that it reads.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnefx.ir.cost import macs
from nnefx.ir.graph import Graph, Node, Value, flat_values

# What operations have a colour of their own in common.
_FAMILIES = {
    "filter": "conv deconv separable_conv separable_deconv box debox linear matmul",
    "pool": "max_pool avg_pool rms_pool max_pool_with_index argmax_pool sample desample "
    "avg_roi_pool max_roi_pool roi_resample avg_roi_align max_roi_align "
    "sum_reduce mean_reduce max_reduce min_reduce argmax_reduce argmin_reduce all_reduce "
    "any_reduce",
    "activation": "relu sigmoid tanh elu selu gelu silu softplus softabs prelu leaky_relu softmax "
    "softsign clamp",
    "norm": "local_response_normalization local_mean_normalization local_variance_normalization "
    "local_contrast_normalization l1_normalization l2_normalization batch_normalization moments "
    "linear_quantize logarithmic_quantize min_max_linear_quantize zero_point_linear_quantize",
    "layout": "reshape squeeze unsqueeze transpose split concat slice stack unstack pad tile "
    "gather cast nearest_downsample area_downsample nearest_upsample multilinear_upsample copy",
}
FAMILY = {op: family for family, ops in _FAMILIES.items() for op in ops.split()}
# What says nothing in a summary, though it differs from the default.
_PLAIN = {"stride": ("1",), "dilation": ("1",), "padding": ("0",), "groups": ("1",)}
STORED = ("variable", "constant")


@dataclass(frozen=True, slots=True)
class Weight:
    """A variable (or a constant, whose label is empty) that an operation reads as `param`."""

    param: str
    label: str
    value: Value
    content: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One box.

    Attributes:
        kind: `op`, `custom`, `input`, `output`, `weight`, or `in` and `out`, which are where links
            pass through the border of a group.
        title: the operation.
        name: the result's name, empty where it was made up.
        family: which colour it has.
        summary: what matters of its attributes, in short.
        outputs: the values that leave it.
        node: what it stands for.
        inputs: parameters and the values that enter it, in the order of its ports.
        weights: what it reads beside.
        level: what is inside of a group.
    """

    kind: str
    title: str
    name: str
    family: str = ""
    summary: str = ""
    outputs: tuple[Value, ...] = ()
    node: Node | None = None
    inputs: tuple[tuple[str, Value], ...] = ()
    weights: tuple[Weight, ...] = ()
    level: "Level | None" = None


@dataclass(frozen=True, slots=True)
class Link:
    """A value on its way from a port of one item to a port of another; items by index."""

    source: int
    out: int
    target: int
    into: int


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The inside of the graph or of one group; items stand in topological order."""

    items: tuple[Item, ...]
    links: tuple[Link, ...]


def scene(graph: Graph) -> Level:
    """Return what a picture of `graph` shows, groups of groups included."""
    stored = _stored(graph, {})
    inputs = [Item("input", value.name, "", "input", outputs=(value,)) for value in graph.inputs]
    level = _Collector(graph, inputs, stored)
    level.add_nodes()
    for value in graph.outputs:
        level.add(Item("output", value.name, "", "output", inputs=(("", value),)))
    return level.finish()


def walk(level: Level) -> Iterator[Item]:
    """Yield all items, those inside of groups after the group."""
    for item in level.items:
        yield item
        if item.level:
            yield from walk(item.level)


def shape_text(value: Value) -> str:
    """Return a shape as it stands on links, with the data-type unless it is `scalar`."""
    shape = "×".join(map(str, value.shape)) or "scalar"
    return shape if value.dtype == "scalar" else f"{shape} {value.dtype}"


class _Collector:
    """Gathers the items of one level, and links each to where its inputs come from."""

    def __init__(self, graph: Graph, sources: list[Item], stored: Mapping[Value, Weight]) -> None:
        self.graph = graph
        self.stored = stored
        self.items: list[Item] = []
        self.links: list[Link] = []
        self.origin: dict[Value, tuple[int, int]] = {}
        for item in sources:
            self.add(item)

    def add(self, item: Item) -> None:
        target = len(self.items)
        for port, (_, value) in enumerate(item.inputs):
            source, out = self.origin[value]
            self.links.append(Link(source, out, target, port))
        for port, value in enumerate(item.outputs):
            self.origin[value] = (target, port)
        self.items.append(item)

    def add_nodes(self) -> None:
        for value in self.graph.outputs:
            if value in self.stored and value not in self.origin:  # nothing else would show it
                title = self.stored[value].label or "constant"
                self.add(Item("weight", title, value.name, "weight", outputs=(value,)))
        for node in self.graph.nodes:
            if node.name != "external" and node.name not in STORED:
                self.add(_item(node, self.graph, self.stored, self.origin))

    def finish(self) -> Level:
        return Level(tuple(self.items), tuple(self.links))


def _stored(graph: Graph, outer: Mapping[Value, Weight]) -> dict[Value, Weight]:
    stored = dict(outer)
    for node in graph.nodes:
        if node.name in STORED:
            label = node.attributes.get("label", "")
            content = node.attributes.get("value")
            stored[node.output] = Weight("", label, node.output, content)
    return stored


def _item(
    node: Node,
    graph: Graph,
    stored: Mapping[Value, Weight],
    origin: Mapping[Value, tuple[int, int]],
) -> Item:
    entering: list[tuple[str, Value]] = []
    weights: list[Weight] = []
    for param, given in node.inputs.items():
        for value in flat_values([given]):
            if value in stored and value not in origin:
                known = stored[value]
                weights.append(Weight(param, known.label, known.value, known.content))
            else:
                entering.append((param, value))
    title = _title(node.name, graph)
    custom = node.op.signature.body is None and node.name in graph.ops
    family = "group" if node.body else FAMILY.get(node.name, "custom" if custom else "other")
    return Item(
        "custom" if custom else "op",
        title,
        _given_name(node, title),
        family,
        _summary(node, weights),
        tuple(node.values()),
        node,
        tuple(entering),
        tuple(weights),
        _inside(node, stored, origin) if node.body else None,
    )


def _inside(
    node: Node,
    stored: Mapping[Value, Weight],
    origin: Mapping[Value, tuple[int, int]],
) -> Level:
    body = node.body
    assert body is not None
    outer: dict[Value, Weight] = {}
    ports: list[Item] = []
    for formal, actual in zip(body.inputs, node.operands()):
        if actual in stored and actual not in origin:
            outer[formal] = stored[actual]
        else:
            ports.append(Item("in", formal.name, "", outputs=(formal,)))
    level = _Collector(body, ports, _stored(body, outer))
    level.add_nodes()
    for value in body.outputs:
        level.add(Item("out", value.name, "", inputs=(("", value),)))
    return level.finish()


def _title(op: str, graph: Graph) -> str:
    """Return the name of an operation; fragments that were made of another go by its name."""
    base = re.sub(r"_[0-9]+\Z", "", op)
    return base if base in graph.ops else op


def _given_name(node: Node, title: str) -> str:
    name = node.output.name
    made_up = re.fullmatch(f"(?:{re.escape(node.name)}|{re.escape(title)})_?[0-9]*", name)
    return "" if made_up or not node.outputs else name


def _summary(node: Node, weights: list[Weight]) -> str:
    filters = [weight.value for weight in weights if weight.param == "filter"]
    parts = ["×".join(map(str, value.shape)) for value in filters]
    for name, value in changed(node).items():
        if name not in ("label", "border") and brief(value) not in _PLAIN.get(name, ()):
            parts.append(f"{name} {brief(value)}")
    return "  ".join(parts[:3])


def changed(node: Node) -> dict[str, Any]:
    """Return the attributes that differ from their defaults."""
    params = node.op.params
    found = {}
    for name, value in node.attributes.items():
        default = params[name].default if name in params else None
        if default is None or default.value != value:
            found[name] = value
    return found


def brief(value: Any) -> str:
    """Return an attribute as short as it can be understood: `2` for [2, 2]."""
    if isinstance(value, tuple | list):
        texts = [brief(item) for item in value]
        if len(set(texts)) == 1:
            return texts[0]
        return ("+" if isinstance(value, tuple) else "×").join(texts) or "none"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def multiply_adds(item: Item) -> int:
    """Return the multiply-accumulates of an item, which are those of all inside of a group."""
    return macs(item.node) if item.node else 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene and what it is called."""

    title: str
    level: Level
    facts: tuple[str, ...] = field(default=())
