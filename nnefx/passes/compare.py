"""Tells how two models differ: operations by matching, attributes, wiring, weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Node, Value, flat_values
from nnefx.passes.flatten import flatten
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

_WINDOWS = {"conv", "box", "max_pool", "avg_pool", "rms_pool", "argmax_pool", "max_pool_with_index"}


@dataclass(frozen=True, slots=True)
class Change:
    """An operation of the first model that the second has in another form.

    `details` is a sequence of what differs, how it is in the first, and how in the second.
    """

    left: Node
    right: Node
    details: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class WeightChange:
    """Values of a variable that differ.

    `relative` is the norm of the difference by that of the first, `largest` the greatest absolute
    difference; both are None where the shapes differ or one has no data.
    """

    left: str
    right: str
    relative: float | None
    largest: float | None
    reason: str = ""


@dataclass(slots=True)
class Difference:
    """How two models differ; `renamed` holds names of values that are equal but for these."""

    matched: int = 0
    changed: list[Change] = field(default_factory=list)
    removed: list[Node] = field(default_factory=list)
    added: list[Node] = field(default_factory=list)
    interface: list[tuple[str, str, str]] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    equal_weights: int = 0
    weights: list[WeightChange] = field(default_factory=list)
    quantization: list[tuple[str, str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        structure = self.changed or self.removed or self.added or self.interface
        return bool(structure or self.weights or self.quantization)


def compare(left: Model, right: Model) -> Difference:
    """Return how two models differ. Names of values and labels are no difference, order is.

    Fragments that the documents declare are replaced by their bodies first.
    """
    first, second = flatten(left.graph), flatten(right.graph)
    pairs = match(first.nodes, second.nodes)
    found = Difference(matched=len(pairs))
    counterpart = {a: b for x, y in pairs for a, b in zip(x.values(), y.values())}
    for a, b in pairs:
        details = tuple(_node_details(a, b, counterpart))
        if details:
            found.changed.append(Change(a, b, details))
    known_left, known_right = {a for a, _ in pairs}, {b for _, b in pairs}
    found.removed = [node for node in first.nodes if node not in known_left]
    found.added = [node for node in second.nodes if node not in known_right]
    found.interface = list(_interface(first, second))
    found.renamed = {a.name: b.name for a, b in counterpart.items() if a.name != b.name}
    _compare_weights(left, right, pairs, found)
    found.quantization = list(_quantization(left, right, found.renamed))
    return found


def match(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return the operations that correspond, in order.

    First the longest runs of operations that make values of the same names, if most do; between
    them, of operations with the same attributes and shapes; between these, of the same operations.
    """
    names = [{_name_key(node) for node in nodes} for nodes in (left, right)]
    same_names = 2 * len(names[0] & names[1]) > min(map(len, names), default=0)
    return _match(left, right, [_name_key, _key, _operation][not same_names :])


def _match(
    left: Sequence[Node], right: Sequence[Node], keys: Sequence[Callable[[Node], Any]]
) -> list[tuple[Node, Node]]:
    pairs: list[tuple[Node, Node]] = []
    for tag, i, j, k, m in _alignment(list(map(keys[0], left)), list(map(keys[0], right))):
        if tag == "equal":
            pairs += zip(left[i:j], right[k:m])
        elif tag == "replace" and keys[1:]:
            pairs += _match(left[i:j], right[k:m], keys[1:])
    return pairs


