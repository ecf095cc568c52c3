"""NX3xx: arguments and shapes."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

TABLE = (
    Code(
        "NX301",
        "wrong number of arguments",
        "Every parameter without a default value needs an argument, and there are not more "
        "arguments than parameters (3.3.2).",
        "`nnefx ops NAME` shows the parameters.",
        "y = add(x);",
        "y = add(x, x);",
    ),
    Code(
        "NX302",
        "argument is given in the wrong way",
        "Tensors are given by position and attributes by name; positional arguments come first, "
        "and no parameter is given twice (3.3.2).",
        "Write `name = value` for attributes.",
        "y = softmax(x, [2]);",
        "y = softmax(x, axes = [2]);",
    ),
    Code(
        "NX303",
        "operation has no such parameter",
        "A named argument must be a parameter of the operation (3.3.2).",
        "`nnefx ops NAME` shows the parameters.",
        "y = softmax(x, axis = [2]);",
        "y = softmax(x, axes = [2]);",
    ),
    Code(
        "NX304",
        "arguments do not fit the operation",
        "Each operation has rules of its own for shapes and ranges (4.): ranks that agree, axes "
        "that exist, shapes that broadcast from the leading dimension on. The message says which "
        "rule is broken and what was found.",
        "Change the argument at the caret, or the shape where the tensor is declared. `nnefx ops "
        "NAME` names the section of the specification.",
        "w = variable(shape = [4,2,3,3], label = 'w');\ny = conv(x, w);",
        "w = variable(shape = [4,3,3,3], label = 'w');\ny = conv(x, w);",
    ),
    Code(
        "NX305",
        "extent is too large",
        "Extents of tensors are limited to 2147483647.",
        "Check the arguments.",
        "y = tile(x, repeats = [1,1,1000000000,1]);",
    ),
    Code(
        "NX306",
        "operation has no result for these values",
        "An operation was computed and refuses the values that it got, not only their shapes.",
        "Look at the values that flow in, for instance with `nnefx run --dump`.",
    ),
    Code(
        "NX307",
        "inputs do not fit the graph",
        "To run a model, one array of the declared shape and type is given for each input.",
        "`nnefx info` lists the inputs.",
        "nnefx run net/ --input wrong=x.npy",
    ),
    Code(
        "NX308",
        "tensor is given by name",
        "Named arguments for tensor parameters are deprecated since 1.0.1 (3.3.2).",
        "Give tensors by position, in the order of the declaration.",
        "y = add(x = x, y = x);",
        "y = add(x, x);",
        Severity.WARNING,
    ),
    Code(
        "NX309",
        "operation is deprecated",
        "`linear_quantize` is the old name of `min_max_linear_quantize` (4.9.5).",
        "Use the new name.",
        "y = linear_quantize(x, 0.0, 1.0, bits = 8);",
        "y = min_max_linear_quantize(x, 0.0, 1.0, bits = 8, signed = false, symmetric = false);",
        Severity.WARNING,
    ),
    Code(
        "NX310",
        "end = 0 of slice is deprecated",
        "An `end` of 0 means up to the end where all strides are 1; this notation is deprecated "
        "since 1.0.4 (4.5.4).",
        "Write the extent.",
        "y = slice(x, axes = [1], begin = [1], end = [0]);",
        "y = slice(x, axes = [1], begin = [1], end = [3]);",
        Severity.WARNING,
    ),
)
