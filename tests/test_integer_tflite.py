"""Quantized TFLite models give the same integers as TFLite's interpreter."""

from typing import Any

import numpy as np
import pytest

import nnefx
import tf_zoo
from nnefx.execute.integer import IntegerExecutor
from nnefx.execute.integer.held import Integers

pytestmark = [
    pytest.mark.xdist_group("tensorflow"),
    pytest.mark.filterwarnings("default"),  # the interpreter warns of its successor
]

WHOLE = (
    "image_classification", "visual_wake_words", "keyword_spotting", "anomaly_detection",
    "keyword_spotting_alexa_int8", "keyword_spotting_mobilenetv2", "rock_paper_scissors_int8",
    "tflite_micro_magic_wand",
)  # fmt: skip


def listed() -> list[Any]:
    try:
        entries = {e["name"].removeprefix("tflite/mltk_"): e for e in tf_zoo.entries(
            "tensorflow-lite")}  # fmt: skip
    except pytest.skip.Exception:
        return []
    return [pytest.param(entries[name], id=name) for name in WHOLE if name in entries]


def compared(entry: Any, rounding: Any, resolver: str) -> tuple[int, int]:
    """Return how many values of outputs are the same, and how many there are."""
    lite = pytest.importorskip("ai_edge_litert.interpreter")
    path = str(tf_zoo.obtain(entry))
    kind = getattr(lite.OpResolverType, resolver)
    engine = lite.Interpreter(path, experimental_op_resolver_type=kind, num_threads=1)
    engine.allocate_tensors()
    model = nnefx.convert(path)
    executor, same, count = IntegerExecutor(model, rounding), 0, 0
    for seed in range(3):
        feeds = fed(engine, model, np.random.default_rng(seed))
        engine.invoke()
        held = {value.name: item for value, item in executor.walk(feeds)}
        for detail, value in zip(engine.get_output_details(), model.graph.outputs):
            theirs, ours = engine.get_tensor(detail["index"]), held[value.name]
            assert isinstance(ours, Integers)
            mine = ours.items if theirs.dtype.kind == "i" else ours.real()
            same += int((mine.reshape(theirs.shape) == theirs).sum())
            count += theirs.size
    return same, count


def fed(engine: Any, model: Any, rng: Any) -> dict[str, Any]:
    feeds = {}
    for detail, value in zip(engine.get_input_details(), model.graph.inputs):
        scale, zero = detail["quantization"]
        if detail["dtype"] == np.int8:
            items = rng.integers(-128, 128, detail["shape"]).astype(np.int8)
            feeds[value.name] = ((items.astype(np.float32) - zero) * scale).astype(np.float32)
        else:
            items = rng.normal(size=detail["shape"]).astype(np.float32)
            feeds[value.name] = items
        engine.set_tensor(detail["index"], items)
    return feeds


ENGINES = [("tflite", "AUTO"), ("tflite-reference", "BUILTIN_REF")]


@pytest.mark.parametrize(("rounding", "resolver"), ENGINES)
@pytest.mark.parametrize("entry", listed())
def test_every_output_is_that_of_the_interpreter(entry: Any, rounding: str, resolver: str) -> None:
    same, count = compared(entry, rounding, resolver)
    assert same == count


@pytest.mark.parametrize("entry", listed())
def test_import_keeps_every_stored_integer(entry: Any) -> None:
    model = nnefx.convert(tf_zoo.obtain(entry))
    for node in model.graph.variables:
        assert model.weight(node).dtype.kind == "i"
        assert node.output.name in model.quantization
