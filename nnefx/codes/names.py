"""NX2xx: names, types and fragments."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

_HEAD = "version 1.0;\nextension KHR_enable_fragment_definitions;\n"
_BOTH = f"{_HEAD}extension KHR_enable_operator_expressions;\n"


def _with(fragment: str, call: str, head: str = _HEAD) -> str:
    """Return a document of one fragment and a graph that calls it."""
    return (
        f"{head}{fragment}\ngraph net( x ) -> ( y )\n{{\n"
        f"    x = external(shape = [1,3]);\n    y = {call};\n}}"
    )


TABLE = (
    Code(
        "NX201",
        "unknown operation",
        "The name is neither a standard operation (4.) nor a fragment of the document (3.3.2).",
        "Check the spelling (`nnefx ops` lists the operations), or declare the fragment.",
        "y = rely(x);",
        "y = relu(x);",
    ),
    Code(
        "NX202",
        "name is used before it is defined",
        "A name must stand on the left of an assignment before it is used (3.3.2). So the order "
        "of the statements is an order of execution.",
        "Check the spelling, or move the statement up.",
        "y = relu(z);\nz = relu(x);",
    ),
    Code(
        "NX203",
        "name is defined twice",
        "Fragments have unique names, parameters and results are unique within a declaration, a "
        "name is assigned once, and parameters are never assigned (3.3.2).",
        "Rename one of them.",
        "z = relu(x);\nz = sigmoid(x);\ny = relu(z);",
    ),
    Code(
        "NX204",
        "result is never assigned",
        "Each result of a fragment is assigned exactly once in its body (3.3.2).",
        "Assign it, or remove it from the declaration.",
        _with(
            "fragment two( x: tensor<scalar> ) -> ( y: tensor<scalar>, z: tensor<scalar> )\n"
            "{\n    y = relu(x);\n}",
            "relu(x)",
        ),
    ),
    Code(
        "NX205",
        "generic type is missing, misplaced or unclear",
        "`<type>` applies to generic operations only; without it the data-type must follow from "
        "the arguments, uniquely (3.3.1, 3.3.2). A fragment is declared with `<?>` if and only "
        "if a parameter or result is generic.",
        "Add or remove the type.",
        "y = relu<scalar>(x);",
        "y = relu(x);",
    ),
    Code(
        "NX206",
        "types do not agree",
        "Only few conversions happen by themselves: a primitive becomes a tensor of the same "
        "data-type, and items of arrays and tuples likewise (3.3.1). An integer never becomes a "
        "scalar.",
        "Give a value of the expected type: `2.0` is a scalar, `2` an integer.",
        "y = add(x, 2);",
        "y = add(x, 2.0);",
    ),
    Code(
        "NX207",
        "type is not allowed here",
        "Results of fragments are tensors, tensor parameters precede attributes, a tuple holds "
        "either tensors or attributes, and names in the graph are individual tensors (3.3.1, "
        "3.3.2).",
        "Change the declaration, or unpack the value: `[a, b] = split(...)`.",
        "z = split(x, axis = 1, ratios = [1,2]);\ny = relu(x);",
        "[a, b] = split(x, axis = 1, ratios = [1,2]);\ny = relu(a);",
    ),
    Code(
        "NX208",
        "left side does not fit the results",
        "The left side of an assignment has the structure of what is assigned: an array of as "
        "many items, a tuple of as many results (3.3.2). An invocation inside of an expression "
        "must have a single tensor as its result (3.3.3).",
        "Name every result.",
        "[a, b, c] = split(x, axis = 1, ratios = [1,2]);\ny = relu(a);",
    ),
    Code(
        "NX209",
        "expression has no value",
        "A subscript outside of its array, a division by zero, loops over arrays of different "
        "lengths, a result that is too large (3.3.3).",
        "Change the expression; `length_of` tells how long an array is.",
        f"{_BOTH}graph net( x ) -> ( y )\n{{\n    x = external(shape = [1,[2,3][2]]);\n"
        "    y = relu(x);\n}",
    ),
    Code(
        "NX210",
        "fragments call each other too deeply",
        "A recursion must come to an end (3.3.3); 128 nested calls are allowed.",
        "Let `if ... else` end the recursion before its arguments run out.",
        _with(
            "fragment forever( x: tensor<scalar> ) -> ( y: tensor<scalar> )\n{\n"
            "    y = forever(x);\n}",
            "forever(x)",
        ),
    ),
    Code(
        "NX211",
        "expansion is too large",
        "A repeated array, a string or a comprehension may have 16 million items, and all of them "
        "together a bounded number; beyond that a few characters could exhaust the memory.",
        "Use a tensor file for large data.",
        f"{_BOTH}graph net( x ) -> ( y )\n{{\n    x = external(shape = [1]);\n"
        "    y = tile(x, repeats = [1] * 1000000000);\n}",
    ),
    Code(
        "NX212",
        "operation must not be used in a fragment",
        "`external`, `variable` and `update` stand in the graph only (3.3.2): the results of a "
        "fragment are defined by its inputs.",
        "Move the statement to the graph and pass the tensor as a parameter.",
        _with(
            "fragment biased( x: tensor<scalar> ) -> ( y: tensor<scalar> )\n{\n"
            "    b = variable(shape = [1,3], label = 'bias');\n    y = add(x, b);\n}",
            "biased(x)",
        ),
    ),
    Code(
        "NX213",
        "custom operation differs from the known one",
        "A fragment without body has the name of an operation that nnefx knows, but other "
        "parameters.",
        "Declare it as nnefx does (converters/fragments), or rename it.",
    ),
    Code(
        "NX214",
        "graph parameters and externals do not match",
        "Each parameter of the graph is the result of an `external`, and each `external` is a "
        "parameter of the graph (3.3.2).",
        "List the external in the head of the graph, or remove it.",
        "z = external(shape = [1,3,8,8]);\ny = add(x, z);",
    ),
    Code(
        "NX215",
        "label has characters that are not allowed",
        "A label is not empty and consists of letters, digits and `_ - . / \\` (4.1.3).",
        "Rename it, and the tensor file with it.",
        "w = variable(shape = [1], label = 'conv 1');\ny = add(x, w);",
        "w = variable(shape = [1], label = 'conv_1');\ny = add(x, w);",
    ),
    Code(
        "NX216",
        "labels share data but shapes differ",
        "Variables whose labels are equal, upper and lower case being the same, share their data "
        "and so must have the same shape (4.1.3).",
        "Rename one of them, or give them the same shape.",
        "v = variable(shape = [1,3], label = 'w');\nw = variable(shape = [1,1], label = 'W');\n"
        "z = add(x, v);\ny = add(z, w);",
    ),
    Code(
        "NX217",
        "custom operation without a shape rule",
        "The fragment has no body and nnefx does not know the operation, so the shapes behind it "
        "are unknown. All that does not depend on them is checked (6.).",
        "Nothing, if the consumer of the model knows the operation.",
        _with(
            "fragment secret( x: tensor<scalar> ) -> ( y: tensor<scalar> );",
            "secret(x)",
        ),
        severity=Severity.WARNING,
    ),
    Code(
        "NX218",
        "shape_of is deprecated",
        "`shape_of` asks for a property of a tensor that the syntax does not define; it is "
        "deprecated since 1.0.1 (3.3.3).",
        "Pass the shape as an attribute.",
        f"{_BOTH}graph net( x ) -> ( y )\n{{\n    x = external(shape = [1,3]);\n"
        "    z = relu(x);\n    y = reshape(z, shape = shape_of(x));\n}",
        severity=Severity.WARNING,
    ),
    Code(
        "NX219",
        "scoped labels collide",
        "With `extension NNEFX_scoped_variables` a variable inside a fragment has the path of its "
        "call as label. Two of them, or one and a variable of the graph, must not have the same "
        "label, upper and lower case being the same: calls never share data by accident.",
        "Rename one of them; to share a variable, declare it once and pass it to both.",
        "version 1.0;\nextension KHR_enable_fragment_definitions;\n"
        "extension NNEFX_scoped_variables;\n"
        "fragment bias( x: tensor<scalar> ) -> ( y: tensor<scalar> )\n{\n"
        "    b = variable(shape = [1], label = 'b');\n    y = add(x, b);\n}\n"
        "graph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n    A = bias(x);\n"
        "    a = bias(A);\n    y = add(a, A);\n}",
    ),
)
