"""The tables of docs/quantization.md."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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

Judge = Callable[[Answers, Answers], float]
Columns = Sequence[tuple[str, Judge, Mapping[str, Found], Answers]]
Results = Mapping[str, tuple[Case, Mapping[str, Found]]]


def rows_of(case: Case) -> Iterable[tuple[str, Judge]]:
    """Yield what is counted for a network: its answers, and of texts their letters too."""
    if case.answer is cases.read:
        yield f"{case.name}, letters", letters
        yield f"{case.name}, whole lines", agreement
    else:
        yield case.name, agreement


def percent(judge: Judge, found: Found, wanted: Answers) -> str:
    """Return the share of right answers with two digits behind the point; nothing of none."""
    return f"{100 * judge(found.answers, wanted):.2f}" if found.answers else "refused"


def counted(judge: Judge, wanted: Answers) -> str:
    """Return how many answers there are, or letters in them."""
    return f"{sum(len(str(text)) for text in wanted) if judge is letters else len(wanted):,}"


def agreements(results: Results) -> Table:
    """How many answers are those of the network in real numbers."""
    columns = [
        (title, judge, found, found[FLOAT].answers)
        for case, found in results.values()
        for title, judge in rows_of(case)
    ]
    return _shares("Agreement with the network in real numbers, in percent", columns, FLOAT)


def accuracies(results: Results) -> Table:
    """How many answers are right."""
    columns = [
        (title, judge, found, case.truth)
        for case, found in results.values()
        for title, judge in (rows_of(case) if case.truth else ())
    ]
    return _shares("Right answers, in percent", columns)


def _shares(title: str, columns: Columns, *without: str) -> Table:
    """Return a table of shares: a column for each network, a row for each way but some."""
    names = [name for name in columns[0][2] if name not in without]
    counts = ("n", *(counted(judge, wanted) for _, judge, _, wanted in columns))
    rows = [
        (name, *(percent(judge, found[name], wanted) for _, judge, found, wanted in columns))
        for name in names
    ]
    return Table(title, ("", *(head for head, *_ in columns)), (counts, *rows))


def sizes(results: Results) -> Table:
    """How many bytes a quantized network takes, and how long quantizing took."""
    names = [name for name in next(iter(results.values()))[1] if name != INTEGERS]
    heads = [f"{case.name}, {len(case.calibration)} samples" for case, _ in results.values()]
    rows = [(name, *(_size(found[name]) for _, found in results.values())) for name in names]
    return Table("Bytes on disk, and seconds of calibration", ("", *heads), tuple(rows))


def _size(found: Found) -> str:
    """Return the bytes and seconds of one way."""
    if not found.size:
        return ""
    size = f"{found.size / 1000:,.0f} kB"
    return f"{size}, {found.seconds:.1f} s" if found.seconds else size


def readers(results: Results) -> Table:
    """How many of the networks other readers load, by the way that they were quantized."""
    rows = []
    for name in (FLOAT, *variants.OURS):
        counts = [
            sum(not found[name].faults[reader] for _, found in results.values())
            for reader in READERS
        ]
        rows.append((name, *(f"{count} of {len(results)}" for count in counts)))
    return Table("Who loads the models", ("", *READERS), tuple(rows))


def tables(results: Results) -> str:
    """Return all tables as Markdown."""
    made = (agreements(results), accuracies(results), sizes(results), readers(results))
    return "\n".join(map(str, made)).replace("## ", "### ")


def renew(page: str, text: str) -> str:
    """Return the page with the tables between its two marks replaced."""
    head, _, rest = page.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{text}\n{END}{tail}"
