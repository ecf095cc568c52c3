"""One walk through the calibration data: ranges, means, and a few samples to try things on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.ir.graph import Value
from nnefx.quantization.correct import Means
from nnefx.quantization.observe import Observed, Samples, each, observe
from nnefx.quantization.options import Options
from nnefx.quantization.places import Places
from nnefx.quantization.ranges import range_of
from nnefx.quantization.steps import entry_of
from nnefx.tensors.model import Model
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]
_LARGEST = 1e30  # magnitude; what is beyond has overflown, or masks something
Progress = Callable[[str, int], None]  # what is being done, and how many samples are through


@dataclass(slots=True)
class Calibrated:
    """What the calibration data says.

    Attributes:
        observed: the values of activations that have a quantization of their own.
        means: of what layers read, where the bias will be corrected.
        kept: the first samples.
        count: how many there were.
    """

    means: Means
    observed: Mapping[Value, Observed] = field(default_factory=dict)
    kept: list[Mapping[str, Array]] = field(default_factory=list)
    count: int = 0


def calibrate(
    model: Model, places: Places, samples: Samples, options: Options, progress: Progress
) -> Calibrated:
    """Run the model on every sample.

    Raises:
        NnefError: NX508 where there is none, NX014 for NaN in one, NX307 for its names and shapes.
    """
    read = (layer.data for layer in places.layers) if options.bias_correction else ()
    found = Calibrated(Means(frozenset(read)))
    roots = {places.root(value) for value in places.activations}
    through = _checked(each(samples), found, options.checked, progress)
    found.observed = observe(model, through, values=roots, watch=found.means.see)
    if not found.count:
        raise NnefError("NX508", "no calibration samples: ranges of activations come from them")
    return found


def _checked(
    samples: Iterable[Mapping[str, Array]], found: Calibrated, keep: int, progress: Progress
) -> Iterator[Mapping[str, Array]]:
    for given in samples:
        sample = {name: _single(np.asarray(item)) for name, item in given.items()}
        for name, array in sample.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                message = f"sample {found.count} for '{name}' holds NaN or infinity"
                raise NnefError("NX014", message)
        if found.count < keep:
            found.kept.append(sample)
        yield sample
        found.count += 1
        progress("calibrating", found.count)


def _single(array: Array) -> Array:
    """Return reals in 32 bits; what is beyond those becomes infinite."""
    return array.astype(np.float32) if array.dtype == np.float64 else array


def activation_entries(
    places: Places, calibrated: Calibrated, options: Options
) -> dict[str, Quantization]:
    """Return the entries of activations by their names; none for what has no useful range."""
    symmetric = options.symmetric == "all"
    entries: dict[Value, Quantization] = {}
    for value in places.activations:
        root = places.root(value)
        seen = calibrated.observed.get(root)
        if seen is None or not seen.count or seen.largest > _LARGEST:
            continue
        if root not in entries:
            low, high = range_of(seen, options, symmetric=symmetric)
            entries[root] = entry_of(
                np.asarray(low),
                np.asarray(high),
                options.of_activations,
                symmetric=symmetric,
                algorithm=options.algorithm,
            )
        entries[value] = entries[root]
    return {value.name: entry for value, entry in entries.items()}
