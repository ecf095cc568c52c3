"""NX9xx: internal errors."""

from nnefx.codes.record import Code

TABLE = (
    Code(
        "NX901",
        "a rule of nnefx is wrong",
        "A rule made something else than it promised. The check that found it keeps a wrong model "
        "from being written.",
        "Please report it, with the model or the part of it that the place names.",
    ),
)
