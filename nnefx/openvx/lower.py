"""Graph -> Plan: the passes before, the choice of scales, and the walk over the rules."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Node, Value
from nnefx.openvx.check import check_plan
from nnefx.openvx.emit import Emitter, Origin
from nnefx.openvx.normalize import has_node
from nnefx.openvx.paths import visits
from nnefx.openvx.places import homes, matrices
from nnefx.openvx.plan import Plan, Role
from nnefx.openvx.profiles import Profile
from nnefx.openvx.profiles import profile as find_profile
from nnefx.openvx.regions import (
    POINTWISE,
    Region,
    Regions,
    find_regions,
    needed_range,
    tabulate,
)
from nnefx.openvx.rules import LOWERINGS, Const, UnsupportedError
from nnefx.openvx.scales import Scaling
from nnefx.openvx.state import expose
from nnefx.openvx.statement import region_statement, statement
from nnefx.openvx.storage import canonical
from nnefx.openvx.told import told
from nnefx.openvx.volumes import fold_depth
from nnefx.passes.constants import Constants
from nnefx.passes.dead import drop_dead
from nnefx.passes.expand import expand
from nnefx.passes.fold import fold
from nnefx.passes.fuse import fuse_affine
from nnefx.quantization.equalize import equalize as level_channels
from nnefx.quantization.observe import Clip, Observed, Samples, observe
from nnefx.tensors.model import Model

_FAMILIES = (
    "activate choose deconv elementwise layout linear normalize pool products reduce resample rois "
    "sampling window"
)
for _family in _FAMILIES.split():
    import_module(f"nnefx.openvx.{_family}")


def lower(
    model: Model,
    profile: str = "khr16",
    calibration: Samples | None = None,
    *,
    clip: Clip = "max",
    fine_scales: bool = False,
    logits: bool = False,
    equalize: bool = False,
) -> Plan:
    """Lower a model to a Plan for one target.

    Args:
        model: the model; all shapes are static in NNEF.
        profile: a name in `profiles.PROFILES`.
        calibration: inputs by name, or several of those, whose values choose the scales. What
            graph.quant speaks of has the range that it tells. Without either every scale is 1, and
            what leaves -128..128 saturates.
        clip: which magnitudes must be representable: all ("max"), all but one in ten thousand
            ("percentile"), or those that cost the least mean square error ("mse").
        fine_scales: allow scales between powers of two.
        logits: leave out a softmax that makes a network output.
        equalize: level the channels between layers first (see `equalize`).

    Raises:
        NnefError: NX6xx; all operations that the target cannot do are in one error.
    """
    target = find_profile(profile)
    model, states = expose(model)
    model = _prepared(model, target, logits)
    if equalize:
        model = level_channels(model)
    observed = observe(model, calibration, states) if calibration is not None else {}
    observed = told(model, observed)

    def attempt(target: Profile) -> Plan:
        return _Walk(model, target, observed, clip, fine_scales).plan(bool(observed))

    plan = _within_limits(target, attempt)
    plan = replace(plan, notes=(*plan.notes, *(state.note for state in states)))
    check_plan(plan)
    return plan


def _within_limits(target: Profile, attempt: Callable[[Profile], Plan]) -> Plan:
    """Return a plan that the target can hold: groups are joined in fewer nodes until one is."""
    while excess := _excess(plan := attempt(target), target):
        if all(layer.nodes == 1 for layer in plan.report):
            raise NnefError("NX605", f"plan: {excess}")
        target = replace(target, node_cost=2 * target.node_cost)
    return plan


def _excess(plan: Plan, target: Profile) -> str:
    """Return what of a plan is more than the target can hold, or nothing."""
    found, most = plan.references, target.max_references
    if most and found > most:
        return f"{found} references, '{target.name}' has {most}"
    found, most = visits(plan) if target.max_visits else 0, target.max_visits
    if found > most:
        return f"{found:.2g} steps to verify it, '{target.name}' takes {most} in reasonable time"
    return ""


def refused(model: Model, profile: str = "khr16") -> list[Node]:
    """Return the operations that keep a model from being lowered to a target, in order."""
    target = find_profile(profile)
    model, _ = expose(model)
    walk = _Walk(_prepared(model, target, logits=False), target, {}, "max", fine=False)
    return walk.refused()


def _prepared(model: Model, target: Profile, logits: bool) -> Model:
    graph = expand(model.graph, keep=partial(_keeps, target))
    graph = drop_dead(fold(graph))
    if logits:
        graph = drop_dead(_without_softmax(graph))
    return fold_depth(fuse_affine(replace(model, graph=graph)))


def _keeps(target: Profile, node: Node) -> bool:
    """Tell whether a composite is lowered as it is: by a rule, or as part of a table."""
    if node.name == "softmax" and len(node.attributes["axes"]) != 1:
        return False
    if node.name == "local_response_normalization":
        return has_node(target, node)
    if node.name in LOWERINGS:
        return True
    return (
        target.lut
        and node.name in POINTWISE
        and sum(value.volume > 1 for value in node.operands()) <= 1
    )


def _without_softmax(graph: Graph) -> Graph:
    outputs = []
    for value in graph.outputs:
        node = graph.producer[value]
        outputs.append(next(node.operands()) if node.name == "softmax" else value)
    return replace(graph, outputs=tuple(outputs))


class _Walk:
    """Lowers one prepared model."""

    def __init__(
        self,
        model: Model,
        profile: Profile,
        observed: Mapping[Value, Observed],
        clip: Clip,
        fine: bool,
    ) -> None:
        self.graph = model.graph
        self.profile = profile
        self.observed = observed
        self.constants = Constants(model)
        self.known = self.constants.nodes()
        self.regions = Regions({}, frozenset())
        if profile.lut:
            self.regions = find_regions(self.graph, self.constants)
        self.matrices = matrices(self.graph, self.constants, profile.matrix_node)
        limits = {value: found.limit(clip) for value, found in observed.items()}
        self.scaling = Scaling(profile, observed, {**limits, **self._saturating(limits)}, fine)

    def _emitter(self, calibrated: bool) -> Emitter:
        return Emitter(
            self.profile,
            self._scales(calibrated),
            frozenset(self.graph.outputs),
            self.matrices,
            homes(self.graph, self.constants, self.matrices),
            {value: found.smallest for value, found in self.observed.items()},
        )

    def refused(self) -> list[Node]:
        """Return the nodes that have a fault of their own."""
        g = self._emitter(calibrated=False)
        return [node for node in self.graph.nodes if list(self._lower(g, node))]

    def plan(self, calibrated: bool) -> Plan:
        """Choose scales, run the rules, and return the plan."""
        g = self._emitter(calibrated)
        faults = [fault for node in self.graph.nodes for fault in self._lower(g, node)]
        if faults:
            raise NnefError.of(faults)
        outputs = [self._output(g, value) for value in self.graph.outputs]
        notes = () if calibrated or self.profile.dtype == "float32" else (_UNCALIBRATED,)
        return Plan(
            self.graph.name,
            self.profile.name,
            tuple(g.slots[value].name for value in self.graph.inputs),
            tuple(outputs),
            tuple(g.tensors.values()),
            tuple(g.views.values()),
            tuple(g.luts.values()),
            tuple(g.scalars.values()),
            tuple(g.calls),
            tuple(g.report),
            notes,
        )

    def _input(self, g: Emitter, value: Value) -> None:
        dims, scale = g.stored_dims(value), g.scales.get(value, 1.0)
        g.slots[value] = g.tensor(value.name, dims, scale, Role.INPUT, value)

    def _output(self, g: Emitter, value: Value) -> str:
        """Return the tensor of a result; one that is an input as well gets a copy."""
        slot = g.slots[value]
        if slot.name in g.tensors and g.tensors[slot.name].role is Role.OUTPUT:
            return slot.name
        copied = g.tensor(f"{value.name}_output", slot.dims, slot.scale, Role.OUTPUT, value)
        g.origin = Origin("copy", value.name)
        g.copy(slot, copied)
        return copied.name

    # ---- Scales

    def _saturating(self, limits: Mapping[Value, float]) -> dict[Value, float]:
        """Return smaller limits for what only tables and rectifiers read."""
        readers: dict[Value, list[Region]] = {}
        for region in self.regions.by_result.values():
            readers.setdefault(region.source, []).append(region)
        found: dict[Value, float] = {}
        for source, regions in readers.items():
            users = self.graph.users.get(source, ())
            alone = all(id(user) in self.regions.absorbed for user in users)
            if alone and source not in self.graph.outputs and limits.get(source):
                found[source] = needed_range(regions, limits, self.constants)
        return found

    def _scales(self, calibrated: bool) -> dict[Value, float]:
        values = [v for v in self.graph.values.values() if v not in self.constants]
        if self.profile.dtype == "float32":
            return dict.fromkeys(values, 1.0)
        for value in values:
            if value.dtype == "integer":
                self.scaling.fix(value, 1 / 256)
            elif value.dtype != "scalar" or not calibrated:
                self.scaling.fix(value, 1.0)
        for node in self.graph.nodes:
            self._constrain(node)
        return self.scaling.solve(values)

    def _constrain(self, node: Node) -> None:
        if id(node) in self.known or node.name == "external":
            return
        region = self.regions.by_result.get(node.output) if list(node.values()) else None
        if region is not None:
            if self._is_relu(region):
                self.scaling.same(region.result, region.source)
            else:
                self.scaling.stored(region.result)
        elif id(node) not in self.regions.absorbed and node.name in LOWERINGS:
            operands = self._operands(node)
            with suppress(UnsupportedError):  # the rule says it again, where it is reported
                scales = LOWERINGS[node.name].scales
                scales(self.scaling, _result(node), *operands, **node.attributes)

    def _is_relu(self, region: Region) -> bool:
        return region.ops == ("relu",) and "RELU" in self.profile.activations

    # ---- Rules

    def _lower(self, g: Emitter, node: Node) -> Iterator[Diagnostic]:
        if id(node) in self.known:
            self._constant_outputs(g, node)
            return
        region = self.regions.by_result.get(node.output) if list(node.values()) else None
        if region is None and id(node) in self.regions.absorbed:
            return
        text = statement(node) if region is None else region_statement(region)
        g.origin = Origin(node.name, node.output.name, text, node.at)
        try:
            if node.name == "external":
                self._input(g, node.output)
            elif region is not None:
                self._lower_region(g, region)
            elif node.name in LOWERINGS:
                operands = self._operands(node)
                LOWERINGS[node.name].emit(g, _result(node), *operands, **node.attributes)
            else:
                raise UnsupportedError("no lowering to OpenVX", "NX602")
        except UnsupportedError as error:
            if error.code:
                message = f"{node.name}: '{node.output.name}': {error.message}"
                yield Diagnostic(error.code, message, node.at)

    def _lower_region(self, g: Emitter, region: Region) -> None:
        x, y = g.read(region.source), None
        if region.ops in (("copy",), ("cast",)):
            LOWERINGS["copy"].emit(g, region.result, region.source)
            return
        y = g.create(region.result)
        if self._is_relu(region):
            g.relu(x, y)
        else:
            g.lookup(x, y, lambda real: tabulate(region, real, self.constants))

    def _constant_outputs(self, g: Emitter, node: Node) -> None:
        for value in node.values():
            if value in g.outputs:
                array = self.constants.array(value)
                dims = canonical(value.shape)
                slot = g.const(value.name, dims, partial(_itself, array), 1.0)
                g.copy(slot, g.create(value))

    def _operands(self, node: Node) -> list[Any]:
        return [self._operand(item) for item in node.inputs.values()]

    def _operand(self, item: Any) -> Any:
        if isinstance(item, tuple):
            return tuple(map(self._operand, item))
        if not isinstance(item, Value):
            return Const((), lambda: np.asarray(item, np.float64))
        if item not in self.constants:
            return item
        label = self.constants.label(item)
        return Const(item.shape, lambda: self.constants.array(item), item.name, label)


_UNCALIBRATED = (
    "no calibration data (--calibrate): every scale is 1, values beyond 128 saturate and steps are "
    "1/256; expect a useless result unless the network was made for Q7.8"
)


def _itself(array: Any) -> Any:
    return array


def _result(node: Node) -> Any:
    return node.outputs[0] if len(node.outputs) == 1 else node.outputs
