"""How much memory the values of a graph need while it runs."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from nnefx.ir.graph import Graph, Step, Value

_BYTES = {"scalar": 4, "integer": 8, "logical": 1}
_GIVEN = {"external", "variable"}
# Results of these are views of an operand.
_VIEWS = {"reshape", "squeeze", "unsqueeze", "transpose", "slice", "split", "unstack", "copy"}


def least_bytes(graph: Graph) -> int:
    """Return how many bytes of values are alive at once at least, in the order of the nodes.

    A value lives from its node to its last use. Results that are views of an operand take nothing,
    and a result that depends on the items of an operand at its place alone takes the memory of one
    that goes. Inputs and variables do not count.
    """
    memory: dict[Value, Value] = {}  # the value whose memory a value uses
    users: dict[Value, int] = {}  # how many values use the memory of a value
    alive = most = 0
    for step in graph.steps:
        if step.node.name not in _GIVEN:
            for value in step.results:
                memory[value] = _owner(step, value, memory, users)
                if memory[value] is value:
                    alive += _size(value)
                users[memory[value]] = users.get(memory[value], 0) + 1
            most = max(most, alive)
        for value in step.gone:
            owner = memory.pop(value, None)
            if owner is not None:
                users[owner] -= 1
                alive -= _size(owner) if users[owner] == 0 else 0
    return most


def _owner(step: Step, result: Value, memory: dict[Value, Value], users: dict[Value, int]) -> Value:
    operands = [value for value in step.operands if value in memory]
    if step.node.name in _VIEWS and operands:
        return memory[operands[0]]
    body = step.node.body
    if not step.node.op.run_takes_out and not (body is not None and body.is_itemwise):
        return result
    for value in operands:
        if value in step.gone and users[memory[value]] == 1 and _size(value) == _size(result):
            return memory[value]
    return result


def _size(value: Value) -> int:
    return value.volume * _BYTES.get(value.dtype, 4)


@contextmanager
def measured() -> Iterator[list[int]]:
    """Measure the most bytes that Python and numpy hold in a block beyond what they held before.

    The list that it gives holds the number when the block is left.
    """
    found: list[int] = []
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    try:
        yield found
    finally:
        found.append(tracemalloc.get_traced_memory()[1] - before)
        if not tracing:
            tracemalloc.stop()
