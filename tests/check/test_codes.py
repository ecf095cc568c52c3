"""The table of codes is complete, its examples are true, and `nnefx explain` shows it."""

import json
import re
from pathlib import Path

import pytest

from nnefx.checking import Options, Selection, check_source
from nnefx.codes import CODES, Code, is_selected
from nnefx.source import Source

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r'"(NX[0-9]{3})"')

# Examples of these are texts that check reads; those of other codes are commands or files.
CHECKED = [
    code for code in CODES.values() if code.bad and code.code[:3] in ("NX1", "NX2", "NX3", "NX8")
]
CHECKED = [code for code in CHECKED if not code.bad.startswith("nnefx ")]


def used() -> dict[str, str]:
    """The codes that the sources use, with a file that does."""
    found = {}
    for folder in ("nnefx", "converters", "grammar"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if (ROOT / "nnefx" / "codes") not in path.parents:
                names = _CODE.findall(path.read_text(encoding="utf-8"))
                found |= dict.fromkeys(names, str(path.relative_to(ROOT)))
    return found


def document(example: str) -> str:
    if example.startswith("version"):
        return example
    lines = "\n".join(f"    {line}" for line in example.split("\n"))
    return (
        "version 1.0;\ngraph net( x ) -> ( y )\n{\n"
        f"    x = external(shape = [1,3,8,8]);\n{lines}\n}}\n"
    )


def codes_of(text: str) -> set[str]:
    options = Options(selection=Selection(select=("ALL",)))
    return {item.code for item in check_source(Source("graph.nnef", text), options)}


def test_every_code_that_is_used_is_listed():
    assert {code: path for code, path in used().items() if code not in CODES} == {}


def test_every_code_that_is_listed_is_used():
    assert sorted(CODES.keys() - used().keys()) == []


def test_codes_stand_in_order():
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize("code", CODES.values(), ids=str)
def test_code_is_explained(code: Code):
    assert re.fullmatch(r"NX\d{3}", code.code)
    assert not code.title.endswith(".")
    assert code.text.endswith((".", "`"))
    assert code.fix.endswith((".", "`"))


@pytest.mark.parametrize("code", CHECKED, ids=lambda code: code.code)
def test_example_has_the_fault_that_it_is_for(code: Code):
    assert code.code in codes_of(document(code.bad))


@pytest.mark.parametrize(
    "code", [code for code in CHECKED if code.good], ids=lambda code: code.code
)
def test_good_example_is_without_any_fault(code: Code):
    assert codes_of(document(code.good)) <= {"NX801"}


def test_most_codes_of_texts_have_an_example():
    without = [
        name for name, code in CODES.items() if name[:3] in ("NX1", "NX2", "NX8") and not code.bad
    ]
    # limits, what is written rather than read, and what needs an operation of our own
    assert without == ["NX109", "NX111", "NX113", "NX213"]


def test_explain_shows_a_code(nnefx):
    done = nnefx("explain", "NX304")
    assert done.exit_code == 0
    assert "NX304" in done.stdout
    assert CODES["NX304"].fix in done.stdout


def test_explain_takes_lower_case_and_prefixes(nnefx):
    done = nnefx("explain", "nx50")
    assert {"NX501", "NX507"} <= set(re.findall(r"NX\d{3}", done.stdout))


def test_explain_lists_all_codes(nnefx):
    assert set(re.findall(r"NX\d{3}", nnefx("explain").stdout)) == set(CODES)


def test_explain_writes_json(nnefx):
    document = json.loads(nnefx("explain", "NX106", "--json").stdout)
    assert document["format_version"] == 1
    assert [entry["code"] for entry in document["codes"]] == ["NX106"]


def test_explain_refuses_what_is_no_code(nnefx):
    assert nnefx("explain", "NX999").exit_code == 2
    assert nnefx("explain", "E501").exit_code == 2


def test_prefixes_select_codes():
    assert is_selected("NX304", ("NX3",))
    assert is_selected("NX304", ("ALL",))
    assert not is_selected("NX304", ("NX4", "NX305"))
