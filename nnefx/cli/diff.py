"""`nnefx diff`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options

if TYPE_CHECKING:
    from nnefx.ir.graph import Node
    from nnefx.passes.compare import Difference, WeightChange


@click.command()
@click.argument("left", metavar="A", type=click.Path(path_type=Path))
@click.argument("right", metavar="B", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.verbosity
def diff(left: Path, right: Path, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Tell how the models A and B differ; the exit code is 1 if they do.

    Operations are matched whatever their results are called, fragments replaced by their bodies
    before. Each change is a line: - only in A, + only in B, ~ different. -v lists new names too.
    """
    from nnefx.passes.compare import compare
    from nnefx.tensors.structure import load_structure

    found = compare(load_structure(left), load_structure(right))
    if as_json:
        click.echo(json.dumps(_content(found), indent=1))
    elif not quiet:
        _print(found, verbose)
    return 1 if found else 0


def _print(found: "Difference", verbose: bool) -> None:
    for what, before, after in found.interface:
        click.echo(f"~ graph: {what}: {before} -> {after}")
    for node in found.removed:
        click.echo(f"- {_describe(node)}")
    for node in found.added:
        click.echo(f"+ {_describe(node)}")
    for change in found.changed:
        details = "; ".join(f"{what} {a} -> {b}" for what, a, b in change.details)
        click.echo(f"~ {change.left.output.name} = {change.left.name}: {details}")
    for item in found.weights:
        click.echo(f"~ weights {item.left}: {_weight_text(item)}")
    for name, before, after in found.quantization:
        click.echo(f"~ graph.quant {name}: {before} -> {after}")
    if verbose:
        for before, after in found.renamed.items():
            click.echo(f"  {before} is called {after}")
    options.say(
        f"{options.counted(found.matched, 'statement')} matched, {len(found.changed)} changed, "
        f"{len(found.removed)} removed, {len(found.added)} added, {len(found.renamed)} values "
        f"renamed; {found.equal_weights} weights equal, {len(found.weights)} different"
    )


def _describe(node: "Node") -> str:
    return f"{node.output.name} = {node.name}: {node.output.dtype}{list(node.output.shape)}"


def _weight_text(item: "WeightChange") -> str:
    texts = [item.reason] if item.reason else []
    if item.relative is not None:
        texts.append(f"relative error {item.relative:.2e}, largest {item.largest:.2e}")
    return ", ".join(texts)


def _content(found: "Difference") -> dict[str, Any]:
    def node(item: "Node") -> dict[str, Any]:
        shapes = [list(value.shape) for value in item.values()]
        return {"name": item.output.name, "operation": item.name, "shapes": shapes}

    def detail(item: tuple[str, str, str]) -> dict[str, str]:
        return dict(zip(("what", "before", "after"), item))

    return {
        "format_version": 1,
        "different": bool(found),
        "matched": found.matched,
        "interface": [detail(item) for item in found.interface],
        "removed": [node(item) for item in found.removed],
        "added": [node(item) for item in found.added],
        "changed": [
            {
                **node(change.left),
                "other_name": change.right.output.name,
                "details": [detail(item) for item in change.details],
            }
            for change in found.changed
        ],
        "renamed": found.renamed,
        "equal_weights": found.equal_weights,
        "weights": [
            {
                "label": item.left,
                "other_label": item.right,
                "relative_error": item.relative,
                "largest_error": item.largest,
                "reason": item.reason,
            }
            for item in found.weights
        ],
        "quantization": [detail(item) for item in found.quantization],
    }
