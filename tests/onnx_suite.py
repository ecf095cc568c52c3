"""The node test suite of the `onnx` package, run through import, save, load and run.

A test case's inputs that a static graph has to know (a shape, a list of axes) are fixed to the
case's own values; `Outcome.fixed` names them.
"""

import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests
from onnx.numpy_helper import to_array

import nnefx
from nnefx.converters.onnx.read import read_model
from nnefx.diagnostics import NnefError
from nnefx.tensors.model import Model

REPRODUCED = "reproduced"
REFUSED = "refused"
WRONG = "wrong"
CRASHED = "crashed"


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    case: str
    operators: tuple[str, ...]
    result: str
    reason: str = ""
    fixed: tuple[str, ...] = ()


@cache
def cases() -> dict[str, Any]:
    """Return all cases by name, in alphabetical order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    return {case.name: case for case in sorted(found, key=lambda case: case.name)}


def outcomes(names: Sequence[str] | None = None) -> Iterator[Outcome]:
    """Run cases one after the other."""
    for name, case in cases().items():
        if names is None or name in names:
            yield outcome(case)


def outcome(case: Any) -> Outcome:
    """Run one case; nothing that the importer does wrong leaves this function."""
    operators = tuple(sorted({node.op_type for node in case.model.graph.node}))
    fixed: tuple[str, ...] = ()
    try:
        for inputs, expected in case.data_sets:
            fixed, text = _run(case, inputs, expected)
            if text:
                return Outcome(case.name, operators, WRONG, text, fixed)
    except NnefError as error:
        return Outcome(case.name, operators, REFUSED, _brief(error), fixed)
    except Exception as error:
        return Outcome(case.name, operators, CRASHED, f"{type(error).__name__}: {error}", fixed)
    return Outcome(case.name, operators, REPRODUCED, "", fixed)


def _brief(error: NnefError) -> str:
    first = error.diagnostics[0]
    return f"{first.code} {first.message}"


def _run(case: Any, inputs: Sequence[Any], expected: Sequence[Any]) -> tuple[tuple[str, ...], str]:
    given = {item.name: _array(value) for item, value in zip(case.model.graph.input, inputs)}
    imported, fixed = imported_case(case.model, given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.nnef"
        nnefx.save(Model(imported.graph, imported.weights), path)
        loaded = nnefx.load(path)
        feeds = {
            imported.names[name]: value for name, value in given.items() if name in imported.names
        }
        feeds.update(_unused(loaded, feeds))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            results = nnefx.run(loaded, feeds)
    for item, wanted in zip(case.model.graph.output, expected):
        got = results[imported.names[item.name]]
        if text := _difference(got, _array(wanted), case.rtol, case.atol):
            return fixed, f"output '{item.name}': {text}"
    return fixed, ""


def _array(value: Any) -> Any:
    """Return a case's value as an array; bfloat16, which numpy lacks, as float32."""
    if isinstance(value, list | tuple):
        return value  # a sequence: no tensor holds it
    array = to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _unused(model: Model, feeds: dict[str, Any]) -> dict[str, Any]:
    """Return zeros for the parameters that stand for no input of the case."""
    return {v.name: np.zeros(v.shape) for v in model.graph.inputs if v.name not in feeds}


def imported_case(model: onnx.ModelProto, given: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return the imported model, with the inputs fixed that must be known."""
    shapes = {name: np.shape(value) for name, value in given.items() if _is_open(model, name)}
    fixed: dict[str, Any] = {}
    while True:
        try:
            left = {name: shape for name, shape in shapes.items() if name not in fixed}
            imported = read_model(model, Path("case.onnx"), input_shapes=left, values=fixed)
        except NnefError as error:
            needed = [item for item in needed_inputs(error) if item in given and item not in fixed]
            if not needed:
                raise
            fixed.update((name, given[name]) for name in needed)
            continue
        return imported, tuple(sorted(fixed))


def needed_inputs(error: NnefError) -> list[str]:
    """Return the inputs that an error says must be known."""
    faults = [item.message for item in error.diagnostics if item.code == "NX705"]
    return [name for message in faults for name in re.findall(r"input '([^']*)'", message)]


def _is_open(model: onnx.ModelProto, name: str) -> bool:
    item = next(item for item in model.graph.input if item.name == name)
    shape = item.type.tensor_type.shape
    open_dims = any(not dim.HasField("dim_value") for dim in shape.dim)
    return item.type.HasField("tensor_type") and open_dims


def _difference(got: Any, wanted: Any, rtol: float, atol: float) -> str:
    if got.shape != wanted.shape:
        return f"shape {list(got.shape)}, expected {list(wanted.shape)}"
    if wanted.dtype.kind in "iub":
        same = got.astype(wanted.dtype) == wanted
        if got.dtype.kind in "iu" and wanted.dtype.kind in "iu" and wanted.dtype != np.uint64:
            same &= got == wanted.astype(np.int64)
        return "" if np.all(same) else f"{np.sum(~same)} of {same.size} items differ"
    wide, target = got.astype(np.float64), wanted.astype(np.float64)
    close = np.isclose(wide, target, rtol=rtol, atol=atol, equal_nan=True)
    if np.all(close):
        return ""
    worst = np.nanmax(np.abs(np.where(close, 0, wide - target)))
    return f"{np.sum(~close)} of {close.size} items differ, by {worst:.3g} at most"


if __name__ == "__main__":
    import sys
    from collections import Counter

    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    found = list(outcomes([name for name in cases() if pattern in name]))
    for item in found:
        if item.result != REPRODUCED:
            print(item.result, item.case, item.reason[:200])
    print(dict(Counter(item.result for item in found)), "of", len(found))
