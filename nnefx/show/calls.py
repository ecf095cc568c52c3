"""A picture of a lowered network: a box for each call of OpenVX, and for each part of a tensor.

Extents are OpenVX's, the innermost first. Constants and tables get no boxes of their own: calls
show those that they read, as operations do.
"""

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Node, Value
from nnefx.openvx import plan as vx
from nnefx.openvx.functions import FUNCTIONS, enum_family
from nnefx.openvx.shapes import arguments
from nnefx.ops.registry import Op
from nnefx.show.scene import Item, Level, Link, Picture, Weight
from nnefx.syntax.ast import Fragment

_FAMILIES = {
    "filter": "vxConvolutionLayer vxDeconvolutionLayer vxFullyConnectedLayer "
    "vxTensorMatrixMultiplyNode",
    "pool": "vxPoolingLayer vxROIPoolingLayer",
    "activation": "vxActivationLayer vxSoftmaxLayer vxTensorTableLookupNode",
    "norm": "vxLocalResponseNormalizationLayer",
    "layout": "vxTensorTransposeNode",
}
FAMILY = {name: family for family, names in _FAMILIES.items() for name in names.split()}
# How numbers are rounded and saturated says nothing in a summary.
_POLICIES = ("overflow", "rounding", "size_rounding")


def plan_picture(plan: vx.Plan) -> Picture:
    """Return the picture of a plan."""
    size = sum(t.payload.nbytes for t in plan.tensors if t.payload)
    facts = (
        f"{len(plan.calls):,} calls",
        f"profile {plan.profile}",
        f"{size:,} bytes of weights",
        f"{sum(lut.payload.nbytes for lut in plan.luts):,} bytes of tables",
    )
    return Picture(plan.name, _Collector(plan).level(), facts)


def plan_weights(plan: vx.Plan) -> dict[str, NDArray[Any]]:
    """Return what constants and tables store, by the labels of the picture."""
    labels = _labels(plan)
    arrays = {labels[t.name]: t.payload.read() for t in plan.tensors if t.payload}
    return arrays | {labels[lut.name]: lut.payload.read() for lut in plan.luts}


def _labels(plan: vx.Plan) -> dict[str, str]:
    """Return a label for each constant and table: the variable's where only one tensor has it."""
    known = Counter(tensor.label for tensor in plan.tensors)
    labels = {
        tensor.name: tensor.label if known[tensor.label] == 1 else tensor.name
        for tensor in plan.tensors
        if tensor.payload
    }
    return labels | {lut.name: lut.name for lut in plan.luts}


