"""`python -m benchmarks`: measure everything and write docs/performance.md (`make bench`)."""

import argparse
import tempfile
from pathlib import Path

from benchmarks import authoring, converting, large, lowering, opening, parsing, report, startup

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> None:
    """Measure, print the page, and write it."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        page = report.page(
            parsing.table(Path(folder), sizes=(100, 1000) if quick else (1_000, 10_000, 100_000)),
            opening.table(Path(folder), megabytes=64 if quick else 1024),
            converting.table(Path(folder), "lenet" if quick else "vgg16"),
            large.table(Path(folder), megabytes=64 if quick else 1024),
            startup.table(),
            lowering.table(Path(folder), extent=32 if quick else 224),
            authoring.table(Path(folder), statements=1_000 if quick else 125_000),
        )
    print(page, end="")
    if not quick:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
