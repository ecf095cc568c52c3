"""`nnefx check` as a command: paths, exit codes, selection, suppression, baselines, settings."""

import io
import json
import sys
from pathlib import Path

import pytest

from check.models import GRAPH, model
from nnefx.checking import names

WARNING = GRAPH.replace("relu(z)", "relu(x = z)")  # NX308
FAULTY = GRAPH.replace("relu(z)", "rely(z)")  # NX201


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, where no settings are near."""
    monkeypatch.chdir(tmp_path)


def text(path: str, content: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")
    return path


def codes(out: str) -> list[str]:
    return [json.loads(line)["code"] for line in out.splitlines()]


def check(nnefx, *words):
    return nnefx("check", *words, "--output-format", "jsonl")


# ---- exit codes


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (GRAPH, [], 0),
        (FAULTY, [], 1),
        (FAULTY, ["--exit-zero"], 0),
        (WARNING, [], 0),
        (WARNING, ["--fail-on", "warning"], 1),
        (WARNING, ["--fail-on", "info"], 1),
        (WARNING, ["--fail-on", "warning", "--ignore", "NX308"], 0),
    ],
)
def test_exit_code(nnefx, content, options, code):
    assert nnefx("check", text("net.nnef", content), *options).exit_code == code


@pytest.mark.parametrize(
    "words",
    [
        ["nothing/"],
        ["net.nnef", "--target", "unheard-of"],
        ["net.nnef", "--target", "missing.toml"],
        ["net.nnef", "--select", "E501"],
        ["net.nnef", "--fail-on", "never"],
        ["net.nnef", "--output-format", "xml"],
        ["net.nnef", "--update-baseline"],
        ["net.nnef", "--config", "missing.toml"],
        [],
    ],
)
def test_wrong_use_is_exit_code_2(nnefx, words):
    text("net.nnef", GRAPH)
    assert nnefx("check", *words).exit_code == 2


# ---- paths


def test_many_paths_are_checked_in_order(nnefx):
    paths = [text(f"{name}.nnef", FAULTY) for name in "cab"]
    done = check(nnefx, *paths)
    assert [json.loads(line)["model"] for line in done.stdout.splitlines()] == paths


def test_a_folder_of_models_is_searched(nnefx):
    model(Path("zoo/one"), FAULTY)
    model(Path("zoo/deeper/two"), FAULTY)
    text("zoo/deeper/three.nnef", FAULTY)
    found = [json.loads(line)["model"] for line in check(nnefx, "zoo").stdout.splitlines()]
    assert sorted(found) == ["zoo/deeper/three.nnef", "zoo/deeper/two", "zoo/one"]


def test_paths_are_excluded_by_pattern(nnefx):
    model(Path("zoo/one"), FAULTY)
    model(Path("zoo/old/two"), FAULTY)
    done = check(nnefx, "zoo", "--exclude", "zoo/old/*")
    assert len(done.stdout.splitlines()) == 1


def test_several_processes_find_the_same(nnefx):
    paths = [text(f"{number}.nnef", FAULTY if number % 3 else GRAPH) for number in range(9)]
    assert check(nnefx, *paths, "-j", "2").stdout == check(nnefx, *paths).stdout


def test_standard_input_is_a_text(nnefx, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(FAULTY.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    done = check(nnefx, "-", "--stdin-filename", "net.nnef")
    finding = json.loads(done.stdout)
    assert (finding["code"], finding["location"]["path"]) == ("NX201", "net.nnef")


def test_standard_input_may_be_a_quantization_file(nnefx, monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b'"x": relu(x = 1.0);'))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert codes(check(nnefx, "-", "--stdin-filename", "graph.quant").stdout) == ["NX502"]


def test_standard_input_that_is_no_text_is_a_finding(nnefx, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00")))
    assert codes(check(nnefx, "-").stdout) == ["NX009"]


def test_data_goes_to_stdout_and_words_to_stderr(nnefx):
    done = nnefx("check", text("net.nnef", FAULTY))
    assert "NX201" in done.stdout
    assert done.stderr == "1 error\n"
    assert nnefx("check", "net.nnef", "-q").stderr == ""


def test_values_are_not_looked_at_if_told_so(nnefx):
    import numpy as np

    from check.models import tensor

    folder = model(Path("net"))
    tensor(folder / "conv" / "b.dat", np.full((1, 4), np.nan, np.float32))
    assert codes(check(nnefx, folder).stdout) == ["NX417"]
    assert codes(check(nnefx, folder, "--no-data").stdout) == []


# ---- selection

HINTS = """version 1.0;
extension KHR_enable_fragment_definitions;
fragment same( x: tensor<scalar> ) -> ( y: tensor<scalar> )
{
    y = copy(x);
}
graph net( x ) -> ( y )
{
    x = external(shape = [1,4]);
    a = relu(x);
    b = tanh(a);
    z = softmax(x, axes = [1]);
    y = max(z, 0.0);
}
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["NX801"]),
        (["--select", "NX8"], ["NX803", "NX802", "NX801", "NX804", "NX805"]),
        (["--select", "ALL"], ["NX803", "NX802", "NX801", "NX804", "NX805"]),
        (["--select", "NX802,NX803"], ["NX803", "NX802"]),
        (["--select", "NX802", "--select", "NX803"], ["NX803", "NX802"]),
        (["--select", "NX8", "--ignore", "NX802"], ["NX803", "NX801", "NX804", "NX805"]),
        (["--extend-select", "NX805"], ["NX801", "NX805"]),
        (["--ignore", "NX8"], []),
        (["--select", "NX2"], []),
    ],
)
def test_codes_are_selected(nnefx, options, expected):
    assert codes(check(nnefx, text("net.nnef", HINTS), *options).stdout) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# nnefx: ignore", []),
        ("# nnefx: ignore[NX201]", []),
        ("# nnefx: ignore[NX2]", []),
        ("# nnefx: ignore[ NX302, NX201 ] for now", []),
        ("# for now  nnefx: ignore[NX201]", []),
        ("# nnefx: ignore[NX302]", ["NX201"]),
        ("# nnefx ignore", ["NX201"]),
    ],
)
def test_a_comment_suppresses_findings_of_its_line(nnefx, comment, expected):
    content = FAULTY.replace("rely(z);", f"rely(z); {comment}")
    assert codes(check(nnefx, text("net.nnef", content)).stdout) == expected


