"""The verbs of writing models by hand: new, init, fmt, flatten, info, pack and unpack."""

import filecmp
import json
import tarfile
from pathlib import Path

import nnef
import numpy as np
import pytest

from nnefx import load, read_tensor

SAMPLES = Path(__file__).parents[1] / "samples"
TEMPLATES = ["cnn", "flat", "mlp", "operation", "recurrent", "residual"]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_becomes_a_model_that_runs(name, tmp_path, nnefx) -> None:
    folder = tmp_path / "my-net"
    assert nnefx("new", name, folder).exit_code == 0
    assert "graph my_net(" in (folder / "graph.nnef").read_text()
    assert nnefx("init", folder).exit_code == 0
    assert nnefx("check", folder).exit_code == 0
    assert nnefx("run", folder, "--random", 1).exit_code == 0
    assert nnefx("fmt", "--check", folder).exit_code == 0
    assert nnefx("flatten", folder, "-o", tmp_path / "flat.nnef").exit_code == 0
    nnef.parse_file(str(tmp_path / "flat.nnef"))


def test_every_template_is_known(nnefx) -> None:
    from nnefx.cli.new import templates

    assert list(templates()) == TEMPLATES
    assert all(name in nnefx("new", "--help").stdout for name in TEMPLATES)
    said = nnefx("new", "gnn", "x")
    assert said.exit_code == 2
    assert "gnn" in said.stderr


def test_template_does_not_go_into_a_folder_that_is_not_empty(tmp_path, nnefx) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = nnefx("new", "cnn", tmp_path)
    assert said.exit_code == 2
    assert "NX010" in said.stderr
    assert files(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize(("folder", "graph"), [("graph", "net_graph"), ("3d", "net_3d")])
def test_graph_gets_a_name_that_is_an_identifier(folder, graph, tmp_path, nnefx) -> None:
    assert nnefx("new", "flat", tmp_path / folder).exit_code == 0
    assert f"graph {graph}(" in (tmp_path / folder / "graph.nnef").read_text()


def test_initial_weights_follow_seed_and_scheme(tmp_path, nnefx) -> None:
    for name, words in {
        "a": (),
        "b": ("--seed", 0),
        "c": ("--seed", 1),
        "x": ("--scheme", "xavier"),
        "z": ("--scheme", "zeros"),
    }.items():
        assert nnefx("init", SAMPLES / "resnet18", "-o", tmp_path / name, *words).exit_code == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    label = "block1/a.conv_bn"
    filters = {n: read_tensor(tmp_path / n / f"{label}/filter.dat") for n in "acxz"}
    assert filters["a"].std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02)
    assert filters["a"].mean() == pytest.approx(0, abs=1e-3)
    assert not np.array_equal(filters["a"], filters["c"])
    assert abs(filters["x"]).max() == pytest.approx(np.sqrt(6 / (2 * 64 * 9)), rel=0.01)
    assert not filters["z"].any()
    for name, value in {"mean": 0, "variance": 1, "offset": 0, "scale": 1}.items():
        assert (read_tensor(tmp_path / "z" / f"{label}/{name}.dat") == value).all()


def test_files_that_are_there_stay(tmp_path, nnefx) -> None:
    assert nnefx("init", SAMPLES / "lenet", "-o", tmp_path / "net").exit_code == 0
    before = files(tmp_path / "net")
    (tmp_path / "net/conv1/bias.dat").unlink()
    said = nnefx("init", tmp_path / "net", "--seed", 7)
    assert "1 tensor file made, 7 were there" in said.stderr
    assert files(tmp_path / "net") == before  # a bias begins as 0 whatever the seed
    assert nnefx("init", tmp_path / "net", "--seed", 7, "--force").exit_code == 0
    assert files(tmp_path / "net") != before


def test_flattening_writes_texts_folders_and_archives(tmp_path, nnefx) -> None:
    assert nnefx("init", SAMPLES / "lenet", "-o", tmp_path / "net").exit_code == 0
    outputs = [tmp_path / name for name in ("flat", "flat.nnef.tgz", "flat.nnef")]
    for output in outputs:
        assert nnefx("flatten", tmp_path / "net", "-o", output).exit_code == 0
        assert nnefx("flatten", tmp_path / "net", "-o", output).exit_code == 2
        assert nnefx("flatten", tmp_path / "net", "-o", output, "--force").exit_code == 0
    assert len(nnef.load_graph(str(outputs[0])).operations) == 18
    assert len(load(outputs[1]).graph.nodes) == 18
    x = ("run", "--random", 3)
    assert nnefx(x[0], outputs[1], *x[1:]).stdout == nnefx(x[0], tmp_path / "net", *x[1:]).stdout
    nnef.parse_file(str(outputs[2]))


