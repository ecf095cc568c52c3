"""NX6xx: what targets can do."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

TABLE = (
    Code(
        "NX601",
        "unknown profile of OpenVX",
        "Lowering to OpenVX needs to know what the implementation can do.",
        "`nnefx export --help` lists the profiles.",
    ),
    Code(
        "NX603",
        "operation cannot be lowered to OpenVX",
        "The target has no function, or no combination of functions, that computes this.",
        "The message says which argument is in the way; another profile may allow it.",
    ),
    Code(
        "NX610",
        "syntax that the target does not read",
        "The target's parser lacks a construction of the language, or its profile of NNEF does.",
        "Write it in another way, or flatten the document with `nnefx flatten`.",
    ),
    Code(
        "NX611",
        "operation that the target lacks",
        "The target does not know the operation, or refuses it.",
        "`nnefx flatten` replaces compounds by what they are made of; else choose another "
        "operation.",
    ),
    Code(
        "NX612",
        "argument that the target does not support",
        "The target knows the operation, but not with this value of an attribute.",
        "The message says what is supported.",
    ),
    Code(
        "NX613",
        "tensor that the target does not support",
        "Its rank, an extent or its data-type is outside of what the target takes.",
        "Reshape the tensor, or choose another data-type.",
    ),
    Code(
        "NX614",
        "extension that the target does not know",
        "A consumer refuses documents with extensions that it does not know.",
        "Remove the line if nothing needs it.",
    ),
    Code(
        "NX615",
        "not checked against the target",
        "The shapes are unknown, so that the limits of the target could not be compared.",
        "Correct the errors first.",
        severity=Severity.INFO,
    ),
    Code(
        "NX650",
        "plan for OpenVX breaks a rule of the target",
        "The lowered graph was checked against the rules of OpenVX and does not keep one.",
        "This is a fault of the lowering; please report it with the model.",
    ),
    Code(
        "NX651",
        "inputs do not fit the plan",
        "To simulate a plan, one array of the declared shape is given for each input.",
        "See the names and shapes in the message.",
    ),
)
