"""`nnefx check`."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import blobs, options

if TYPE_CHECKING:
    from nnefx.checking import Options, Selection
    from nnefx.checking.formats import Checked, Report, Writer

SEVERITIES = ["error", "warning", "info"]
FORMATS = ["full", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="PROFILE",
    help="Compare with what a consumer can do: a name that `nnefx targets` lists, or "
    "the path of a .toml file; repeatable.",
)
@click.option(
    "--output-format", type=click.Choice(FORMATS), help="How findings are written.  [default: full]"
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write them there instead of to stdout.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    help="Show only these codes or prefixes, comma-separated; ALL for every code.",
)
@click.option(
    "--extend-select",
    multiple=True,
    metavar="CODES",
    help="Show these too, beside those that are on by default.",
)
@click.option("--ignore", multiple=True, metavar="CODES", help="Do not show these.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help="The least severity that makes the exit code 1.  [default: error]",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Show only what this file does not list; written if it is not there.",
)
@click.option("--update-baseline", is_flag=True, help="Write the baseline anew: accept all.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out paths that match.")
@click.option("--exit-zero", is_flag=True, help="Leave with 0 whatever is found.")
@click.option("--no-data", is_flag=True, default=None, help="Look at headers of tensor files only.")
@click.option(
    "-j", "--jobs", type=click.IntRange(0), help="Processes; 0 for one per processor.  [default: 1]"
)
@click.option("--stdin-filename", metavar="NAME", help="The name of what is read from '-'.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Settings, instead of the nearest nnefx.toml or pyproject.toml.",
)
@options.verbosity
def check(
    paths: tuple[str, ...],
    output_file: Path | None,
    update_baseline: bool,
    exit_zero: bool,
    stdin_filename: str | None,
    config: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> int:
    """Tell everything that is wrong with the models at PATHS, '-' being a text on stdin.

    A PATH is a model (folder or archive), a .nnef or .quant text, a .dat file, a blob (.nxvx), or
    a folder of models and texts.
    """
    from nnefx.checking import Options, load
    from nnefx.checking.formats import Report, writer
    from nnefx.diagnostics import Severity

    merged = _settings(given, config)
    if update_baseline and not merged["baseline"]:
        raise click.UsageError("--update-baseline needs --baseline FILE")
    targets = tuple(map(load, merged["target"]))
    chosen = Options(not merged["no-data"], targets, _selection(merged))
    fail_on = Severity[merged["fail-on"].upper()]
    color = output_file is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    checked = tuple(_checked(paths, stdin_filename, chosen, merged, quiet))
    report = Report(checked, fail_on, color)
    if merged["baseline"]:
        report = _baselined(report, Path(merged["baseline"]), update_baseline, quiet)
    _write(report, writer(merged["output-format"]), output_file)
    options.say(_verdict(report), quiet)
    worst = max((item.severity for _, item in report.findings()), default=0)
    return int(not exit_zero and worst >= fail_on)


def _settings(given: dict[str, Any], config: Path | None) -> dict[str, Any]:
    """Return the settings of the file, overridden by the options that are given."""
    from nnefx.cli import settings

    path = config or settings.find(Path.cwd())
    merged: dict[str, Any] = {
        "select": [], "extend-select": [], "ignore": [], "fail-on": "error", "target": [],
        "output-format": "full", "baseline": "", "exclude": [], "no-data": False, "jobs": 1,
    }  # fmt: skip
    if path is not None:
        merged |= settings.read(path)
    given["target"] = given.pop("targets")
    for key, value in given.items():
        name = key.replace("_", "-")
        if isinstance(value, tuple):
            values = [part.strip() for item in value for part in item.split(",")]
            merged[name] = [part for part in values if part] or merged[name]
        elif value is not None:
            merged[name] = value
    for key, allowed in (("fail-on", SEVERITIES), ("output-format", FORMATS)):
        if merged[key] not in allowed:
            raise click.UsageError(f"{key} is '{merged[key]}', expected {', '.join(allowed)}")
    return merged


def _selection(merged: dict[str, Any]) -> "Selection":
    from nnefx.checking.selection import Selection, is_code

    keys = ("select", "extend-select", "ignore")
    for key in keys:
        for code in merged[key]:
            if not is_code(code):
                raise click.UsageError(f"--{key}: '{code}' is no code or prefix of codes")
    return Selection(*(tuple(merged[key]) for key in keys))


def _checked(
    paths: Sequence[str],
    stdin_filename: str | None,
    chosen: "Options",
    merged: dict[str, Any],
    quiet: bool,
) -> "Iterator[Checked]":
    from nnefx.checking.batch import check_bytes, check_models, models

    found = models([path for path in paths if path != "-"], merged["exclude"])
    if "-" in paths:
        data = sys.stdin.buffer.read()
        yield check_bytes(data, stdin_filename or "<stdin>", chosen)
    yield from (blobs.check(path) for path in found if blobs.is_blob(path))
    found = [path for path in found if not blobs.is_blob(path)]
    results = check_models(found, chosen, merged["jobs"])
    if len(found) > 1 and not quiet and options.on_terminal():
        yield from _with_bar(results, len(found))
    else:
        yield from results


def _with_bar(results: "Iterator[Checked]", count: int) -> "Iterator[Checked]":
    """Pass results through, and show on the terminal how many are done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(results, total=count, description="checking")


def _baselined(report: "Report", path: Path, update: bool, quiet: bool) -> "Report":
    from nnefx.checking.baseline import read_baseline, without, write_baseline

    if update or not path.exists():
        count = write_baseline(path, report)
        options.say(f"{path}: written, {count} findings are accepted", quiet)
    return without(report, read_baseline(path))


def _write(report: "Report", write: "Writer", output_file: Path | None) -> None:
    if output_file is None:
        write(report, sys.stdout)
        sys.stdout.flush()
        return
    with output_file.open("w", encoding="utf-8", newline="\n") as stream:
        write(replace(report, color=False), stream)


def _verdict(report: "Report") -> str:
    """Return how much was found, for people."""
    from nnefx.diagnostics import Severity

    count = dict.fromkeys(sorted(Severity, reverse=True), 0)
    for _, item in report.findings():
        count[item.severity] += 1
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "hint"}
    said = [f"{n} {words[severity]}{'s' * (n > 1)}" for severity, n in count.items() if n]
    models = len(report.checked)
    return (", ".join(said) or "no faults") + (f" in {models} models" if models > 1 else "")
