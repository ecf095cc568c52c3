"""What a user may choose when a model is quantized, and what of it makes no sense."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from nnefx.diagnostics import NnefError

Method = Literal["max", "percentile", "entropy", "mse"]
Algorithm = Literal["zero-point", "min-max"]

METHODS: tuple[Method, ...] = ("max", "percentile", "entropy", "mse")
_CHOICES: dict[str, tuple[str | None, ...]] = {
    "method": METHODS,
    "weight_method": ("max", "mse", None),
    "symmetric": ("weights", "all", "none"),
    "algorithm": ("zero-point", "min-max"),
}
LEAST_BITS, MOST_BITS = 4, 16
FEWEST_SAMPLES = 8  # with fewer, ranges are those of the samples rather than of the data


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is quantized.

    Attributes:
        bits: of weights and activations, where nothing else is said; 4 to 16.
        weight_bits: of weights.
        activation_bits: of activations.
        per_channel: a scale for each output channel of a filter instead of one for the filter.
        symmetric: which zero points are 0: of the weights (as engines of integers want it), of
            "all", or of "none".
        method: how the range of an activation follows from what was observed.
        weight_method: the same for weights; None takes "max" from 8 bits on, "mse" below.
        percentile: of the values of an activation, how many lie within its range; for that method.
        bias_correction: take the mean error of quantized weights out of the bias.
        equalize: level the channels of layers that follow one another first.
        exclude: names (with `*` and `?`) of values or labels, or operations, that stay real.
        budget: the most bytes that tensor files may take, or below 1.0 (a float) that share of
            what they take now; weights get as many bits, 4 to `weight_bits`, as fit.
        fake: put the operations into the graph instead of entries into graph.quant.
        algorithm: the operation that is named: zero_point_linear_quantize, min_max_linear_quantize.
        checked: how many samples are run quantized, for the report and for the budget.
    """

    bits: int = 8
    weight_bits: int | None = None
    activation_bits: int | None = None
    per_channel: bool = False
    symmetric: Literal["weights", "all", "none"] = "weights"
    method: Method = "max"
    weight_method: Literal["max", "mse"] | None = None
    percentile: float = 99.99
    bias_correction: bool = False
    equalize: bool = False
    exclude: tuple[str, ...] = ()
    budget: int | float | None = None
    fake: bool = False
    algorithm: Algorithm = "zero-point"
    checked: int = 16

    @property
    def of_weights(self) -> int:
        """The bits of a weight."""
        return self.bits if self.weight_bits is None else self.weight_bits

    @property
    def of_activations(self) -> int:
        """The bits of an activation."""
        return self.bits if self.activation_bits is None else self.activation_bits

    def check(self) -> None:
        """Raise NnefError NX509 for a number out of range, or a word that is no choice."""
        for name, bits in (("weights", self.of_weights), ("activations", self.of_activations)):
            if not LEAST_BITS <= bits <= MOST_BITS:
                message = f"bits of {name} are {bits}, expected {LEAST_BITS} to {MOST_BITS}"
                raise NnefError("NX509", message)
        for name, known in _CHOICES.items():
            if (given := getattr(self, name)) not in known:
                words = ", ".join(word for word in known if word)
                raise NnefError("NX509", f"{name} is '{given}', expected one of {words}")
        if self.checked < 1:
            raise NnefError("NX509", f"checked is {self.checked}, expected a sample at least")
        if not 50.0 < self.percentile <= 100.0:
            message = f"percentile is {self.percentile}, expected above 50 to 100"
            raise NnefError("NX509", message)
        if self.budget is not None and not 0 < self.budget < inf:
            raise NnefError("NX509", f"budget is {self.budget}, expected a positive one")
