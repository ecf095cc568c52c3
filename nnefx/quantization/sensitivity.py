"""How much the outputs of a network suffer when the weights of one layer have few bits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from nnefx.passes.constants import Constants, Overlay
from nnefx.quantization.budget import Choice, choose, file_sizes
from nnefx.quantization.calibrate import Progress
from nnefx.quantization.measure import compare
from nnefx.quantization.options import Options
from nnefx.quantization.places import Layer, Places
from nnefx.quantization.steps import reals
from nnefx.quantization.weights import quality, weight_entry, widths
from nnefx.tensors.model import Model

Array = NDArray[Any]

_PROBES = 64  # runs of the network that measuring may take, about; at least one for each layer


def widths_within(
    model: Model,
    places: Places,
    kept: Sequence[Mapping[str, Array]],
    options: Options,
    before: int,
    progress: Progress,
) -> dict[str, int]:
    """Return the bits of the weights by label, so that the budget is met; none without one.

    Args:
        model: the prepared model.
        places: what is quantized in it.
        kept: samples to try widths on.
        options: the budget, and the most bits.
        before: bytes of the model's tensor files, of which the budget may be a share.
        progress: is told after each layer.

    Raises:
        NnefError: NX511 where no widths meet it.
    """
    budget = options.budget
    if budget is None:
        return {}
    share = isinstance(budget, float) and budget < 1.0
    constants = Constants(model)
    layers = {constants.label(layer.filter): layer for layer in places.layers}
    fixed = sum(size for label, size in file_sizes(model).items() if label not in layers)
    few = kept[: max(1, _PROBES // max(len(layers), 1))]
    outputs = [value for value in model.graph.outputs if value.dtype == "scalar"]
    names = frozenset(value.name for value in outputs or places.activations[-1:])
    choices = []
    for label, layer in layers.items():
        noise = _noise(model, label, layer, few, names, options)
        choices.append(Choice(label, layer.filter.volume, noise))
        progress("measuring", len(choices))
    return choose(choices, fixed, int(before * budget) if share else int(budget))


def _noise(
    model: Model,
    label: str,
    layer: Layer,
    samples: Sequence[Mapping[str, Array]],
    outputs: frozenset[str],
    options: Options,
) -> dict[int, float]:
    """Return the noise at the outputs for each width: run for one, scaled to the others.

    Noise passes through a network in proportion, so that one run tells how much of the weights'
    error arrives.
    """
    real = Constants(model).array(layer.filter)
    axis = layer.axis if options.per_channel else None
    entries = {bits: weight_entry(real, axis, bits, options) for bits in widths(options)}
    lost = {bits: quality(real, entry).noise for bits, entry in entries.items()}
    least = min(entries)
    rounded = {label: partial(reals, real, entries[least])}
    probe = replace(model, weights=Overlay(model.weights, rounded))
    noise = sum(found.share for found in compare(model, probe, samples, outputs).values())
    return {bits: noise * lost[bits] / max(lost[least], 1e-30) for bits in entries}
