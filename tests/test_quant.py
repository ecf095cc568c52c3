"""graph.quant: entries by tensor, printed as they are read, and what is wrong with them told."""

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.source import Source
from nnefx.tensors.quant import Quantization, load_quant, print_quant

TEXT = """\
"filter1": linear_quantize(min = -2.0, max = 2.5, bits = 8);
"x": zero_point_linear_quantize(zero_point = [[0, 1, -2]], scale = [[0.5, 1.0, 1e-05]], bits = 8, \
signed = true, symmetric = false);
"y": logarithmic_quantize(max = 4.0, bits = 4);
"""


def load(text: str) -> dict[str, Quantization]:
    return load_quant(Source("graph.quant", text))


def test_entries_are_read() -> None:
    found = load(TEXT)
    assert list(found) == ["filter1", "x", "y"]
    assert found["filter1"] == Quantization("linear_quantize", {"min": -2.0, "max": 2.5, "bits": 8})
    assert found["x"].attributes["zero_point"] == [[0, 1, -2]]
    assert found["x"].attributes["signed"] is True
    assert str(found["y"].at) == "graph.quant:3:1"


def test_what_is_read_is_printed_again() -> None:
    assert print_quant(load(TEXT)) == TEXT
    assert load(print_quant(load(TEXT))) == load(TEXT)


def test_arrays_of_numpy_are_printed_as_array_literals() -> None:
    values = {"min": np.array([[-1.0, -2.0]]), "bits": np.int64(8), "signed": np.bool_(True)}
    text = print_quant({"x": Quantization("min_max_linear_quantize", values)})
    assert text == '"x": min_max_linear_quantize(min = [[-1.0, -2.0]], bits = 8, signed = true);\n'


def test_empty_and_commented_files_say_nothing() -> None:
    assert load("") == {}
    assert load("# nothing here\n\n") == {}
    assert load("'x': linear_quantize(bits = 8); # in single quotes\n").keys() == {"x"}


FAULTS: dict[str, tuple[str, list[str]]] = {
    "tensor twice": ('"x": q(bits = 8);\n"x": q(bits = 4);', ["NX501"]),
    "argument twice": ('"x": q(bits = 8, bits = 4);', ["NX503"]),
    "uneven rows": ('"x": q(min = [[1.0, 2.0], [3.0]]);', ["NX506"]),
    "rows and items": ('"x": q(min = [[1.0], 2.0]);', ["NX506"]),
    "items of two types": ('"x": q(min = [1.0, 2]);', ["NX506"]),
    "all at once": (
        '"x": q(bits = 8, bits = 8);\n"x": q(min = [[1.0], 2.0]);',
        ["NX503", "NX501", "NX506"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_told(fault: str) -> None:
    text, codes = FAULTS[fault]
    with pytest.raises(NnefError) as caught:
        load(text)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == codes


@pytest.mark.parametrize(
    "text", ["x: q();", '"x" q();', '"x": q()', '"x": q(8);', '"x": q(a = b);']
)
def test_wrong_syntax_is_told(text: str) -> None:
    with pytest.raises(NnefError) as caught:
        load(text)
    assert caught.value.code.startswith(("NX1", "NX5"))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), None, 1j, [float("inf")]])
def test_value_that_is_no_constant_is_not_printed(value: object) -> None:
    with pytest.raises(NnefError) as caught:
        print_quant({"x": Quantization("q", {"min": value})})
    assert caught.value.code == "NX506"
