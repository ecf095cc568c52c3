"""`nnefx check`."""

import sys
from pathlib import Path

import click

from nnefx.cli import options

SEVERITIES = ["error", "warning", "info"]


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fail-on", type=click.Choice(SEVERITIES), default="error", show_default=True,
              help="The least severity that makes the exit code 1.")  # fmt: skip
@click.option("--exit-zero", is_flag=True, help="Leave with 0 whatever is found.")
@click.option("--no-data", is_flag=True, help="Look at headers of tensor files only.")
@options.verbosity
def check(
    paths: tuple[Path, ...],
    fail_on: str,
    exit_zero: bool,
    no_data: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Tell everything that is wrong with the models at PATHS."""
    from nnefx.checking import check as check_model
    from nnefx.diagnostics import NnefError, Severity, render
    from nnefx.source import FileAt

    for path in paths:
        if not path.exists():
            raise NnefError("NX001", "no such file or folder", FileAt(str(path)))
    worst = 0
    for path in paths:
        found = check_model(path, data=not no_data)
        for diagnostic in found:
            worst = max(worst, diagnostic.severity)
            click.echo(render(diagnostic))
        errors = sum(item.severity is Severity.ERROR for item in found)
        sys.stdout.flush()
        verdict = f"{errors} errors, {len(found) - errors} other findings" if found else "no faults"
        options.say(f"{path}: {verdict}", quiet)
    return int(not exit_zero and worst >= Severity[fail_on.upper()])
