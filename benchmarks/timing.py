"""How a time is taken: the median of several runs, fewer where each is long."""

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter


def seconds(action: Callable[[], object], runs: int = 7, budget: float = 20.0) -> float:
    """Return the median time of `action`; no further run starts once `budget` s are used up."""
    taken: list[float] = []
    while len(taken) < runs and (not taken or sum(taken) < budget):
        gc.collect()
        start = perf_counter()
        result = action()
        taken.append(perf_counter() - start)
        del result
    return median(taken)
