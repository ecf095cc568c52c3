"""Findings that were accepted on some day, so that only new ones are shown."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from nnefx.checking.formats.report import Checked, Report, fingerprints, path_of
from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

FORMAT_VERSION = 1


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints of the findings that were accepted.

    Raises:
        NnefError: NX017 where the file is not one that `write_baseline` wrote.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        if document["format_version"] != FORMAT_VERSION:
            found = document["format_version"]
            message = f"baseline has format_version {found}, expected {FORMAT_VERSION}"
            raise NnefError("NX017", message, FileAt(str(path)))
        return frozenset(str(entry["fingerprint"]) for entry in document["findings"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NnefError("NX017", "file is not a baseline of nnefx", FileAt(str(path))) from None


def write_baseline(path: Path, report: Report) -> int:
    """Write all findings of a run as accepted; return how many they are."""
    findings = [
        {
            "fingerprint": mark,
            "code": item.code,
            "path": path_of(item.at, checked),
            "message": item.message,
        }
        for (checked, item), mark in zip(report.findings(), fingerprints(report))
    ]
    document = {"format_version": FORMAT_VERSION, "findings": findings}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return len(findings)


def without(report: Report, accepted: Collection[str]) -> Report:
    """Return a report without the findings that were accepted."""
    marks = iter(fingerprints(report))
    checked = tuple(
        Checked(
            one.path,
            tuple(item for item in one.found if next(marks) not in accepted),
            one.seconds,
        )
        for one in report.checked
    )
    return Report(checked, report.fail_on, report.color)