def test_a_comment_on_another_line_suppresses_nothing(nnefx):
    content = FAULTY.replace("z = conv(x, w, b);", "z = conv(x, w, b); # nnefx: ignore")
    assert codes(check(nnefx, text("net.nnef", content)).stdout) == ["NX201"]


def test_a_string_is_no_comment(nnefx):
    content = GRAPH.replace("'conv/b'", "'# nnefx: ignore'")
    assert codes(check(nnefx, text("net.nnef", content)).stdout) == ["NX215"]


def test_an_idle_comment_is_a_hint(nnefx):
    content = GRAPH.replace("relu(z);", "relu(z); # nnefx: ignore[NX201]")
    assert codes(check(nnefx, text("net.nnef", content)).stdout) == []
    assert codes(check(nnefx, "net.nnef", "--select", "NX806").stdout) == ["NX806"]


def test_a_comment_suppresses_in_graph_quant(nnefx):
    folder = model(Path("net"), quant='"q": relu(a = 1); # nnefx: ignore\n')
    assert codes(check(nnefx, folder).stdout) == []


# ---- baselines


def test_a_baseline_accepts_what_there_is(nnefx):
    text("net.nnef", FAULTY)
    first = nnefx("check", "net.nnef", "--baseline", "accepted.json")
    assert first.exit_code == 0
    assert "1 findings are accepted" in first.stderr
    assert nnefx("check", "net.nnef", "--baseline", "accepted.json").exit_code == 0
    assert nnefx("check", "net.nnef").exit_code == 1


def test_a_new_finding_is_not_in_the_baseline(nnefx):
    text("net.nnef", FAULTY)
    nnefx("check", "net.nnef", "--baseline", "accepted.json")
    moved = FAULTY.replace("version 1.0;", "version 1.0;\n# moved\n")
    text("net.nnef", moved.replace("[1,4], label", "[1,7], label"))
    done = check(nnefx, "net.nnef", "--baseline", "accepted.json")
    assert (codes(done.stdout), done.exit_code) == (["NX304"], 1)


def test_the_same_fault_twice_is_not_accepted_by_one(nnefx):
    text("net.nnef", FAULTY)
    nnefx("check", "net.nnef", "--baseline", "accepted.json")
    text("net.nnef", FAULTY.replace("y = rely(z);", "y = rely(z);\n    y2 = rely(z);"))
    assert nnefx("check", "net.nnef", "--baseline", "accepted.json").exit_code == 1


