"""The tables of docs/quantization.md."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks.quantization import cases, variants
from benchmarks.quantization.cases import Case
from benchmarks.quantization.judge import Answers, agreement, letters
from benchmarks.quantization.loads import READERS
from benchmarks.quantization.variants import FLOAT, INTEGERS, Found
from benchmarks.report import Table

PAGE = Path(__file__).parents[2] / "docs" / "quantization.md"
START = "<!-- tables: python -m benchmarks.quantization -->"
END = "<!-- end of tables -->"
AIM = 0.5  # points that int8 per channel may lose

Judge = Callable[[Answers, Answers], float]
Results = Mapping[str, tuple[Case, Mapping[str, Found]]]


def rows_of(case: Case) -> Iterable[tuple[str, Judge]]:
    """Yield what is counted for a network: its answers, and of texts their letters too."""
    if case.answer is cases.read:
        yield f"{case.name}, letters", letters
        yield f"{case.name}, whole lines", agreement
    else:
        yield case.name, agreement


def percent(share: float) -> str:
    """Return a share in percent with two digits behind the point."""
    return f"{100 * share:.2f}"


def agreements(results: Results) -> Table:
    """How many answers are those of the network in real numbers."""
    names = [name for name in next(iter(results.values()))[1] if name != FLOAT]
    rows = []
    for case, found in results.values():
        for title, judge in rows_of(case):
            shares = [judge(found[name].answers, found[FLOAT].answers) for name in names]
            rows.append((title, f"{len(case.evaluation)}", *map(percent, shares)))
    return Table(
        "Agreement with the network in real numbers, in percent", ("", "n", *names), tuple(rows)
    )


def accuracies(results: Results) -> Table:
    """How many answers are right."""
    names = list(next(iter(results.values()))[1])
    rows = []
    for case, found in results.values():
        known = len(case.truth)
        for title, judge in rows_of(case) if known else ():
            shares = [judge(found[name].answers[:known], case.truth) for name in names]
            rows.append((title, f"{known}", *map(percent, shares)))
    return Table("Right answers, in percent", ("", "n", *names), tuple(rows))


def sizes(results: Results) -> Table:
    """How many bytes a quantized network takes, and how long quantizing took."""
    names = [name for name in next(iter(results.values()))[1] if name != INTEGERS]
    rows = []
    for case, found in results.values():
        stored = [f"{found[name].size / 1000:,.0f} kB" for name in names]
        taken = [f"{found[name].seconds:.1f} s" if found[name].seconds else "" for name in names]
        rows.append((case.name, *stored))
        rows.append((f"{len(case.calibration)} samples", *taken))
    return Table("Bytes on disk, and seconds of calibration", ("", *names), tuple(rows))


def readers(results: Results) -> Table:
    """How many of the networks other readers load, by the way that they were quantized."""
    names = [FLOAT, *variants.OURS]
    rows = []
    for reader in READERS:
        counts = [
            sum(not found[name].faults[reader] for _, found in results.values()) for name in names
        ]
        rows.append((reader, *(f"{count} of {len(results)}" for count in counts)))
    return Table("Who loads the models", ("", *names), tuple(rows))


def tables(results: Results) -> str:
    """Return all tables as Markdown."""
    made = (agreements(results), accuracies(results), sizes(results), readers(results))
    return "\n".join(map(str, made)).replace("## ", "### ")


def renew(page: str, text: str) -> str:
    """Return the page with the tables between its two marks replaced."""
    head, _, rest = page.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{text}\n{END}{tail}"
