"""The walk over an ONNX graph: every node by its rule, or by the body of its function."""

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx

from nnefx.converters.grids import Folded, Grid, fold_outputs
from nnefx.converters.onnx.order import ordered, place
from nnefx.converters.onnx.proto import Store, attributes
from nnefx.converters.onnx.schema import (
    check_attributes,
    defaults_of,
    function_of,
    output_types,
    schema_of,
)
from nnefx.converters.rules import Rule, Rules, Unresolved
from nnefx.converters.scope import Scope, Site, Tensor, kind_of
from nnefx.converters.stored import Stored
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Value
from nnefx.ops import Reject
from nnefx.source import At, ModelAt

MAX_DEPTH = 64  # of functions that call functions

# What moves or picks items only, so that integers stay on their grid.
MOVING = frozenset({
    "Concat", "DepthToSpace", "Flatten", "Identity", "MaxPool", "Reshape", "Slice", "SpaceToDepth",
    "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip


class Failed:
    """Stands for the outputs of a node that could not be imported; what needs them is skipped."""


FAILED: Final = Failed()
Env = MutableMapping[str, Tensor | Failed | None]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the nodes of one graph or function body share."""

    opsets: Mapping[str, int]
    parent: At | None = None
    prefix: str = ""
    arguments: Mapping[str, onnx.AttributeProto] = field(default_factory=dict)
    depth: int = 0


class Importer(Scope):
    """The scope of ONNX rules, which can also run graphs that nodes hold."""

    def __init__(self, model: onnx.ModelProto, tables: Mapping[str, Rules], store: Store) -> None:
        super().__init__(model.graph.name)
        self.tables = tables
        self.store = store
        self.functions = {(item.domain, item.name): item for item in model.functions}
        self.faults: list[Diagnostic] = []
        self.stored_integers: dict[str, Stored] = {}
        self.label_names: dict[str, str] = {}
        self.grids: dict[Value, Grid] = {}
        self.folded = Folded()
        self.frame = Frame(opsets_of(model))
        self.env: Env = {}

    def run(self, nodes: Iterable[onnx.NodeProto], env: Env, frame: Frame) -> None:
        """Import nodes in order; `env` holds what they see and receives what they define."""
        outer = self.frame, self.env, self.site
        self.frame, self.env = frame, env
        listed = ordered(list(nodes), env, self.store.path)
        for node in listed:
            self._node(node, env, frame)
        self.frame, self.env, self.site = outer

    def graph(
        self, graph: onnx.GraphProto, inputs: Sequence[Tensor], prefix: str = ""
    ) -> list[Tensor]:
        """Import a graph that a node holds, in its surroundings; return its outputs.

        Raises Reject where one of them cannot be imported; its fault is listed already.
        """
        env: Env = ChainMap({}, self.env)
        for item, tensor in zip(graph.input, inputs, strict=True):
            env[item.name] = tensor
        for stored in graph.initializer:
            env[stored.name] = self.stored(stored)
        frame = Frame(
            self.frame.opsets,
            self.site.at,
            f"{prefix}/" if prefix else self.frame.prefix,
            self.frame.arguments,
            self.frame.depth + 1,
        )
        self.run(graph.node, env, frame)
        return [self.fetched(env, item.name) for item in graph.output]

    def _stored(self, tensor: Tensor) -> Value:
        value = super()._stored(tensor)
        label = self.builder.nodes[-1].attributes.get("label")
        if label is not None:
            self.label_names[label] = tensor.name
        return value

    def finish(self, outputs: Mapping[str, Tensor]) -> Graph:
        """Return the graph of what `outputs` need; pairs of integers and back are in `folded`."""
        self.folded = fold_outputs(self, self.grids, outputs)
        return super().finish(outputs)

    def stored(self, tensor: onnx.TensorProto) -> Tensor:
        """Return an initializer as a known tensor."""
        result = self.known(self.store.array(tensor), tensor.name)
        result.kept = result.dtype.kind not in "iub" and result.volume > 1
        return result

    def fetched(self, env: Env, name: str) -> Tensor:
        """Return the tensor of that name; raise `Skip` where its node failed."""
        tensor = env.get(name)
        if isinstance(tensor, Failed):
            raise Skip
        if tensor is None:
            raise Reject(None, f"output '{name}' is not computed by any node", "NX713")
        return tensor

    def _node(self, node: onnx.NodeProto, env: Env, frame: Frame) -> None:
        node = substituted(node, frame.arguments)
        at = self._place(node, frame)
        hint = frame.prefix + next(filter(None, node.output), node.name)
        wanted = tuple(map(bool, node.output))
        self.site = Site(at, hint, self._version(node, frame), wanted, repeated=frame.depth > 0)
        try:
            outputs = self._outputs(node, env, frame)
            if len(outputs) < len(wanted):
                text = f"{len(wanted)} outputs, {len(outputs)} are known"
                raise Reject(None, text, "NX703")
            for name, tensor in zip(node.output, outputs):
                if name and tensor is not None:
                    env[name] = self.named(tensor, frame.prefix + name)
            return
        except Unresolved as fault:
            self._fault(fault.code, f"{fault.message}{self._sources(fault.tensor)}", at)
        except Skip:
            pass
        except Reject as fault:
            self._fault(fault.code, fault.message, at)
        except NnefError as error:
            for item in error.diagnostics:
                self.faults.append(Diagnostic(item.code, item.message, item.at or at))
        env.update((name, FAILED) for name in node.output if name)

    def _sources(self, tensor: Tensor) -> str:
        names = [f"input '{name}'" for name in self.sources(tensor)]
        return f", from {' and '.join(names)}" if names else ""

    def _fault(self, code: str, message: str, at: At) -> None:
        self.faults.append(Diagnostic(code, message, at))

    def _place(self, node: onnx.NodeProto, frame: Frame) -> At:
        at = place(node, self.store.path)
        if isinstance(frame.parent, ModelAt) and isinstance(at, ModelAt):
            return ModelAt(at.path, f"{frame.parent.label}, {at.label}")
        return at

    def _version(self, node: onnx.NodeProto, frame: Frame) -> int:
        return frame.opsets.get(node.domain if node.domain != "ai.onnx" else "", 0)

    def _outputs(self, node: onnx.NodeProto, env: Env, frame: Frame) -> Sequence[Tensor | None]:
        version, domain = self.site.version, "" if node.domain == "ai.onnx" else node.domain
        function = self.functions.get((domain, node.op_type))
        table = self.tables.get(domain)
        rule = table.find(node.op_type, version) if table and function is None else None
        schema = schema_of(node.op_type, version, domain) if function is None else None
        inputs = [self._input(env, name) for name in node.input]
        if any(isinstance(item, Failed) for item in inputs):
            if rule is None and function is None and not (schema and _has_function(schema)):
                self._unknown(node, version)
            raise Skip
        tensors = [item for item in inputs if not isinstance(item, Failed)]
        if schema is not None:
            check_attributes(schema, node)
        values = attributes(node, self.store)
        if rule is not None:
            grid = self._moved_grid(node, tensors)
            if grid is not None:
                return self._on_grid(rule, tensors, values, grid)
            outputs = self._by_rule(rule, tensors, values)
            return self._typed(outputs, schema, tensors)
        defaults: list[onnx.AttributeProto] = []
        if function is None and schema is not None:
            function = function_of(schema, node, version, tensors)
            defaults = defaults_of(schema)
        if function is None:
            self._unknown(node, version)
            raise Skip
        return self._by_function(function, node, tensors, frame, defaults)

    def _unknown(self, node: onnx.NodeProto, version: int) -> None:
        known = version > 0 and schema_of(node.op_type, version, node.domain) is not None
        kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        text = f"operator {kind} of version {version} is not supported"
        if not known:
            text = f"operator {kind} is unknown in version {version} of its domain"
        self._fault("NX701", text, self._place(node, self.frame))

    def _input(self, env: Env, name: str) -> Tensor | Failed | None:
        if not name:
            return None
        if name not in env:
            raise Reject(None, f"input '{name}' is not defined by anything", "NX713")
        return env[name]

    def _by_rule(
        self, rule: Rule, inputs: Sequence[Tensor | None], values: Mapping[str, Any]
    ) -> list[Tensor]:
        positional, keywords = rule.bind(inputs, values)
        result = rule.function(self, *positional, **keywords)
        return list(result) if isinstance(result, (list, tuple)) else [result]

    def _moved_grid(self, node: onnx.NodeProto, tensors: Sequence[Tensor | None]) -> Grid | None:
        """Return the grid of integers that a node only moves, None for another node."""
        first = tensors[0] if tensors else None
        if node.op_type not in MOVING or first is None or first.kind != "integer":
            return None
        grid = self.grids.get(first.value) if first.value is not None else None
        if grid is None or grid.scale.size != 1:
            return None
        others = tensors[1:] if node.op_type == "Concat" else []
        found = [self.grids.get(t.value) if t and t.value is not None else None for t in others]
        return grid if all(item is not None and item.same(grid) for item in found) else None

    def _on_grid(
        self, rule: Rule, tensors: Sequence[Tensor | None], values: Mapping[str, Any], grid: Grid
    ) -> list[Tensor]:
        """Move the reals that integers stand for: they are on the same grid afterwards."""
        from nnefx.converters.onnx.quantize import dequantize_linear, quantized

        scale, zero = self.known(grid.scale.reshape(())), self.known(grid.zero.reshape(()))
        zero = self.typed(zero, grid.dtype)
        reals = [
            dequantize_linear(self, item, scale, zero)
            if item is not None and item.value is not None and item.value in self.grids
            else item
            for item in tensors
        ]
        outputs = self._by_rule(rule, reals, values)
        return [quantized(self, item, scale, zero, grid.dtype) for item in outputs]

    def _typed(
        self, outputs: list[Tensor], schema: Any, inputs: Sequence[Tensor | None]
    ) -> Sequence[Tensor]:
        if schema is None:
            return outputs
        types = output_types(schema, inputs, len(outputs))
        return [
            self.typed(tensor, dtype)
            if dtype is not None and tensor.kind == kind_of(dtype)
            else tensor
            for tensor, dtype in zip(outputs, types)
        ]

    def _by_function(
        self,
        function: onnx.FunctionProto,
        node: onnx.NodeProto,
        inputs: Sequence[Tensor | None],
        frame: Frame,
        defaults: Iterable[onnx.AttributeProto] = (),
    ) -> list[Tensor | None]:
        if frame.depth >= MAX_DEPTH:
            raise Reject(None, f"functions are nested deeper than {MAX_DEPTH}", "NX715")
        env: Env = dict.fromkeys(function.input)
        env.update(zip(function.input, inputs))
        arguments = {item.name: item for item in (*defaults, *function.attribute_proto)}
        arguments.update((item.name, item) for item in node.attribute)
        opsets = {**frame.opsets, **{item.domain: item.version for item in function.opset_import}}
        inner = Frame(opsets, self.site.at, f"{self.site.hint}/", arguments, frame.depth + 1)
        self.run(function.node, env, inner)
        return [
            self.fetched(env, name) if wanted else None
            for name, wanted in zip(function.output, node.output)
        ]


class Skip(Exception):
    """Raised where a node cannot be imported because of a fault that is listed already."""


def opsets_of(model: onnx.ModelProto) -> dict[str, int]:
    """Return the versions of the operator sets by domain; files before IR version 3 have none."""
    opsets = {"" if i.domain == "ai.onnx" else i.domain: i.version for i in model.opset_import}
    return opsets or {"": 1}


def substituted(
    node: onnx.NodeProto, arguments: Mapping[str, onnx.AttributeProto]
) -> onnx.NodeProto:
    """Return the node with references to attributes of its function replaced by their values."""
    if not any(item.ref_attr_name for item in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for item in node.attribute:
        if not item.ref_attr_name:
            copy.attribute.add().CopyFrom(item)
        elif item.ref_attr_name in arguments:
            added = copy.attribute.add()
            added.CopyFrom(arguments[item.ref_attr_name])
            added.name = item.name
    return copy


def _has_function(schema: Any) -> bool:
    return bool(schema.has_function or schema.has_context_dependent_function)


def fixed(value: Any, name: str, dtype: np.dtype[Any], path: str) -> np.ndarray[Any, Any]:
    """Return a value that the user fixes for an input, in the input's own type."""
    array = np.asarray(value)
    if array.dtype != dtype and array.dtype.kind not in "iufb":
        at = ModelAt(path, f"input '{name}'")
        raise NnefError("NX704", f"{array.dtype} cannot become {dtype}", at)
    return array.astype(dtype)
