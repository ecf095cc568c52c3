"""What is known of invocations that are alike: a flat graph has few distinct ones.

Two calls of the fast lane with the same operation, the same attributes and operands of the same
types and shapes have the same results, but for their names. The first is checked by the Builder;
the others copy what was found. Whatever is not plain is left to the evaluator.
"""

from dataclasses import dataclass
from typing import Any

from nnefx.ir.builder import Builder
from nnefx.ir.graph import UNKNOWN, Graph, Input, Node, Value
from nnefx.ops import Op
from nnefx.ops.introduce import LABEL
from nnefx.source import Source, TextAt
from nnefx.syntax.flatcall import FlatCall


@dataclass(frozen=True, slots=True)
class _Known:
    """One invocation that was checked: all that its likes share."""

    op: Op
    tensors: tuple[str, ...]
    defaults: dict[str, Input]
    attributes: dict[str, Any]
    dtype: str | None
    body: Graph | None
    result: tuple[str, tuple[int, ...]]  # data-type and shape


class Memo:
    """Adds flat calls to a Builder, at the cost of one look-up where a like one came before."""

    def __init__(self, builder: Builder, source: Source, env: dict[str, Any]) -> None:
        self._nodes = builder.nodes
        self._source = source
        self._env = env
        self._known: dict[Any, _Known] = {}

    def repeat(self, call: FlatCall, name: str) -> bool:
        """Add the call as a node that makes `name`, if a like one is known."""
        try:
            operands = [self._env[item] for item in call.names]
        except KeyError:
            return False
        known = self._known.get(_key(call, operands))
        if known is None:
            return False
        attributes = known.attributes
        if call.label is not None:
            attributes = attributes | {call.label[0]: call.label[1]}
        inputs: dict[str, Input] = dict(zip(known.tensors, operands))
        if known.defaults:
            inputs |= known.defaults
        value = Value(name, *known.result)
        at = TextAt(self._source, call.pos)
        node = Node(known.op, inputs, attributes, (value,), known.dtype, at, known.body)
        self._nodes.append(node)
        self._env[name] = value
        return True

    def learn(self, call: FlatCall, node: Node) -> None:
        """Remember what the Builder made of a call."""
        value = node.outputs[0]
        operands = [self._env.get(item) for item in call.names]
        if len(node.outputs) != 1 or not isinstance(value, Value) or value.shape is UNKNOWN:
            return
        if any(type(item) is not Value or item.shape is UNKNOWN for item in operands):
            return
        tensors = tuple(node.inputs)
        defaults = {name: node.inputs[name] for name in tensors[len(operands) :]}
        self._known[_key(call, operands)] = _Known(
            node.op,
            tensors[: len(operands)],
            defaults,
            node.attributes,
            node.dtype,
            node.body,
            (value.dtype, value.shape),
        )


def _key(call: FlatCall, operands: list[Any]) -> tuple[Any, ...]:
    # A sound label changes no shape, and sharing is checked later; any other string may matter.
    label = call.label
    if label is not None and label[0] == "label" and LABEL.fullmatch(label[1]):
        label = None
    return (
        call.op,
        call.dtype,
        call.tail,
        label,
        *[(item.shape, item.dtype) if type(item) is Value else None for item in operands],
    )
