"""NX5xx: graph.quant."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

TABLE = (
    Code(
        "NX501",
        "entry for no tensor, or two entries for one",
        "The names in graph.quant are those of tensors in the graph, not labels of variables "
        "(5.3), and each has one entry.",
        "Use the name on the left of the assignment.",
        '"conv1/filter": min_max_linear_quantize(min = -1.0, max = 1.0, bits = 8, '
        "signed = false, symmetric = false);",
    ),
    Code(
        "NX502",
        "unknown quantization algorithm",
        "An entry names a quantization operation: `min_max_linear_quantize`, "
        "`zero_point_linear_quantize`, `logarithmic_quantize` (4.9.5), or a fragment of the "
        "document whose first parameter is the tensor.",
        "Check the spelling.",
        '"x": min_max_quantize(min = 0.0, max = 1.0, bits = 8);',
    ),
    Code(
        "NX503",
        "arguments of a quantization entry are wrong",
        "All parameters but the tensor itself are given, by name, each once (5.3).",
        "`nnefx ops NAME` shows the parameters.",
        '"x": logarithmic_quantize(max = 1.0);',
        '"x": logarithmic_quantize(max = 1.0, bits = 8);',
    ),
    Code(
        "NX504",
        "range does not broadcast to the tensor",
        "A range per channel is a nested array whose shape matches the leading dimensions of the "
        "tensor, with extents of 1 where it is repeated (5.3).",
        "Write `[[0.1, 0.2, 0.3]]` for three channels of a tensor of shape [1,3,8,8].",
        '"x": logarithmic_quantize(max = [0.1, 0.2, 0.3], bits = 8);',
    ),
    Code(
        "NX505",
        "quantized data without an entry",
        "The file of the variable holds quantized integers; only graph.quant can say which "
        "values they stand for (5.2.1, 7.1).",
        "Add an entry for the tensor.",
    ),
    Code(
        "NX506",
        "value of a quantization entry is not allowed",
        "Arguments are constants; arrays are even, with items of one type (5.3); `bits` and "
        "ranges have values that make sense.",
        "Correct the argument.",
        '"x": logarithmic_quantize(max = [[0.1, 0.2], [0.3]], bits = 8);',
    ),
    Code(
        "NX507",
        "linear_quantize is deprecated",
        "It is the old name of `min_max_linear_quantize` (4.9.5).",
        "Use the new name, with `signed = false, symmetric = false`.",
        '"x": linear_quantize(min = 0.0, max = 1.0, bits = 8);',
        severity=Severity.WARNING,
    ),
    Code(
        "NX508",
        "too little calibration data",
        "Ranges of activations are those of the samples, so there must be samples, and a few "
        "say little about the data that the network will meet.",
        "Give samples with `--calibrate`: some dozens, taken like the inputs of daily use.",
    ),
    Code(
        "NX509",
        "an option of quantization is out of range",
        "Weights and activations are quantized to 4 to 16 bits, the percentile is above 50 to 100, "
        "a budget is positive.",
        "Correct the number.",
    ),
    Code(
        "NX510",
        "nothing is called what is to be excluded",
        "A name that is excluded from quantization is that of a tensor, of a label, or of an "
        "operation in the graph; `*` and `?` stand for any letters.",
        "`nnefx info MODEL --layers` lists the names.",
    ),
    Code(
        "NX511",
        "no bit widths meet the budget",
        "Even with the fewest bits for every weight that may be quantized, the tensor files are "
        "larger than the budget.",
        "Allow more, or exclude less.",
    ),
    Code(
        "NX512",
        "model is quantized already",
        "Its graph.quant, or operations in its graph, quantize tensors; to round what was rounded "
        "would add errors, and its integers are no weights to measure.",
        "Quantize the model that it was made from.",
    ),
    Code(
        "NX513",
        "nothing in the model can be quantized",
        "There is no convolution, matrix product or other operation that is computed with "
        "integers, or all are excluded.",
        "Exclude less.",
    ),
    Code(
        "NX514",
        "activation without a useful range",
        "On the calibration data all values of the tensor are NaN, or some are so large that no "
        "integers could tell the others apart; masks are made so. It stays real.",
        "Look at what makes the tensor, or exclude it.",
        severity=Severity.WARNING,
    ),
    Code(
        "NX520",
        "model is not quantized",
        "`nnefx run --integer` computes with the integers that graph.quant describes; the model "
        "has no graph.quant.",
        "Quantize it: `nnefx quantize MODEL --data PICTURES`, or convert a quantized model.",
    ),
)