def test_a_baseline_is_updated(nnefx):
    text("net.nnef", FAULTY)
    nnefx("check", "net.nnef", "--baseline", "accepted.json")
    text("net.nnef", FAULTY.replace("rely", "reply"))
    assert nnefx("check", "net.nnef", "--baseline", "accepted.json").exit_code == 1
    words = ["--baseline", "accepted.json", "--update-baseline"]
    assert nnefx("check", "net.nnef", *words).exit_code == 0
    assert nnefx("check", "net.nnef", "--baseline", "accepted.json").exit_code == 0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": 9}', "[" * 100_000])
def test_a_file_that_is_no_baseline_is_refused(nnefx, content):
    text("net.nnef", GRAPH)
    text("accepted.json", content)
    assert nnefx("check", "net.nnef", "--baseline", "accepted.json").exit_code == 2


# ---- settings


def test_settings_are_found_above(nnefx, tmp_path, monkeypatch):
    text("nnefx.toml", 'ignore = ["NX201"]\n')
    text("deep/down/net.nnef", FAULTY)
    monkeypatch.chdir(tmp_path / "deep" / "down")
    assert nnefx("check", "net.nnef").exit_code == 0


def test_settings_may_be_in_pyproject(nnefx):
    text("pyproject.toml", '[tool.other]\nx = 1\n[tool.nnefx]\nfail-on = "warning"\n')
    assert nnefx("check", text("net.nnef", WARNING)).exit_code == 1


def test_a_pyproject_without_settings_is_passed_by(nnefx, tmp_path, monkeypatch):
    text("nnefx.toml", 'ignore = ["NX201"]\n')
    text("inner/pyproject.toml", "[tool.other]\nx = 1\n")
    text("inner/net.nnef", FAULTY)
    monkeypatch.chdir(tmp_path / "inner")
    assert nnefx("check", "net.nnef").exit_code == 0


def test_options_prevail_over_settings(nnefx):
    text("nnefx.toml", 'ignore = ["NX201"]\noutput-format = "json"\n')
    text("net.nnef", FAULTY)
    assert nnefx("check", "net.nnef", "--ignore", "NX9").exit_code == 1
    assert nnefx("check", "net.nnef").stdout.startswith("{")


def test_all_settings_are_read(nnefx):
    text(
        "conf/nnefx.toml",
        'select = ["NX2", "NX6"]\nextend-select = ["NX805"]\nignore = ["NX9"]\nfail-on = "info"\n'
        'target = ["tract", "mine.toml"]\noutput-format = "concise"\nbaseline = "accepted.json"\n'
        'exclude = ["*.old"]\nno-data = true\njobs = 1\n',
    )
    text("conf/mine.toml", 'title = "mine"\n[operations]\nlacks = ["relu"]\n')
    done = nnefx("check", text("net.nnef", GRAPH), "--config", "conf/nnefx.toml")
    assert done.exit_code == 0
    accepted = json.loads(Path("conf/accepted.json").read_text())
    assert [entry["message"] for entry in accepted["findings"]] == [
        "mine: relu: the target lacks it"
    ]


@pytest.mark.parametrize(
    "content",
    [
        'selekt = ["NX2"]',
        'select = "NX2"',
        "select = [1]",
        'fail-on = "never"',
        'output-format = "xml"',
        "no-data = 1",
        'jobs = "2"',
        'ignore = ["E501"]',
        "ignore = ",
    ],
)
def test_wrong_settings_are_exit_code_2(nnefx, content):
    text("nnefx.toml", content)
    assert nnefx("check", text("net.nnef", GRAPH)).exit_code == 2


# ---- targets


def test_targets_are_listed(nnefx):
    out = nnefx("targets").stdout
    assert [line.split()[0] for line in out.splitlines()] == list(names())
    document = json.loads(nnefx("targets", "--json").stdout)
    assert [entry["name"] for entry in document["targets"]] == list(names())
    assert "tract" in nnefx("targets", "tract").stdout


def test_several_targets_are_compared_at_once(nnefx):
    content = GRAPH.replace("relu(z)", "gelu(z)")
    words = ["--target", "tract", "--target", "openvx-nnef"]
    done = nnefx("check", text("net.nnef", content), *words, "--output-format", "concise")
    assert "tract: gelu" in done.stdout
    assert "openvx-nnef: gelu" in done.stdout
    assert done.exit_code == 1
