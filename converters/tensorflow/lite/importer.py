"""The walk over the graphs of a TFLite file."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.arithmetic import activated
from nnefx.converters.tensorflow.importer import FAILED, Foreign, Importer
from nnefx.converters.tensorflow.lite.quantized import entry_of, is_quantized, real
from nnefx.converters.tensorflow.lite.schema import LiteFile, LiteGraph, LiteNode, LiteTensor
from nnefx.converters.tensorflow.lite.tables import rules
from nnefx.converters.tensorflow.names import common_scope, is_made_up
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.ops import Reject
from nnefx.source import FileAt, ModelAt

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

# Options about how an operator is computed, not what.
_NEUTRAL = {
    "quantized_bias_type", "pot_scale_int16", "asymmetric_quantize_inputs", "weights_format",
}  # fmt: skip

MAX_DEPTH = 16  # of graphs that call graphs


class LiteImporter(Importer):
    """The scope of TFLite rules, which can also run the other graphs of the file.

    Attributes:
        stored: the quantized tensors of the file by the names that their variables will get;
            a filter and its bias may share one.
        notes: what the user should know.
    """

    def __init__(self, file: LiteFile, path: str) -> None:
        super().__init__(file.graphs[0].name or "main", rules, path)
        self.file = file
        self.scope = common_scope(tensor.name for tensor in file.graphs[0].tensors)
        self.stored: dict[str, list[LiteTensor]] = {}
        self.node: LiteNode | None = None
        self.operands: list[LiteTensor | None] = []
        self.results: list[LiteTensor] = []
        self.users: dict[int, int] = {}
        self.depth = 0
        self.notes: list[Diagnostic] = []

    def run(self, graph: LiteGraph, inputs: Sequence[Any]) -> dict[int, Any]:
        """Import a graph; return what its tensors became, `FAILED` for what could not be."""
        env: dict[int, Any] = dict(zip(graph.inputs, inputs))
        outer = self.users
        self.users = _users(graph)
        for node in graph.nodes:
            self._node(node, graph, env)
        self.users = outer
        return env

    def called(self, index: int, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Import another graph of the file in place; return its outputs."""
        if not 0 <= index < len(self.file.graphs) or self.depth >= MAX_DEPTH:
            raise Reject(None, f"graph {index} cannot be called", "NX715")
        graph, site, node = self.file.graphs[index], self.site, self.node
        operands, results, count = self.operands, self.results, len(self.faults)
        self.depth += 1
        env = self.run(graph, inputs)
        self.depth -= 1
        self.site, self.node, self.operands, self.results = site, node, operands, results
        outputs = [self.fetched(index, graph, env) for index in graph.outputs]
        if any(item is FAILED for item in outputs) or len(self.faults) > count:
            raise Reject(None, f"graph '{graph.name}' cannot be imported", "NX715")
        return outputs

    def _node(self, node: LiteNode, graph: LiteGraph, env: dict[int, Any]) -> None:
        first = graph.tensors[node.outputs[0]].name if node.outputs else ""
        at = ModelAt(self.path, f"operator {node.index} ({node.kind}), output '{first}'")
        self.node = node
        self.operands = [graph.tensors[i] if i >= 0 else None for i in node.inputs]
        self.results = [graph.tensors[i] for i in node.outputs]
        unreadable = [
            item for item in (*self.operands, *self.results) if item and item.dtype is None
        ]
        options = {key: v for key, v in node.options.items() if key not in _NEUTRAL}
        fused = options.pop("fused_activation_function", 0) if not _states(node) else 0
        if unreadable and rules.find(node.kind, 1) is not None:
            item = unreadable[0]
            self.fault("NX704", f"tensor '{item.name}' is of type {item.type}", at)
            outputs: list[Any] = [FAILED] * len(node.outputs)
        else:
            try:
                inputs = [self.fetched(i, graph, env) if i >= 0 else None for i in node.inputs]
            except Reject as reject:
                self.fault(reject.code, reject.message, at)
                inputs = [FAILED]
            foreign = Foreign(node.kind, self.short(first), at, inputs, options, len(node.outputs))
            outputs = self.imported(foreign)
        for index, output in zip(node.outputs, outputs):
            try:
                done = output is FAILED
                env[index] = output if done else self._finished(output, graph.tensors[index], fused)
            except Reject as reject:
                self.fault(reject.code, reject.message, at)
                env[index] = FAILED

    def _finished(self, output: Tensor, target: LiteTensor, fused: int) -> Tensor:
        """Apply the fused activation; note the quantization and the name."""
        if fused:
            name = ACTIVATIONS[fused] if 0 < fused < len(ACTIVATIONS) else f"number {fused}"
            output = activated(self, output, name)
        quantized = is_quantized(target)
        dtype = np.dtype(np.float32) if quantized else target.dtype
        half = output.known and output.dtype == np.float16  # stored so; it is widened by who reads
        if dtype is not None and output.kind == _kind(dtype) and not half:
            output = self.typed(output, dtype)
        if quantized and not output.known:
            output = self._marked(output, target)
        return self.named(output, self.short(target.name))

    def _marked(self, output: Tensor, target: LiteTensor) -> Tensor:
        """Note how a value is quantized; one that is quantized otherwise already is copied."""
        entry, value = entry_of(target), self.value(output)
        known = self.entries.get(value)
        if known is None and value in self.site.made:
            self.entries[value] = entry
        elif known != entry:
            output = self.add("copy", output)
            self.entries[self.value(output)] = entry
        return output

    def fetched(self, index: int, graph: LiteGraph, env: dict[int, Any]) -> Any:
        """Return a tensor of the graph: computed, given, or stored."""
        if index not in env:
            item = graph.tensors[index]
            if item.data is None and not item.variable:
                if item.dtype is not None and 0 in item.shape:
                    env[index] = self.known(np.zeros(item.shape, item.dtype), item.name)
                    return env[index]
                raise Reject(None, f"tensor '{item.name}' has neither data nor a producer", "NX713")
            env[index] = self._loaded(item)
        return env[index]

    def _loaded(self, item: LiteTensor) -> Tensor:
        if item.dtype is None:
            raise Reject(None, f"tensor '{item.name}' is of type {item.type}", "NX704")
        if item.data is None:
            text = f"the state '{item.name}' begins with zeros in every run"
            self.notes.append(Diagnostic("NX734", text, FileAt(self.path), Severity.INFO))
            return self.known(np.zeros(item.shape, np.float32), item.name)
        name = self._stored_name(item)
        result = self.known(real(item) if is_quantized(item) else item.data, name)
        result.kept = result.dtype.kind == "f" and result.volume > 1
        if is_quantized(item):
            self.stored.setdefault(result.name, []).append(item)
        return result

    def _stored_name(self, item: LiteTensor) -> str:
        """Return the name of a stored tensor; that of its use where it says nothing of its own."""
        if self.node is None or not self.results:
            return self.short(item.name)
        same = self.short(item.name) == self.short(self.results[0].name)
        if not same and not is_made_up(item.name):
            return self.short(item.name)
        place = next((i for i, other in enumerate(self.operands) if other is item), 0)
        role = {1: "filter", 2: "bias"}.get(place, "constant")
        return f"{self.short(self.results[0].name)}/{role}"


def _states(node: LiteNode) -> bool:
    """Tell whether the activation is part of the operator itself."""
    return "LSTM" in node.kind or "RNN" in node.kind or node.kind == "SVDF"


def _kind(dtype: np.dtype[Any]) -> str:
    return {"i": "integer", "u": "integer", "b": "logical"}.get(dtype.kind, "scalar")


def _users(graph: LiteGraph) -> dict[int, int]:
    users: dict[int, int] = {}
    for node in graph.nodes:
        for index in node.inputs:
            users[index] = users.get(index, 0) + 1
    for index in graph.outputs:
        users[index] = users.get(index, 0) + 1
    return users
