"""JUnit XML, which nearly every CI shows as test results: a test case for each path."""

import re
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from nnefx.checking.formats.report import Checked, Report
from nnefx.diagnostics import Diagnostic

# Characters that XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(report: Report, stream: TextIO) -> None:
    """Write a test suite; findings at or above the failing severity fail their test case."""
    failed = sum(bool(_failures(checked, report)) for checked in report.checked)
    seconds = sum(checked.seconds for checked in report.checked)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    counts = f'tests="{len(report.checked)}" failures="{failed}" errors="0" skipped="0"'
    stream.write(f'<testsuites name="nnefx check" {counts} time="{seconds:.3f}">\n')
    stream.write(f'  <testsuite name="nnefx check" {counts} time="{seconds:.3f}">\n')
    for checked in report.checked:
        _write_case(checked, report, stream)
    stream.write("  </testsuite>\n</testsuites>\n")


def _write_case(checked: Checked, report: Report, stream: TextIO) -> None:
    name, time = quoteattr(_plain(checked.path)), f"{checked.seconds:.3f}"
    stream.write(f'    <testcase classname="nnefx.check" name={name} time="{time}">\n')
    failures = _failures(checked, report)
    if failures:
        kind = quoteattr(failures[0].code)
        first = quoteattr(_plain(f"{len(failures)} findings: {failures[0].message}"))
        stream.write(f"      <failure type={kind} message={first}>")
        stream.write(escape(_plain("\n".join(map(_line, failures)))))
        stream.write("</failure>\n")
    others = [item for item in checked.found if item.severity < report.fail_on]
    if others:
        text = escape(_plain("\n".join(map(_line, others))))
        stream.write(f"      <system-out>{text}</system-out>\n")
    stream.write("    </testcase>\n")


def _failures(checked: Checked, report: Report) -> list[Diagnostic]:
    return [item for item in checked.found if item.severity >= report.fail_on]


def _line(item: Diagnostic) -> str:
    return f"{item.at}: {item.severity}[{item.code}]: {item.message}"


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
