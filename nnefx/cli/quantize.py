"""`nnefx quantize`."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options
from nnefx.cli.precision import print_worst

if TYPE_CHECKING:
    from nnefx.quantization import Options, Report
    from nnefx.quantization.calibrate import Progress

WORST = 5
_BUDGET = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) *(?P<unit>%|[kKMG]?i?B?)\Z")
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3}
_BINARY = {"k": 1024, "M": 1024**2, "G": 1024**3}
_BITS = click.IntRange(4, 16)


def parse_budget(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> int | float | None:
    """Read `5MB`, `640KiB`, or `40%` of what the tensor files take now."""
    match = _BUDGET.match(value) if value is not None else None
    if value is None:
        return None
    if match is None or not float(match["number"]):
        raise click.BadParameter(f"'{value}' is not of the form 5MB, 640KiB or 40%", ctx, param)
    number, unit = float(match["number"]), match["unit"].rstrip("B")
    if unit == "%":
        if number >= 100:
            raise click.BadParameter(f"'{value}' is no less than there is", ctx, param)
        return number / 100
    units = _BINARY if unit.endswith("i") else _UNITS
    return int(number * units.get(unit.rstrip("i").replace("K", "k"), 1))


def parse_numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    """Read `0.485,0.456,0.406`."""
    try:
        numbers = tuple(float(item) for item in value.split(","))
    except ValueError:
        message = f"'{value}' is not of the form 0.5 or 0.485,0.456,0.406"
        raise click.BadParameter(message, ctx, param) from None
    if not all(isfinite(number) for number in numbers):
        raise click.BadParameter(f"'{value}' holds one that is not finite", ctx, param)
    if param.name == "std" and not all(number > 0 for number in numbers):
        raise click.BadParameter(f"'{value}' holds one that is not positive", ctx, param)
    return numbers


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--calibrate", type=click.Path(path_type=Path), metavar="FILE.npz|DIR", required=True,
              help="Sample inputs: an .npz of stacked arrays, or a folder of .npz, .npy or "
              "pictures.")  # fmt: skip
@options.output("A folder, or an archive.")
@click.option("--bits", type=_BITS, default=8, show_default=True,
              help="Of weights and activations, 4 to 16.")  # fmt: skip
@click.option("--weight-bits", type=_BITS, help="Of weights, where they differ.")
@click.option("--activation-bits", type=_BITS, help="Of activations, where they differ.")
@click.option("--per-channel", is_flag=True, help="A scale for each output channel of a filter.")
@click.option("--symmetric", type=click.Choice(["weights", "all", "none"]), default="weights",
              show_default=True, help="Whose zero points are 0.")  # fmt: skip
@click.option("--method", type=click.Choice(["max", "percentile", "entropy", "mse"]), default="max",
              show_default=True, help="What the range of an activation follows from.")  # fmt: skip
@click.option("--percentile", type=click.FloatRange(50, 100, min_open=True), default=99.99,
              show_default=True, help="Of the values, how many are in the range.")  # fmt: skip
@click.option("--weight-method", type=click.Choice(["max", "mse"]),
              help="The same for weights.  [default: max, below 8 bits mse]")  # fmt: skip
@click.option("--bias-correction", is_flag=True,
              help="Take the mean error of rounded weights out of the bias.")  # fmt: skip
@click.option("--equalize", is_flag=True, help="Level the channels of layers that follow another.")
@click.option("--exclude", multiple=True, metavar="NAME",
              help="A tensor, label or operation that stays real, * and ? allowed; "
              "repeatable.")  # fmt: skip
@click.option("--budget", callback=parse_budget, metavar="SIZE",
              help="Bytes for all tensor files, as 5MB or 40%: weights get the bits that fit, at "
              "least 4.")  # fmt: skip
@click.option("--fake", is_flag=True, help="Put operations into the graph; weights stay real.")
@click.option("--algorithm", type=click.Choice(["zero-point", "min-max"]), default="zero-point",
              show_default=True, help="Which linear_quantize is written.")  # fmt: skip
@click.option("--mean", callback=parse_numbers, default="0", show_default=True,
              help="Of pictures, whose numbers are 0 to 1; one, or one per channel.")  # fmt: skip
@click.option("--std", callback=parse_numbers, default="1", show_default=True,
              help="What pictures are divided by after that.")  # fmt: skip
@click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), default="NCHW", show_default=True,
              help="Of the input that takes pictures.")  # fmt: skip
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N only.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json",
              help="What became of each layer.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print that to stdout.")
@options.force
@options.verbosity
def quantize(
    model: Path,
    calibrate: Path,
    output: Path,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    layout: Any,
    samples: int | None,
    report: Path | None,
    as_json: bool,
    force: bool,
    quiet: bool,
    verbose: bool,
    **choices: Any,
) -> None:
    """Quantize MODEL: integers for its weights, ranges for its activations in graph.quant."""
    from nnefx.cli.inputs import Pixels
    from nnefx.cli.samples import SampleFiles
    from nnefx.quantization import Options
    from nnefx.quantization import quantize as run
    from nnefx.tensors.model import load, require_free, save

    require_free(output, force)
    options.require_report(report, force, model, output)
    loaded = load(model)
    wanted = Options(**choices)
    given = SampleFiles(loaded.graph, calibrate, Pixels(mean, std, layout), samples)
    with _progress(quiet) as tell:
        done = run(loaded, given, wanted, tell)
    save(done.model, output, force=force)
    text = json.dumps(done.report.as_json(), indent=1)
    if report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
    if not quiet:
        for note in done.report.notes:
            options.say(f"warning[{note.code}]: {note.message}")
        if worst := done.report.worst(WORST):
            print_worst(worst)
        for line in summary(done.report, wanted, output):
            options.say(line)


def summary(report: "Report", wanted: "Options", output: Path) -> Iterator[str]:
    """Yield what people are told at the end: sizes, and the outputs."""
    weighted = [layer for layer in report.layers if layer.weight]
    before, after = report.bytes_before, report.bytes_after
    if wanted.fake:
        size = f"{before:,} bytes stay real"
    else:
        size = f"{before:,} bytes became {after:,} ({100 * after / max(before, 1):.0f}%)"
    layers = f"{options.counted(len(weighted), 'layer')} with weights"
    yield f"{output}: {layers}, {options.counted(report.samples, 'sample')}, {size}"
    for name, ratio in report.outputs.items():
        yield f"{name}: {ratio:.1f} dB of {options.counted(report.checked, 'sample')}"


@contextmanager
def _progress(quiet: bool) -> "Iterator[Progress]":
    """Draw how many samples are through, where someone watches."""
    if quiet or not options.on_terminal():
        yield lambda _stage, _count: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("calibrating") as status:
        yield lambda stage, count: status.update(f"{stage} {count or ''}")
