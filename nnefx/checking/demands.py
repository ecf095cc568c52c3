"""The demands of a target's rules, compared with one operation."""

from collections.abc import Iterator
from typing import Any

from nnefx.checking.target import Rule
from nnefx.ir.graph import UNKNOWN, Graph, Node, Value

Finding = tuple[str, str]


def demands(rule: Rule, node: Node, graph: Graph) -> Iterator[Finding]:
    """Yield code and message of each demand that a node does not meet."""
    for name, allowed in rule.values.items():
        if name in node.attributes and node.attributes[name] not in allowed:
            found, wanted = _show(node.attributes[name]), " or ".join(map(_show, allowed))
            yield "NX612", f"{name} is {found}, supported: {wanted}"
    yield from _items(rule, node)
    yield from _shapes(rule, node)
    for name in rule.given:
        if not node.attributes.get(name):
            yield "NX612", f"{name} is left to its default, it must be given"
    if rule.padding:
        yield from _padding(rule, node)
    if not rule.literals and any(type(item) is int for item in node.inputs.values()):
        yield "NX612", "an integer literal stands for a tensor"
    if rule.inside:
        yield from _inside(node)
    yield from _neighbours(rule, node, graph)


def _items(rule: Rule, node: Node) -> Iterator[Finding]:
    for name, limit in rule.items.items():
        for number, item in enumerate(node.attributes.get(name) or ()):
            most = limit[min(number, len(limit) - 1)] if isinstance(limit, list) else limit
            if _largest(item) > most:
                yield "NX612", f"{name} has item {_show(item)}, supported: up to {most}"
                break
    for name, limit in rule.least.items():
        for item in node.attributes.get(name) or ():
            if item < limit:
                yield "NX612", f"{name} has item {item}, supported: from {limit} on"
                break


def _largest(item: int | tuple[int, ...]) -> int:
    return max(item) if isinstance(item, tuple) else item


def _shapes(rule: Rule, node: Node) -> Iterator[Finding]:
    for name, ranks in rule.ranks.items():
        value = node.inputs.get(name)
        for tensor in value if isinstance(value, tuple) else (value,):
            if isinstance(tensor, Value) and _known(tensor) and tensor.rank not in ranks:
                wanted = " or ".join(map(str, ranks))
                yield "NX613", f"'{name}' has rank {tensor.rank}, supported: {wanted}"
                break
    for name, limits in rule.extents.items():
        value = node.inputs.get(name)
        if isinstance(value, Value) and _known(value):
            for axis, (extent, most) in enumerate(zip(value.shape, limits)):
                if most and extent > most:
                    message = f"'{name}' has extent {extent} in dimension {axis}"
                    yield "NX613", f"{message}, supported: up to {most}"
    for name in rule.square:
        value = node.inputs.get(name)
        groups = node.attributes.get("groups", 1)
        if not isinstance(value, Value) or not _known(value) or value.rank < 2 or not groups:
            continue
        first, second = value.shape[0], value.shape[1] * groups
        if first != second:
            message = f"'{name}' is for {first} channels in and {second} out"
            yield "NX613", f"{message}, supported: equal ones"
    for name in rule.single:
        value, tensor = node.inputs.get(name), node.inputs.get("input")
        if name == "filter" and node.attributes.get("groups"):
            continue
        if isinstance(value, Value) and isinstance(tensor, Value):
            made, given = value.shape[:1], tensor.shape[1:2]
            if made != given:
                message = f"'{name}' makes {made[0]} channels of {given[0]}"
                yield "NX613", f"{message}, supported: one of each"


def _known(value: Value) -> bool:
    return value.shape is not UNKNOWN


def _padding(rule: Rule, node: Node) -> Iterator[Finding]:
    window = node.attributes.get(rule.padding)
    if window is None:
        tensor = node.inputs.get(rule.padding)
        window = tensor.shape[2:] if isinstance(tensor, Value) else ()
    for item, extent in zip(node.attributes.get("padding") or (), window):
        if max(item) >= extent or min(item) < 0:
            message = f"padding has item {_show(item)} for a window of {extent}"
            yield "NX612", f"{message}, supported: less than the window"
            break


def _inside(node: Node) -> Iterator[Finding]:
    """Yield ranges of `slice` that are clamped, or counted from the end."""
    tensor = node.inputs["input"]
    if not isinstance(tensor, Value) or not _known(tensor):
        return
    attributes = node.attributes
    ranges = zip(attributes["axes"], attributes["begin"], attributes["end"])
    for axis, begin, end in ranges:
        extent = tensor.shape[axis]
        if not (-extent <= begin < extent and -1 <= end <= extent) or begin < 0:
            message = f"range {begin}:{end} of an extent of {extent}"
            yield "NX612", f"{message}, supported: what lies inside"


def _neighbours(rule: Rule, node: Node, graph: Graph) -> Iterator[Finding]:
    if rule.after:
        for value in node.operands():
            maker = graph.producer.get(value)
            if maker is not None and maker.name not in rule.after:
                wanted = ", ".join(rule.after)
                yield "NX612", f"it follows {maker.name}, supported: after {wanted}"
    if rule.last:
        for value in node.values():
            if graph.users.get(value):
                user = graph.users[value][0].name
                yield "NX612", f"its result goes to {user}, supported: as an output only"


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        inner = ",".join(map(_show, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return str(value)
