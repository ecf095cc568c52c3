"""`nnefx fmt`."""

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import click

from nnefx.cli import options


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--line-length", type=click.IntRange(min=40), default=120, show_default=True,
              metavar="N", help="Wrap statements that are longer.")  # fmt: skip
@options.verbosity
def fmt(
    paths: tuple[Path, ...],
    check: bool,
    diff: bool,
    line_length: int,
    quiet: bool,
    verbose: bool,
) -> int:
    """Format the texts at PATHS: .nnef and .quant files, and those in folders; - is stdin.

    Comments and groups of statements are kept. A text with syntax errors is left alone.
    """
    from nnefx.diagnostics import NnefError, render

    changed = failed = 0
    for path in _texts(paths):
        try:
            before = _read(path)
            after = _formatted(before, str(path), line_length)
        except NnefError as error:
            failed += 1
            for diagnostic in error.diagnostics:
                click.echo(render(diagnostic), err=True)
            continue
        if str(path) == "-" and not (check or diff):
            click.echo(after, nl=False)
        elif before != after:
            changed += 1
            _tell(path, before, after, check, diff, quiet)
    if not quiet and [*map(str, paths)] != ["-"]:
        would = "would be " if check or diff else ""
        options.say(
            f"{options.counted(changed, 'file')} {would}formatted"
            + (f", {failed} failed" if failed else "")
        )
    return 1 if failed or (check and changed) else 0


def _tell(path: Path, before: str, after: str, check: bool, diff: bool, quiet: bool) -> None:
    from nnefx.tensors.files import written_beside

    if diff:
        parts = before.splitlines(keepends=True), after.splitlines(keepends=True)
        click.echo("".join(unified_diff(*parts, f"{path}", f"{path} (formatted)")), nl=False)
    elif check:
        options.say(f"{path} would be formatted", quiet)
    else:
        with written_beside(str(path)) as file:
            file.write(after.encode())
        options.say(str(path), quiet)


def _texts(paths: tuple[Path, ...]) -> Iterator[Path]:
    from nnefx.diagnostics import NnefError
    from nnefx.source import FileAt

    for path in paths:
        if str(path) == "-":
            yield path
        elif path.is_dir():
            found = {*path.rglob("*.nnef"), *path.rglob("graph.quant")}
            yield from sorted(item for item in found if item.is_file())
        elif path.exists():
            yield path
        else:
            raise NnefError("NX001", "no such file or folder", FileAt(str(path)))


def _read(path: Path) -> str:
    from nnefx.tensors.container import decode_text
    from nnefx.tensors.files import map_file

    if str(path) == "-":
        return decode_text(sys.stdin.buffer.read(), "-")
    return decode_text(bytes(map_file(str(path), str(path))), str(path))


def _formatted(text: str, name: str, width: int) -> str:
    from nnefx.source import Source
    from nnefx.syntax.format import format_document, format_quantization

    format_ = format_quantization if name.endswith(".quant") else format_document
    return format_(Source(name, text), width)
