"""Tables of how models are quantized, for the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nnefx.quantization import LayerReport
    from nnefx.tensors.model import Model
    from nnefx.tensors.quant import Quantization

GOOD = 40.0  # dB of a full bar
_BAR = 10  # characters
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDEST = 16  # bits of a full bar


def print_worst(layers: "Sequence[LayerReport]") -> None:
    """Print layers with their signal to noise, a bar beside it, to stderr."""
    rows = []
    for layer in layers:
        weight, out, snr = layer.weight, layer.output, layer.snr or 0.0
        rows.append(
            (
                layer.name,
                layer.operation,
                f"{weight.bits if weight else '-'}/{out.bits if out else '-'}",
                f"{weight.snr:.1f} dB" if weight else "",
                f"{snr:.1f} dB",
                bar(snr / GOOD),
                f"{out.range[0]:.4g} .. {out.range[1]:.4g}" if out else "real",
            )
        )
    titles = ("layer", "operation", "bits", ">weights", ">result", "", "range")
    _print(titles, rows, error=True)


def print_tensors(model: "Model") -> None:
    """Print a row for each tensor that graph.quant speaks of, with a bar for its bits."""
    rows = list(tensors(model))
    titles = ("tensor", "operation", "shape", ">bits", "", ">scale", ">zero point", "range")
    _print(titles, rows, error=False)


def bar(share: float) -> str:
    """Return a bar of ten characters that is full for 1."""
    eighths = round(8 * _BAR * min(max(share, 0.0), 1.0))
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + _EIGHTHS[rest] * (rest > 0)).ljust(_BAR)


def tensors(model: "Model") -> Iterator[tuple[str, ...]]:
    """Yield tensor, operation, shape, bits, a bar for them, scale, zero point and range."""
    for name, entry in model.quantization.items():
        value = model.graph.values.get(name)
        if value is None:
            continue
        if type(entry.attributes.get("bits", 0)) is not int:  # `nnefx check` says so
            attributes = {key: v for key, v in entry.attributes.items() if key != "bits"}
            entry = replace(entry, attributes=attributes)
        bits = entry.attributes.get("bits", 0)
        shape = "x".join(map(str, value.shape)) or "scalar"
        scale, zero, span = _grid(entry)
        operation = model.graph.producer[value].name
        sums = bits > _WIDEST  # of biases: nothing of interest reaches so far
        drawn, span = ("", "") if sums else (bar(bits / _WIDEST), span)
        yield name, operation, shape, str(bits or "?"), drawn, scale, zero, span


def _grid(entry: "Quantization") -> tuple[str, str, str]:
    """Return scale, zero point and range as texts; "" for what an algorithm does not have."""
    attributes = entry.attributes
    span = ""
    if "min" in attributes and "max" in attributes:
        span = f"{min(_numbers(attributes['min'])):.4g} .. {max(_numbers(attributes['max'])):.4g}"
    elif "max" in attributes:
        span = f".. {max(_numbers(attributes['max'])):.4g}"
    elif "scale" in attributes:
        span = _reach(attributes)
    return _spread(attributes.get("scale")), _spread(attributes.get("zero_point")), span


def _reach(attributes: Any) -> str:
    """Return the reals that the integers of zero_point_linear_quantize reach."""
    bits, signed = attributes.get("bits", 8), attributes.get("signed", False)
    low = -(2 ** (bits - 1)) + bool(attributes.get("symmetric", False)) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    zeros, scales = _numbers(attributes.get("zero_point", 0)), _numbers(attributes["scale"])
    widest = max(scales)
    return f"{(low - max(zeros)) * widest:.4g} .. {(high - min(zeros)) * widest:.4g}"


def _spread(value: Any) -> str:
    """Return a number, or the extremes of several."""
    if value is None:
        return ""
    numbers = _numbers(value)
    low, high = f"{min(numbers):.4g}", f"{max(numbers):.4g}"
    return low if low == high else f"{low} .. {high}"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, Sequence):
        return [number for item in value for number in _numbers(item)]
    return [value]


def _print(titles: Sequence[str], rows: Iterable[Sequence[str]], *, error: bool) -> None:
    """Print a table as wide as it wants to be; `>` before a title aligns its column right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title.removeprefix(">"), justify="right" if title[:1] == ">" else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if not error:
        click.echo()
    Console(stderr=error, width=1 << 12, highlight=False).print(table)
