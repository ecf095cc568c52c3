"""Pages tell how tensors are quantized, and what a report measured."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnefx
from browser import Page, chromium
from nnefx.cli.precision import bar, tensors
from nnefx.diagnostics import NnefError
from nnefx.quantization import Options, quantize
from nnefx.show.quantized import Measured, describe, read_report
from nnefx.tensors.quant import Quantization

TEXT = """version 1.0;
graph net(x) -> (z) {
    x = external(shape = [1, 3, 8, 8]);
    w = variable(shape = [4, 3, 3, 3], label = 'layer/filter');
    y = conv(x, w, stride = [2, 2]);
    z = elu(y);
}
"""


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a quantized model in `model` and what was measured in `report.json`."""
    folder = tmp_path_factory.mktemp("quantized")
    random = np.random.default_rng(1)
    weights = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    (folder / "real" / "layer").mkdir(parents=True)
    (folder / "real" / "graph.nnef").write_text(TEXT, encoding="utf-8")
    nnefx.write_tensor(folder / "real" / "layer" / "filter.dat", weights)
    samples = [{"x": random.normal(size=(1, 3, 8, 8)).astype(np.float32)} for _ in range(8)]
    options = Options(per_channel=True, method="percentile", percentile=95.0)
    done = quantize(nnefx.load(folder / "real"), samples, options)
    nnefx.save(done.model, folder / "model")
    text = json.dumps(done.report.as_json())
    (folder / "report.json").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("attributes", "rows"),
    [
        (
            {"zero_point": -3, "scale": 0.25, "bits": 8, "signed": True, "symmetric": False},
            [("integers", "8 bits, signed"), ("zero point", "-3"), ("scale", "0.25")],
        ),
        (
            {"zero_point": 0, "scale": [0.5, 0.25], "bits": 4, "signed": True, "symmetric": True},
            [
                ("integers", "4 bits, signed, symmetric"),
                ("zero point", "0"),
                ("scale", "0.25 to 0.5, 2 of them"),
            ],
        ),
        (
            {"min": [[-1.0]], "max": [[2.0]], "bits": 8, "signed": False, "symmetric": False},
            [("integers", "8 bits, unsigned"), ("min", "-1"), ("max", "2")],
        ),
        (
            {"max": 4.0, "bits": 8},
            [("integers", "8 bits"), ("max", "4")],
        ),
    ],
)
def test_entries_of_graph_quant_become_rows(
    attributes: dict[str, Any], rows: list[tuple[str, str]]
) -> None:
    found = describe({"x": Quantization("some_quantize", attributes)}, Measured())
    assert found == {"x": {"rows": [("by", "some"), *rows]}}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"layers": 1, "inputs": []}', '{"layers": [], "inputs": [{"name": "x"}]}',
     '{"layers": [{"name": "x"}], "inputs": []}', "{\"layers\": [null], \"inputs\": []}"],
)  # fmt: skip
def test_files_that_are_no_reports_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NnefError) as caught:
        read_report(path)
    assert caught.value.diagnostics[0].code == "NX014"


@pytest.mark.parametrize("key", ["low", "high", "range", "snr", "histogram"])
@pytest.mark.parametrize("value", [[], {}, "x", [1.0], float("inf"), -float("inf")], ids=str)
def test_reports_whose_numbers_are_none_are_refused(
    tmp_path: Path, quantized: Path, key: str, value: Any
) -> None:
    content = json.loads((quantized / "report.json").read_text(encoding="utf-8"))
    content["layers"][0]["output"][key] = value
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(NnefError) as caught:
        read_report(path)
    assert caught.value.diagnostics[0].code == "NX014"


def test_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(NnefError) as caught:
        read_report(tmp_path / "none.json")
    assert caught.value.diagnostics[0].code == "NX001"


def test_report_is_for_pages(nnefx: Callable[..., Any], quantized: Path) -> None:
    done = nnefx("show", quantized / "model", "--report", quantized / "report.json")
    assert done.exit_code == 2
    assert "--report is for pages" in done.stderr


def test_info_tells_bits_scales_and_ranges(nnefx: Callable[..., Any], quantized: Path) -> None:
    done = nnefx("info", quantized / "model", "--quantized")
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert rows["x"][1:5] == ["external", "1x3x8x8", "8", "█████"]
    assert rows["w"][1:5] == ["variable", "4x3x3x3", "8", "█████"]
    told = json.loads(nnefx("info", quantized / "model", "--quantized", "--json").stdout)
    assert told["quantized"]["w"]["bits"] == 8
    assert len(told["quantized"]["w"]["scale"]) == 4


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(-1.0, " " * 10), (0.0, " " * 10), (0.5, "█████     "), (0.0125, "▏         "),
     (1.0, "█" * 10), (9.0, "█" * 10)],
)  # fmt: skip
def test_bars(share: float, drawn: str) -> None:
    assert bar(share) == drawn


@pytest.mark.parametrize(
    ("attributes", "row"),
    [
        (
            {"zero_point": -128, "scale": 0.5, "bits": 8, "signed": True, "symmetric": False},
            ("8", "█████     ", "0.5", "-128", "0 .. 127.5"),
        ),
        (
            {"zero_point": 0, "scale": 0.5, "bits": "x", "signed": False, "symmetric": False},
            ("?", " " * 10, "0.5", "0", "0 .. 127.5"),
        ),
        (
            {"zero_point": 0, "scale": [0.5, 0.25], "bits": 4, "signed": True, "symmetric": True},
            ("4", "██▌       ", "0.25 .. 0.5", "0", "-3.5 .. 3.5"),
        ),
        (
            {"min": [-1.0, -2.0], "max": [3.0, 1.0], "bits": 16, "signed": False},
            ("16", "█" * 10, "", "", "-2 .. 3"),
        ),
        ({"max": 4.0, "bits": 8}, ("8", "█████     ", "", "", ".. 4")),
        ({"zero_point": 0, "scale": 0.5, "bits": 32, "signed": True}, ("32", "", "0.5", "0", "")),
    ],
)
def test_rows_of_tensors(attributes: dict[str, Any], row: tuple[str, ...], quantized: Path) -> None:
    real = nnefx.load(quantized / "real")
    model = replace(real, quantization={"y": Quantization("some_quantize", attributes)})
    assert list(tensors(model)) == [("y", "conv", "1x4x4x4", *row)]


@pytest.fixture
def page(quantized: Path, nnefx: Callable[..., Any], tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "page.html"
    done = nnefx("show", quantized / "model", "-o", path, "--report", quantized / "report.json")
    assert done.exit_code == 0
    with chromium() as found:
        found.open(path)
        yield found
        assert found.faults == []


@pytest.mark.xdist_group("browser")
def test_panel_shows_range_noise_and_histogram(page: Page) -> None:
    number = page.evaluate("[...nnefx.items.values()].find(i => i.name === 'y').id")
    page.click(f'[data-id="{number}"]')
    panel = "document.getElementById('panel')"
    told = page.evaluate(f"{panel}.innerText")
    for words in ("QUANTIZATION", "8 bits, signed", "observed", "kept", "noise", "4 of them"):
        assert words in told
    assert page.evaluate(f"{panel}.querySelectorAll('.histogram').length") == 2
    cut = page.evaluate(f"{panel}.querySelectorAll('.histogram rect.cut').length")
    assert 0 < cut < 64  # five of a hundred values are beyond the range
