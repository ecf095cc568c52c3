"""`nnefx flatten`."""

from pathlib import Path

import click

from nnefx.cli import options


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@options.output("A folder, a .nnef.tgz or .nnef.tar file, or a .nnef file for the text alone.")
@click.option("--keep", metavar="OP,...", default="", help="Fragments whose calls stay.")
@options.force
@options.verbosity
def flatten(model: Path, output: Path, keep: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Write MODEL without the fragments that it declares: flat NNEF 1.0.5.

    Calls of its fragments are replaced by their bodies, expressions by their values, and scoped
    variables by those of the graph. Standard operations stay.
    """
    from dataclasses import replace

    from nnefx.ir.builder import unknown_operation
    from nnefx.ops import standard_ops
    from nnefx.passes.flatten import flatten as flattened
    from nnefx.tensors.model import require_free, save
    from nnefx.tensors.structure import is_text, load_structure, save_text

    require_free(output, force)
    loaded = load_structure(model)
    kept = [name.strip() for name in keep.split(",") if name.strip()]
    known = loaded.graph.ops.keys() | standard_ops().keys()
    if unknown := [name for name in kept if name not in known]:
        raise click.UsageError(f"--keep: {unknown_operation(unknown[0], known)}")
    graph = flattened(loaded.graph, kept)
    result = replace(loaded, graph=graph)
    if is_text(output):
        save_text(graph, output)
    elif loaded.weights or not any(graph.variables):
        save(result, output, force=force)
    else:
        save_text(graph, output)
        options.say(f"{model} has no tensor files: only its text is written", quiet)
    options.say(f"{output}: {options.counted(len(graph.nodes), 'statement')}", quiet)
