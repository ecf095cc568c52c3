"""Initial values for the variables of a graph that is not trained yet."""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Node, Value
from nnefx.ops import standard_ops
from nnefx.passes.expand import expand

SCHEMES = ("he", "xavier", "zeros")

Generator = np.random.Generator
Draw = Callable[[tuple[int, ...], int, int, Generator], NDArray[Any]]

# What a variable is for, by the parameter that takes it.
_ZEROS = {"bias", "mean", "offset"}
_ONES = {"variance", "scale"}
_VIEWS = {"reshape", "squeeze", "unsqueeze", "transpose", "copy", "tile", "slice", "concat"}


def initial_weights(
    graph: Graph, seed: int, scheme: str = "he"
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield label and initial values of each variable: float32, int64 or bool.

    Filters and factors of products are random; what is added starts as 0, and so do states, which
    are updated; what scales starts as 1, and a variance as 1. The values of a variable depend on
    the seed and its label only.

    Args:
        graph: the graph.
        seed: any number that is not negative.
        scheme: `he` (normal, variance 2 / fan-in), `xavier` (uniform, variance
            2 / (fan-in + fan-out)) or `zeros` (0 for all that is random else).
    """
    flat = expand(graph, lambda node: node.name in standard_ops())
    told: set[str] = set()
    for node in flat.variables:
        label = node.attributes["label"]
        if label.lower() not in told:
            told.add(label.lower())
            yield label, _values(node.output, flat, seed, label, scheme)


def _values(value: Value, graph: Graph, seed: int, label: str, scheme: str) -> NDArray[Any]:
    if value.dtype == "integer":
        return np.zeros(value.shape, np.int64)
    if value.dtype == "logical":
        return np.zeros(value.shape, np.bool_)
    use = _use(value, graph)
    op, parameter = use if use else (None, "")
    name = op.name if op else ""
    if parameter in _ONES or (name in ("mul", "div") and value.rank < 3):
        return np.ones(value.shape, np.float32)
    updated = any(user.name == "update" for user in graph.users.get(value, ()))
    if updated or parameter in _ZEROS or name in ("add", "sub") or value.rank < 2:
        fill = 0.25 if (name, parameter) == ("prelu", "alpha") else 0.0
        return np.full(value.shape, fill, np.float32)
    inward, outward = _fans(value.shape, op, parameter)
    generator = np.random.default_rng([seed, zlib.crc32(label.lower().encode())])
    return _DRAW[scheme](value.shape, inward, outward, generator)


def _use(value: Value, graph: Graph) -> tuple[Node, str] | None:
    """Return the operation that a variable is for, and as what, looking through views."""
    for node in graph.users.get(value, ()):
        if node.name in _VIEWS:
            found = _use(node.output, graph)
        else:
            found = next(
                ((node, name) for name, item in node.inputs.items() if item is value), None
            )
        if found is not None:
            return found
    return None


def _fans(shape: tuple[int, ...], op: Node | None, parameter: str) -> tuple[int, int]:
    """Return how many inputs meet in one output of the operation, and the reverse."""
    area = math.prod(shape[2:])
    if op is not None and op.name == "matmul":
        left, turned = parameter == "A", op.attributes["transpose" + parameter]
        rows, columns = shape[-2:]
        return (columns, rows) if left != turned else (rows, columns)
    if op is not None and op.name.endswith("deconv"):
        return shape[0] * area, shape[1] * area
    return shape[1] * area, shape[0] * area


def _he(shape: tuple[int, ...], inward: int, _: int, generator: Generator) -> NDArray[Any]:
    return generator.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / inward))


def _xavier(
    shape: tuple[int, ...], inward: int, outward: int, generator: Generator
) -> NDArray[Any]:
    bound = math.sqrt(6 / (inward + outward))
    return (generator.random(shape, np.float32) * 2 - 1) * np.float32(bound)


def _zero(shape: tuple[int, ...], _inward: int, _outward: int, _: Generator) -> NDArray[Any]:
    return np.zeros(shape, np.float32)


_DRAW: dict[str, Draw] = {"he": _he, "xavier": _xavier, "zeros": _zero}
