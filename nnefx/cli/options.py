"""Options that several commands share, and how their values are read."""

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_SHAPE = re.compile(r"(?:(?P<name>.+):)?(?P<extents>[0-9]+(?:[,x][0-9]+)*|scalar)\Z")


def check_tolerance(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """Take a finite number from 0 on; NaN would let everything pass, or nothing."""
    if not (math.isfinite(value) and value >= 0):
        raise click.BadParameter(f"'{value}' is not a number from 0 on", ctx, param)
    return value


def counted(number: int, what: str) -> str:
    """Return a number of things: `1 file`, `2,000 files`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def verbosity(command: Command) -> Command:
    """Add `-q` and `-v`."""
    command = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")(command)
    return click.option(
        "-v", "--verbose", is_flag=True, help="Say more; a bug shows its traceback."
    )(command)


def output(help_text: str, *, required: bool = True) -> Callable[[Command], Command]:
    """Add `-o/--output`, always a path."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), required=required, help=help_text
    )


def force(command: Command) -> Command:
    """Add `--force`."""
    text = "Replace an output that is there already."
    return click.option("--force", is_flag=True, help=text)(command)


def compression(command: Command) -> Command:
    """Add `--compression`."""
    return click.option(
        "--compression",
        type=click.Choice(["none", "fast", "default", "best"]),
        default="default",
        help="How hard a .tgz is compressed; all processors take part.  [default: default]",
    )(command)


def parse_shapes(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str | None, tuple[int, ...]]:
    """Read `[NAME:]1,3,224,224`; the key is None where the name is left out."""
    shapes: dict[str | None, tuple[int, ...]] = {}
    for value in values:
        match = _SHAPE.match(value)
        if match is None:
            raise click.BadParameter(f"'{value}' is not of the form [NAME:]1,3,224,224", ctx, param)
        name = match["name"]
        if name is None and None in shapes:
            message = f"'{value}' is the second without a name; give NAME:{value}"
            raise click.BadParameter(message, ctx, param)
        if name in shapes:
            raise click.BadParameter(f"'{name}' is given twice", ctx, param)
        extents = match["extents"]
        numbers = () if extents == "scalar" else tuple(map(int, re.split("[,x]", extents)))
        if 0 in numbers:
            raise click.BadParameter(f"'{value}': extents must be positive", ctx, param)
        shapes[name] = numbers
    return shapes


def parse_pairs(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Read `NAME=VALUE`, repeated."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{value}' is not of the form NAME=VALUE", ctx, param)
        if name in pairs:
            raise click.BadParameter(f"'{name}' is given twice", ctx, param)
        pairs[name] = text
    return pairs


def require_report(report: Path | None, force: bool, source: Path | str, output: Path) -> None:
    """Raise NnefError where a report cannot be written, or not without loss: early, before work.

    NX010 where it would replace a file, or what is read or written beside it; NX011 where its
    folder is missing. A report may lie inside of the folder that is written.
    """
    from nnefx.diagnostics import NnefError
    from nnefx.source import FileAt
    from nnefx.tensors.model import require_free

    if report is None:
        return
    place, read = report.resolve(), Path(source).resolve()
    at = FileAt(str(report))
    if place in (read, output.resolve()) or read in place.parents:
        raise NnefError("NX010", "report would be written over or into the model", at)
    require_free(report, force)
    if not place.parent.is_dir() and output.resolve() not in place.parents:
        raise NnefError("NX011", "folder of the report does not exist", at)


def say(message: str, quiet: bool = False) -> None:
    """Print a word to people, which goes to stderr."""
    if not quiet:
        click.echo(message, err=True)


def on_terminal() -> bool:
    """Tell whether someone watches stderr, so that progress is worth drawing."""
    return sys.stderr.isatty()
