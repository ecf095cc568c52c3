"""Profiles of consumers: what they say is what the consumers do, and others can be written."""

from pathlib import Path

import pytest

from check.cases import Case, read
from check.consumers import verdicts
from nnefx.checking import Options, check_source, load, names
from nnefx.checking.target import parse
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.source import Source, TextAt

FOLDER = Path(__file__).parent
# The documents that have no errors: what a consumer refuses in them is a matter of its profile.
VALID = [
    case
    for path in sorted([*FOLDER.glob("*.txt"), *FOLDER.glob("targets/*.txt")])
    for case in read(path)
    if case.valid
]
documents = pytest.mark.parametrize("case", VALID, ids=[case.place for case in VALID])
PRELUDE = "extension KHR_enable_fragment_definitions;\nextension KHR_enable_operator_expressions;\n"


def found(text: str, target: str) -> list[Diagnostic]:
    """The findings about the target, not those about the document itself."""
    options = Options(targets=(load(target),))
    items = check_source(Source("graph.nnef", text), options)
    return [item for item in items if item.code.startswith("NX6") and item.code != "NX616"]


def flat(case: Case) -> str:
    return case.text.replace(PRELUDE, "")


@pytest.fixture(scope="module")
def khronos() -> dict[str, bool]:
    return verdicts("khronos", {case.place: case.text for case in VALID})


@pytest.fixture(scope="module")
def khronos_flat() -> dict[str, bool]:
    return verdicts("khronos", {case.place: flat(case) for case in VALID})


@pytest.fixture(scope="module")
def tract() -> dict[str, bool]:
    return verdicts("tract", {case.place: case.text for case in VALID})


# Documents about which a profile and its consumer differ, and why.
KHRONOS_ORDER = "it wants fragments before their use"
KHRONOS_REFUSES = {
    "a fragment that calls a later one": KHRONOS_ORDER,
    "items of a tuple": "it does not evaluate the subscript in an array",
    "strings are concatenated, and have parts": "it takes parts of arrays only",
    "a branch over a comparison of strings": "it does not compare strings",
}


@pytest.mark.xdist_group("khronos_comp")
@documents
def test_khronos_comp_says_what_the_parser_does(case: Case, khronos: dict[str, bool]):
    assert khronos[case.place] == (
        not found(case.text, "khronos-comp") and case.title not in KHRONOS_REFUSES
    )


@pytest.mark.xdist_group("khronos_flat")
@documents
def test_khronos_flat_says_what_the_parser_does(case: Case, khronos_flat: dict[str, bool]):
    text = flat(case)
    items = check_source(Source("graph.nnef", text), Options(targets=(load("khronos-flat"),)))
    codes = {item.code for item in items} - {"NX616"}
    ours = not any(code.startswith(("NX12", "NX6")) for code in codes)
    if khronos_flat[case.place] and not ours:  # a construction that needs the extension
        assert codes <= {"NX121", "NX122", "NX610", "NX614", "NX615", "NX801"}
    else:
        assert khronos_flat[case.place] == ours


@pytest.mark.xdist_group("tract")
@documents
def test_tract_says_what_it_does(case: Case, tract: dict[str, bool]):
    assert tract[case.place] == (not found(case.text, "tract"))


def test_the_conformance_tests_of_openvx_fit_its_minimum(shared):
    beyond = {"mnist": "its pool has a stride of 3, and its reshape is written in full"}
    for folder in sorted(Path(shared("corpora", "nnef_core")).iterdir()):
        if folder.is_dir():
            text = (folder / "graph.nnef").read_text(encoding="utf-8")
            assert bool(found(text, "openvx-nnef")) == (folder.name in beyond), folder.name


# ---- what findings say


def lines(items: list[Diagnostic]) -> list[tuple[int, str]]:
    return [
        (item.at.source.locate(item.at.pos)[0], item.code)
        for item in items
        if isinstance(item.at, TextAt)
    ]


GRAPH = """version 1.0;
graph net( x ) -> ( y )
{
    x = external(shape = [1,8,32,32]);
    w = variable(shape = [8,8,9,9], label = 'w');
    a = conv(x, w, stride = [5,1], dilation = [2,2], border = 'replicate', groups = 1);
    b = max_pool(a, size = [1,1,4,4], border = 'constant');
    c = tanh(b);
    d = softmax(c, axes = [2]);
    y = relu(d);
}
"""


