"""Every diagnostic code of nnefx: what it means, an example, and what to do.

The single source of `nnefx explain`, of docs/diagnostics.md, and of the rules in SARIF reports. A
test holds it to the sources: each code that they use stands here, and each that stands here is
used.
"""

from collections.abc import Iterable, Mapping

from nnefx.codes import (
    container,
    importing,
    internal,
    names,
    quantization,
    shapes,
    style,
    syntax,
    targets,
    tensors,
)
from nnefx.codes.record import Code

__all__ = ["CODES", "FAMILIES", "Code", "is_selected", "markdown"]

FAMILIES: Mapping[str, str] = {
    "NX0": "Containers, files and options",
    "NX1": "Syntax",
    "NX2": "Names, types and fragments",
    "NX3": "Arguments and shapes",
    "NX4": "Tensor files",
    "NX5": "graph.quant",
    "NX6": "Targets",
    "NX7": "Import and export",
    "NX8": "Style and hints",
    "NX9": "Internal errors",
}

_TABLES = (
    container,
    syntax,
    names,
    shapes,
    tensors,
    quantization,
    targets,
    importing,
    style,
    internal,
)

CODES: Mapping[str, Code] = {code.code: code for table in _TABLES for code in table.TABLE}


def is_selected(code: str, prefixes: Iterable[str]) -> bool:
    """Tell whether `code` begins with one of `prefixes`; `ALL` stands for every code."""
    return any(prefix == "ALL" or code.startswith(prefix) for prefix in prefixes)


def markdown(code: Code, level: int = 3) -> str:
    """Return the explanation of a code, as `nnefx explain` and the documentation show it."""
    hidden = "" if code.on else ", off unless selected"
    parts = [
        f"{'#' * level} {code.code}: {code.title}",
        f"*{str(code.severity).capitalize()}{hidden}.* {code.text}",
    ]
    if code.bad:
        parts.append(f"```\n{code.bad}\n```")
    parts.append(f"**Fix:** {code.fix}")
    if code.good:
        parts.append(f"```\n{code.good}\n```")
    return "\n\n".join(parts) + "\n"
