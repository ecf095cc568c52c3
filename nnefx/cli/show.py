"""`nnefx show`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnefx.cli import blobs, options

if TYPE_CHECKING:
    from nnefx.show.scene import Picture
    from nnefx.tensors.model import Model

ALL = 1 << 10  # deeper than fragments can be nested
# How deep groups are open where --open does not say.
DEPTHS = {".svg": 1, ".html": 0, ".htm": 0, ".txt": 0}


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@options.output("A .svg, .html or .txt file; without it, text goes to stdout.", required=False)
@click.option(
    "--open",
    "depth",
    metavar="N|all",
    callback=lambda ctx, param, value: _depth(ctx, param, value),
    help="How many levels of fragments are open: 1 in .svg files, 0 in others, unless given.",
)
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json",
              help="What `nnefx quantize --report` wrote: ranges and noise of tensors, for "
              "pages.")  # fmt: skip
@options.force
@options.verbosity
def show(
    model: Path,
    output: Path | None,
    depth: int | None,
    report: Path | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Draw MODEL: operations, shapes on the links between them, fragments as groups.

    Pages (.html) need no network: groups open with a click, boxes tell their attributes, how they
    are quantized and the distribution of their weights, and names are searched.
    """
    if blobs.is_blob(model):
        blobs.show(model, output, force)
        return
    from nnefx.show.scene import Picture, scene
    from nnefx.tensors.files import written_beside
    from nnefx.tensors.model import require_free
    from nnefx.tensors.structure import load_structure

    suffix = output.suffix.lower() if output else ".txt"
    if suffix not in DEPTHS:
        raise click.UsageError(f"'{output}' should end in .svg, .html or .txt")
    if report and suffix not in (".html", ".htm"):
        raise click.UsageError("--report is for pages: name an .html file with --output")
    if output:
        require_free(output, force)
    loaded = load_structure(model)
    picture = Picture(loaded.graph.name, scene(loaded.graph), _facts(loaded))
    depth = DEPTHS[suffix] if depth is None else depth
    content = _draw(picture, loaded, suffix, depth, report)
    if output is None:
        click.echo(content, nl=False)
        return
    with written_beside(str(output)) as file:
        file.write(content.encode())
    options.say(f"{output}: {' · '.join(picture.facts)}", quiet)


def _draw(picture: "Picture", model: "Model", suffix: str, depth: int, report: Path | None) -> str:
    if suffix == ".svg":
        from nnefx.show.svg import svg

        return svg(picture, depth)
    if suffix == ".txt":
        from nnefx.show.text import text

        return text(picture, depth)
    from nnefx.show.html import html
    from nnefx.show.quantized import Measured, describe, read_report

    measured = read_report(report) if report else Measured()
    return html(picture, model.weights, depth, describe(model.quantization, measured))


def _facts(model: "Model") -> tuple[str, ...]:
    from nnefx.ir.cost import cost

    found = cost(model.graph)
    return (
        options.counted(sum(found.operations.values()), "operation"),
        f"{_count(found.parameters)} parameters",
        f"{_count(found.macs)} multiply-adds",
    )


def _count(number: int) -> str:
    size = float(number)
    for unit in ("", " K", " M", " G"):
        if size < 1000:
            return f"{number}" if not unit else f"{size:.3g}{unit}"
        size /= 1000
    return f"{size:,.4g} T"


def _depth(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value == "all":
        return ALL
    if not value.isascii() or not value.isdigit():
        raise click.BadParameter(f"'{value}' is neither a number nor 'all'", ctx, param)
    return min(int(value), ALL)
