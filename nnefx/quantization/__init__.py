"""Post-training quantization: what values a model takes, and the integers that hold them."""

from nnefx.quantization.core import Quantized, quantize
from nnefx.quantization.observe import Observed, Samples, observe
from nnefx.quantization.options import METHODS, Method, Options
from nnefx.quantization.report import (
    Histogram,
    LayerReport,
    Report,
    TensorReport,
    Warned,
    WeightReport,
)

__all__ = [
    "METHODS",
    "Histogram",
    "LayerReport",
    "Method",
    "Observed",
    "Options",
    "Quantized",
    "Report",
    "Samples",
    "TensorReport",
    "Warned",
    "WeightReport",
    "observe",
    "quantize",
]
