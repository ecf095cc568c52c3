"""Post-training quantization: a model and samples in, a quantized model and a report out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nnefx.diagnostics import NnefError
from nnefx.passes.constants import Constants, Overlay
from nnefx.quantization.assign import Assigned, assign
from nnefx.quantization.budget import file_sizes
from nnefx.quantization.calibrate import Calibrated, Progress, activation_entries, calibrate
from nnefx.quantization.fake import with_operations
from nnefx.quantization.measure import Noise, compare
from nnefx.quantization.observe import Samples
from nnefx.quantization.options import Options
from nnefx.quantization.places import Places, find_places
from nnefx.quantization.prepare import excluded, prepare, require_finite, with_bias
from nnefx.quantization.report import Report, Warned
from nnefx.quantization.sensitivity import widths_within
from nnefx.quantization.tell import Told, tell
from nnefx.source import FileAt
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

_DEFAULT = Options()
_CORRECTED = ("conv", "deconv", "linear")


@dataclass(frozen=True, slots=True)
class Quantized:
    """A quantized model, and what that did to its layers."""

    model: Model
    report: Report


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what is not finite stays real
def quantize(
    model: Model,
    samples: Samples,
    options: Options = _DEFAULT,
    progress: Progress | None = None,
) -> Quantized:
    """Return a model whose weights are integers and whose activations have ranges.

    Batch normalization and what else is affine is folded into the layer before it first, so names
    of values may vanish. The integers are in `weights`, what they mean in `quantization`: every
    executor computes what an engine of integers does, up to rounding of sums.

    Args:
        model: a real model.
        samples: inputs by name, or several of those; gone through once, none but the first
            `options.checked` is kept.
        options: what to do.
        progress: is told after each sample.

    Raises:
        NnefError: NX508 (no samples), NX014 and NX307 (NaN or a wrong shape in one), NX509 (an
            option out of range), NX417 (NaN among weights), NX510 (nothing is called what is to
            be excluded), NX511 (no widths meet the budget), NX512 (the model is quantized
            already), NX513 (there is nothing to quantize).
    """
    options.check()
    say = progress or (lambda _stage, _count: None)
    ready, places = _placed(model, options)
    require_finite(ready, [layer.filter for layer in places.layers])
    before = sum(file_sizes(model).values())
    calibrated = calibrate(ready, places, samples, options, say)
    bits = widths_within(ready, places, calibrated.kept, options, before, say)
    entries = activation_entries(places, calibrated, options)
    notes = tuple(_useless(places, entries))
    assigned = assign(ready, places.layers, bits, entries, calibrated.means, options)
    entries |= assigned.entries
    ordered = {name: entries[name] for name in ready.graph.values if name in entries}
    made = replace(
        ready, weights=Overlay(ready.weights, assigned.stored), quantization=ordered, path=""
    )
    noises = _noises(ready, assigned, ordered, places, calibrated, say)
    report = tell(Told(ready, made, places, calibrated, noises, before, notes))
    if options.fake:
        reals = Overlay(ready.weights, assigned.corrected)
        made = with_operations(replace(made, weights=reals))
    return Quantized(made, report)


def _useless(places: Places, entries: Mapping[str, Quantization]) -> Iterator[Warned]:
    """Yield what to say of activations that have no range."""
    for value in places.activations:
        if value.name not in entries:
            message = f"'{value.name}' is beyond 1e30 or NaN on the samples: it stays real"
            yield Warned("NX514", message)


def _placed(model: Model, options: Options) -> tuple[Model, Places]:
    """Return the model as it will be quantized, and what is quantized in it."""
    ready = prepare(model, options)
    left = excluded(model.graph, ready.graph, options.exclude)
    places = find_places(ready.graph, Constants(ready), left)
    if not places.activations and not places.layers:
        at = FileAt(model.path) if model.path else None
        raise NnefError("NX513", "nothing in the model can be quantized", at)
    if options.bias_correction:
        names = {la.node.output.name for la in places.layers if la.node.name in _CORRECTED}
        ready = with_bias(ready, names)
        places = find_places(ready.graph, Constants(ready), left)
    return ready, places


def _noises(
    ready: Model,
    assigned: Assigned,
    entries: dict[str, Quantization],
    places: Places,
    calibrated: Calibrated,
    say: Progress,
) -> dict[str, Noise]:
    """Run the first samples real and quantized, and return what that did to each tensor."""
    rounded = Overlay(ready.weights, assigned.rounded)
    active = {v.name: entries[v.name] for v in places.activations if v.name in entries}
    simulated = replace(ready, weights=rounded, quantization=active)
    names = {value.name for node in places.nodes for value in node.values()}
    names |= {value.name for value in (*places.activations, *ready.graph.outputs)}
    say("comparing", 0)
    return compare(ready, simulated, calibrated.kept, frozenset(names))
