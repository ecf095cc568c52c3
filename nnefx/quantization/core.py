"""Post-training quantization: a model and samples in, a quantized model and a report out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnefx.quantization.options import Options
from nnefx.quantization.report import Report
from nnefx.tensors.model import Model

Samples = Mapping[str, NDArray[Any]] | Iterable[Mapping[str, NDArray[Any]]]
Progress = Callable[[str, int], None]  # what is being done, and how many samples are through

_DEFAULT = Options()


@dataclass(frozen=True, slots=True)
class Quantized:
    """A quantized model, and what that did to its layers."""

    model: Model
    report: Report


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
            option out of range), NX510 (nothing is called what is to be excluded), NX511 (no
            widths meet the budget), NX512 (the model is quantized already).
    """
    raise NotImplementedError
