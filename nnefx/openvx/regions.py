"""Finds the parts of a graph that are one function of one tensor: a single look-up table each.

`x * clamp(x + 3, 0, 6) / 6` is four operations and one table, computed with the operations' own
kernels for every number that the tensor can store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.compute import compute
from nnefx.ir.graph import Graph, Node, Value
from nnefx.passes.constants import Constants

Array = NDArray[Any]

_UNARY = (
    "copy neg rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh abs sign not "
    "floor ceil round sqr sqrt rsqr rsqrt log2 cast"
)
_SEVERAL = "add sub mul div pow lt gt le ge eq ne and or select min max clamp add_n"
_ACTIVATIONS = "sigmoid relu prelu leaky_relu elu selu gelu silu softplus"
_QUANTIZERS = (
    "min_max_linear_quantize zero_point_linear_quantize linear_quantize logarithmic_quantize"
)
POINTWISE = frozenset(f"{_UNARY} {_SEVERAL} {_ACTIVATIONS} {_QUANTIZERS}".split())


@dataclass(frozen=True, slots=True)
class Region:
    """A value as a function of one other; `nodes` compute it, in order."""

    source: Value
    result: Value
    nodes: tuple[Node, ...]

    @property
    def ops(self) -> tuple[str, ...]:
        """The names of the operations, in order."""
        return tuple(node.name for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions by result, and the ids of all nodes that regions have absorbed."""

    by_result: Mapping[Value, Region]
    absorbed: frozenset[int]


def find_regions(graph: Graph, constants: Constants) -> Regions:
    """Return the regions whose results something outside of them needs."""
    roots: dict[Value, Value] = {}
    absorbed: set[int] = set()
    for node in graph.nodes:
        root = _root(node, roots, constants)
        if root is not None:
            roots[node.output] = root
            absorbed.add(id(node))
    needed: dict[Value, Region] = {}
    outputs = set(graph.outputs)
    place = {id(node): index for index, node in enumerate(graph.nodes)}
    for value, root in roots.items():
        users = graph.users.get(value, ())
        if value in outputs or any(id(user) not in absorbed for user in users):
            needed[value] = Region(root, value, _cone(graph, value, roots, place))
    return Regions(needed, frozenset(absorbed))


def _root(node: Node, roots: Mapping[Value, Value], constants: Constants) -> Value | None:
    if node.name not in POINTWISE or len(list(node.values())) != 1:
        return None
    found: set[Value] = set()
    for operand in node.operands():
        if operand in constants:
            if operand.volume != 1:
                return None
        else:
            found.add(roots.get(operand, operand))
    if len(found) != 1:
        return None
    root = found.pop()
    return root if root.shape == node.output.shape else None


def _cone(
    graph: Graph, value: Value, roots: Mapping[Value, Value], place: Mapping[int, int]
) -> tuple[Node, ...]:
    root = roots[value]
    nodes: dict[int, Node] = {}
    pending = [value]
    while pending:
        item = pending.pop()
        if item is root or item not in roots:
            continue
        node = graph.producer[item]
        if place[id(node)] not in nodes:
            nodes[place[id(node)]] = node
            pending.extend(node.operands())
    return tuple(nodes[index] for index in sorted(nodes))


def tabulate(region: Region, inputs: Array, constants: Constants) -> Array:
    """Return the results of a region for real-valued `inputs`, in float64; logical as 0 and 1."""
    source = region.source
    shape = (len(inputs),) + (1,) * max(source.rank - 1, 0)
    arrays: dict[Value, Array] = {source: _typed(inputs, source.dtype).reshape(shape)}
    with np.errstate(all="ignore"):
        for node in region.nodes:
            for operand in node.operands():
                if operand not in arrays:
                    arrays[operand] = _scalar(constants.array(operand))
            arrays[node.output] = compute(node, arrays)[0]
    return arrays[region.result].astype(np.float64).reshape(len(inputs))


def _scalar(array: Array) -> Array:
    return array.reshape(()).astype(np.float64 if array.dtype.kind == "f" else array.dtype)


def _typed(inputs: Array, dtype: str) -> Array:
    if dtype == "logical":
        return inputs >= 0.5
    return np.rint(inputs).astype(np.int64) if dtype == "integer" else inputs


def needed_range(
    regions: Iterable[Region], limits: Mapping[Value, float], constants: Constants
) -> float:
    """Return the magnitude beyond which no function of a tensor changes any more.

    All regions have the same source; `limits` are the magnitudes that were observed. What is
    larger than the result may saturate: relu6 needs no more than 6, relu nothing below 0.
    """
    regions = tuple(regions)
    limit, reach = limits[regions[0].source], 0.0
    places = np.linspace(-limit, limit, _PLACES)
    for region in regions:
        values = tabulate(region, places, constants)
        peak = limits.get(region.result, 1.0)
        for side, ends in ((values, places), (values[::-1], -places[::-1])):
            # the last place, seen from the far end, that differs from what is there
            with np.errstate(all="ignore"):
                same = np.abs(side - side[-1]) <= _TOLERANCE * peak
            differs = np.flatnonzero(~same)
            last = min(int(differs[-1]) + 1, len(ends) - 1) if differs.size else 0
            reach = max(reach, float(ends[last]))
    return min(max(reach, limit / 1024), limit)


_PLACES = 4097
_TOLERANCE = 2.0**-16
