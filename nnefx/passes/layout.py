"""Moves transposes towards the outputs until they meet their inverse, and drops both.

A channels-last graph that an importer wrapped operation by operation, transpose - conv -
transpose, keeps one transpose at each input and output that is channels-last itself. What is
stored in the model is transposed there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.builder import Builder
from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value

Array = NDArray[Any]
Axes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a value of the old graph is in the new one: `old = transpose(value, axes)`.

    `axes` is None where they are the same. With `order`, the items along the second dimension are
    in another order: `value[:, k] = old[:, order[k]]`.
    """

    value: Value
    axes: Axes | None = None
    order: Any = None


@dataclass(frozen=True, slots=True)
class Laid:
    """What the pass returns: a graph, its weights, and where the values of the old one are."""

    graph: Graph
    weights: Mapping[str, Array]
    places: Mapping[Value, Placed]


def sink_transposes(
    graph: Graph, weights: Mapping[str, Array], *, channels_first: bool = False
) -> Laid:
    """Replaces pairs of inverse transposes, also where operations stand between, by nothing.

    Args:
        graph: the graph; values that keep their layout keep their names.
        weights: arrays by label.
        channels_first: let inputs and outputs of four and more dimensions, (N, ..., C), become
            (N, C, ...), so that no transpose is left for them either.
    """
    walk = Walk(graph, weights, channels_first)
    for node in graph.nodes:
        walk.visit(node)
    return walk.finish()


@dataclass(slots=True)
class _Stored:
    """A `variable` or `constant` that is emitted where it is first needed, as it is needed."""

    node: Node
    array: Array
    made: dict[Any, Value] = field(default_factory=dict)


Handler = Callable[["Walk", Node], "Sequence[Placed] | None"]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register what happens to operations when their operands are transposed."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


