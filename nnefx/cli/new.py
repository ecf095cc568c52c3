"""`nnefx new`."""

import re
from importlib.resources import files
from pathlib import Path

import click

from nnefx.cli import options


@click.command(epilog="Templates: cnn, flat, mlp, operation, recurrent, residual.")
@click.argument("template")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@options.verbosity
def new(template: str, folder: Path, quiet: bool, verbose: bool) -> None:
    """Begin a model in DIR, which must be empty or not be there, from TEMPLATE."""
    from nnefx.diagnostics import NnefError
    from nnefx.source import FileAt
    from nnefx.tensors.files import os_errors, written_beside

    texts = templates()
    if template not in texts:
        there = ", ".join(texts)
        raise click.UsageError(f"there is no template '{template}', only {there}")
    at = FileAt(str(folder))
    if folder.exists() and not folder.is_dir():
        raise NnefError("NX010", "it is there already and no folder", at)
    if folder.is_dir() and any(folder.iterdir()):
        raise NnefError("NX010", "the folder is not empty", at)
    name = re.sub(r"[^A-Za-z0-9_]", "_", folder.resolve().name)
    text = texts[template].replace("graph net(", f"graph {_identifier(name)}(", 1)
    with os_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        with written_beside(str(folder / "graph.nnef")) as file:
            file.write(text.encode())
    options.say(f"{folder / 'graph.nnef'} is written; 'nnefx init {folder}' makes weights", quiet)


def templates() -> dict[str, str]:
    """Return the text of each template by its name."""
    found = files("nnefx").joinpath("templates")
    texts = {item.name: item.read_text(encoding="utf-8") for item in found.iterdir()}
    return {name.removesuffix(".nnef"): texts[name] for name in sorted(texts)}


def _identifier(name: str) -> str:
    """Return a name for a graph, which is no keyword and begins with no digit."""
    from nnefx.diagnostics import NnefError
    from nnefx.source import Source
    from nnefx.syntax.parser import parse

    try:
        parse(Source("name", f"version 1.0; graph {name}(x) -> (x) {{ x = f(1); }}"))
    except NnefError:
        return f"net_{name}"
    return name
