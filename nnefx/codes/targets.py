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
        "NX602",
        "operation has no lowering to OpenVX",
        "Standard nodes of OpenVX cannot compute the operation, whatever its arguments are.",
        "Express it by other operations, or give the target a kernel of its own.",
    ),
    Code(
        "NX603",
        "operation cannot be lowered to OpenVX as it is used",
        "The operation is known, but not with these arguments: a filter that is computed at run "
        "time, a rank above 4, a reshape of too many items, a profile without look-up tables.",
        "The message says which argument is in the way; another profile may allow it.",
    ),
    Code(
        "NX605",
        "plan exceeds a limit of the target",
        "An implementation of OpenVX holds a bounded number of objects in one graph.",
        "Use a smaller network, or another profile.",
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
        "NX616",
        "syntax that the target misreads",
        "The target takes the text without complaint, and makes something else of it.",
        "Write it in another way.",
        severity=Severity.WARNING,
    ),
    Code(
        "NX650",
        "plan for OpenVX cannot be built",
        "The plan names unknown objects, reads what nothing wrote, or has tensors that do not fit.",
        "Write the blob again; of a plan that nnefx made itself, please report it.",
    ),
    Code(
        "NX651",
        "inputs do not fit the plan",
        "To simulate a plan, one array of the declared shape is given for each input.",
        "See the names and shapes in the message.",
    ),
    Code(
        "NX660",
        "file is no blob of this version",
        "The magic number, byte order or version of the blob is another, or it needs a section or "
        "an operation that this release does not know.",
        "Use the release that wrote it, or write it again.",
    ),
    Code(
        "NX661",
        "blob is damaged",
        "A checksum, size, offset, index or string in the blob is wrong; the place is its byte.",
        "Write it again.",
    ),
    Code(
        "NX670",
        "output folder is not empty",
        "A project is written into a new or an empty folder.",
        "Give another folder, or `--force`.",
    ),
    Code(
        "NX671",
        "name cannot be a prefix of C names",
        "The names in the C sources begin with the name that is given.",
        "Use letters, digits and underscores, beginning with a letter.",
    ),
    Code(
        "NX680",
        "OpenVX library cannot be driven",
        "To run a blob on a library, the loader is compiled against its headers.",
        "Give the folder of the headers, and see that a C compiler is installed.",
    ),
    Code(
        "NX681",
        "OpenVX library refuses the net",
        "The library gave an error for the net that was loaded into it.",
        "The message has its words; try the profile that is made for the library.",
    ),
)
