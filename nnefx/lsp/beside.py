"""What stands beside a text in the folder of its model: tensor files, graph.quant, graph.nnef.

Files are looked at when a text is opened or saved, and only their headers; what they hold is then
compared with each version of the text.
"""

import os
from dataclasses import dataclass

from nnefx.checking.document import Checked
from nnefx.checking.files import check_codes, fit_files, read_files
from nnefx.checking.quant import check_quant
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.source import Source
from nnefx.tensors.container import Container, Limits, decode_text, open_container
from nnefx.tensors.header import Header
from nnefx.tensors.paths import GRAPH, QUANT

LIMITS = Limits(max_files=20_000)  # beyond that a folder is not one of a model


@dataclass(frozen=True, slots=True)
class Folder:
    """The tensor files of a folder: headers by label, and what is wrong with them by themselves."""

    container: Container
    headers: dict[str, Header]
    faults: tuple[Diagnostic, ...]


def read_folder(path: str) -> Folder | None:
    """Return what is in the folder of a text; None where that is not a model with tensor files.

    A text that is being written has none yet: there, missing files are no fault.
    """
    if os.path.basename(path) not in (GRAPH, QUANT) or not os.path.isfile(path):
        return None
    try:
        container = open_container(os.path.dirname(path), LIMITS)
        if not container.labels:
            return None
        faults: list[Diagnostic] = []
        headers = read_files(container, faults, data=False)
    except NnefError:  # `nnefx check` tells what is wrong with the folder as a whole
        return None
    return Folder(container, headers, tuple(faults))


def read_text(path: str) -> Source | None:
    """Return the text of a file, None where there is none that can be read."""
    try:
        with open(path, "rb") as file:
            return Source(path, decode_text(file.read(), path))
    except (OSError, NnefError):
        return None


def compare(
    checked: Checked, folder: Folder | None, quant: Source | None
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return what is wrong between graph.nnef and the tensor files, and with graph.quant."""
    found: list[Diagnostic] = []
    about_quant: list[Diagnostic] = []
    headers: dict[str, Header] = {}
    if folder:
        found += folder.faults
        try:
            headers = fit_files(folder.container, checked, folder.headers, found)
        except NnefError as error:  # a file has gone since
            found += error.diagnostics
    if quant:
        entries = check_quant(quant, checked, headers, about_quant)
        found += check_codes(checked, headers, entries)
    elif folder:
        found += check_codes(checked, headers, {})
    return found, about_quant
