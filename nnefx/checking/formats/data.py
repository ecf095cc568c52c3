"""Findings for programs: one JSON document, or one JSON object on each line."""

import json
from typing import Any, TextIO

from nnefx._version import __version__
from nnefx.checking.formats.report import Checked, Report, fingerprints, path_of, span_of
from nnefx.codes import CODES
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.source import At, FileAt, ModelAt, TextAt

FORMAT_VERSION = 1


def write_json(report: Report, stream: TextIO) -> None:
    """Write one document with every path, its findings, and how many there are of each kind."""
    marks = iter(fingerprints(report))
    models = [
        {
            "path": checked.path,
            "findings": [_finding(checked, item, next(marks)) for item in checked.found],
            "summary": summary(checked),
        }
        for checked in report.checked
    ]
    document = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "nnefx", "version": __version__},
        "models": models,
    }
    json.dump(document, stream, indent=2)
    stream.write("\n")


def write_jsonl(report: Report, stream: TextIO) -> None:
    """Write one object for each finding."""
    for (checked, item), mark in zip(report.findings(), fingerprints(report)):
        entry = {"format_version": FORMAT_VERSION, "model": checked.path}
        json.dump(entry | _finding(checked, item, mark), stream)
        stream.write("\n")


def summary(checked: Checked) -> dict[str, int]:
    """Return how many findings of each severity there are."""
    return {
        f"{severity}s" if severity is not Severity.INFO else "infos": sum(
            item.severity is severity for item in checked.found
        )
        for severity in sorted(Severity, reverse=True)
    }


def _finding(checked: Checked, item: Diagnostic, mark: str) -> dict[str, Any]:
    code = CODES.get(item.code)
    return {
        "code": item.code,
        "severity": str(item.severity),
        "message": item.message,
        "title": code.title if code else "",
        "location": _location(item.at, checked),
        "notes": [
            {"message": note.message, "location": _location(note.at, checked) if note.at else None}
            for note in item.notes
        ],
        "fingerprint": mark,
    }


def _location(at: At | None, checked: Checked) -> dict[str, Any]:
    location: dict[str, Any] = {"path": path_of(at, checked)}
    match at:
        case TextAt():
            span = span_of(at)
            location |= {
                "line": span.line,
                "column": span.column,
                "end_line": span.end_line,
                "end_column": span.end_column,
                "offset": span.byte,
            }
        case FileAt(_, offset) if offset >= 0:
            location["offset"] = offset
        case ModelAt(_, label):
            location["label"] = label
    return location
