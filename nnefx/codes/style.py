"""NX8xx: style and hints."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

_INFO = Severity.INFO

TABLE = (
    Code(
        "NX801",
        "tensor is never used",
        "Nothing uses the tensor and it is no output of the graph. Often a name was misspelt or "
        "an output forgotten.",
        "Remove the statement, or add the tensor to the outputs.",
        "z = relu(x);\ny = sigmoid(x);",
        "y = sigmoid(x);",
        Severity.WARNING,
    ),
    Code(
        "NX802",
        "operation is dead",
        "The results are used, but only by operations whose own results nothing needs.",
        "Remove the whole chain.",
        "a = relu(x);\nb = sigmoid(a);\ny = tanh(x);",
        "y = tanh(x);",
        _INFO,
        on=False,
    ),
    Code(
        "NX803",
        "fragment is never used",
        "The fragment is declared, but neither the graph nor a fragment that it uses calls it.",
        "Remove the fragment.",
        "version 1.0;\nextension KHR_enable_fragment_definitions;\n"
        "fragment same( x: tensor<scalar> ) -> ( y: tensor<scalar> )\n{\n    y = copy(x);\n}\n"
        "graph net( x ) -> ( y )\n{\n    x = external(shape = [1]);\n    y = relu(x);\n}",
        severity=_INFO,
        on=False,
    ),
    Code(
        "NX804",
        "argument equals its default",
        "The attribute has the value that it would have without being written.",
        "Leave it out.",
        "y = matmul(x, x, transposeA = false, transposeB = true);",
        "y = matmul(x, x, transposeB = true);",
        _INFO,
        on=False,
    ),
    Code(
        "NX805",
        "a standard operation says the same",
        "The operations compute what one operation of the standard stands for. Consumers "
        "recognise that one and have fast code for it.",
        "Use the operation that the message names.",
        "y = max(x, 0.0);",
        "y = relu(x);",
        _INFO,
        on=False,
    ),
    Code(
        "NX806",
        "suppression that suppresses nothing",
        "A comment `# nnefx: ignore[...]` names a code that is not found on its line.",
        "Remove the comment, or the code from it.",
        "y = relu(x);  # nnefx: ignore[NX206]",
        "y = relu(x);",
        _INFO,
        on=False,
    ),
)
