"""`nnefx init`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options

if TYPE_CHECKING:
    from nnefx.tensors.container import Container


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@options.output("A copy with tensor files, instead of making them in MODEL.", required=False)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Values depend on it and on the label only.")  # fmt: skip
@click.option("--scheme", type=click.Choice(["he", "xavier", "zeros"]), default="he",
              show_default=True, help="How filters and factors are drawn.")  # fmt: skip
@options.force
@options.verbosity
def init(
    model: Path,
    output: Path | None,
    seed: int,
    scheme: str,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make tensor files with initial values for the variables of MODEL.

    Files that are there already stay, unless --force replaces them.
    """
    from nnefx.passes.initial import initial_weights
    from nnefx.tensors.structure import is_text, load_graph

    folder = model.parent if is_text(model) and model.name == "graph.nnef" else model
    graph, container = load_graph(folder)
    kept = set() if container is None or force else {x.casefold() for x in container.labels}
    drawn = (
        (label, array)
        for label, array in initial_weights(graph, seed, scheme)
        if label.casefold() not in kept
    )
    if output is not None:
        count = _copy(folder, container, output, drawn, force)
    elif folder.is_dir():
        count = _write(folder, drawn)
    else:
        raise click.UsageError(f"{folder} is no folder: name one with -o to write to")
    left = f", {len(kept)} were there" if kept else ""
    options.say(f"{output or folder}: {options.counted(count, 'tensor file')} made{left}", quiet)


def _write(folder: Path, drawn: Iterator[tuple[str, Any]]) -> int:
    from nnefx.tensors.dat import write_tensor
    from nnefx.tensors.paths import tensor_name

    count = 0
    for label, array in drawn:
        path = folder / tensor_name(label)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensor(path, array)
        count += 1
    return count


def _copy(
    model: Path,
    container: "Container | None",
    output: Path,
    drawn: Iterator[tuple[str, Any]],
    force: bool,
) -> int:
    from nnefx.tensors.model import GRAPH
    from nnefx.tensors.write import container_writer

    made: set[str] = set()
    with container_writer(output, force=force) as writer:
        if container is None:
            writer.text(GRAPH, model.read_text(encoding="utf-8"))
        for label, array in drawn:
            writer.tensor(label, array)
            made.add(f"{label}.dat".casefold())
        for name in container.names if container is not None else ():
            if name.casefold() not in made and container is not None:
                writer.data(name, container.member(name))
    return len(made)