def test_every_limit_is_told_with_its_line():
    items = found(GRAPH, "openvx-nnef")
    assert sorted(lines(items)) == [
        *[(6, "NX612")] * 3, *[(6, "NX613")] * 2,
        (7, "NX612"), (8, "NX612"), (9, "NX612"), (9, "NX612"), (9, "NX612"), (10, "NX612"),
    ]  # fmt: skip
    messages = "\n".join(item.message for item in items)
    assert "border is 'replicate', supported: 'constant'" in messages
    assert "stride has item 5, supported: up to 4" in messages
    assert "'filter' has extent 9 in dimension 2, supported: up to 7" in messages
    assert "size has item 4, supported: up to 3" in messages
    assert "it follows max_pool, supported: after conv" in messages
    assert "its result goes to relu" in messages


def test_a_compound_is_judged_by_what_it_consists_of():
    text = GRAPH.replace("relu(d)", "batch_normalization(d, 0.0, 1.0, 0.0, 1.0, epsilon = 0.1)")
    items = [item for item in found(text, "openvx-nnef") if lines([item])[0][0] == 10]
    assert items
    assert all("batch_normalization: it consists of others" in item.message for item in items)


def test_a_hint_says_what_to_do():
    (item,) = found(
        GRAPH.replace("tanh(b)", "gelu(b)").replace("'replicate'", "'constant'"), "tract"
    )
    assert item.message == "tract: gelu: the target lacks it; write mul(x, sigmoid(mul(x, 1.702)))"


def test_a_model_with_errors_is_not_compared_silently():
    items = found(GRAPH.replace("tanh(b)", "tahn(b)"), "openvx-nnef")
    assert [item.code for item in items] == ["NX615"]


def test_openvx_nn_asks_the_lowering():
    assert found(GRAPH.replace("'replicate'", "'constant'").replace("dilation = [2,2], ", ""),
                 "openvx-nn") == []  # fmt: skip
    items = found(GRAPH.replace("relu(d)", "local_mean_normalization(d, size = [1,1,3,3])"),
                  "openvx-nn")  # fmt: skip
    assert all(item.code.startswith("NX60") for item in items)


# ---- profiles of one's own

MINE = """
title = "my chip"

[syntax]
lacks = ["if-else"]
extensions = []

[tensors]
ranks = [4]
types = ["scalar"]
largest = 16

[operations]
lacks = ["tanh"]

[[rule]]
operations = ["conv"]
values = { border = ["constant"] }
hint = "pad first"
"""


def test_a_profile_of_ones_own(tmp_path):
    path = tmp_path / "mychip.toml"
    path.write_text(MINE)
    messages = [item.message for item in found(GRAPH, str(path))]
    assert "mychip: conv: border is 'replicate', supported: 'constant'; pad first" in messages
    assert "mychip: tanh: the target lacks it" in messages
    assert "mychip: external: 'x' has extent 32, the target takes up to 16" in messages


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("titel = 'x'", "key 'titel' is unknown"),
        ("[syntax]\nlack = []", "key 'syntax.lack' is unknown"),
        ("[syntax]\nlacks = ['goto']", "syntax 'goto' is unknown"),
        ("[[rule]]\nvalues = {}", "a rule names its operations"),
        ("[[rule]]\noperations = ['conv']\nlimit = 1", "key 'rule.limit' is unknown"),
        ("[[rule]]\noperations = 'conv'", "must be of type list"),
        ("rule = 1", "must be an array of tables"),
        ("syntax = 1", "'syntax' must be a table"),
        ("title = ", "no TOML"),
    ],
)
def test_a_wrong_profile_is_refused(line, said):
    with pytest.raises(NnefError) as caught:
        parse("mine", line, "mine.toml")
    assert caught.value.code == "NX018"
    assert said in str(caught.value)


@pytest.mark.parametrize("name", names())
def test_profiles_are_described(name):
    target = load(name)
    assert target.title
    assert len(target.note) > 40
