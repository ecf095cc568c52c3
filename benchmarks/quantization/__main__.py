"""`python -m benchmarks.quantization`: measure, and write the tables of docs/quantization.md.

Names of networks measure those alone, and write nothing; `--quick` measures two with less data and
prints JSON.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Mapping
from time import perf_counter

from benchmarks.quantization import cases
from benchmarks.quantization.cases import Case
from benchmarks.quantization.judge import agreement
from benchmarks.quantization.page import PAGE, Results, renew, tables
from benchmarks.quantization.variants import (
    BEST,
    FLOAT,
    INTEGERS,
    PEER_PER_CHANNEL,
    PER_CHANNEL,
    trial,
)

CASES: dict[str, Callable[[int, int], Case]] = {
    "digits": cases.of_digits,
    "direction": cases.of_direction,
    "recogniser": cases.of_recogniser,
    "faces": cases.of_faces,
    "persons": cases.of_persons,
    "things": cases.of_things,
}
QUICK = {"digits": (64, 797), "direction": (64, 200)}
QUICK_WAYS = (FLOAT, PER_CHANNEL, BEST, INTEGERS, PEER_PER_CHANNEL)
SIZES = {  # samples for calibration, and for evaluation
    "digits": (128, 797),
    "direction": (128, 400),
    "recogniser": (64, 200),
    "faces": (128, 400),
    "persons": (128, 400),
    "things": (128, 400),
}


Counts = Mapping[str, tuple[int, int]]


def results(sizes: Counts, only: Collection[str] = ()) -> Results:
    """Quantize the networks of these names in every way, or only in some."""
    start = perf_counter()

    def say(text: str) -> None:
        print(f"{perf_counter() - start:6.0f} s  {text}", file=sys.stderr, flush=True)

    found = {}
    for name, counts in sizes.items():
        case = CASES[name](*counts)
        found[name] = (case, trial(case, say, only))
    return found


def quick() -> dict[str, dict[str, float]]:
    """Return how far some ways agree with the real network, for two networks."""
    return {
        name: {way: agreement(one.answers, ways[FLOAT].answers) for way, one in ways.items()}
        for name, (_, ways) in results(QUICK, QUICK_WAYS).items()
    }


def main() -> None:
    """Measure and write the page, or print a little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.quick:
        print(json.dumps(quick()))
        return
    found = results({name: SIZES[name] for name in given.names or SIZES})
    for name, (_, ways) in found.items():
        for way, one in ways.items():
            for reader, fault in one.faults.items():
                if fault:
                    print(f"{name}, {way}: {reader}: {fault[:300]}", file=sys.stderr)
    text = tables(found)
    print(text)
    if not given.names:
        PAGE.write_text(renew(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
