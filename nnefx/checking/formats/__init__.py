"""The forms in which findings are written: for people, for editors, and for the pages of CI."""

from collections.abc import Callable
from importlib import import_module
from typing import TextIO

from nnefx.checking.formats.report import Checked, Report

__all__ = ["FORMATS", "Checked", "Report", "Writer", "writer"]

# Takes the whole report; writes it to a stream.
Writer = Callable[[Report, TextIO], None]

# The modules that hold `write_<form>`; one is loaded when it is asked for.
FORMATS = {
    "full": "text",
    "concise": "text",
    "json": "data",
    "jsonl": "data",
    "sarif": "sarif",
    "github": "annotations",
    "gitlab": "annotations",
    "junit": "junit",
}


def writer(form: str) -> Writer:
    """Return what writes a report in one of `FORMATS`."""
    module = import_module(f"nnefx.checking.formats.{FORMATS[form]}")
    write: Writer = getattr(module, f"write_{form}")
    return write
