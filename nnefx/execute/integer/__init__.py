"""Runs quantized models in integers, as deployed engines do."""

from nnefx.execute.integer.executor import IntegerExecutor, Step
from nnefx.execute.integer.requantize import Rounding

__all__ = ["IntegerExecutor", "Rounding", "Step"]
