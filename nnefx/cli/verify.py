"""`nnefx verify`."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options
from nnefx.cli.inputs import gather

if TYPE_CHECKING:
    from nnefx.converters.imported import Imported
    from nnefx.converters.verify import Comparison
    from nnefx.ir.graph import Graph


@click.command()
@click.argument("source")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--input", "files", multiple=True, callback=options.parse_pairs, metavar="NAME=FILE",
              help="An input, by MODEL's name, instead of a random one; repeatable.")  # fmt: skip
@click.option("--rtol", type=float, default=1e-4, show_default=True,
              callback=options.check_tolerance,
              help="Tolerance relative to a tensor's largest item.")  # fmt: skip
@click.option("--atol", type=float, default=1e-6, show_default=True,
              callback=options.check_tolerance,
              help="Absolute tolerance.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Of the random inputs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print every comparison as JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the same JSON to a file.")
@click.option("--from", "source_format", metavar="FORMAT", help="Format of SOURCE; guessed.")
@click.option("--weights", metavar="FILE|none|zeros",
              help="Weights of SOURCE where its format keeps them apart.")  # fmt: skip
@click.option("--plugin", "plugins", multiple=True, metavar="FILE.py",
              help="Rules for further layer types (caffe); repeatable. It is run.")  # fmt: skip
@click.option("--input-shape", "shapes", multiple=True, callback=options.parse_shapes,
              metavar="[NAME:]1,3,224,224",
              help="Shape of an input of SOURCE, where MODEL does not tell it.")  # fmt: skip
@click.option("--signature", metavar="NAME", help="Which signature of a SavedModel or .tflite.")
@click.option("--layout", type=click.Choice(["source", "nchw"]),
              help="TensorFlow: what MODEL was converted with.")  # fmt: skip
@options.verbosity
def verify(
    source: str,
    model: Path,
    files: dict[str, str],
    rtol: float,
    atol: float,
    seed: int,
    as_json: bool,
    report: Path | None,
    source_format: str | None,
    weights: str | None,
    plugins: tuple[str, ...],
    shapes: dict[str | None, tuple[int, ...]],
    signature: str | None,
    layout: str | None,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run SOURCE in its framework and MODEL with nnefx, and compare every tensor both know."""
    from nnefx import converters
    from nnefx.converters.reimport import reimport
    from nnefx.converters.verify import compare_with_source, first_divergence
    from nnefx.tensors.model import load

    loaded = load(model)
    form = source_format or converters.guess_format(source)
    plain, mixed = reimport(
        source,
        loaded,
        format=form,
        input_shapes=shapes,
        weights=weights,
        plugins=plugins or None,
        signature=signature,
        layout=layout,
    )
    inputs = gather(loaded.graph, files, seed)
    found = compare_with_source(
        source, form, mixed, inputs, rtol=rtol, atol=atol, weights=weights
    )  # fmt: skip
    content = _content(found, plain, loaded.graph)
    text = json.dumps(content, indent=1, allow_nan=False)
    if report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
    wrong = first_divergence(found)
    if not as_json:
        _tell(found, verbose, quiet)
    if wrong is not None and not as_json:
        _tell_divergence(wrong, plain, loaded.graph)
    return 0 if wrong is None else 1


def _content(found: "list[Comparison]", plain: "Imported", ours: "Graph") -> dict[str, Any]:
    there, here = _source_places(plain), _places(ours)
    rows = []
    for item in found:
        row = asdict(item) | {"at": here.get(item.name), "source_at": there.get(item.source)}
        for key in ("error", "relative"):  # JSON has no word for infinity
            row[key] = row[key] if math.isfinite(row[key]) else None
        rows.append(row)
    first = next((item.name for item in found if not item.agrees), None)
    return {"format_version": 1, "agrees": first is None, "first": first, "comparisons": rows}


def _places(graph: "Graph") -> dict[str, str]:
    return {value.name: str(n.at) for n in graph.nodes if n.at for value in n.values()}


def _source_places(plain: "Imported") -> dict[str, str]:
    places = _places(plain.graph)
    return {source: places[name] for source, name in plain.names.items() if name in places}


def _tell(found: "list[Comparison]", verbose: bool, quiet: bool) -> None:
    for item in found:
        if item.output or verbose:
            mark = "" if item.agrees else " (beyond the tolerance)"
            options.say(f"{item.name}: relative error {item.relative:.2e}{mark}", quiet)
    options.say(f"{len(found)} tensors compared", quiet)


def _tell_divergence(wrong: "Comparison", plain: "Imported", ours: "Graph") -> None:
    options.say(
        f"error[NX709]: '{wrong.name}' diverges first: relative error {wrong.relative:.2e}, "
        f"largest difference {wrong.error:.2e}"
    )
    node = next(n for n in ours.nodes if any(v.name == wrong.name for v in n.values()))
    options.say(f"  in the model:  {node.at or wrong.name} ({node.name})")
    place = _source_places(plain).get(wrong.source)
    options.say(f"  in the source: {place or 'tensor'}, '{wrong.source}'")
