"""`nnefx convert`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options

if TYPE_CHECKING:
    from nnefx.converters.imported import Imported
    from nnefx.converters.verify import Comparison
    from nnefx.tensors.compress import Compression


@click.command()
@click.argument("source")
@options.output("The model to write: a folder, a .nnef.tgz, .nnef.tar, .onnx or .tflite.")
@click.option("--from", "source_format", metavar="FORMAT", help="Format of SOURCE; guessed.")
@click.option("--to", "target_format", metavar="FORMAT",
              help="nnef, onnx, tflite, tensorflow (SavedModel) or openvx-nnef (the folder "
                   "that OpenVX imports); told by OUTPUT.")  # fmt: skip
@click.option("--weights", metavar="FILE|none|zeros",
              help="Weights where the format keeps them apart, or made up for it.")  # fmt: skip
@click.option("--plugin", "plugins", multiple=True, metavar="FILE.py",
              help="Rules for further layer types (caffe); repeatable. It is run.")  # fmt: skip
@click.option("--input-shape", "shapes", multiple=True, callback=options.parse_shapes,
              metavar="[NAME:]1,3,224,224", help="Fix an input's shape; repeatable.")  # fmt: skip
@click.option("--dim", "dims", multiple=True, callback=options.parse_pairs, metavar="N=8",
              help="Fix a symbolic dimension; repeatable.")  # fmt: skip
@click.option("--output-name", "outputs", multiple=True, metavar="NAME",
              help="Compute this tensor instead of the outputs; repeatable.")  # fmt: skip
@click.option("--input-name", "inputs", multiple=True, metavar="NAME",
              help="Feed this tensor instead of what computes it (onnx); repeatable.")  # fmt: skip
@click.option("--state", "states", multiple=True, callback=options.parse_pairs, metavar="IN=OUT",
              help="Make input IN a variable that OUT updates; repeatable.")  # fmt: skip
@click.option("--signature", metavar="NAME", help="Which signature of a SavedModel or .tflite.")
@click.option("--layout", type=click.Choice(["source", "nchw"]),
              help="TensorFlow: dimensions of inputs and outputs.")  # fmt: skip
@click.option("--verify", is_flag=True, help="Run both and compare; nothing is written if wrong.")
@click.option("--input", "files", multiple=True, callback=options.parse_pairs, metavar="NAME=FILE",
              help="An input for --verify instead of a random one.")  # fmt: skip
@click.option("--rtol", type=float, default=1e-4, show_default=True,
              callback=options.check_tolerance,
              help="For --verify.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), help="Write names and errors as JSON.")
@click.option("--hierarchy", is_flag=True, help="PyTorch: keep modules as fragments.")
@click.option("--no-opt", is_flag=True, help="Leave constants and dead operations as they are.")
@options.compression
@options.force
@options.verbosity
def convert(
    source: str,
    output: Path,
    source_format: str | None,
    target_format: str | None,
    weights: str | None,
    plugins: tuple[str, ...],
    shapes: dict[str | None, tuple[int, ...]],
    dims: dict[str, str],
    outputs: tuple[str, ...],
    inputs: tuple[str, ...],
    states: dict[str, str],
    signature: str | None,
    layout: str | None,
    verify: bool,
    files: dict[str, str],
    rtol: float,
    report: Path | None,
    hierarchy: bool,
    no_opt: bool,
    compression: "Compression",
    force: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Convert SOURCE to NNEF, or NNEF to another format."""
    from nnefx import converters
    from nnefx.converters.optimized import optimized
    from nnefx.converters.states import with_states
    from nnefx.tensors.model import Model, require_free, save

    if source_format is not None and source_format not in converters.FORMATS:
        known = ", ".join(converters.FORMATS)
        raise click.BadParameter(f"'{source_format}' is none of {known}", param_hint="--from")
    require_free(output, force)
    options.require_report(report, force, source, output)
    form = source_format or converters.guess_format(source)
    imported = converters.read(
        source,
        format=form,
        weights=weights,
        input_shapes=shapes,
        dims=_numbers(dims) or None,
        inputs=inputs or None,
        outputs=outputs or None,
        signature=signature,
        layout=layout,
        plugins=plugins or None,
        hierarchy=hierarchy or None,
    )
    for note in imported.notes:
        options.say(str(note), quiet)
    if states:
        imported = with_states(imported, states)
    if not no_opt:
        imported = optimized(imported)
    comparisons: list[Comparison] = []
    if verify:
        comparisons = _verify(source, form, imported, files, rtol, weights, quiet)
    if report is not None:
        _write_report(report, imported, comparisons)
    if any(not item.agrees for item in comparisons):
        options.say(f"{output} is not written: the conversion does not agree with its source")
        return 1
    model = Model(imported.graph, imported.weights, imported.quantization, imported.extra)
    target = target_format or converters.guess_target(output)
    if target != "nnef":
        converters.write(model, output, format=target, force=force)
        options.say(f"{output}: written as {target}", quiet)
        return 0
    save(model, output, force=force, compression=compression)
    graph = imported.graph
    labels = {node.attributes["label"].lower() for node in graph.variables}
    count = sum(node.name not in ("external", "variable") for node in graph.nodes)
    stored = options.counted(len(labels), "tensor file")
    options.say(f"{output}: {options.counted(count, 'operation')}, {stored}", quiet)
    return 0


def _numbers(dims: dict[str, str]) -> dict[str, int]:
    for name, text in dims.items():
        if not text.isdecimal() or int(text) == 0:
            raise click.BadParameter(
                f"'{name}={text}' is not a positive number", param_hint="--dim"
            )
    return {name: int(text) for name, text in dims.items()}


def _verify(
    source: str, form: str, imported: "Imported", files: dict[str, str], rtol: float,
    weights: str | None, quiet: bool,
) -> "list[Comparison]":  # fmt: skip
    from nnefx.cli.inputs import gather
    from nnefx.converters.verify import compare_with_source, first_divergence

    inputs = gather(imported.graph, files, seed=0)
    comparisons = compare_with_source(source, form, imported, inputs, rtol=rtol, weights=weights)
    for item in comparisons:
        if item.output:
            options.say(f"{item.name}: relative error {item.relative:.2e}", quiet)
    options.say(f"{len(comparisons)} tensors compared with the source", quiet)
    wrong = first_divergence(comparisons)
    if wrong is not None:
        at = {value.name: node.at for node in imported.graph.nodes for value in node.values()}
        place = at.get(wrong.name)
        options.say(
            f"error[NX709]: '{wrong.name}' diverges first: relative error {wrong.relative:.2e}, "
            f"'{wrong.source}' in the source" + (f" ({place})" if place else "")
        )
    return comparisons


def _write_report(path: Path, imported: "Imported", comparisons: "list[Comparison]") -> None:
    from dataclasses import asdict

    content: dict[str, Any] = {
        "format_version": 1,
        "names": dict(imported.names),
        "notes": [str(note) for note in imported.notes],
        "comparisons": [asdict(item) for item in comparisons],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
