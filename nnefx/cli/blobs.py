"""What the verbs do with `.nxvx` blobs instead of models."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nnefx.checking.formats.report import Checked
    from nnefx.ir.graph import Graph
    from nnefx.openvx.plan import Plan

DRAWN = (".svg", ".html", ".htm", ".txt")


def is_blob(path: str | Path) -> bool:
    """Tell by its name whether a path is a blob."""
    return str(path).lower().endswith(".nxvx")


def info(path: Path, as_json: bool) -> None:
    """Print what a blob holds; the checksum of its weights is not compared."""
    from nnefx.openvx.blob_read import read_blob
    from nnefx.openvx.describe import facts, info_lines

    plan = read_blob(path, verify=False)
    if as_json:
        click.echo(json.dumps(facts(plan), indent=1))
        return
    click.echo("\n".join(info_lines(plan)))


def show(path: Path, output: Path | None, force: bool) -> None:
    """Print the calls of a blob, or write them as text, or draw them."""
    from nnefx.openvx.blob_read import read_blob
    from nnefx.tensors.files import written_beside
    from nnefx.tensors.model import require_free

    suffix = output.suffix.lower() if output else ".txt"
    if suffix not in DRAWN:
        raise click.UsageError(f"'{output}' should end in .svg, .html or .txt")
    if output:
        require_free(output, force)
    content = _draw(read_blob(path, verify=False), suffix)
    if output is None:
        click.echo(content, nl=False)
        return
    with written_beside(str(output)) as file:
        file.write(content.encode())


def _draw(plan: "Plan", suffix: str) -> str:
    if suffix == ".txt":
        from nnefx.openvx.describe import call_lines

        return "\n".join(call_lines(plan)) + "\n"
    from nnefx.show.calls import plan_picture, plan_weights

    if suffix == ".svg":
        from nnefx.show.svg import svg

        return svg(plan_picture(plan), 0)
    from nnefx.show.html import html

    return html(plan_picture(plan), plan_weights(plan), 0)


def check(path: str) -> "Checked":
    """Check a blob: all checksums, records and calls."""
    from nnefx.checking.formats.report import Checked
    from nnefx.diagnostics import NnefError
    from nnefx.openvx.blob_read import read_blob

    start = perf_counter()
    try:
        read_blob(path)
    except NnefError as error:
        return Checked(path, error.diagnostics, perf_counter() - start)
    return Checked(path, (), perf_counter() - start)


def run(
    path: Path,
    files: dict[str, str],
    seed: int | None,
    libraries: Sequence[Path],
    include: Path | None,
) -> "dict[str, NDArray[Any]]":
    """Run a blob on an OpenVX library, or in the simulator where none is given."""
    from nnefx.cli.inputs import gather
    from nnefx.openvx.blob_read import read_blob

    plan = read_blob(path)
    inputs = gather(_interface(plan), files, seed)
    if not libraries:
        from nnefx.openvx.simulate import simulate

        return dict(simulate(plan, inputs))
    from nnefx.openvx.drive import drive

    return dict(drive(path, plan, libraries, inputs, include=include))


def _interface(plan: "Plan") -> "Graph":
    """Return a graph that has the inputs of the plan and nothing else."""
    from nnefx.ir.builder import Builder

    g = Builder(name=plan.name if plan.name.isidentifier() else "graph")
    values = []
    for name in plan.inputs:
        tensor = plan.tensor(name)
        shape = list(tensor.shape or tensor.dims[::-1])
        values.append(g.external(shape=shape, name=tensor.source or name))
    return g.finish(outputs=values)
