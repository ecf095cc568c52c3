"""Run a Plan with numpy, bit for bit as a fixed point implementation of OpenVX would.

`rounding` chooses the rule: "once" is the text of the specification, a sum of products is rounded
once; "product" is what the Khronos sample implementation and the conformance tests do. Where the
text leaves a rule open, the sample's is followed: averages, activations and conversions truncate.
A plan of float32 tensors is run in floating point; both rules are then the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.openvx import layers
from nnefx.openvx.arithmetic import Rounding
from nnefx.openvx.functions import FUNCTIONS, Kind
from nnefx.openvx.plan import Plan, Ref, Role, Scalar, Tensor, View
from nnefx.openvx.shapes import arguments

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How near an output is to its reference: errors, and the signal to noise ratio in dB."""

    name: str
    snr: float
    largest: float
    rms: float


def simulate(
    plan: Plan,
    inputs: Mapping[str, Array],
    rounding: Rounding = "once",
    watch: Callable[[str, Array], None] | None = None,
) -> dict[str, Array]:
    """Run `plan` on real-valued inputs by NNEF name; return the outputs as float32 by NNEF name.

    `watch(name, values)` is called with every tensor that a call has written, in real values and
    in OpenVX's extents. NX651 where inputs are missing, unknown or of a wrong shape.
    """
    memory = _allocate(plan)
    _fill_inputs(plan, inputs, memory)
    for call in plan.calls:
        named: dict[str, Any] = dict(arguments(call))
        target = ""
        for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
            if isinstance(arg, Ref):
                named[param.name] = _resolve(plan, memory, arg.name, param.kind)
                target = arg.name if param.output else target
        out = layers.run(call.function, named, rounding)
        with np.errstate(over="ignore"):  # beyond half floats are infinities
            memory[target][...] = out
        if watch:
            watch(target, _real(plan.tensor(target), memory[target]))
    return {_label(plan, name): _output(plan, name, memory[name]) for name in plan.outputs}


def stored(values: Array, tensor: Tensor) -> Array:
    """Return real values as the tensor stores them: rounded half away from zero, saturated."""
    if is_real(tensor):
        with np.errstate(over="ignore"):
            return np.asarray(values, tensor.dtype)
    scaled = np.asarray(values, np.float64) * (tensor.scale * 2.0**tensor.position)
    whole = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled)
    limits = np.iinfo(tensor.dtype)
    return np.clip(whole, limits.min, limits.max).astype(tensor.dtype)


def is_real(tensor: Tensor) -> bool:
    """Tell whether a tensor stores floating point numbers, which have no scale."""
    return tensor.dtype in ("float16", "float32")


def compare(outputs: Mapping[str, Array], references: Mapping[str, Array]) -> tuple[Outcome, ...]:
    """Compare outputs with a float run by name; the ratio is infinite where they are equal."""
    return tuple(
        _outcome(name, np.asarray(value, np.float64), np.asarray(references[name], np.float64))
        for name, value in outputs.items()
    )


def _outcome(name: str, value: Array, reference: Array) -> Outcome:
    return Outcome(
        name,
        snr(value, reference),
        float(np.abs(value - reference).max(initial=0.0)),
        float(np.sqrt(np.mean((value - reference) ** 2))) if value.size else 0.0,
    )


def snr(values: Array, reference: Array) -> float:
    """Return the signal to noise ratio of `values` against `reference` in dB."""
    noise = float(np.sum((values - reference) ** 2, dtype=np.float64))
    signal = float(np.sum(np.square(reference, dtype=np.float64)))
    if noise == 0.0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal else float("-inf")


def _allocate(plan: Plan) -> dict[str, Array]:
    memory: dict[str, Array] = {}
    for tensor in plan.tensors:
        if tensor.payload is not None:
            memory[tensor.name] = tensor.payload.read()
        else:
            memory[tensor.name] = np.full(tensor.dims[::-1], _first(tensor), tensor.dtype)
    for view in plan.views:
        box = zip(view.start[::-1], view.end[::-1], strict=True)
        memory[view.name] = memory[view.parent][tuple(slice(start, end) for start, end in box)]
    return memory


def _first(tensor: Tensor) -> float:
    """Return the number that items start as; the fill of floating point has its bits."""
    if is_real(tensor):
        bits = np.array([tensor.fill], "<i4").view(f"<u{np.dtype(tensor.dtype).itemsize}")[:1]
        return float(bits.view(tensor.dtype)[0])
    return tensor.fill


def _fill_inputs(plan: Plan, inputs: Mapping[str, Array], memory: dict[str, Array]) -> None:
    known = {_label(plan, name): plan.tensor(name) for name in plan.inputs}
    if unknown := sorted(set(inputs) - set(known)):
        raise NnefError("NX651", f"input '{unknown[0]}' is unknown, expected {sorted(known)}")
    for label, tensor in known.items():
        if label not in inputs:
            raise NnefError("NX651", f"input '{label}' is missing")
        values = np.asarray(inputs[label])
        if tensor.shape and values.shape != tensor.shape:
            raise NnefError(
                "NX651", f"input '{label}' has shape {values.shape}, expected {tensor.shape}"
            )
        memory[tensor.name][...] = stored(values, tensor).reshape(tensor.dims[::-1])


def _resolve(plan: Plan, memory: Mapping[str, Array], name: str, kind: Kind) -> Any:
    item = plan.objects[name]
    if kind is Kind.TENSOR and isinstance(item, Tensor | View):
        return layers.Operand(memory[name], plan.tensor(name).position)
    if isinstance(item, Scalar):
        return float(np.float32(item.value))
    return item.payload.read() if not isinstance(item, Tensor | View) else memory[name]


def _label(plan: Plan, name: str) -> str:
    return plan.tensor(name).source or name


def _real(tensor: Tensor, raw: Array) -> Array:
    return raw * np.float32(1) if is_real(tensor) else raw * tensor.unit


def _output(plan: Plan, name: str, raw: Array) -> Array:
    tensor = plan.tensor(name)
    assert tensor.role is Role.OUTPUT
    return _real(tensor, raw).astype(np.float32).reshape(tensor.shape or tensor.dims[::-1])
