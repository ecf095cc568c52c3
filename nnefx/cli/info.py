"""`nnefx info`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import blobs, options
from nnefx.cli.precision import print_tensors

if TYPE_CHECKING:
    from nnefx.ir.cost import Cost, Layer
    from nnefx.ir.graph import Value
    from nnefx.tensors.model import Model

Sizes = Mapping[str, int]  # bytes of weights by label, without case


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--layers", is_flag=True, help="One row per operation, those in fragments too.")
@click.option("--fragments", is_flag=True, help="One row per fragment that MODEL declares.")
@click.option("--quantized", is_flag=True, help="One row per tensor that graph.quant speaks of.")
@options.verbosity
def info(
    model: Path,
    as_json: bool,
    layers: bool,
    fragments: bool,
    quantized: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Tell what MODEL takes, gives, consists of and costs.

    MODEL may be a .nnef text, or lack its tensor files: then weights are taken for 32-bit ones.
    Or it is a blob for OpenVX (.nxvx).
    """
    if blobs.is_blob(model):
        blobs.info(model, as_json)
        return
    from nnefx.ir.cost import cost, peak_activation
    from nnefx.passes.flatten import flatten
    from nnefx.tensors.structure import load_structure

    loaded = load_structure(model)
    peak = peak_activation(flatten(loaded.graph))  # values inside of fragments count as well
    found, sizes = replace(cost(loaded.graph), peak=peak), _sizes(loaded)
    if as_json:
        content = _content(loaded, found, sizes, layers, fragments)
        if quantized:
            content["quantized"] = {
                name: {"by": entry.algorithm, **entry.attributes}
                for name, entry in loaded.quantization.items()
            }
        click.echo(json.dumps(content, indent=1))
        return
    _print(loaded, found, sizes)
    if layers:
        _print_layers(found, sizes)
    if fragments:
        _print_fragments(found, sizes)
    if quantized and loaded.quantization:
        print_tensors(loaded)


def _sizes(model: "Model") -> Sizes:
    from nnefx.ir.cost import ITEM_BYTES

    labels = {node.attributes["label"].lower(): node for node in model.graph.variables}
    if model.weights:
        return {label: model.weight(node).nbytes for label, node in labels.items()}
    values = {label: node.output for label, node in labels.items()}
    return {label: v.volume * ITEM_BYTES.get(v.dtype, 4) for label, v in values.items()}


def _content(
    model: "Model", found: "Cost", sizes: Sizes, layers: bool, fragments: bool
) -> dict[str, Any]:
    graph = model.graph
    content: dict[str, Any] = {
        "format_version": 1,
        "graph": graph.name,
        "inputs": [_value(value) for value in graph.inputs],
        "outputs": [_value(value) for value in graph.outputs],
        "operations": found.operations,
        "parameters": found.parameters,
        "weight_bytes": sum(sizes.values()),
        "macs": found.macs,
        "peak_activation_bytes": found.peak,
        "quantized_tensors": len(model.quantization),
    }
    if layers:
        content["layers"] = [_layer(layer, sizes) for layer in found.layers]
    if fragments:
        content["fragments"] = [
            {"fragment": name, "calls": len(calls), **_sums(calls, sizes)}
            for name, calls in found.fragments().items()
        ]
    return content


def _layer(layer: "Layer", sizes: Sizes) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": "/".join(layer.path),
        "operation": layer.node.name,
        "shape": list(layer.node.output.shape),
        **_sums([layer], sizes),
    }
    if layer.parts:
        content["parts"] = [_layer(part, sizes) for part in layer.parts]
    return content


def _sums(layers: Iterable["Layer"], sizes: Sizes) -> dict[str, int]:
    """Return what layers cost together; a variable that several share counts once."""
    labels = {label: items for layer in layers for label, items in layer.labels.items()}
    return {
        "parameters": sum(labels.values()),
        "weight_bytes": sum(sizes[label] for label in labels),
        "macs": sum(layer.macs for layer in layers),
        "activation_bytes": sum(layer.activation for layer in layers),
    }


def _value(value: "Value") -> dict[str, Any]:
    return {"name": value.name, "type": value.dtype, "shape": list(value.shape)}


def _print(model: "Model", found: "Cost", sizes: Sizes) -> None:
    graph = model.graph
    facts = [("graph", graph.name)]
    facts += [("input", f"{v.name}: {v.dtype} {list(v.shape)}") for v in graph.inputs]
    facts += [("output", f"{v.name}: {v.dtype} {list(v.shape)}") for v in graph.outputs]
    kinds = ", ".join(f"{name} {count}" for name, count in found.operations.items())
    facts += [
        ("operations", f"{sum(found.operations.values())} ({kinds})"),
        ("parameters", f"{found.parameters:,} in {_amount(sum(sizes.values()))}"),
        ("multiply-adds", f"{found.macs:,}"),
        ("peak activation", _amount(found.peak)),
    ]
    if model.quantization:
        facts.append(("quantized", f"{len(model.quantization)} tensors"))
    for name, text in facts:
        click.echo(f"{name:16} {text}")


def _print_layers(found: "Cost", sizes: Sizes) -> None:
    rows = []
    for layer in (inner for outer in found.layers for inner in outer.walk()):
        name = "  " * (len(layer.path) - 1) + layer.path[-1]
        shape = "x".join(map(str, layer.node.output.shape)) or "scalar"
        rows.append([name, layer.node.name, shape, *_numbers(_sums([layer], sizes))])
    _table(["name", "operation", "shape"], rows)


def _print_fragments(found: "Cost", sizes: Sizes) -> None:
    rows = [
        [name, str(len(calls)), *_numbers(_sums(calls, sizes))]
        for name, calls in found.fragments().items()
    ]
    _table(["fragment", "calls"], rows)


def _numbers(sums: Mapping[str, int]) -> list[str]:
    return [
        f"{sums['parameters']:,}",
        _amount(sums["weight_bytes"]),
        f"{sums['macs']:,}",
        _amount(sums["activation_bytes"]),
    ]


def _table(titles: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, box=None, pad_edge=False)
    for title in ("parameters", "bytes", "multiply-adds", "activation"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*row)
    click.echo()
    # as wide as the table wants to be, so that nothing is cut off in a file or a narrow terminal
    Console(width=1 << 12, highlight=False).print(table)


def _amount(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
