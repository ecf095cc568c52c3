"""The walk over an ATen graph: every node by its rule, or by the decomposition of its operator."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, get_type_hints

import numpy as np
import torch
from torch import fx

from nnefx.converters.grids import Folded, Grid, fold_outputs
from nnefx.converters.pytorch.alias import Aliases
from nnefx.converters.pytorch.decompose import decomposed
from nnefx.converters.pytorch.place import Names, place
from nnefx.converters.pytorch.refused import BY_VALUES, reason
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex, array_of, numpy_type
from nnefx.converters.rules import Rule, brief
from nnefx.converters.scope import Scope, Site, Tensor
from nnefx.converters.stored import Stored
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Graph, Value
from nnefx.ops import Reject
from nnefx.ops.registry import Shape
from nnefx.source import At

MAX_DEPTH = 32  # of decompositions within decompositions

# Arguments that say where and how items lie in memory, which NNEF leaves open.
_IGNORED = frozenset(
    [
        "memory_format",
        "layout",
        "device",
        "pin_memory",
        "non_blocking",
        "copy",
        "generator",
        "enable_gqa_hint",
        "cudnn_enable",
        "cudnn_enabled",
        "momentum",
        "exact",
        "scale_grad_by_freq",
        "sparse",
        "implicit",
        "is_coalesced",
    ]
)
_NO_OPERATION = frozenset(
    [
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
        "_functional_assert_async",
    ]
)


class Failed:
    """Stands for the result of a node that could not be imported; what needs it is skipped."""


class Skip(Exception):
    """Raised where a node cannot be imported because of a fault that is listed already."""


class Absent:
    """Stands for a result that a rule does not make; what uses it is refused."""


FAILED: Final = Failed()
ABSENT: Final = Absent()
Env = dict[fx.Node, Any]


class Importer(Scope):
    """The scope of ATen rules.

    Attributes:
        faults: what could not be imported, all of it.
        values: what each node of the outermost graph became, by the node's name.
        paths: the module that each emitted node belongs to, as a path of calls.
        grids: of integers and of the reals that they stand for, where both are known.
        folded: what became of them.
        integers: stored integers, by the names of the tensors that their reals are called.
    """

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self.path = path
        self.faults: list[Diagnostic] = []
        self.values: dict[str, Any] = {}
        self.names = Names()
        self.depth = 0
        self.at: At | None = None
        self.metas: tuple[Any, ...] = ()
        self.stored: dict[Any, Tensor] = {}
        self.shared: set[int] = set()
        self.modules: dict[Any, tuple[tuple[str, str], ...]] = {}
        self.calls: tuple[tuple[str, str], ...] = ()
        self.grids: dict[Value, Grid] = {}
        self.folded = Folded()
        self.integers: dict[str, Stored] = {}
        self.label_names: dict[str, str] = {}

    def finish(self, outputs: Mapping[str, Tensor]) -> Graph:
        """Return the graph of what `outputs` need; pairs of integers and back are in `folded`."""
        self.folded = fold_outputs(self, self.grids, outputs)
        return super().finish(outputs)

    def _stored(self, tensor: Tensor) -> Value:
        value = super()._stored(tensor)
        label = self.builder.nodes[-1].attributes.get("label")
        if label is not None:
            self.label_names[label] = tensor.name
        return value

    # What a rule asks about its node

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the node's first result."""
        return numpy_type(self.metas[0].dtype)

    @property
    def shape(self) -> Shape:
        """The shape of the node's first result."""
        return tuple(map(int, self.metas[0].shape))

    # What a rule emits beside operations

    def number(self, item: Any, dtype: Any = None) -> Tensor:
        """Return a Python number as a known tensor of rank 0, of the node's type if not told."""
        return self.known(np.asarray(item).astype(dtype or self.dtype))

    def parameter(self, tensor: torch.Tensor, name: str, *, kept: bool) -> Tensor:
        """Return a stored tensor; the same memory read the same way is one tensor of the model."""
        key: Any = (
            tensor.untyped_storage().data_ptr(),
            tensor.storage_offset(),
            tuple(tensor.shape),
            tuple(tensor.stride()),
            tensor.dtype,
        )
        found = self.stored.get(key)
        if found is None or tensor.numel() == 0:
            found = self.known(array_of(tensor), name.replace(".", "/"))
            found.kept = kept and found.dtype.kind == "f"
            self.stored[key] = found
        return found

    def viewed(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """As in Scope; a weight with several users stays one, reshaped where it is used."""
        if id(tensor) in self.shared and tuple(shape) != tensor.shape:
            view = tensor.views.get(tuple(shape))
            if view is None:
                value = self.value(tensor)
                bare = Tensor(tensor.name, tensor.shape, tensor.dtype, value=value)
                view = tensor.views[tuple(shape)] = super().viewed(bare, shape)
            return view
        return super().viewed(tensor, shape)

    def variable_of(self, tensor: Tensor) -> Value:
        """Return a variable that holds a stored tensor, however small it is."""
        tensor.kept = True
        return self.value(tensor)

    # The walk

    def run(self, graph: fx.Graph, env: Env, holder: Any) -> list[Any]:
        """Import all nodes of a graph whose placeholders are in `env`; return its outputs."""
        aliases = Aliases(graph)
        results: list[Any] = []
        for node in graph.nodes:
            if node.op == "get_attr":
                env[node] = self._attribute(holder, str(node.target))
            elif node.op == "call_function":
                self._node(node, env, aliases)
            elif node.op == "output":
                found = _mapped(node.args[0], env)
                results = list(found) if isinstance(found, (list, tuple)) else [found]
        return results

    def _attribute(self, holder: Any, target: str) -> Any:
        found = holder
        for part in target.split("."):
            found = getattr(found, part)
        if isinstance(found, torch.Tensor):
            return self.parameter(
                found, target.strip("_"), kept=isinstance(found, torch.nn.Parameter)
            )
        return found

    def _node(self, node: fx.Node, env: Env, aliases: Aliases) -> None:
        outer = self.site, self.metas, self.at
        if self.depth == 0:
            self.at = place(node, self.path)
            self.calls = self.names.stack(node)
            self.site = Site(self.at, self.names.hint(node))
        before = len(self.builder.nodes)
        self.metas = _metas(node)
        try:
            result = self._result(node, env)
            env[node] = result
            aliases.mutate(node, env, result)
        except Skip:
            env[node] = FAILED
        except Reject as fault:
            if self.depth:  # the outermost node is the one that a reader knows
                raise
            self.faults.append(Diagnostic(fault.code, f"{_short(node)}: {fault.message}", self.at))
            env[node] = FAILED
        except NnefError as error:
            for item in error.diagnostics:
                self.faults.append(Diagnostic(item.code, item.message, item.at or self.at))
            env[node] = FAILED
        if self.depth == 0:
            for made in self.builder.nodes[before:]:
                self.modules[made] = self.calls
            if isinstance(env[node], Tensor):
                env[node] = self.named(env[node], self.names.result(node))
            self.values[node.name] = env[node]
        self.site, self.metas, self.at = outer

    def _result(self, node: fx.Node, env: Env) -> Any:
        target = node.target
        args, kwargs = _mapped(node.args, env), _mapped(node.kwargs, env)
        if any(item is FAILED for item in _leaves((args, kwargs))):
            if isinstance(target, torch._ops.OpOverload) and not self._is_known(target):
                self._unsupported(node)
            raise Skip
        if (
            any(item is ABSENT for item in _leaves((args, kwargs)))
            and target is not operator.getitem
        ):
            raise Reject(None, "a result that NNEF cannot compute is used", "NX701")
        if target is operator.getitem:
            return args[0][args[1]]
        if isinstance(target, torch._ops.HigherOrderOperator):
            return self._inlined(node, args)
        if not isinstance(target, torch._ops.OpOverload):
            return _plain_call(target, args, kwargs)
        if target._opname in _NO_OPERATION:
            return None
        rule = find(target)
        if rule is not None:
            return self._by_rule(rule, target, args, kwargs)
        return self._by_parts(node, target, args, kwargs)

    def _by_rule(
        self, rule: Rule, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        given = dict(zip((item.name for item in target._schema.arguments), args))
        given.update(kwargs)
        inputs = []
        attributes = {}
        for item in target._schema.arguments:
            default = item.default_value if item.has_default_value() else None
            value = given.get(item.name, default)
            if item.name in rule.inputs:
                inputs.append(value)
            elif item.name in rule.attributes:
                attributes[item.name] = value
            elif item.name in given and item.name not in _IGNORED and value != default:
                text = f"argument '{item.name}' = {brief(value)} is not handled"
                raise Reject(item.name, text, "NX702")
        _refuse_complex(rule, inputs)
        positional, keywords = rule.bind(inputs, attributes)
        result = rule.function(self, *positional, **keywords)
        return self._checked(result)

    def _checked(self, result: Any) -> Any:
        """Return the results in the types of the export; their shapes must be its shapes."""
        if isinstance(result, (list, tuple)):
            return [self._fitted(item, meta) for item, meta in zip(result, self.metas)]
        return self._fitted(result, self.metas[0]) if self.metas else result

    def _fitted(self, item: Any, meta: Any) -> Any:
        if not isinstance(meta, torch.Tensor) or not isinstance(item, (Tensor, Complex)):
            return item
        if tuple(item.shape) != tuple(meta.shape):
            text = f"its rule makes {list(item.shape)} of what is {list(meta.shape)}"
            raise Reject(None, text, "NX901")
        if isinstance(item, Complex):
            return item
        dtype = numpy_type(meta.dtype)
        if item.kind != ("logical" if dtype.kind == "b" else _KINDS[dtype.kind]):
            text = f"its rule makes {item.kind} of what is {meta.dtype}"
            raise Reject(None, text, "NX901")
        return self.typed(item, dtype)

    def _by_parts(
        self, node: fx.Node, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if why := reason(target):
            raise Reject(None, why, "NX717" if why in BY_VALUES else "NX701")
        module = decomposed(node) if self.depth < MAX_DEPTH else None
        if module is None:
            self._unsupported(node)
            raise Skip
        tensors = [item for item in _leaves((args, kwargs)) if isinstance(item, (Tensor, Complex))]
        holders = [item for item in module.graph.nodes if item.op == "placeholder"]
        env: Env = dict(zip(holders, tensors, strict=True))
        outer = self.metas
        self.depth += 1
        try:
            results = self.run(module.graph, env, module)
        finally:
            self.depth -= 1
            self.metas = outer
        if any(item is FAILED for item in results):
            raise Skip
        return results if len(self.metas) > 1 or _gives_list(target) else results[0]

    def _inlined(self, node: fx.Node, args: Sequence[Any]) -> Any:
        name = str(node.target)
        module = next((item for item in args if isinstance(item, fx.GraphModule)), None)
        if module is None or name in ("cond", "while_loop", "map_impl", "scan"):
            text = f"control flow that depends on data ({name}) is not supported"
            raise Reject(None, text, "NX717")
        operands = args[args.index(module) + 1 :]
        holders = [item for item in module.graph.nodes if item.op == "placeholder"]
        env: Env = dict(zip(holders, operands, strict=True))
        before = self.site, self.at, self.calls
        results = self.run(module.graph, env, module)
        self.site, self.at, self.calls = before
        return results

    def _is_known(self, target: Any) -> bool:
        return find(target) is not None or target._opname in _NO_OPERATION

    def _unsupported(self, node: fx.Node) -> None:
        text = f"operator {node.target} is not supported"
        self.faults.append(Diagnostic("NX701", text, self.at))


_KINDS = {"f": "scalar", "i": "integer", "u": "integer"}


def find(target: Any) -> Rule | None:
    """Return the rule of an operator: of its overload, or of all of them."""
    space, _, name = target._schema.name.partition("::")
    if space != "aten":
        name = f"{space}::{name}"
    if target._schema.is_mutable and name.endswith("_"):
        name = name[:-1]  # what it computes; that it does so in place is the walk's business
    return rules.find(f"{name}.{target._overloadname}", 1) or rules.find(name, 1)


def _refuse_complex(rule: Rule, inputs: Sequence[Any]) -> None:
    """Refuse complex tensors where a rule is declared for plain ones."""
    if not any(isinstance(item, Complex) for item in _leaves(list(inputs))):
        return
    hints = _hints(rule.function)
    for name, value in zip(rule.inputs, inputs):
        plain = hints.get(name) is Tensor or hints.get(name) == list[Tensor]
        if plain and any(isinstance(item, Complex) for item in _leaves([value])):
            raise Reject(name, f"'{name}' is complex, which is not supported here", "NX704")


@cache
def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    return get_type_hints(function)


def _plain_call(target: Any, args: Any, kwargs: Any) -> Any:
    """Compute with Python numbers, as graphs with symbolic extents do."""
    if any(isinstance(item, Tensor) for item in _leaves((args, kwargs))):
        raise Reject(None, f"'{getattr(target, '__name__', target)}' is no operator", "NX701")
    return target(*args, **kwargs)


def _mapped(item: Any, env: Env) -> Any:
    if isinstance(item, fx.Node):
        return env[item]
    if isinstance(item, (list, tuple)):
        return [_mapped(entry, env) for entry in item]
    if isinstance(item, dict):
        return {key: _mapped(entry, env) for key, entry in item.items()}
    if isinstance(item, slice):
        return slice(*(_mapped(entry, env) for entry in (item.start, item.stop, item.step)))
    if isinstance(item, torch.SymInt):
        return int(item)
    return item


def _leaves(item: Any) -> list[Any]:
    if isinstance(item, (list, tuple)):
        return [leaf for entry in item for leaf in _leaves(entry)]
    if isinstance(item, dict):
        return [leaf for entry in item.values() for leaf in _leaves(entry)]
    return [item]


def _metas(node: fx.Node) -> tuple[Any, ...]:
    value = node.meta.get("val")
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _gives_list(target: Any) -> bool:
    returns = target._schema.returns
    return len(returns) != 1 or str(returns[0].type).startswith("List")


def _short(node: fx.Node) -> str:
    return str(node.target)
