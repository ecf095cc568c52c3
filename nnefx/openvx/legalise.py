"""The legalisation report: what every NNEF operation became, and what it costs."""

from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import Any

from nnefx.ir.graph import Graph, Node
from nnefx.openvx.functions import FUNCTIONS, Kind
from nnefx.openvx.plan import Call, Lut, Plan, Ref, Tensor

FORMAT_VERSION = 2


def legalisation(graph: Graph, plan: Plan) -> dict[str, Any]:
    """Return the report as what JSON can hold.

    `operations` has an entry for every operation of the graph that was lowered, in its order: the
    calls by function, or none where it was folded into its neighbours; `made` those that a pass put
    in the place of a composite or of several operations. Table and weight bytes count for the first
    that uses them.
    """
    calls: dict[str, list[Call]] = {}
    for call in plan.calls:
        calls.setdefault(call.source, []).append(call)
    seen: set[str] = set()
    known = {node.output.name for node in graph.nodes if list(node.values())}
    operations = [_entry(node, plan, calls, seen) for node in graph.nodes if list(node.values())]
    made = [
        {"result": source, "operation": part[0].op, **_cost(plan, source, part, seen)}
        for source, part in calls.items()
        if source not in known
    ]
    return {
        "format_version": FORMAT_VERSION,
        "profile": plan.profile,
        "nodes": len(plan.calls),
        "tensors": len(plan.tensors),
        "references": plan.references,
        "operations": operations,
        "made": made,
        "layers": [_finite(asdict(layer)) for layer in plan.report],
        "notes": list(plan.notes),
    }


def _entry(node: Node, plan: Plan, calls: dict[str, list[Call]], seen: set[str]) -> dict[str, Any]:
    names = [value.name for value in node.values()]
    part = [call for name in names for call in calls.get(name, [])]
    place = str(node.at) if node.at else ""
    entry = {"result": names[0], "operation": node.name, "at": place}
    return {**entry, **_cost(plan, names[0], part, seen)}


def _cost(plan: Plan, source: str, calls: list[Call], seen: set[str]) -> dict[str, Any]:
    became: dict[str, int] = {}
    for call in calls:
        became[call.function] = became.get(call.function, 0) + 1
    objects = [plan.objects[name] for name in _constants(plan, calls) if name not in seen]
    seen.update(item.name for item in objects)
    tables = sum(item.payload.nbytes for item in objects if isinstance(item, Lut))
    weights = sum(item.nbytes for item in objects if isinstance(item, Tensor))
    layers = [layer for layer in plan.report if layer.source == source]
    macs, needed = sum(x.macs for x in layers), sum(x.needed for x in layers)
    part = Plan(plan.name, plan.profile, (), (), (), calls=tuple(calls))
    return {
        "became": became,
        "class": _kind(calls),
        "nodes": len(calls),
        "references": part.references,
        "table_bytes": tables,
        "constant_bytes": weights,
        "macs": macs,
        "overhead": macs / needed if needed else None,
    }


def _constants(plan: Plan, calls: list[Call]) -> Iterator[str]:
    for call in calls:
        for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
            if not isinstance(arg, Ref):
                continue
            item = plan.objects[arg.name]
            if param.kind is Kind.LUT or (isinstance(item, Tensor) and item.payload is not None):
                yield arg.name


def _kind(calls: list[Call]) -> str:
    if not calls:
        return "folded"
    if len(calls) > 1:
        return "composite"
    return "lookup" if calls[0].function == "vxTensorTableLookupNode" else "direct"


def _finite(layer: dict[str, Any]) -> dict[str, Any]:
    """Replace infinite ratios by None: JSON cannot say them."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in layer.items()
    }
