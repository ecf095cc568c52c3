"""How times are taken: the actions take turns; the median of several rounds, few if long."""

import gc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

Action = Callable[[], object]


def seconds(*actions: Action, runs: int = 7, budget: float = 40.0) -> Sequence[float]:
    """Return the median time of each action; no further round starts after `budget` s.

    They take turns, so that what else the machine does hits all of them alike.
    """
    rounds: list[list[float]] = []
    start = perf_counter()
    while len(rounds) < runs and (not rounds or perf_counter() - start < budget):
        rounds.append([_once(action) for action in actions])
    return [median(taken) for taken in zip(*rounds, strict=True)]


def _once(action: Action) -> float:
    gc.collect()
    start = perf_counter()
    result = action()
    taken = perf_counter() - start
    del result
    return taken
