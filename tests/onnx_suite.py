"""The node test suite of the `onnx` package, run through import, save, load and run.

A test case's inputs that a static graph has to know (a shape, a list of axes) are fixed to the
case's own values; `Outcome.fixed` names them.
"""

import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nnef
import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests
from onnx.numpy_helper import to_array

import nnefx
from nnefx.converters.onnx.read import read_model
from nnefx.diagnostics import NnefError
from nnefx.tensors.model import Model

PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"
NOT_REPRODUCED = Path(__file__).parent / "converters" / "onnx_not_reproduced.txt"

REPRODUCED = "reproduced"
REFUSED = "refused"
WIDER = "wider"  # within two units of the narrow type that the case rounds to at every step
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
    constant: bool = False  # all inputs are fixed, so that nothing is left to compute


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
            fixed, result, text = _run(case, inputs, expected)
            if result != REPRODUCED:
                return Outcome(case.name, operators, result, text, fixed)
    except NnefError as error:
        return Outcome(case.name, operators, REFUSED, _brief(error), fixed)
    except nnef.Error as error:
        return Outcome(case.name, operators, CRASHED, f"Khronos parser: {error}", fixed)
    except Exception as error:
        return Outcome(case.name, operators, CRASHED, f"{type(error).__name__}: {error}", fixed)
    given = {item.name for item in case.model.graph.input}
    return Outcome(case.name, operators, REPRODUCED, "", fixed, bool(fixed) and given == set(fixed))


def _brief(error: NnefError) -> str:
    first = error.diagnostics[0]
    return f"{first.code} {first.message}"


def _run(
    case: Any, inputs: Sequence[Any], expected: Sequence[Any]
) -> tuple[tuple[str, ...], str, str]:
    given = {item.name: _array(value) for item, value in zip(case.model.graph.input, inputs)}
    imported, fixed = imported_case(case.model, given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.nnef"
        nnefx.save(Model(imported.graph, imported.weights), path)
        nnef.parse_file(str(path / "graph.nnef"))
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
            result = WIDER if _is_rounding(got, wanted) else WRONG
            return fixed, result, f"output '{item.name}': {text}"
    return fixed, REPRODUCED, ""


def _is_rounding(got: Any, wanted: Any) -> bool:
    """Tell whether a difference is within two units of the narrow type of the expected values."""
    kind = (to_array(wanted) if isinstance(wanted, onnx.TensorProto) else np.asarray(wanted)).dtype
    unit = {"bfloat16": 2.0**-8, "float16": 2.0**-11}.get(kind.name)
    if unit is None or got.shape != np.shape(_array(wanted)):
        return False
    target = _array(wanted).astype(np.float64)
    return bool(np.abs(got - target).max() <= 2 * unit * np.abs(target).max())


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


def reason(item: Outcome) -> str:
    """Return why a case is not reproduced, in words that cases with the same cause share."""
    if item.result == WIDER:
        return "computed in 32 bits, expected rounded to 16 bits after every operation"
    if "NX706" in item.reason:
        return "an output has no items, which NNEF has no tensors for"
    return re.sub(r"^NX\d+ |node '[^']*' |'[^']*' ", "", item.reason)


def page(found: Sequence[Outcome]) -> str:
    """Return docs/onnx.md: what of the suite is reproduced, and why the rest is not."""
    good = [item for item in found if item.result == REPRODUCED]
    rest = [item for item in found if item.result != REPRODUCED]
    fixed = [item for item in good if item.fixed]
    constant = [item for item in fixed if item.constant]
    lines = [
        "# ONNX",
        "",
        "<!-- Written by `python -m tests.onnx_suite --write`: do not change by hand. -->",
        "",
        "Operator sets 1 to the newest that the `onnx` package knows are imported. The measure",
        f"is the node test suite of that package, {len(found)} cases: each model is imported,",
        "saved as NNEF, loaded, run with numpy and compared at the case's own tolerance. The",
        "Khronos parser accepts the text of every model that is imported.",
        "",
        f"* {len(good)} cases are reproduced.",
        f"* In {len(fixed)} of these an input is fixed to the case's own value, because a static",
        "  graph has to know it: a shape, a list of axes, data that decides how many items there",
        f"  are. In {len(constant)} of those this fixes every input: nothing is left to compute",
        "  when the model runs, and what is tested is that the importer computes it right.",
        f"* {len(rest)} cases are not reproduced, for the reasons below.",
        "",
        "Floating-point items are computed in 32 bits, or 64 where the inputs have so many:",
        "bfloat16 and float16 are widened. 64-bit unsigned integers are held as signed ones of",
        "the same bits.",
        "",
        "| not reproduced because | cases | |",
        "|---|---|---|",
    ]
    causes: dict[str, list[str]] = {}
    for item in rest:
        causes.setdefault(reason(item), []).append(item.case.removeprefix("test_"))
    for cause, names in sorted(causes.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        lines.append(f"| {cause} | {len(names)} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines) + "\n"


def expected() -> set[str]:
    """Return the names of the cases that are known not to be reproduced."""
    return set(NOT_REPRODUCED.read_text(encoding="utf-8").split())


def main(arguments: Sequence[str]) -> None:
    """Print what is not reproduced; `--write` renews the list of it and docs/onnx.md."""
    writes = "--write" in arguments
    pattern = next((word for word in arguments if not word.startswith("--")), "")
    found = list(outcomes([name for name in cases() if pattern in name]))
    bad = [item for item in found if item.result != REPRODUCED]
    for item in bad:
        print(item.result, item.case, item.reason[:200])
    print(dict(Counter(item.result for item in found)), "of", len(found))
    if writes and not pattern:
        NOT_REPRODUCED.write_text("".join(f"{item.case}\n" for item in bad), encoding="utf-8")
        PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
