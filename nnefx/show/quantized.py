"""What graph.quant and a report of `nnefx quantize` say about tensors, for the panel of a page."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt
from nnefx.tensors.quant import Quantization

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a report holds: tensors by name, and the noise of what layers give, in dB."""

    tensors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)


def read_report(path: Path) -> Measured:
    """Read what `nnefx quantize --report` wrote.

    Raises:
        NnefError: NX001 where it cannot be read, NX014 where it is no such report.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        layers = content["layers"]
        tensors = [*content["inputs"], *(layer["output"] for layer in layers)]
        tensors += [layer["weight"] for layer in layers]
        named = {tensor["name"]: tensor for tensor in tensors if tensor is not None}
        noise = {layer["name"]: layer["snr"] for layer in layers if layer["snr"] is not None}
        for tensor in named.values():
            _require_shown(tensor)
        _require_finite(noise.values())
    except OSError as error:
        raise NnefError("NX001", f"not readable: {error.strerror}", FileAt(str(path))) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        message = "not a report of quantization: expected what `quantize --report` writes"
        raise NnefError("NX014", message, FileAt(str(path))) from None
    return Measured(named, noise)


def describe(entries: Mapping[str, Quantization], measured: Measured) -> dict[str, Any]:
    """Return by the name of a tensor what a panel shows: rows, and a histogram if it was measured.

    Tensors that stay real are there too where a layer gives them whose noise was measured.
    """
    names = dict.fromkeys((*entries, *measured.tensors, *measured.noise))
    return {name: _panel(name, entries.get(name), measured) for name in names}


def _panel(name: str, entry: Quantization | None, measured: Measured) -> dict[str, Any]:
    tensor = measured.tensors.get(name)
    rows = list(_of_entry(entry)) if entry else [("rounded", "not by itself")]
    found: dict[str, Any] = {}
    if tensor is not None:
        rows += [("observed", _span(tensor["low"], tensor["high"]))]
        if "range" in tensor:
            rows += [("kept", _span(*tensor["range"]))]
        if tensor["snr"] is not None:
            rows += [
                ("rounding alone" if "label" in tensor else "noise", f"{tensor['snr']:.1f} dB")
            ]
        found["histogram"] = tensor["histogram"]
        found["range"] = tensor.get("range")
    elif name in measured.noise:
        rows += [("noise", f"{measured.noise[name]:.1f} dB")]
    return {"rows": rows, **found}


def _of_entry(entry: Quantization) -> Iterator[Row]:
    attributes = dict(entry.attributes)
    yield "by", entry.algorithm.removesuffix("_quantize")
    if "bits" in attributes:
        bits, signed = attributes.pop("bits"), attributes.pop("signed", None)
        kind = ", signed" if signed is True else ", unsigned" if signed is False else ""
        yield (
            "integers",
            f"{bits} bits{kind}{', symmetric' * (attributes.pop('symmetric', 0) is True)}",
        )
    for name, value in attributes.items():
        yield name.replace("_", " "), _value(value)


def _value(value: Any) -> str:
    """Return a number with the digits that count; of many, their number and extremes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value
    numbers = list(_flat(value))
    if len(numbers) == 1:
        return f"{numbers[0]:.6g}"
    return f"{min(numbers):.4g} to {max(numbers):.4g}, {len(numbers)} of them"


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, Sequence):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _span(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"


def _require_shown(tensor: Mapping[str, Any]) -> None:
    """Touch all that a panel shows, so that a fault of a file is found when it is read."""
    histogram = tensor["histogram"]
    ends = [tensor["low"], tensor["high"], histogram["low"], histogram["high"]]
    if "range" in tensor:
        low, high = tensor["range"]
        ends += [low, high]
    if not histogram["counts"]:
        raise ValueError("no counts")
    noise = [] if tensor["snr"] is None else [tensor["snr"]]
    _require_finite([*ends, *histogram["counts"], *noise])


def _require_finite(numbers: Iterable[float]) -> None:
    if not all(map(isfinite, numbers)):
        raise ValueError("not finite")
