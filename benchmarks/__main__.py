"""`python -m benchmarks`: measure everything and write docs/performance.md (`make bench`)."""

import argparse
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from benchmarks import parsing, report
from benchmarks.plot import Plot
from benchmarks.report import Table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
CURVES = f"[![Time over statements]({parsing.PLOT.name})]({parsing.PLOT.name})\n"

Found = Table | Plot
Section = Callable[[Path, bool], Iterable[Found]]

# What each part needs is imported in it: a package that is missing costs its own tables only.


def machine(folder: Path, quick: bool) -> Iterable[Table]:
    """The limits of the machine, and what starting a command costs."""
    from benchmarks import limits, startup

    yield limits.table(folder, 64 if quick else 512)
    yield startup.table(folder, runs=3 if quick else 11)


def text(folder: Path, quick: bool) -> Iterable[Found]:
    """Parsing and checking."""
    yield from parsing.tables(folder, (100, 1_000) if quick else (1_000, 10_000, 100_000))
    yield parsing.growth(folder, 1_000 if quick else 1_000_000)


def weights(folder: Path, quick: bool) -> Iterable[Table]:
    """Opening, reading, saving and packing."""
    from benchmarks import opening

    sizes = (64, 128) if quick else (1024, 2048, 10240)
    yield from opening.tables(folder, sizes, 4 if quick else 32)


def onnx(folder: Path, quick: bool) -> Iterable[Table]:
    """Models of ONNX."""
    from benchmarks import converting

    if not quick:
        yield converting.resnet(folder)
    yield converting.growing(folder, (1_000,) if quick else (1_000, 10_000, 100_000))
    yield converting.large(folder, 64 if quick else 1024)


def others(folder: Path, quick: bool) -> Iterable[Table]:
    """Models of other frameworks."""
    from benchmarks import converting

    yield converting.caffe(folder, "lenet" if quick else "vgg16")
    yield converting.lite(folder, 16 if quick else 512)
    if not quick:
        yield converting.torch()


def runs(_folder: Path, quick: bool) -> Iterable[Table]:
    """Running models, on one thread."""
    from benchmarks import running

    yield from running.tables(quick)


def openvx(folder: Path, quick: bool) -> Iterable[Table]:
    """Lowering."""
    from benchmarks import lowering

    yield lowering.table(folder, extent=32 if quick else 224)


def blobs(folder: Path, quick: bool) -> Iterable[Table]:
    """Loading what was lowered; a C compiler is needed."""
    from benchmarks import blob

    yield blob.table(folder, (1,) if quick else (10, 100, 500))


def authors(folder: Path, quick: bool) -> Iterable[Table]:
    """What authors wait for."""
    from benchmarks import authoring

    yield authoring.table(folder, statements=1_000 if quick else 125_000)


SECTIONS: tuple[Section, ...] = (
    machine, text, weights, onnx, others, runs, openvx, blobs, authors,
)  # fmt: skip


def measure(section: Section, quick: bool) -> list[Found]:
    """Return what a part found; a table that says why where it failed or something is missing."""
    start, found = perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for item in section(Path(folder), quick):
                if isinstance(item, Table):
                    print(item, flush=True)
                found.append(item)
        except (ImportError, FileNotFoundError) as error:
            what = getattr(error, "name", None) or getattr(error, "filename", None) or error
            found.append(_excuse(section, str(what), "not installed"))
        except subprocess.CalledProcessError as error:
            found.append(_excuse(section, " ".join(map(str, error.cmd))[:80], "fails"))
            print(error.stderr or error, file=sys.stderr)
        except Exception as error:  # one part must not cost the minutes that the others took
            found.append(_excuse(section, type(error).__name__, "fails"))
            traceback.print_exc()
    print(f"{section.__name__}: {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def _excuse(section: Section, what: str, why: str) -> Table:
    table = Table(section.__name__, ("", ""), ((f"`{what}`", why),))
    print(table, flush=True)
    return table


def main() -> None:
    """Measure, print the tables, and write the page and its picture."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    names = [section.__name__ for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, help="these; nothing is written")
    given = parser.parse_args()
    found: list[Found] = []
    for section in SECTIONS:
        if not given.only or section.__name__ in given.only:
            found += measure(section, given.quick)
    if given.quick or given.only:
        return
    tables = [item for item in found if isinstance(item, Table)]
    PAGE.write_text(report.page(*tables, curves=CURVES), encoding="utf-8")
    for item in found:
        if isinstance(item, Plot):
            parsing.PLOT.write_text(item.svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
