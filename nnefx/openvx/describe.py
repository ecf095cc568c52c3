"""What a plan is, in words: for `nnefx info` and `nnefx show` of blobs."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from nnefx.openvx.plan import Arg, Call, Plan, Ref, Struct, Tensor, View


def facts(plan: Plan) -> dict[str, Any]:
    """Return what `nnefx info` tells of a plan, with keys of its JSON."""
    weights = [tensor.payload for tensor in plan.tensors if tensor.payload]
    tables = [lut.payload for lut in plan.luts]
    return {
        "format_version": 1,
        "graph": plan.name,
        "profile": plan.profile,
        "inputs": [_port(plan, name) for name in plan.inputs],
        "outputs": [_port(plan, name) for name in plan.outputs],
        "nodes": dict(Counter(call.function for call in plan.calls).most_common()),
        "tensors": dict(Counter(str(tensor.role) for tensor in plan.tensors).most_common()),
        "views": len(plan.views),
        "references": plan.references,
        "weight_bytes": sum(payload.nbytes for payload in weights),
        "table_bytes": sum(payload.nbytes for payload in tables),
        "notes": list(plan.notes),
    }


def _port(plan: Plan, name: str) -> dict[str, Any]:
    tensor = plan.tensor(name)
    return {
        "name": tensor.source or name,
        "shape": list(tensor.shape or tensor.dims[::-1]),
        "type": tensor.dtype,
        "scale": tensor.scale,
    }


def info_lines(plan: Plan) -> Iterator[str]:
    """Yield what `nnefx info` prints of a plan."""
    found = facts(plan)
    yield _line("graph", f"{plan.name} for OpenVX, profile {plan.profile}")
    for kind in ("inputs", "outputs"):
        for port in found[kind]:
            text = f"{port['name']}: {port['type']} {port['shape']}, scale {port['scale']:.6g}"
            yield _line(kind[:-1], text)
    yield _line("nodes", f"{len(plan.calls)} ({_counts(found['nodes'])})")
    yield _line("tensors", f"{len(plan.tensors)} ({_counts(found['tensors'])})")
    yield _line("views", str(found["views"]))
    yield _line("references", str(found["references"]))
    yield _line("weights", f"{found['weight_bytes']:,} bytes")
    yield _line("tables", f"{found['table_bytes']:,} bytes in {len(plan.luts)}")
    for note in plan.notes:
        yield _line("note", note)


def _line(name: str, text: str) -> str:
    return f"{name:16} {text}"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"


def call_lines(plan: Plan) -> Iterator[str]:
    """Yield a line per call: its result, its function, and what it reads, with extents."""
    for name in plan.inputs:
        yield f"{_object(plan, name)} = input"
    for call in plan.calls:
        results, operands = _split(plan, call)
        text = f"{', '.join(results)} = {call.function}({', '.join(operands)})"
        yield f"{text}  # {call.op} {call.source}".rstrip()
    for name in plan.outputs:
        yield f"output {_object(plan, name)}"


def _split(plan: Plan, call: Call) -> tuple[list[str], list[str]]:
    from nnefx.openvx.functions import FUNCTIONS

    results: list[str] = []
    operands: list[str] = []
    for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
        (results if param.output else operands).append(_shown(plan, arg))
    return results, operands


def _shown(plan: Plan, arg: Arg) -> str:
    match arg:
        case Ref(name):
            return _object(plan, name)
        case Struct(_, fields):
            return ", ".join(f"{name}={_shown(plan, value)}" for name, value in fields)
        case _:
            value = getattr(arg, "value", getattr(arg, "name", "none"))
            return str(value).removeprefix("VX_")


def _object(plan: Plan, name: str) -> str:
    item = plan.objects[name]
    extents = "x".join(map(str, getattr(item, "dims", ())))
    if isinstance(item, View):
        return f"{name}[{extents}] of {item.parent}"
    text = f"{name}[{extents}]" if extents else name
    return f"{text} '{item.label}'" if isinstance(item, Tensor) and item.label else text
