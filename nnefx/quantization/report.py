"""What quantizing a model did to each of its layers, in figures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values fall into equal parts of `low` to `high`."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorReport:
    """How one activation is quantized.

    Attributes:
        name: of the tensor in the graph; the name of its entry in graph.quant.
        low: the least value that was observed.
        high: the largest.
        bits: of the integers.
        scale: the step between neighbours.
        zero_point: the integer that stands for 0.
        range: the least and the largest real that the integers stand for; beyond, values are cut.
        histogram: of the values on the calibration data.
        snr: signal to noise in dB, float against quantized network; None where it was not run.
    """

    name: str
    low: float
    high: float
    bits: int
    scale: float
    zero_point: int
    range: tuple[float, float]
    histogram: Histogram
    snr: float | None = None


@dataclass(frozen=True, slots=True)
class WeightReport:
    """How the filter of a layer is quantized.

    Attributes:
        name: of the variable in the graph.
        label: of the variable.
        low: the least weight.
        high: the largest.
        bits: of the integers.
        axis: the dimension of the channels that have a scale each; None where they share one.
        scale: one, or one for each channel.
        zero_point: likewise.
        snr: signal to noise of the weights themselves, in dB.
        bytes_before: of the tensor file.
        bytes_after: likewise.
        histogram: of the weights.
    """

    name: str
    label: str
    low: float
    high: float
    bits: int
    axis: int | None
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    snr: float
    bytes_before: int
    bytes_after: int
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class LayerReport:
    """A layer: an operation whose result is quantized, or that has quantized weights.

    Attributes:
        name: of its result in the graph.
        operation: of NNEF.
        output: how its result is quantized; None where it stays real. Of a layer with an
            activation behind it that is computed with it, this is what the activation gives.
        weight: its filter, where it has one that is quantized.
        snr: signal to noise of its result in dB, float against quantized network.
        inputs: names of the quantized tensors that it reads.
    """

    name: str
    operation: str
    output: TensorReport | None
    weight: WeightReport | None
    snr: float | None = None
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Warned:
    """What a user should know: a diagnostic code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """All layers in the order of the graph.

    Attributes:
        layers: each of them.
        inputs: the quantized inputs of the network.
        samples: how many samples the ranges come from.
        checked: how many of them were run quantized.
        bytes_before: of all tensor files.
        bytes_after: likewise.
        outputs: signal to noise in dB by the name of the network's output.
        notes: what a user should know.
    """

    layers: tuple[LayerReport, ...]
    inputs: tuple[TensorReport, ...]
    samples: int
    checked: int
    bytes_before: int
    bytes_after: int
    outputs: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Warned, ...] = ()

    def worst(self, count: int = 5) -> list[LayerReport]:
        """Return the layers with the least signal to noise, the worst first."""
        known = [layer for layer in self.layers if layer.snr is not None]
        return sorted(known, key=lambda layer: layer.snr or 0.0)[:count]

    def as_json(self) -> dict[str, Any]:
        """Return the report as what JSON can hold; an infinite ratio is null."""
        return {"format_version": FORMAT_VERSION, **_plain(asdict(self))}


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    return None if isinstance(item, float) and not isfinite(item) else item