def _alignment(left: list[Any], right: list[Any]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield as SequenceMatcher does; ends that are equal are cut off, as it takes n^2 steps."""
    shorter = min(len(left), len(right))
    start = next((n for n in range(shorter) if left[n] != right[n]), shorter)
    end = next(
        (n for n in range(shorter - start) if left[-1 - n] != right[-1 - n]), shorter - start
    )
    yield "equal", 0, start, 0, start
    middle = left[start : len(left) - end], right[start : len(right) - end]
    for tag, i, j, k, m in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
        yield tag, i + start, j + start, k + start, m + start
    yield "equal", len(left) - end, len(left), len(right) - end, len(right)


def _name_key(node: Node) -> tuple[str, str]:
    return node.name, node.output.name


def _operation(node: Node) -> str:
    return node.name


def _key(node: Node) -> tuple[Any, ...]:
    shapes = tuple((value.dtype, value.shape) for value in node.values())
    return node.name, shapes, str(attributes(node))


def attributes(node: Node) -> dict[str, Any]:
    """Return the attributes that matter: no label, and defaults of windows written out."""
    found = {name: value for name, value in node.attributes.items() if name != "label"}
    if node.name in _WINDOWS and found["padding"] == []:
        found["padding"] = _padding(node)
    for name in ("stride", "dilation"):
        if isinstance(found.get(name), list) and set(found[name]) == {1}:
            found[name] = []
    return found


def _padding(node: Node) -> list[tuple[int, int]]:
    """Return the automatic padding of a window (NNEF 1.0.5, section 4.3.1)."""
    data = next(node.operands(), None)
    size: Sequence[int] = node.attributes.get("size", ())
    if node.name == "conv":
        filter_ = node.inputs["filter"]
        size = filter_.shape[2:] if isinstance(filter_, Value) else ()
    if data is None or not size:
        return []
    ups, downs = data.shape[-len(size) :], node.output.shape[-len(size) :]
    strides = node.attributes["stride"] or [1] * len(size)
    dilations = node.attributes["dilation"] or [1] * len(size)
    padding = []
    for up, down, extent, stride, dilation in zip(ups, downs, size, strides, dilations):
        total = max((down - 1) * stride + (extent - 1) * dilation + 1 - up, 0)
        padding.append((total // 2, total - total // 2))
    return padding


def _node_details(
    a: Node, b: Node, counterpart: Mapping[Value, Value]
) -> Iterator[tuple[str, str, str]]:
    other = attributes(b)
    for name, value in attributes(a).items():
        written = a.attributes[name], b.attributes.get(name)
        if (name not in other or value != other[name]) and written[0] != written[1]:
            yield name, repr(written[0]), repr(written[1])
    for index, (x, y) in enumerate(zip(a.values(), b.values())):
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            what = "result" if index == 0 else f"result {index + 1}"
            yield what, f"{x.dtype}{list(x.shape)}", f"{y.dtype}{list(y.shape)}"
    for name, item in a.inputs.items():
        wanted = [counterpart.get(value) for value in flat_values([item])]
        if list(flat_values([b.inputs.get(name)])) != wanted or _literals(item) != _literals(
            b.inputs.get(name)
        ):
            yield name, _text(item), _text(b.inputs.get(name))


def _literals(item: Any) -> list[Any]:
    if isinstance(item, tuple):
        return [literal for part in item for literal in _literals(part)]
    return [] if isinstance(item, Value) else [item]


def _text(item: Any) -> str:
    if isinstance(item, tuple):
        return f"[{', '.join(map(_text, item))}]"
    return item.name if isinstance(item, Value) else repr(item)


def _interface(left: Graph, right: Graph) -> Iterator[tuple[str, str, str]]:
    for kind, first, second in (
        ("inputs", left.inputs, right.inputs),
        ("outputs", left.outputs, right.outputs),
    ):
        texts = [", ".join(map(repr, values)) for values in (first, second)]
        if texts[0] != texts[1]:
            yield kind, texts[0], texts[1]


def _compare_weights(
    left: Model, right: Model, pairs: Sequence[tuple[Node, Node]], found: Difference
) -> None:
    for a, b in pairs:
        if a.name != "variable":
            continue
        labels = a.attributes["label"], b.attributes["label"]
        first, second = left.weights.get(labels[0]), right.weights.get(labels[1])
        if first is None or second is None:
            if (first is None) != (second is None):
                reason = "only the first has data" if second is None else "only the second has data"
                found.weights.append(WeightChange(*labels, None, None, reason))
        elif first.shape != second.shape:
            reason = f"{list(first.shape)} became {list(second.shape)}"
            found.weights.append(WeightChange(*labels, None, None, reason))
        elif first.dtype == second.dtype and np.array_equal(first, second):
            found.equal_weights += 1
        else:
            found.weights.append(_errors(labels, first, second))


def _errors(labels: tuple[str, str], first: NDArray[Any], second: NDArray[Any]) -> WeightChange:
    reason = f"{first.dtype} became {second.dtype}" if first.dtype != second.dtype else ""
    exact, other = first.astype(np.float64), second.astype(np.float64)
    error = exact - other
    norm = float(np.linalg.norm(exact))
    size = float(np.linalg.norm(error))
    relative = size / norm if norm else float(size > 0)
    return WeightChange(*labels, relative, float(np.abs(error).max(initial=0)), reason)


def _quantization(
    left: Model, right: Model, renamed: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    others: dict[str, Quantization] = dict(right.quantization)
    for name, entry in left.quantization.items():
        other = others.pop(renamed.get(name, name), None)
        if other != entry:
            yield name, _entry(entry), _entry(other)
    for name, entry in others.items():
        yield name, _entry(None), _entry(entry)


def _entry(entry: Quantization | None) -> str:
    if entry is None:
        return "nothing"
    texts = ", ".join(f"{name} = {value}" for name, value in entry.attributes.items())
    return f"{entry.algorithm}({texts})"
