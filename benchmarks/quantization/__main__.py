"""`python -m benchmarks.quantization`: measure, and write the tables of docs/quantization.md.

`--quick` takes two networks and little data, prints JSON and writes nothing; names of networks
after it take those.
"""

import argparse
import json
import sys
from collections.abc import Callable
from time import perf_counter

from benchmarks.quantization import cases
from benchmarks.quantization.cases import Case
from benchmarks.quantization.judge import agreement
from benchmarks.quantization.page import PAGE, Results, renew, tables
from benchmarks.quantization.variants import FLOAT, trial

CASES: dict[str, Callable[[int, int], Case]] = {
    "digits": cases.of_digits,
    "direction": cases.of_direction,
    "recogniser": cases.of_recogniser,
    "faces": cases.of_faces,
    "persons": cases.of_persons,
    "things": cases.of_things,
}
QUICK = ("digits", "direction")
SIZES = {  # samples for calibration, and for evaluation
    "digits": (128, 797),
    "direction": (128, 400),
    "recogniser": (64, 200),
    "faces": (128, 400),
    "persons": (128, 400),
    "things": (128, 400),
}
FEW = (32, 100)


def results(names: list[str], *, few: bool = False) -> Results:
    """Quantize the networks of these names in every way."""
    start = perf_counter()

    def say(text: str) -> None:
        print(f"{perf_counter() - start:6.0f} s  {text}", file=sys.stderr, flush=True)

    found = {}
    for name in names:
        case = CASES[name](*(FEW if few else SIZES[name]))
        found[name] = (case, trial(case, say))
    return found


def quick(names: list[str]) -> dict[str, dict[str, float]]:
    """Return the agreement of every way with the real network, for little data."""
    return {
        name: {way: agreement(one.answers, ways[FLOAT].answers) for way, one in ways.items()}
        for name, (_, ways) in results(names, few=True).items()
    }


def main() -> None:
    """Measure and write the page, or print a little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.quick:
        print(json.dumps(quick(given.names or list(QUICK))))
        return
    names = given.names or list(CASES)
    found = results(names)
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
