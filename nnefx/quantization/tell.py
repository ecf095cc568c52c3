"""Writes the report of a quantization from what it observed and chose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Node, Value
from nnefx.passes.constants import Constants
from nnefx.quantization.budget import file_bytes, file_sizes
from nnefx.quantization.calibrate import Calibrated
from nnefx.quantization.measure import Noise, decibels
from nnefx.quantization.observe import Observed
from nnefx.quantization.options import FEWEST_SAMPLES
from nnefx.quantization.places import Layer, Places
from nnefx.quantization.report import (
    Histogram,
    LayerReport,
    Report,
    TensorReport,
    Warned,
    WeightReport,
)
from nnefx.quantization.steps import grid
from nnefx.quantization.weights import quality
from nnefx.tensors.model import Model

Array = NDArray[Any]

_SHOWN = 64  # parts of a histogram in the report


@dataclass(frozen=True, slots=True)
class Told:
    """All that a report is written from.

    Attributes:
        real: the prepared model.
        quantized: the same with integers and entries.
        places: what is quantized.
        calibrated: what was observed.
        noises: of values by name.
        before: bytes of the tensor files of the model as it was given.
        notes: what users should know.
    """

    real: Model
    quantized: Model
    places: Places
    calibrated: Calibrated
    noises: Mapping[str, Noise]
    before: int
    notes: tuple[Warned, ...] = ()


def tell(told: Told) -> Report:
    """Return the report."""
    graph = told.real.graph
    inputs = [v for v in graph.inputs if v.name in told.quantized.quantization]
    known = (v for v in graph.outputs if v.name in told.noises)
    few = told.calibrated.count < FEWEST_SAMPLES
    message = (
        f"{told.calibrated.count} calibration samples: ranges may be too narrow for other data"
    )
    return Report(
        layers=tuple(_layers(told)),
        inputs=tuple(_tensor(told, value) for value in inputs),
        samples=told.calibrated.count,
        checked=len(told.calibrated.kept),
        bytes_before=told.before,
        bytes_after=sum(file_sizes(told.quantized).values()),
        outputs={value.name: told.noises[value.name].snr for value in known},
        notes=(*told.notes, *([Warned("NX508", message)] if few else [])),
    )


def _layers(told: Told) -> Iterator[LayerReport]:
    """Yield the layers; what only moves items, or is computed with a layer before, is none."""
    places = told.places
    weighted = {id(layer.node): layer for layer in places.layers}
    computed = {id(node) for node in places.nodes}
    done: set[str] = set()
    for node in told.real.graph.nodes:
        layer = weighted.get(id(node))
        if layer is None and (id(node) not in computed or node.output in places.same):
            continue
        found = _layer(told, node, layer)
        name = found.output.name if found.output else ""
        if layer is not None or name not in done:
            yield found
        done.add(name)


def _layer(told: Told, node: Node, layer: Layer | None) -> LayerReport:
    value, entries = node.output, told.quantized.quantization
    users = told.real.graph.users
    while value.name not in entries and len(users.get(value, ())) == 1:
        user = users[value][0]  # what is computed with it
        if user not in told.places.nodes:
            break
        value = user.output
    found = told.noises.get(value.name)
    return LayerReport(
        name=node.output.name,
        operation=node.name,
        output=_tensor(told, value) if value.name in entries else None,
        weight=_weight(told, layer) if layer else None,
        snr=found.snr if found else None,
        inputs=tuple(v.name for v in node.operands() if v.name in entries),
    )


def _tensor(told: Told, value: Value) -> TensorReport:
    entry = told.quantized.quantization[value.name]
    steps = grid(entry)
    seen = told.calibrated.observed.get(told.places.root(value), Observed())
    least, most = steps.limits()
    found = told.noises.get(value.name)
    return TensorReport(
        name=value.name,
        low=seen.low if seen.count else 0.0,
        high=seen.high if seen.count else 0.0,
        bits=entry.attributes["bits"],
        scale=float(steps.scale),
        zero_point=int(steps.zero),
        range=(float(least), float(most)),
        histogram=_histogram(seen),
        snr=found.snr if found else None,
    )


def _histogram(seen: Observed) -> Histogram:
    """Return the counts between the least and the largest value, in fewer parts."""
    if not seen.reach:
        return Histogram(0.0, 0.0, (seen.count,))
    width = 2 * seen.reach / seen.parts.size
    first = min(max(int((seen.low + seen.reach) / width), 0), seen.parts.size - 1)
    last = min(int((seen.high + seen.reach) / width) + 1, seen.parts.size)
    each = -(-(last - first) // _SHOWN)
    counts = np.add.reduceat(seen.parts[first:last], np.arange(0, last - first, each))
    low = first * width - seen.reach
    return Histogram(low, low + each * len(counts) * width, tuple(counts.tolist()))


def _weight(told: Told, layer: Layer) -> WeightReport:
    constants = Constants(told.real)
    array = constants.array(layer.filter)
    entry = told.quantized.quantization[layer.filter.name]
    steps, found = grid(entry), quality(array, entry)
    counts, edges = np.histogram(array, _SHOWN)
    stored = constants.dtype(layer.filter).itemsize * 8
    return WeightReport(
        name=layer.filter.name,
        label=constants.label(layer.filter),
        low=found.low,
        high=found.high,
        bits=entry.attributes["bits"],
        axis=None if steps.whole else layer.axis,
        scale=tuple(steps.scale.reshape(-1).tolist()),
        zero_point=tuple(steps.zero.reshape(-1).tolist()),
        snr=decibels(found.signal, found.noise),
        bytes_before=file_bytes(array.size, stored),
        bytes_after=file_bytes(array.size, entry.attributes["bits"]),
        histogram=Histogram(float(edges[0]), float(edges[-1]), tuple(counts.tolist())),
    )
