"""The values of one node: by its kernel, or by its body where it has none."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.ir.builder import Builder
from nnefx.ir.evaluate import instantiate
from nnefx.ir.graph import Graph, Node, Value, flat_values
from nnefx.ops import Reject

Arrays = NDArray[Any]
_DTYPES: dict[type, Any] = {bool: np.bool_, int: np.int64}


def compute(node: Node, values: Mapping[Value, Arrays]) -> list[Arrays]:
    """Return the arrays of the node's values, in order.

    Args:
        node: any node but `external`, `variable` and `update`, whose values come from outside.
        values: the arrays of its operands.

    Raises:
        NnefError: NX306 where the kernel refuses the values, NX217 where there is no kernel.
    """
    op = node.op
    if op.run is None:
        return _by_body(node, values)
    wide = any(array.dtype == np.float64 for array in _operands(node, values))
    arguments = [_argument(item, values, wide) for item in node.inputs.values()]
    keywords = dict(node.attributes)
    if op.run_takes_dtype:
        keywords["dtype"] = node.dtype
    try:
        result = op.run(*arguments, **keywords)
    except Reject as reject:
        raise NnefError("NX306", f"{op.name}: {reject.message}", node.at) from None
    arrays = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(array) for array in arrays]


def _by_body(node: Node, values: Mapping[Value, Arrays]) -> list[Arrays]:
    body = node.body or _instance(node)
    if body is None:
        message = f"custom operation '{node.name}' has no kernel here"
        raise NnefError("NX217", message, node.at)
    operands = _operands(node, values)
    inner: dict[Value, Arrays] = dict(zip(body.inputs, operands))
    for step in body.nodes:
        inner.update(zip(step.values(), compute(step, inner)))
    return [inner[value] for value in body.outputs]


def _instance(node: Node) -> Graph | None:
    if node.op.signature.body is None:
        return None
    builder = Builder("body")
    node.body = instantiate(builder, node.op, node.inputs, node.attributes, node.dtype)
    return node.body


def _operands(node: Node, values: Mapping[Value, Arrays]) -> Iterator[Arrays]:
    return (values[value] for value in flat_values(node.inputs.values()))


def _argument(item: Any, values: Mapping[Value, Arrays], wide: bool) -> Any:
    if type(item) is Value:
        return values[item]
    if type(item) is tuple:
        return [_argument(part, values, wide) for part in item]
    return np.array(item, _DTYPES.get(type(item), np.float64 if wide else np.float32))
