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
)
