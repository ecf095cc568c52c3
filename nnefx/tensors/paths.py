"""Names inside a model: labels are paths (NNEF 1.0.5, section 5.1), and paths can lead astray."""

import re

from nnefx.diagnostics import NnefError
from nnefx.source import At

GRAPH = "graph.nnef"
QUANT = "graph.quant"
SUFFIX = ".dat"

_DRIVE = re.compile(r"[A-Za-z]:")
_VERSION = re.compile(r"(?P<label>.+)\.dat\.(?P<version>[^/]+)")


def member_name(name: str, at: At | None = None) -> str:
    """Return the name of a member with `/` between its parts, without `.` parts.

    A backslash separates parts too: a label with one is a file in a folder on some systems, and
    must not be a way out on any.

    Raises:
        NnefError: NX005 where the name is empty, absolute, leaves the model or has control
            characters.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/") or (parts and _DRIVE.match(parts[0])):
        raise _unsafe(name, "is absolute", at)
    if any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in plain):
        raise _unsafe(name, "has characters that are not text", at)
    if ".." in parts:
        raise _unsafe(name, "leaves the model", at)
    if not parts:
        raise _unsafe(name, "is empty", at)
    return "/".join(parts)


def tensor_name(label: str, at: At | None = None) -> str:
    """Return the name of the file of a variable, such as `conv1/filter.dat`.

    Raises:
        NnefError: NX005, see `member_name`.
    """
    if label.replace("\\", "/").rpartition("/")[2] in ("", ".", ".."):
        raise _unsafe(label, "names no file", at)
    return member_name(label + SUFFIX, at)


def label_of(name: str) -> str | None:
    """Return the label of a tensor file, None for the name of any other file."""
    label = name.removesuffix(SUFFIX)
    return label if label != name and not label.endswith("/") and label else None


def version_of(name: str) -> tuple[str, str] | None:
    """Return label and version of `label.dat.version`, None for any other name."""
    match = _VERSION.fullmatch(name)
    return (match["label"], match["version"]) if match else None


def _unsafe(name: str, why: str, at: At | None) -> NnefError:
    return NnefError("NX005", f"name {name!r} {why}, expected a path inside the model", at)
