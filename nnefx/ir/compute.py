"""The values of a graph's nodes: each by its kernel, or by its body where it has none.

Values go after their last use, and kernels that can write over an operand which goes do so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.ir.builder import Builder
from nnefx.ir.evaluate import instantiate
from nnefx.ir.graph import Graph, Node, Step, Value
from nnefx.ops import Reject

Arrays = NDArray[Any]
_DTYPES: dict[type, Any] = {bool: np.bool_, int: np.int64}
_PART = 24 << 10  # items at a time of bodies that work on items: their steps stay in the cache


class Values(dict[Value, Arrays]):
    """The arrays of a run that are still needed.

    Attributes:
        own: the values whose arrays this run made and shares with no other value: they may be
            written over when they go.
    """

    def __init__(self, given: Mapping[Value, Arrays], own: Iterable[Value] = ()) -> None:
        super().__init__(given)
        self.own = set(own)

    def free(self, step: Step) -> list[Value]:
        """Return which of the values that go with a step it may write over."""
        return [value for value in step.gone if value in self.own]

    def add(self, step: Step, arrays: Sequence[Arrays], free: Collection[Value]) -> None:
        """Keep the results of a step, and forget the values that go with it."""
        others = [value for value in step.operands if value not in free]
        shared = [id(_root(self[value])) for value in others]
        roots = [_root(array) for array in arrays]
        if any(id(root) in shared for root in roots):
            self.own.difference_update(others)
        elif len(roots) == 1 and roots[0].base is None:
            self.own.add(step.results[0])
        self.update(zip(step.results, arrays))
        self.drop(step)

    def drop(self, step: Step) -> None:
        """Forget the values that go with a step."""
        for value in step.gone:
            self.pop(value, None)
            self.own.discard(value)


def _root(array: Arrays) -> Arrays:
    """Return the array that has the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def compute(node: Node, values: Mapping[Value, Arrays]) -> list[Arrays]:
    """Return the arrays of the node's values, in order.

    Args:
        node: any node but `external`, `variable` and `update`, whose values come from outside.
        values: the arrays of its operands.

    Raises:
        NnefError: NX306 where the kernel refuses the values, NX217 where there is no kernel.
    """
    return run_step(Step.of(node), values)


def run_step(
    step: Step, values: Mapping[Value, Arrays], free: Collection[Value] = ()
) -> list[Arrays]:
    """Return the arrays of a step; a result may be written over those of the operands in `free`.

    See `compute` for the rest.
    """
    node, op = step.node, step.node.op
    if op.run is None:
        return _by_body(step, values, free)
    arguments = [
        values[item] if type(item) is Value else _argument(item, step, values)
        for item in node.inputs.values()
    ]
    keywords = node.attributes.copy()
    if op.run_takes_dtype:
        keywords["dtype"] = node.dtype
    if free and op.run_takes_out:
        keywords["out"] = _room(step, values, free)
    try:
        result = op.run(*arguments, **keywords)
    except Reject as reject:
        raise NnefError("NX306", f"{op.name}: {reject.message}", node.at) from None
    arrays = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(array) for array in arrays]


def _room(step: Step, values: Mapping[Value, Arrays], free: Collection[Value]) -> Arrays | None:
    """Return an array that the result may be written over: it has its shape, and is read once."""
    result = step.results[0]
    for value in free:
        fits = value.shape == result.shape and value.dtype == result.dtype
        if fits and step.operands.count(value) == 1:
            return values[value]
    return None


def _by_body(step: Step, values: Mapping[Value, Arrays], free: Collection[Value]) -> list[Arrays]:
    node = step.node
    body = node.body or _instance(node)
    if body is None:
        message = f"custom operation '{node.name}' has no kernel here"
        raise NnefError("NX217", message, node.at)
    operands = [values[value] for value in step.operands]
    if body.is_itemwise and (order := _order(step, operands)):
        return [_in_parts(body, operands, order, _room(step, values, free))]
    once = (outer in free and step.operands.count(outer) == 1 for outer in step.operands)
    own = [value for value, is_own in zip(body.inputs, once) if is_own]
    return _run(body, dict(zip(body.inputs, operands)), own)


def _run(body: Graph, given: Mapping[Value, Arrays], own: Iterable[Value]) -> list[Arrays]:
    inner = Values(given, own)
    for step in body.steps:
        free = inner.free(step)
        inner.add(step, run_step(step, inner, free), free)
    return [inner[value] for value in body.outputs]


def _order(step: Step, operands: Sequence[Arrays]) -> list[int]:
    """Return the order of axes in memory where all operands have it and the shape of the result.

    It is empty where they do not, or are so small that it does not matter.
    """
    shape = step.results[0].shape
    if len(step.results) > 1 or any(array.shape != shape for array in operands):
        return []
    if not operands or operands[0].size <= _PART:
        return []
    strides = operands[0].strides
    order = sorted(range(len(strides)), key=lambda axis: -strides[axis])
    dense = all(array.transpose(order).flags.c_contiguous for array in operands)
    return order if dense else []


def _in_parts(
    body: Graph, operands: Sequence[Arrays], order: Sequence[int], room: Arrays | None
) -> Arrays:
    """Run a body that works on items part by part: what is between its steps stays in the cache.

    The result is written over `room` where it has its type.
    """
    flat = [array.transpose(order).reshape(-1) for array in operands]
    target: Arrays | None = None
    for first in range(0, flat[0].size, _PART):
        part = slice(first, first + _PART)
        (items,) = _run(body, dict(zip(body.inputs, (array[part] for array in flat))), ())
        if target is None:
            if room is not None and room.dtype == items.dtype:
                target = room
            else:
                target = np.empty_like(operands[0], items.dtype)
            result = target.transpose(order).reshape(-1)
        result[part] = items
    assert target is not None  # there are items
    return target


def _instance(node: Node) -> Graph | None:
    if node.op.signature.body is None:
        return None
    builder = Builder("body")
    node.body = instantiate(builder, node.op, node.inputs, node.attributes, node.dtype)
    return node.body


def _argument(item: Any, step: Step, values: Mapping[Value, Arrays]) -> Any:
    if type(item) is Value:
        return values[item]
    if type(item) is tuple:
        return [_argument(part, step, values) for part in item]
    wide = any(values[value].dtype == np.float64 for value in step.operands)
    return np.array(item, _DTYPES.get(type(item), np.float64 if wide else np.float32))
