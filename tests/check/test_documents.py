"""Documents, valid and invalid: what is found in them, where, and what Khronos' parser says."""

from pathlib import Path

import pytest

from check.cases import Case, read
from check.consumers import verdicts
from nnefx.checking import Options, check_source
from nnefx.codes import CODES
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.source import Source, TextAt

FOLDER = Path(__file__).parent
CASES = [case for path in sorted(FOLDER.glob("*.txt")) for case in read(path)]

documents = pytest.mark.parametrize("case", CASES, ids=[case.place for case in CASES])


@pytest.fixture(scope="module")
def khronos() -> dict[str, bool]:
    """What the parser of Khronos says of every document."""
    return verdicts("khronos", {case.place: case.text for case in CASES})


def test_there_are_enough_documents():
    assert sum(case.valid for case in CASES) >= 100
    assert sum(not case.valid for case in CASES) >= 150


@documents
def test_findings_are_those_expected_at_their_places(case: Case):
    source = Source("graph.nnef", case.text)
    found = check_source(source, Options())
    left = [(item, *place(item)) for item in found]
    for expected in case.expected:
        match = next(
            (
                entry
                for entry in left
                if entry[0].code == expected.code
                and entry[1] == expected.line
                and entry[2].startswith(expected.text)
            ),
            None,
        )
        assert match, f"missing: {expected}; found: {list(map(str, found))}"
        left.remove(match)
    assert not left, "\n".join(str(entry[0]) for entry in left)


@documents
def test_severity_is_that_of_the_code(case: Case):
    for item in check_source(Source("graph.nnef", case.text), Options()):
        assert item.severity is CODES[item.code].severity
    assert case.valid == all(
        CODES[expected.code].severity is not Severity.ERROR for expected in case.expected
    )


@pytest.mark.xdist_group("khronos")  # the answers are fetched once for each process
@documents
def test_khronos_agrees_or_there_is_a_reason(case: Case, khronos: dict[str, bool]):
    agrees = khronos[case.place] == case.valid
    assert agrees == (not case.reason), case.title


def place(item: Diagnostic) -> tuple[int, str]:
    """The line of a finding, and the text that it points at."""
    assert isinstance(item.at, TextAt)
    line, column = item.at.source.locate(item.at.pos)
    return line, item.at.source.line(line)[column - 1 :]
