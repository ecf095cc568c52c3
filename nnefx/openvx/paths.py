"""How many steps it takes to walk every path of a plan's graph.

A target that looks for cycles by walking all paths from each first node, without remembering
where it has been, needs that many steps to verify a graph: every layer whose groups are in
several nodes, and every branch that meets its trunk again, multiplies them.
"""

from collections.abc import Iterator

from nnefx.openvx.functions import FUNCTIONS
from nnefx.openvx.plan import Call, Dims, Plan, Ref, Tensor, View

Box = tuple[str, Dims, Dims]


def visits(plan: Plan) -> int:
    """Return how often a walk over all paths comes to a node of the graph."""
    readers: dict[str, list[tuple[int, Box]]] = {}
    writes: list[Box] = []
    for number, call in enumerate(plan.calls):
        for name, is_output in _tensors(plan, call):
            box = _box(plan, name)
            if is_output:
                writes.append(box)
            else:
                readers.setdefault(box[0], []).append((number, box))
    # Calls are in an order in which they can run, so readers are done before what they read.
    below = [1] * len(writes)
    first = [True] * len(writes)
    for number in reversed(range(len(writes))):
        for reader, box in readers.get(writes[number][0], ()):
            if _meet(writes[number], box):
                below[number] += below[reader]
                first[reader] = False
    return sum(count for count, is_first in zip(below, first, strict=True) if is_first)


def _tensors(plan: Plan, call: Call) -> Iterator[tuple[str, bool]]:
    """Yield the tensors and views of a call, and whether it writes them."""
    for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
        if isinstance(arg, Ref) and isinstance(plan.objects[arg.name], Tensor | View):
            yield arg.name, param.output


def _box(plan: Plan, name: str) -> Box:
    """Return which part of which tensor a name stands for."""
    item = plan.objects[name]
    if isinstance(item, View):
        return item.parent, item.start, item.end
    dims = plan.dims(name)
    return name, (0,) * len(dims), dims


def _meet(one: Box, other: Box) -> bool:
    """Tell whether two parts of one tensor share an item."""
    sides = zip(one[1], one[2], other[1], other[2], strict=True)
    return all(start < stop and begin < end for start, end, begin, stop in sides)
