"""ONNX's own node tests: what is reproduced stays so, and the list of the rest is true."""

import pytest

import onnx_suite
from onnx_suite import REFUSED, REPRODUCED, WIDER

pytestmark = pytest.mark.xdist_group("onnx_suite")


@pytest.fixture(scope="module")
def outcomes():
    return {item.case: item for item in onnx_suite.outcomes()}


def test_cases_outside_of_the_list_are_reproduced(outcomes):
    lost = [
        f"{item.case}: {item.result} {item.reason}"
        for item in outcomes.values()
        if item.result != REPRODUCED and item.case not in onnx_suite.expected()
    ]
    assert not lost, "\n".join(lost)


def test_cases_on_the_list_are_not_reproduced(outcomes):
    won = [
        name
        for name in sorted(onnx_suite.expected())
        if name not in outcomes or outcomes[name].result == REPRODUCED
    ]
    assert not won, f"take these off the list (python -m tests.onnx_suite --write): {won}"


def test_what_is_not_reproduced_is_refused(outcomes):
    # 16-bit floating-point types are computed in wider ones, which may differ in the last place.
    wrong = [
        f"{item.case}: {item.result} {item.reason}"
        for item in outcomes.values()
        if item.result not in (REPRODUCED, REFUSED, WIDER)
    ]
    assert not wrong, "\n".join(wrong)


def test_page_is_current(outcomes):
    current = onnx_suite.page(list(outcomes.values()))
    assert onnx_suite.PAGE.read_text(encoding="utf-8") == current
