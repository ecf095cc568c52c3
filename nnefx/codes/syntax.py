"""NX1xx: syntax."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

TABLE = (
    Code(
        "NX100",
        "unexpected token",
        "The text is not what the grammar (3.2) allows at this place; the message says what "
        "would be.",
        "Change the text at the caret.",
        "y = relu(x;",
        "y = relu(x);",
    ),
    Code(
        "NX101",
        "unexpected character",
        "The character does not belong to the language (3.1). Outside of strings and comments "
        "only ASCII is used.",
        "Remove it; look for typographic quotes or dashes that an editor put in.",
        "y = relu(x) @ x;",
    ),
    Code(
        "NX102",
        "string without end",
        "A string ends with the quote that it begins with, on the same line (3.1).",
        "Close the string.",
        "y = pad(x, padding = [], border = 'constant);",
    ),
    Code(
        "NX103",
        "backslash that escapes nothing",
        "In a string a backslash stands before the quote or before another backslash only (3.1).",
        "Write `\\\\` for a backslash.",
        "w = variable(shape = [1], label = 'conv1\\filter'); y = add(x, w);",
        "w = variable(shape = [1], label = 'conv1\\\\filter'); y = add(x, w);",
    ),
    Code(
        "NX104",
        "character that a string cannot hold",
        "Strings consist of printable ASCII (3.1).",
        "Use ASCII.",
        "w = variable(shape = [1], label = 'größe'); y = add(x, w);",
    ),
    Code(
        "NX105",
        "malformed number",
        "A number has digits, optionally a point and digits, and an exponent (3.1). There are no "
        "suffixes, no `.5` and no `5.`.",
        "Write the number in full.",
        "y = add(x, .5);",
        "y = add(x, 0.5);",
    ),
    Code(
        "NX106",
        "missing ;",
        "An assignment ends with `;` (3.2.1). It is reported where it should stand, not on the "
        "next line.",
        "Add it.",
        "z = relu(x)\ny = relu(z);",
        "z = relu(x);\ny = relu(z);",
    ),
    Code(
        "NX107",
        "text ends too early",
        "The text ends, or another part of the document begins, before a bracket or brace is "
        "closed.",
        "Close it.",
        "version 1.0;\ngraph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n"
        "    y = relu(x);",
    ),
    Code(
        "NX108",
        "keyword used as a name",
        "The words `version extension graph fragment tensor integer scalar logical string "
        "shape_of length_of range_of for in yield if else` cannot be names (3.1).",
        "Choose another name.",
        "scalar = relu(x); y = relu(scalar);",
    ),
    Code(
        "NX109",
        "expression is nested too deeply",
        "Expressions within expressions are limited, so that a hostile text cannot exhaust the "
        "stack.",
        "Assign parts of the expression to names of their own.",
    ),
    Code(
        "NX110",
        "version is missing or not supported",
        "A document begins with `version 1.0;` (3.2.4), whatever the edition of the text.",
        "Write `version 1.0;` first.",
        "version 2.0;\ngraph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n"
        "    y = relu(x);\n}",
    ),
    Code(
        "NX111",
        "text or number is too long",
        "A number of thousands of digits, or a text of gigabytes, is refused.",
        "Check how the file was made.",
    ),
    Code(
        "NX112",
        "number is too large for a scalar",
        "Scalars are held as 64-bit floats; this one would be infinite.",
        "Use a smaller number.",
        "y = add(x, 1e999);",
    ),
    Code(
        "NX113",
        "value cannot be written in NNEF",
        "NNEF has no literal for infinity and NaN, and strings hold printable ASCII only (3.1).",
        "Keep such values in a tensor file.",
    ),
    Code(
        "NX114",
        "the document has no graph",
        "A document ends with exactly one graph definition (3.2.4).",
        "Add the graph.",
        "version 1.0;\nextension KHR_enable_fragment_definitions;",
    ),
    Code(
        "NX120",
        "fragment definition without its extension",
        "Fragments need `extension KHR_enable_fragment_definitions;` (3.2.2).",
        "Add the line below the version, or flatten the document with `nnefx flatten`.",
        "version 1.0;\n"
        "fragment twice( x: tensor<scalar> ) -> ( y: tensor<scalar> )\n{\n"
        "    y = add(x, x);\n}\n"
        "graph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n    y = twice(x);\n}",
    ),
    Code(
        "NX121",
        "expression without its extension",
        "Operators, subscripts, comprehensions, built-in functions and invocations as arguments "
        "need `extension KHR_enable_operator_expressions;` (3.2.3).",
        "Add the line below the version, or flatten the document with `nnefx flatten`.",
        "y = x + x;",
        "y = add(x, x);",
    ),
    Code(
        "NX122",
        "unknown Khronos extension",
        "NNEF 1.0.5 defines `KHR_enable_fragment_definitions` and "
        "`KHR_enable_operator_expressions` only. Other extensions carry the prefix of their "
        "vendor (3.2.4).",
        "Check the spelling.",
        "version 1.0;\nextension KHR_enable_fragments;\n"
        "graph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n    y = relu(x);\n}",
        severity=Severity.WARNING,
    ),
)