def test_fragments_may_be_kept(tmp_path, nnefx) -> None:
    words = ("flatten", SAMPLES / "googlenet", "-o", tmp_path / "kept.nnef", "--keep")
    assert nnefx(*words, "unit, inception").exit_code == 0
    text = (tmp_path / "kept.nnef").read_text()
    assert "fragment inception" in text
    assert "fragment unit_4" in text
    assert "fragment pool" in text  # which inception calls
    assert "pool = pool(" not in text.partition("graph")[2]
    nnef.parse_string(text)
    said = nnefx(*words, "incepton", "--force")
    assert said.exit_code == 2
    assert "inception" in said.stderr


def test_model_without_tensor_files_is_flattened_as_a_text(tmp_path, nnefx) -> None:
    said = nnefx("flatten", SAMPLES / "lenet", "-o", tmp_path / "flat")
    assert said.exit_code == 0
    assert "no tensor files" in said.stderr
    assert list(files(tmp_path / "flat")) == ["graph.nnef"]


def test_info_tells_layers_and_fragments(nnefx) -> None:
    said = nnefx("info", SAMPLES / "googlenet", "--json", "--layers", "--fragments")
    content = json.loads(said.stdout)
    assert content["parameters"] == 6_998_552
    assert content["weight_bytes"] == 4 * 6_998_552
    layers = {layer["name"]: layer for layer in content["layers"]}
    assert layers["i3a"]["parameters"] == 163_696
    assert sum(layer["macs"] for layer in layers.values()) == content["macs"]
    parts = layers["i3a"]["parts"]
    assert parts[0]["name"] == "i3a/b1"
    assert sum(part["parameters"] for part in parts) == 163_696
    assert sum(part["activation_bytes"] for part in parts) == layers["i3a"]["activation_bytes"]
    fragments = {item["fragment"]: item for item in content["fragments"]}
    assert {name: item["calls"] for name, item in fragments.items()} == {
        "unit": 57, "pool": 13, "norm": 2, "inception": 9, "dense": 1,
    }  # fmt: skip
    assert fragments["unit"]["macs"] + fragments["dense"]["macs"] == content["macs"]


def test_info_of_compact_and_flat_form_agree(tmp_path, nnefx) -> None:
    nnefx("flatten", SAMPLES / "resnet18", "-o", tmp_path / "flat.nnef")
    found = [
        json.loads(nnefx("info", path, "--json").stdout)
        for path in (SAMPLES / "resnet18", tmp_path / "flat.nnef")
    ]
    for key in ("parameters", "weight_bytes", "macs", "peak_activation_bytes"):
        assert found[0][key] == found[1][key], key


def test_info_prints_whole_rows(nnefx) -> None:
    lines = nnefx("info", SAMPLES / "vgg16", "--layers").stdout.splitlines()
    assert "name" in lines[8]
    (row,) = [line for line in lines if line.startswith("fc6 ")]
    assert row.split() == ["fc6", "relu", "1x4096", "0", "0", "B", "0", "16.0", "KiB"]
    assert not any("…" in line for line in lines)


