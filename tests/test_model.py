"""Models as a whole: loading, saving, and what must survive both."""

from pathlib import Path

import nnef
import numpy as np

import nnefx
from nnefx.tensors.dat import tensor_header
from nnefx.tensors.header import ItemType
from nnefx.tensors.quant import Quantization

TEXT = """version 1.0; graph g(x) -> (y) { x = external(shape = [1, 4]);
w = variable(shape = [3, 4], label = 'layer/w'); y = linear(x, w); }"""


def four_bits() -> tuple[nnefx.Model, np.ndarray]:
    indices = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    attributes = {"zero_point": 0, "scale": 0.5, "bits": 4, "signed": True, "symmetric": True}
    entry = Quantization("zero_point_linear_quantize", attributes)
    graph = nnefx.loads(TEXT).graph
    return nnefx.Model(graph, {"layer/w": indices}, {"w": entry}), indices


def test_integers_of_a_quantized_variable_are_packed_and_read_back(tmp_path: Path) -> None:
    model, indices = four_bits()
    nnefx.save(model, tmp_path / "net")
    header = tensor_header(tmp_path / "net" / "layer" / "w.dat")
    assert (header.item_type, header.bits, header.data_length) == (ItemType.QINT, 4, 6)
    loaded = nnefx.load(tmp_path / "net")
    np.testing.assert_array_equal(loaded.weights["layer/w"], indices)
    outputs = nnefx.run(loaded, {"x": np.ones((1, 4), np.float32)})
    np.testing.assert_allclose(outputs["y"][0], (indices * 0.5).sum(1))
    assert nnefx.check(tmp_path / "net") == []


def test_saving_a_loaded_model_keeps_its_files_byte_by_byte(tmp_path: Path) -> None:
    model, _ = four_bits()
    nnefx.save(
        model,
        tmp_path / "one.nnef.tar",
    )
    nnefx.save(nnefx.load(tmp_path / "one.nnef.tar"), tmp_path / "two.nnef.tar")
    first, second = (tmp_path / f"{name}.nnef.tar" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_saved_model_loads_in_the_khronos_reader(tmp_path: Path) -> None:
    graph = nnefx.loads(TEXT).graph
    weights = {"layer/w": np.arange(12, dtype=np.float32).reshape(3, 4)}
    nnefx.save(nnefx.Model(graph, weights), tmp_path / "net")
    loaded = nnef.load_graph(str(tmp_path / "net"))
    np.testing.assert_array_equal(loaded.tensors["w"].data, weights["layer/w"])
