"""The forms in which findings are written: for people, for editors, and for the pages of CI."""

from collections.abc import Callable, Mapping
from typing import TextIO

from nnefx.checking.formats import annotations, data, junit, sarif, text
from nnefx.checking.formats.report import Checked, Report

__all__ = ["FORMATS", "Checked", "Report", "Writer"]

# Takes the whole report; writes it to a stream.
Writer = Callable[[Report, TextIO], None]

FORMATS: Mapping[str, Writer] = {
    "full": text.write_full,
    "concise": text.write_concise,
    "json": data.write_json,
    "jsonl": data.write_jsonl,
    "sarif": sarif.write_sarif,
    "github": annotations.write_github,
    "gitlab": annotations.write_gitlab,
    "junit": junit.write_junit,
}