def test_packing_and_unpacking_keep_every_byte(tmp_path, nnefx) -> None:
    net = tmp_path / "net"
    nnefx("init", SAMPLES / "lenet", "-o", net)
    (net / "notes").mkdir()
    (net / "notes/read me.txt").write_text("mine")
    for name in ("net.nnef.tgz", "other.nnef.tar"):
        assert nnefx("pack", net, "-o", tmp_path / name).exit_code == 0
        assert nnefx("unpack", tmp_path / name, "-o", tmp_path / f"{name}.d").exit_code == 0
        assert files(tmp_path / f"{name}.d") == files(net)
    with tarfile.open(tmp_path / "net.nnef.tgz") as archive:
        assert archive.getnames()[0] == "graph.nnef"
    first = (tmp_path / "net.nnef.tgz").read_bytes()
    assert nnefx("pack", net).exit_code == 2  # it is there
    assert nnefx("pack", net, "--force").exit_code == 0
    assert (tmp_path / "net.nnef.tgz").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pack", "nothing"), 2, "NX001"),
        (("pack", "net/graph.nnef"), 2, "expected the folder"),
        (("pack", "net", "-o", "net.zip"), 2, "NX011"),
        (("pack", "empty"), 1, "graph.nnef"),
        (("unpack", "net"), 2, "expected an archive"),
        (("unpack", "broken.tgz"), 1, "broken.tgz"),
        (("unpack", "outside.tar", "-o", "out"), 1, "NX005"),
    ],
)
def test_what_cannot_be_packed_is_refused(words, code, said, tmp_path, nnefx, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    nnefx("new", "flat", "net")
    Path("empty").mkdir()
    Path("broken.tgz").write_bytes(b"no archive")
    with tarfile.open("outside.tar", "w") as archive:
        archive.add("net/graph.nnef", "graph.nnef")
        archive.add("net/graph.nnef", "../escaped.nnef")
    before = files(tmp_path)
    found = nnefx(*words)
    assert found.exit_code == code
    assert said in found.stderr
    assert files(tmp_path) == before


def test_formatting_files_folders_and_stdin(tmp_path, nnefx) -> None:
    text = "version 1.0;\ngraph g(x)->(y)\n{ x=external(shape=[1]);y=relu(x); }\n"
    good = (
        "version 1.0;\n\ngraph g(x) -> (y)\n{\n    x = external(shape = [1]);\n"
        "    y = relu(x);\n}\n"
    )
    path = tmp_path / "net" / "graph.nnef"
    path.parent.mkdir()
    path.write_text(text)
    quant = path.with_name("graph.quant")
    quant.write_text('"y":linear_quantize(min=0.0,max=1.0,bits=8);')
    assert nnefx("fmt", "--check", tmp_path).exit_code == 1
    shown = nnefx("fmt", "--diff", tmp_path)
    assert shown.exit_code == 0
    assert "+    y = relu(x);" in shown.stdout
    assert path.read_text() == text
    assert nnefx("fmt", tmp_path).exit_code == 0
    assert path.read_text() == good
    assert quant.read_text() == '"y": linear_quantize(min = 0.0, max = 1.0, bits = 8);\n'
    stamp = path.stat().st_mtime_ns
    assert nnefx("fmt", "--check", path, quant).exit_code == 0
    assert nnefx("fmt", path).exit_code == 0
    assert path.stat().st_mtime_ns == stamp  # what is right is not written again


def test_formatting_leaves_a_faulty_text_alone(tmp_path, nnefx) -> None:
    bad, good = tmp_path / "bad.nnef", tmp_path / "good.nnef"
    bad.write_text("version 1.0; graph g(x) -> (y) { x = external(shape = [1]; y = 'abc; }")
    good.write_text("version 1.0; graph g(x) -> (y) { x = external(shape = [1]); y = relu(x); }")
    before = bad.read_bytes()
    said = nnefx("fmt", bad, good)
    assert said.exit_code == 1
    assert "bad.nnef:1:" in said.stderr
    assert bad.read_bytes() == before
    assert nnefx("fmt", "--check", good).exit_code == 0
    assert nnefx("fmt", tmp_path / "nothing.nnef").exit_code == 2


def test_copies_are_equal(tmp_path, nnefx) -> None:
    nnefx("init", SAMPLES / "lenet", "-o", tmp_path / "a")
    nnefx("init", SAMPLES / "lenet" / "graph.nnef", "-o", tmp_path / "b")
    assert filecmp.dircmp(tmp_path / "a", tmp_path / "b").diff_files == []


@pytest.mark.parametrize(
    "words",
    [
        ("run", "{}", "--input", "nothing=x.npy"),
        ("run", "{}"),
        ("run", "{}", "--random", "-1"),
        ("verify", "{}", "{}", "--rtol", "nan"),
        ("verify", "{}", "{}", "--atol", "-1"),
        ("verify", "{}", "{}", "--rtol", "inf"),
    ],
)
def test_wrong_use_is_told_apart_from_wrong_models(words, tmp_path, nnefx) -> None:
    assert nnefx("new", "mlp", tmp_path / "net").exit_code == 0
    nnefx("init", tmp_path / "net")
    assert nnefx(*(word.format(tmp_path / "net") for word in words)).exit_code == 2