class Walk:
    """One pass over the nodes, in order; handlers emit into `g` through it."""

    def __init__(self, graph: Graph, weights: Mapping[str, Array], channels_first: bool) -> None:
        from nnefx.passes import layout_rules  # noqa: F401  (fills HANDLERS)

        self.old = graph
        self.weights = dict(weights)
        self.channels_first = channels_first
        self.g = Builder(graph.name, graph.ops)
        self.places: dict[Value, Placed] = {}
        self.stored: dict[Value, _Stored] = {}
        self.inputs: list[Value] = []
        self._forced: dict[tuple[Value, Axes], Value] = {}
        self._first: set[Value] = set()  # inputs that are transposed where they enter
        self._names: dict[Value, str] = {}
        self._kept = {node.operands().__next__() for node in graph.nodes if node.name == "update"}

    # Operands

    def of(self, item: Any) -> Any:
        """Return where an operand is: a Placed, a stored tensor as it is, or a literal."""
        if isinstance(item, Value):
            return self.placed(item)
        return item

    def placed(self, value: Value) -> Placed:
        """Return where a value of the old graph is; what is stored is emitted as it is."""
        if value in self.stored:
            return Placed(self.emitted(value))
        return self.places[value]

    def plain(self, item: Any) -> Any:
        """Return an operand in the layout of the old graph, transposed back if need be."""
        if isinstance(item, tuple):
            return [self.plain(entry) for entry in item]
        return self.forced(self.placed(item)) if isinstance(item, Value) else item

    def forced(self, placed: Placed, name: str = "") -> Value:
        """Return a placed value in the old layout."""
        if placed.axes is None:
            return placed.value
        key = (placed.value, placed.axes)
        if key not in self._forced:
            made = self.g.transpose(placed.value, axes=list(placed.axes))
            self._forced[key] = made
            self._names[made] = name or self._hint(placed)
        return self._forced[key]

    def is_forced(self, placed: Placed) -> bool:
        """Tell whether the old layout of a value is computed already."""
        known = placed.axes is not None and (placed.value, placed.axes) in self._forced
        return known and placed.value not in self._first

    def arranged(self, item: Any, axes: Axes) -> Any:
        """Return an operand such that `old = transpose(result, axes)`.

        What is stored is arranged there; trailing dimensions of 1 are left out of it.
        """
        if not isinstance(item, Value):
            return item
        if item in self.stored:
            return self._arranged_stored(item, axes)
        placed = self.places[item]
        value = placed.value
        if item.volume == 1:
            return value
        mine = placed.axes or tuple(range(item.rank))
        if item.rank < len(axes):
            extra = range(item.rank, len(axes))
            value = self.g.unsqueeze(value, axes=list(extra))
            mine = (*mine, *extra)
        back = inverse(axes)
        order = tuple(mine[axis] for axis in back)
        if order == tuple(range(len(axes))):
            return value
        return self.forced(Placed(value, order))

    def _arranged_stored(self, item: Value, axes: Axes) -> Value:
        stored = self.stored[item]
        if item.volume == 1:
            return self.emitted(item)
        shape = item.shape + (1,) * (len(axes) - item.rank)
        array = stored.array.reshape(shape).transpose(inverse(axes))
        kept = array.ndim
        while kept > 1 and array.shape[kept - 1] == 1:
            kept -= 1
        return self.emitted(item, array.reshape(array.shape[:kept]), (axes, kept))

    def emitted(self, item: Value, array: Array | None = None, key: Any = None) -> Value:
        """Return the value of a stored tensor, with other items if they are given."""
        stored = self.stored[item]
        if key not in stored.made:
            node = stored.node
            if array is None:
                array = stored.array
            shape = list(array.shape)
            if node.name == "constant":
                items = array.reshape(-1).tolist()
                items = items[:1] if len(set(items)) == 1 else items
                made = self.g.constant(shape=shape, value=items, dtype=item.dtype, at=node.at)
            else:
                label = node.attributes["label"]
                if stored.made or key is not None:
                    label = self._label(label, bool(stored.made))
                self.weights[label] = array
                made = self.g.variable(shape=shape, label=label, dtype=item.dtype, at=node.at)
            stored.made[key] = made
            self._names[made] = item.name
        return stored.made[key]

    def _label(self, label: str, again: bool) -> str:
        """Return the label, or another one where it is in use with other items."""
        used = {node.attributes["label"] for node in self.g.nodes if node.name == "variable"}
        name, count = label, 1
        while again and name in used:
            count += 1
            name = f"{label}_{count}"
        return name

    def is_stored(self, item: Any) -> bool:
        """Tell whether an operand is stored in the model, also one that comes later."""
        if not isinstance(item, Value) or item in self._kept:
            return False
        node = self.old.producer[item]
        label = node.attributes.get("label")
        return node.name == "constant" or (node.name == "variable" and label in self.weights)

    # Results

    def emit(self, node: Node, inputs: Sequence[Any], **changed: Any) -> list[Value]:
        """Emit the operation of a node with other inputs and some other attributes."""
        attributes = {**node.attributes, **changed}
        dtype = node.dtype if node.op.signature.generic else None
        self.g.invoke(node.name, inputs, attributes, dtype, None, node.at)
        made = list(self.g.nodes[-1].values())
        for value, old in zip(made, node.values()):
            self._names[value] = old.name
        return made

    def visit(self, node: Node) -> None:
        """Take a node over into the new graph."""
        if node.name in ("variable", "constant"):
            self._store(node)
            return
        if node.name == "external":
            self._external(node)
            return
        handler = HANDLERS.get(node.name)
        results = handler(self, node) if handler else None
        if results is None:
            made = self.emit(node, [self.plain(item) for item in node.inputs.values()])
            results = [Placed(value) for value in made]
        self.places.update(zip(node.values(), results))

    def renamed(self, value: Value, old: Value) -> None:
        """Let a value take over the name of an old one that stands for the same."""
        self._names[value] = old.name

    def _store(self, node: Node) -> None:
        if node.name == "variable":
            array = self.weights.get(node.attributes["label"])
        else:
            array = compute(node, {})[0]
        if array is None or node.output in self._kept:
            made = self.emit(node, [])
            self.places[node.output] = Placed(made[0])
        else:
            self.stored[node.output] = _Stored(node, array)

    def _external(self, node: Node) -> None:
        old = node.output
        if not self.channels_first or old.rank < 4:
            made = self.emit(node, [])
            self.places[old] = Placed(made[0])
            if old.rank >= 3 and turned_later(self.old, old):
                self._turn(old, made[0])
        else:
            shape = [old.shape[0], old.shape[-1], *old.shape[1:-1]]
            made = self.emit(node, [], shape=shape)
            self.places[old] = Placed(made[0], last(old.rank))
        self.inputs += made

    def _turn(self, old: Value, value: Value) -> None:
        """Put channels first at once, so that what stands before a convolution has them so too."""
        first = self.g.transpose(value, axes=list(inverse(last(old.rank))))
        self._names[first] = f"{old.name}_first"
        self._forced[first, last(old.rank)] = value
        self._first.add(first)
        self.places[old] = Placed(first, last(old.rank))

    def _hint(self, placed: Placed) -> str:
        name = self._names.get(placed.value, placed.value.name)
        rank = len(placed.axes or ())
        if rank >= 3 and placed.axes == inverse(last(rank)):
            return f"{name}_first"
        return f"{name}_last" if rank >= 3 and placed.axes == last(rank) else f"{name}_transposed"

    # The end

    def finish(self) -> Laid:
        """Return the new graph; inputs and outputs keep their names."""
        outputs = [self._output(value) for value in self.old.outputs]
        names = _Unique()
        for value, old in [*zip(self.inputs, self.old.inputs), *zip(outputs, self.old.outputs)]:
            value.name = names.take(old.name)
            self._names.pop(value, None)
        self._name_values(names)
        graph = self.g.finish(outputs, self.inputs, (), self.old.extensions)
        graph = replace(graph, ops=self.old.ops)
        labels = {node.attributes["label"] for node in graph.variables}
        weights = {label: array for label, array in self.weights.items() if label in labels}
        for old, stored in self.stored.items():
            if None in stored.made:
                self.places[old] = Placed(stored.made[None])
        for old, value in [*zip(self.old.inputs, self.inputs), *zip(self.old.outputs, outputs)]:
            self.places[old] = Placed(value, self._axes(old))
        return Laid(graph, weights, self.places)

    def _name_values(self, names: "_Unique") -> None:
        """Name what is computed first; what is stored gets a name by its use where it must."""
        role: dict[Value, str] = {}
        for node in self.g.nodes:
            for value in node.values():
                if value in self._names and node.name not in ("variable", "constant"):
                    value.name = names.take(self._names[value])
            for name, item in node.inputs.items():
                if isinstance(item, Value):
                    role.setdefault(item, f"{node.output.name}_{name}")
        for node in self.g.nodes:
            if node.name in ("variable", "constant"):
                value = node.output
                wanted = self._names.get(value, value.name)
                value.name = names.take(role.get(value, wanted) if wanted in names else wanted)

    def _axes(self, old: Value) -> Axes | None:
        return last(old.rank) if self.channels_first and old.rank >= 4 else None

    def _output(self, old: Value) -> Value:
        if self.channels_first and old.rank >= 4:
            value = self.arranged(old, last(old.rank))
        else:
            value = self.forced(self.placed(old), old.name)
        assert isinstance(value, Value)
        if value in self.inputs or self._names.get(value) is None:
            value = self.g.copy(value)
            assert isinstance(value, Value)
        self._names[value] = old.name
        return value


