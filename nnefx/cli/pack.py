"""`nnefx pack` and `nnefx unpack`: between the folder and the archive of a model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnefx.cli import options
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

if TYPE_CHECKING:
    from nnefx.tensors.compress import Compression

ARCHIVES = (".tgz", ".tar", ".tar.gz")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@options.output("The archive; MODEL.nnef.tgz if left out.", required=False)
@options.compression
@options.force
@options.verbosity
def pack(
    model: Path,
    output: Path | None,
    compression: "Compression",
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Put the folder MODEL into an archive: .nnef.tgz, or .nnef.tar, which opens without unpacking.

    Files are copied as they are. Archives of the same files are the same bytes.
    """
    if not model.is_dir():
        code = "NX002" if model.exists() else "NX001"
        raise NnefError(code, "expected the folder of a model", FileAt(str(model)))
    target = output or model.parent / f"{model.resolve().name}.nnef.tgz"
    if not target.name.lower().endswith(ARCHIVES):
        message = "not the name of an archive, expected .nnef.tgz or .nnef.tar"
        raise NnefError("NX011", message, FileAt(str(target)))
    _copy(model, target, force, quiet, compression)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@options.output("The folder; MODEL without its suffix if left out.", required=False)
@options.force
@options.verbosity
def unpack(model: Path, output: Path | None, force: bool, quiet: bool, verbose: bool) -> None:
    """Put the archive MODEL into a folder.

    Members that would leave the folder, links, and archives that grow without measure are refused.
    """
    if model.is_dir():
        raise NnefError("NX002", "expected an archive, found a folder", FileAt(str(model)))
    if not model.exists():
        raise NnefError("NX001", "no such file", FileAt(str(model)))
    target = output or model.parent / _without_suffix(model.name)
    if target.name.lower().endswith(ARCHIVES) or target == model:
        message = "not the name of a folder; name one with -o"
        raise NnefError("NX011", message, FileAt(str(target)))
    _copy(model, target, force, quiet)


def _without_suffix(name: str) -> str:
    for suffix in (*ARCHIVES, ".nnef"):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name


def _copy(
    model: Path, target: Path, force: bool, quiet: bool, compression: "Compression" = "default"
) -> None:
    from nnefx.tensors.container import open_container
    from nnefx.tensors.model import GRAPH, require_free
    from nnefx.tensors.write import container_writer

    require_free(target, force)
    with open_container(model) as container:
        container.member(GRAPH)
        names = sorted(container.names, key=lambda name: (name != GRAPH, name))
        with container_writer(target, force=force, compression=compression) as writer:
            for name in names:
                writer.data(name, container.member(name))
    options.say(f"{target}: {options.counted(len(names), 'file')}", quiet)