class _Collector:
    """Gathers the boxes in the order of execution, and links each to where its inputs come from."""

    def __init__(self, plan: vx.Plan) -> None:
        self.plan = plan
        self.labels = _labels(plan)
        self.items: list[Item] = []
        self.links: list[Link] = []
        self.values: dict[str, Value] = {}
        self.origin: dict[str, int] = {}  # of tensors and views that were written or drawn
        self.parts: dict[str, list[str]] = {}  # views of a tensor that were written

    def level(self) -> Level:
        """Return the whole picture."""
        for name in self.plan.inputs:
            self._add(Item("input", self._shown(name), "", "input"), (), name)
        for call in self.plan.calls:
            self._call(call)
        for name in self.plan.outputs:
            self._add(Item("output", self._shown(name), "", "output"), (("", name),), None)
        return Level(tuple(self.items), tuple(self.links))

    def _shown(self, name: str) -> str:
        return self.plan.tensor(name).source or name

    def _value(self, name: str) -> Value:
        if name not in self.values:
            item = self.plan.objects[name]
            dtype = item.dtype if isinstance(item, vx.Lut) else self.plan.tensor(name).dtype
            dims = (item.count,) if isinstance(item, vx.Lut) else self.plan.dims(name)
            self.values[name] = Value(name, dtype, dims)
        return self.values[name]

    def _add(self, item: Item, reads: tuple[tuple[str, str], ...], writes: str | None) -> None:
        """Add a box that reads and writes tensors and views by name."""
        sources = [self._source(name) for _, name in reads]
        target = len(self.items)
        self.links += [Link(source, 0, target, port) for port, source in enumerate(sources)]
        entering = tuple((param, self._value(name)) for param, name in reads)
        leaving = () if writes is None else (self._value(writes),)
        self.items.append(replace(item, inputs=entering, outputs=leaving))
        if writes is not None:
            self.origin[writes] = target

    def _source(self, name: str) -> int:
        """Return the box that `name` comes from; views and what they make up get boxes here."""
        item = self.plan.objects[name]
        if name in self.origin:
            return self.origin[name]
        if isinstance(item, vx.View):
            spans = zip(item.start, item.end, strict=True)
            box = " ".join(f"{start}:{end}" for start, end in spans)
            drawn = Item("op", "view", "", "layout", f"[{box}]")
            self._add(drawn, (("parent", item.parent),), name)
        elif parts := self.parts.get(name):
            tensor = self.plan.tensor(name)
            filled = f"filled {_fill(tensor):g}" if tensor.role is vx.Role.PREFILLED else ""
            self._add(
                Item("op", "views", "", "layout", filled), tuple(("", p) for p in parts), name
            )
        else:  # filled beforehand, or kept from the run before
            self._add(Item("weight", self._shown(name), "", "weight"), (), name)
        return self.origin[name]

    def _call(self, call: vx.Call) -> None:
        reads: list[tuple[str, str]] = []
        weights: list[Weight] = []
        writes = ""
        for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
            if not isinstance(arg, vx.Ref):
                continue
            item = self.plan.objects[arg.name]
            if param.output:
                writes = arg.name
            elif isinstance(item, vx.Lut) or (
                isinstance(item, vx.Tensor | vx.View) and self.plan.tensor(arg.name).payload
            ):
                owner = item.parent if isinstance(item, vx.View) else arg.name
                weights.append(Weight(param.name, self.labels[owner], self._value(arg.name)))
            elif not isinstance(item, vx.Scalar):
                reads.append((param.name, arg.name))
        attributes = _attributes(self.plan, call)
        node = Node(_op(call.function), {}, attributes, (self._value(writes),), at=call.at)
        drawn = Item(
            "op",
            call.function.removeprefix("vx"),
            call.source,
            FAMILY.get(call.function, "other"),
            _summary(call, weights, attributes),
            node=node,
            weights=tuple(weights),
        )
        self._add(drawn, tuple(reads), writes)
        written = self.plan.objects[writes]
        if isinstance(written, vx.View):
            self.parts.setdefault(written.parent, []).append(writes)
            self.origin.pop(written.parent, None)  # it is another from here on


def _fill(tensor: vx.Tensor) -> float:
    """Return the real number that a tensor starts with."""
    items = np.array([tensor.fill], np.int64).view(np.uint8)[: np.dtype(tensor.dtype).itemsize]
    return float(items.view(tensor.dtype)[0]) * tensor.unit


@cache
def _op(function: str) -> Op:
    return Op(Fragment(function, False, None, [], [], None, FUNCTIONS[function].kernel))


def _attributes(plan: vx.Plan, call: vx.Call) -> dict[str, Any]:
    """Return what a call is told beside tensors, and the NNEF statement that it is there for."""
    found: dict[str, Any] = {}
    for name, arg in arguments(call).items():
        if isinstance(arg, vx.Ref):
            item = plan.objects[arg.name]
            if isinstance(item, vx.Scalar):
                found[name] = item.value
        elif not isinstance(arg, vx.Null):
            found[name] = _literal(arg)
    if call.op:
        found["NNEF"] = call.text or call.op
    return found


def _literal(arg: vx.Arg) -> Any:
    match arg:
        case vx.Int(value) | vx.Float(value):
            return value
        case vx.Enum(name):
            return name.removeprefix("VX_")
        case _:
            raise TypeError(f"{arg} is no literal")


def _summary(call: vx.Call, weights: list[Weight], attributes: dict[str, Any]) -> str:
    """Return the extents of the weights, and what is not as usual."""
    parts = ["×".join(map(str, w.value.shape)) for w in weights if w.param == "weights"]
    for name, arg in arguments(call).items():
        if isinstance(arg, vx.Enum) and enum_family(arg.name) not in _POLICIES:
            parts.append(arg.name.rsplit("_", 1)[1].lower())
        elif name.endswith("_x"):
            pair = (attributes[name], attributes[f"{name[:-2]}_y"])
            if pair != (0, 0):
                parts.append(f"{name[:-2]} {pair[0]}×{pair[1]}")
        elif name.startswith("dimension"):
            parts.append(str(attributes[name]))
        elif isinstance(arg, vx.Ref) and name in attributes and attributes[name] != 1:
            parts.append(f"{name} {attributes[name]:g}")
    return "  ".join(parts[:3])