def turned_later(graph: Graph, value: Value) -> bool:
    """Tell whether all that needs a value puts channels first, or works item by item before."""
    pending, turned = [value], False
    while pending:
        for node in graph.users.get(pending.pop(), ()):
            if node.name == "transpose" and list(node.attributes["axes"]) == list(
                inverse(last(value.rank))
            ):
                turned = True
            elif node.name in _BEFORE and node.output.shape[0] == value.shape[0]:
                pending.append(node.output)
            else:
                return False
    return turned


# Operations that stand between an input and the first convolution.
_BEFORE = frozenset("add sub mul div pad clamp min max relu copy slice".split())  # noqa: SIM905


class _Unique:
    """Gives out names once each."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, name: str) -> str:
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        self._taken.add(free)
        return free


def inverse(axes: Axes) -> Axes:
    """Return the axes that undo a transpose."""
    return tuple(int(axis) for axis in np.argsort(axes))


def last(rank: int) -> Axes:
    """Return the axes that make (N, ..., C) of (N, C, ...)."""
    return (0, *range(2, rank), 1)


def composed(placed: Axes | None, axes: Sequence[int]) -> Axes | None:
    """Return what a transpose by `axes` makes of a place; None where nothing is left."""
    first = placed or tuple(range(len(axes)))
    result = tuple(first[axis] for axis in axes)
    return None if result == tuple(range(len(axes))) else result
