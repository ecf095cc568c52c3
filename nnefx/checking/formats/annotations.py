"""Findings on the pages of GitHub and GitLab."""

import json
import os
from pathlib import PurePath
from typing import TextIO

from nnefx.checking.formats.report import Report, fingerprints, line_of, path_of, span_of
from nnefx.codes import CODES
from nnefx.diagnostics import Severity
from nnefx.source import TextAt

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def write_github(report: Report, stream: TextIO) -> None:
    """Write workflow commands, which GitHub shows beside the lines of a change."""
    for checked, item in report.findings():
        properties = {"file": _relative(path_of(item.at, checked))}
        if isinstance(item.at, TextAt):
            span = span_of(item.at)
            properties |= {"line": str(span.line), "endLine": str(span.end_line)}
            if span.end_line == span.line:
                properties |= {"col": str(span.column), "endColumn": str(span.end_column)}
        properties["title"] = f"{item.code}: {_title(item.code)}"
        listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        message = "\n".join([item.message, *(note.message for note in item.notes)])
        stream.write(f"::{_COMMANDS[item.severity]} {listed}::{_data(message)}\n")


def write_gitlab(report: Report, stream: TextIO) -> None:
    """Write a code quality report, an artifact that GitLab compares between branches."""
    entries = [
        {
            "description": item.message,
            "check_name": item.code,
            "fingerprint": mark,
            "severity": _SEVERITIES[item.severity],
            "location": {
                "path": _relative(path_of(item.at, checked)),
                "lines": {"begin": line_of(item.at)},
            },
        }
        for (checked, item), mark in zip(report.findings(), fingerprints(report))
    ]
    json.dump(entries, stream, indent=2)
    stream.write("\n")


def _title(code: str) -> str:
    entry = CODES.get(code)
    return entry.title if entry else "finding"


def _relative(path: str) -> str:
    """Return a path as the services want it: from the root of the checkout, with slashes."""
    if os.path.isabs(path) and not os.path.relpath(path).startswith(".."):
        path = os.path.relpath(path)
    return PurePath(os.path.normpath(path)).as_posix()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
