"""`nnefx info`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnefx.cli import options

if TYPE_CHECKING:
    from nnefx.ir.cost import Cost
    from nnefx.ir.graph import Value
    from nnefx.tensors.model import Model


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--layers", is_flag=True, help="One row per operation of the graph.")
@options.verbosity
def info(model: Path, as_json: bool, layers: bool, quiet: bool, verbose: bool) -> None:
    """Tell what MODEL takes, gives, consists of and costs."""
    from nnefx.ir.cost import cost
    from nnefx.tensors.model import load

    loaded = load(model)
    found = cost(loaded.graph)
    if as_json:
        click.echo(json.dumps(_content(loaded, found, layers), indent=1))
    else:
        _print(loaded, found, layers)


def _content(model: "Model", found: "Cost", layers: bool) -> dict[str, Any]:
    graph = model.graph
    content: dict[str, Any] = {
        "format_version": 1,
        "graph": graph.name,
        "inputs": [_value(value) for value in graph.inputs],
        "outputs": [_value(value) for value in graph.outputs],
        "operations": found.operations,
        "parameters": found.parameters,
        "weight_bytes": _weight_bytes(model),
        "macs": found.macs,
        "peak_activation_bytes": found.peak,
        "quantized_tensors": len(model.quantization),
    }
    if layers:
        content["layers"] = [
            {
                "name": layer.node.output.name,
                "operation": layer.node.name,
                "shape": list(layer.node.output.shape),
                "parameters": layer.parameters,
                "macs": layer.macs,
                "activation_bytes": layer.activation,
            }
            for layer in found.layers
        ]
    return content


def _value(value: "Value") -> dict[str, Any]:
    return {"name": value.name, "type": value.dtype, "shape": list(value.shape)}


def _weight_bytes(model: "Model") -> int:
    labels = {node.attributes["label"].lower(): node for node in model.graph.variables}
    return sum(model.weight(node).nbytes for node in labels.values())


def _print(model: "Model", found: "Cost", layers: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    graph = model.graph
    facts = [("graph", graph.name)]
    facts += [("input", f"{v.name}: {v.dtype} {list(v.shape)}") for v in graph.inputs]
    facts += [("output", f"{v.name}: {v.dtype} {list(v.shape)}") for v in graph.outputs]
    kinds = ", ".join(f"{name} {count}" for name, count in found.operations.items())
    facts += [
        ("operations", f"{sum(found.operations.values())} ({kinds})"),
        ("parameters", f"{found.parameters:,} in {_amount(_weight_bytes(model))}"),
        ("multiply-adds", f"{found.macs:,}"),
        ("peak activation", _amount(found.peak)),
    ]
    if model.quantization:
        facts.append(("quantized", f"{len(model.quantization)} tensors"))
    for name, text in facts:
        click.echo(f"{name:16} {text}")
    if not layers:
        return
    table = Table("name", "operation", "shape", box=None, pad_edge=False)
    for title in ("parameters", "multiply-adds", "activation"):
        table.add_column(title, justify="right")
    for layer in found.layers:
        shape = "x".join(map(str, layer.node.output.shape)) or "scalar"
        numbers = [f"{layer.parameters:,}", f"{layer.macs:,}", _amount(layer.activation)]
        table.add_row(layer.node.output.name, layer.node.name, shape, *numbers)
    click.echo()
    Console(soft_wrap=True, highlight=False).print(table)


def _amount(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
