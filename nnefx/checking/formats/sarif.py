"""SARIF 2.1.0, the form that code scanning services take."""

import json
import os
from pathlib import PurePath
from typing import Any, TextIO
from urllib.parse import quote

from nnefx._version import __version__
from nnefx.checking.formats.report import Checked, Report, fingerprints, path_of, span_of
from nnefx.codes import CODES, Code
from nnefx.diagnostics import Diagnostic, Note, Severity
from nnefx.source import At, FileAt, TextAt

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def write_sarif(report: Report, stream: TextIO) -> None:
    """Write a log with one run; its rules are the codes that occur."""
    used = sorted({item.code for _, item in report.findings()})
    index = {code: number for number, code in enumerate(used)}
    results = [
        _result(checked, item, index[item.code], mark)
        for (checked, item), mark in zip(report.findings(), fingerprints(report))
    ]
    run = {
        "tool": {
            "driver": {
                "name": "nnefx",
                "version": __version__,
                "semanticVersion": _semantic(__version__),
                "rules": [_rule(code) for code in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "where nnefx was run"}}},
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    json.dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, stream, indent=2)
    stream.write("\n")


def _semantic(version: str) -> str:
    return ".".join([*version.split(".")[:3], "0", "0"][:3])


def _rule(name: str) -> dict[str, Any]:
    code = CODES.get(name) or Code(name, "finding", "A finding.", "See the message.")
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in code.title.split() if word.isalpha()),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.text},
        "help": {
            "text": f"{code.text}\n\nFix: {code.fix}",
            "markdown": f"{code.text}\n\n**Fix:** {code.fix}",
        },
        "defaultConfiguration": {"level": _LEVELS[code.severity], "enabled": code.on},
    }


def _result(checked: Checked, item: Diagnostic, index: int, mark: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.code,
        "ruleIndex": index,
        "level": _LEVELS[item.severity],
        "message": {"text": item.message},
        "locations": [_location(item.at, checked)],
        "partialFingerprints": {"nnefx/v1": mark},
    }
    placed = [note for note in item.notes if note.at is not None]
    if placed:
        result["relatedLocations"] = [
            _related(note, checked, number) for number, note in enumerate(placed, 1)
        ]
    return result


def _related(note: Note, checked: Checked, number: int) -> dict[str, Any]:
    return {"id": number, "message": {"text": note.message}} | _location(note.at, checked)


def _location(at: At | None, checked: Checked) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(path_of(at, checked))}
    match at:
        case TextAt():
            span = span_of(at)
            physical["region"] = {
                "startLine": span.line,
                "startColumn": span.column,
                "endLine": span.end_line,
                "endColumn": span.end_column,
                "charOffset": span.offset,
                "charLength": span.length,
            }
        case FileAt(_, offset) if offset >= 0:
            physical["region"] = {"byteOffset": offset, "byteLength": 0}
    return {"physicalLocation": physical}


def _artifact(path: str) -> dict[str, str]:
    """Return the place of a file: relative to where nnefx runs if it is below, else absolute."""
    plain = PurePath(os.path.normpath(path))
    if plain.is_absolute():
        below = os.path.relpath(plain)
        if below.startswith(".."):
            return {"uri": plain.as_uri()}
        plain = PurePath(below)
    return {"uri": quote(plain.as_posix()), "uriBaseId": "ROOT"}
