"""The walk over a frozen graph: node by node, through calls, branches and loops."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnefx.converters.rules import Rule
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.graph.nodes import (
    Ref,
    Region,
    attributes_of,
    body_of,
    inputs_of,
    types_of,
)
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.converters.tensorflow.importer import FAILED, Foreign, Importer
from nnefx.converters.tensorflow.names import common_scope
from nnefx.ops import Reject
from nnefx.source import ModelAt

MAX_STEPS = 4096
MAX_DEPTH = 64


class Dead:
    """Stands for what a branch that is not taken would compute."""


DEAD = Dead()


@dataclass(eq=False, slots=True)
class Frame:
    """Where nodes are evaluated: a region, and in a loop of TensorFlow 1 one turn of it."""

    region: Region
    at: str = ""
    outer: "Frame | None" = None
    turn: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    loops: dict[str, list["Frame"]] = field(default_factory=dict)


Key = tuple[Frame, str]

# Attributes that say how, where or for whom a node is computed, not what.
_NEUTRAL = {
    "use_cudnn_on_gpu", "validate_shape", "parallel_iterations", "swap_memory", "grad_a", "grad_b",
    "output_shapes", "config", "config_proto", "executor_type", "message", "validate_indices",
    "use_locking", "half_to_float", "incompatible_shape_error", "num_lower_diags", "Truncate",
    "grad_x", "grad_y", "use_inter_op_parallelism",
}  # fmt: skip


class GraphImporter(Importer):
    """The scope of TensorFlow rules, which can also run functions that nodes call."""

    def __init__(self, graph: Any, path: str) -> None:
        super().__init__("main", rules, path)
        self.functions = {item.signature.name: item for item in graph.library.function}
        self.scope = common_scope(node.name for node in graph.node)
        self.bodies: dict[str, Region] = {}
        self.depth = 0
        self.kind = ""

    def run(self, frame: Frame, wanted: Sequence[Ref]) -> list[Any]:
        """Return tensors of a frame, after importing what they need; without recursion."""
        pending: list[Key] = [(frame, name) for name, _ in reversed(wanted)]
        waiting: set[Key] = set()
        while pending:
            where, name = pending[-1]
            if name in where.values:
                pending.pop()
                continue
            node = self._find(where, name)
            missing = [(w, n) for w, n in self._needs(where, node) if n not in w.values]
            if not missing:
                pending.pop()
                where.values[name] = self._evaluated(where, node)
            elif (where, name) in waiting and any(key in waiting for key in missing):
                raise Reject(None, f"node '{name}' needs its own output", "NX714")
            else:
                waiting.add((where, name))
                pending += missing
        return [picked(frame.values[name], index) for name, index in wanted]

    def called(self, function: str, inputs: Sequence[Any]) -> list[Any]:
        """Import the body of a function in place; return its results."""
        if function not in self.functions:
            raise Reject(None, f"function '{function}' is not in the file", "NX713")
        if self.depth >= MAX_DEPTH:
            raise Reject(None, f"functions are nested deeper than {MAX_DEPTH}", "NX715")
        if function not in self.bodies:
            self.bodies[function] = body_of(self.functions[function])
        body = self.bodies[function]
        site, kind, count = self.site, self.kind, len(self.faults)
        frame = Frame(body, site.hint)
        frame.values.update(zip(body.arguments, ([item] for item in inputs), strict=True))
        self.depth += 1
        results = self.run(frame, body.results)
        self.depth -= 1
        self.site, self.kind = site, kind
        if any(item is FAILED for item in results) or len(self.faults) > count:
            raise Reject(None, f"function '{function}' cannot be imported", "NX715")
        return results

    def _find(self, frame: Frame, name: str) -> Any:
        node = frame.region.nodes.get(name)
        if node is None:
            raise Reject(None, f"node '{name}' is not in the graph", "NX713")
        return node

    def _needs(self, frame: Frame, node: Any) -> list[Key]:
        """Return what has to be evaluated before a node, as far as is known by now."""
        inputs = inputs_of(node)
        if node.op in ("Enter", "RefEnter"):
            assert frame.outer is not None
            return [(frame.outer, name) for name, _ in inputs]
        if node.op == "Exit":
            return self._needs_of_exit(frame, node)
        if node.op == "Merge" and (back := self._back_edge(frame, node)) is not None:
            entry = next(name for name, _ in inputs if name != back)
            if frame.turn == 0:
                return [(frame, entry)]
            assert frame.outer is not None
            before = frame.outer.loops[frame.at][frame.turn - 1]
            return [(before, inputs_of(self._find(frame, back))[0][0])]
        return [(frame, name) for name, _ in inputs]

    def _back_edge(self, frame: Frame, merge: Any) -> str | None:
        for name, _ in inputs_of(merge):
            if self._find(frame, name).op == "NextIteration":
                return name
        return None

    def _needs_of_exit(self, frame: Frame, node: Any) -> list[Key]:
        """Turn after turn: the condition, until it is false; then what the loop carries out."""
        switch = self._find(frame, inputs_of(node)[0][0])
        data, condition = inputs_of(switch)
        turns = frame.loops.setdefault(condition[0], [Frame(frame.region, condition[0], frame, 0)])
        while True:
            last = turns[-1]
            if condition[0] not in last.values:
                return [(last, condition[0])]
            value = picked(last.values[condition[0]], condition[1])
            if not isinstance(value, Tensor) or value.array is None or not value.array.all():
                return [(last, data[0])]
            if len(turns) > MAX_STEPS:
                raise Reject(None, f"the loop runs more than {MAX_STEPS} times", "NX715")
            turns.append(Frame(frame.region, condition[0], frame, len(turns)))

    def _evaluated(self, frame: Frame, node: Any) -> Any:
        """Return the outputs of a node whose needs are met."""
        at = ModelAt(self.path, f"node '{node.name}' ({node.op})")
        if node.op == "Exit":
            return self._left(frame, node, at)
        keys = self._needs(frame, node)
        if node.op in ("Enter", "RefEnter", "Merge") and len(keys) == 1:
            where, name = keys[0]
            index = self._index(frame, node, name)
            return [picked(where.values[name], index)]
        inputs = [picked(frame.values[name], index) for name, index in inputs_of(node)]
        if node.op == "Merge":
            alive = [i for i, item in enumerate(inputs) if item is not DEAD]
            if not alive:
                return [DEAD, DEAD]
            if len(alive) > 1:
                self.fault("NX705", "which branch is taken is only known when the model runs", at)
                return FAILED
            return [inputs[alive[0]], self.known(np.int32(alive[0]))]
        if any(item is DEAD for item in inputs):
            return DEAD
        if any(item is FAILED for item in inputs):
            if node.op != "Switch" and rules.find(node.op, 1) is None:
                self.fault("NX701", f"operator {node.op} is not supported", at)
            return FAILED
        if node.op == "Switch":
            return self._switched(inputs)
        return self._by_rule(frame, node, inputs, at)

    def _index(self, frame: Frame, node: Any, name: str) -> int:
        sources = inputs_of(node)
        if node.op == "Merge" and frame.turn > 0:
            back = self._back_edge(frame, node)
            assert back is not None
            sources = inputs_of(self._find(frame, back))
        return next(index for source, index in sources if source == name)

    def _left(self, frame: Frame, node: Any, at: ModelAt) -> Any:
        data, condition = inputs_of(self._find(frame, inputs_of(node)[0][0]))
        last = frame.loops[condition[0]][-1]
        value = picked(last.values[condition[0]], condition[1])
        if isinstance(value, Tensor) and value.array is None:
            self.fault("NX705", "how often the loop runs is only known when the model runs", at)
            return FAILED
        return [picked(last.values[data[0]], data[1])]

    def _switched(self, inputs: Sequence[Any]) -> Any:
        data, condition = inputs
        if condition.array is None:
            # the merge behind, or the exit of the loop, says that this cannot be
            return [data, data]
        return [DEAD, data] if condition.array.all() else [data, DEAD]

    def _by_rule(self, frame: Frame, node: Any, inputs: Sequence[Any], at: ModelAt) -> Any:
        from nnefx.converters.tensorflow.graph.random import Uniform, certain

        self.kind = node.op
        if any(isinstance(item, Uniform) for item in inputs):
            try:
                return [certain(self, node.op, list(inputs))]
            except Reject as reject:
                self.fault(reject.code, reject.message, at)
                return FAILED
        rule = rules.find(node.op, 1)
        attributes = {} if rule is None else _handled(node, rule)
        name = node.name if not frame.at else f"{frame.at}/{node.name}"
        foreign = Foreign(node.op, self.short(name), at, inputs, attributes, 1)
        outputs = self.imported(foreign)
        if not outputs or outputs[0] is FAILED:
            return FAILED
        return [
            self.named(item, self.short(name) if index == 0 else f"{self.short(name)}_{index}")
            if isinstance(item, Tensor) and node.op not in ("Identity", "Const")
            else item
            for index, item in enumerate(outputs)
        ]


def _handled(node: Any, rule: Rule) -> dict[str, Any]:
    """Return the attributes that matter: without types that the rule does not ask for."""
    skipped = (types_of(node) | _NEUTRAL) - rule.attributes
    return {name: value for name, value in attributes_of(node).items() if name not in skipped}


def picked(values: Any, index: int) -> Any:
    """Return one output of a node; nodes that failed or are dead have no others."""
    if values is FAILED or values is DEAD:
        return values
    if index >= len(values):
        raise Reject(None, f"output {index} of a node is not there, it has {len(values)}", "NX713")
    return values[index]
