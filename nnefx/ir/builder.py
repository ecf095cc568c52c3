"""The one door into the graph: invocations are bound, type-checked and given their shapes here."""

from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnefx import types
from nnefx.diagnostics import NnefError
from nnefx.ir import scoped
from nnefx.ir.binding import Generic, Mismatch, checker
from nnefx.ir.graph import UNKNOWN, Graph, Input, Node, Output, Unknown, Value, flat_values
from nnefx.ops import Op, Reject, custom_rules, standard_ops
from nnefx.ops.registry import MAX_EXTENT, Shape, bind
from nnefx.source import At, Source
from nnefx.syntax.ast import Fragment
from nnefx.types import Array, Tensor

Names = str | Sequence["Names"] | None


@dataclass(slots=True)
class Budget:
    """How much a document may still expand to, shared by a builder and those of its bodies."""

    items: int = 1 << 62


class Builder:
    """Makes a `Graph`, one invocation at a time.

    Args:
        name: the name of the graph.
        ops: operations that the document declares itself.
        parent: the builder of the caller, where this one makes the body of a fragment.

    `builder.conv(x, w, stride=[2, 2])` is short for `builder.add("conv", x, w, stride=[2, 2])`.
    """

    def __init__(
        self,
        name: str = "main",
        ops: Mapping[str, Op] | None = None,
        parent: "Builder | None" = None,
    ) -> None:
        self.name = name
        self.own: dict[str, Op] = parent.own if parent else dict(ops or {})
        self.ops: Mapping[str, Op] = (
            parent.ops if parent else ChainMap(self.own, dict(standard_ops()))
        )
        self.instances: dict[Any, Graph | NnefError | None] = parent.instances if parent else {}
        self.budget: Budget = parent.budget if parent else Budget()
        self.depth: int = parent.depth + 1 if parent else 0
        # Fragments with variables of their own, what they are lifted to, and how calls are named.
        self.scoped: frozenset[str] = parent.scoped if parent else frozenset()
        self.lifted: dict[str, Op] = parent.lifted if parent else {}
        self.statement: str = ""
        self.calls: Counter[tuple[str, str]] = Counter()
        self.brought: set[Value] = set()
        self.nodes: list[Node] = []
        self.taken: set[str] = set()
        self.numbers: dict[str, int] = {}  # the last number behind each hint; those below are taken

    def __getattr__(self, op: str) -> Callable[..., Any]:
        if op.startswith("_"):
            raise AttributeError(op)

        def invoke(*args: Any, **kwargs: Any) -> Any:
            return self.add(op, *args, **kwargs)

        return invoke

    def declare(self, fragment: Fragment, source: Source | None = None) -> Op:
        """Add an operation that the document declares itself; known custom ones get our rules."""
        rules = custom_rules(fragment.name) if fragment.body is None else None
        op = bind(fragment, rules, source) if rules else Op(fragment, source=source)
        self.own[fragment.name] = op
        return op

    def declare_text(self, text: str, name: str = "fragments") -> None:
        """Add the fragments of an NNEF text."""
        from nnefx.syntax.parser import parse_fragments

        source = Source(name, text)
        for fragment in parse_fragments(source):
            if fragment.name not in self.ops:
                self.declare(fragment, source)

    def add(
        self,
        op: str,
        /,
        *args: Any,
        at: At | None = None,
        dtype: str | None = None,
        name: Names = None,
        **kwargs: Any,
    ) -> Any:
        """Add an invocation and return its result: a Value, a list of them, or a tuple of results.

        `name` gives the results their names, in the structure of the results; names that are
        taken, or missing, are made up. Raises NnefError NX2xx or NX3xx at `at`.
        """
        try:
            return self.invoke(op, args, kwargs, dtype, self._fresh_names(name), at)
        except Reject as reject:
            raise NnefError(reject.code, reject.message, at) from None

    def invoke(
        self,
        op_name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        dtype: str | None = None,
        names: Names = None,
        at: At | None = None,
    ) -> Any:
        """Do the work of `add`; faults are raised as `Reject`, which knows the parameter.

        Names that are given are used as they are.
        """
        op = self.ops.get(op_name)
        if op is None:
            raise Reject(None, unknown_operation(op_name, self.ops), "NX201")
        generic: Generic = [None]
        inputs, attributes = _bind(op, args, kwargs, dtype, generic)
        bound = generic[0]
        if op.signature.generic and bound is None:
            if not _has_unknown(inputs.values()):
                raise Reject(None, f"{op.name}: its data-type cannot be deduced", "NX205")
            bound = types.GENERIC  # of a value that an earlier fault left unknown
        body: Graph | None = None
        if op.shape is None:
            shapes, body = self._instance(op, inputs, attributes, bound)
        else:
            shapes = _infer(op, inputs, attributes, bound)
        if names is None and op.name == "variable":
            names = self.fresh(scoped.identifier(attributes["label"]))
        outputs = self._outputs(op, shapes, bound, names)
        if body is not None and body.scope is not None:
            inputs, attributes, bound = scoped.bring(self, op, body.scope, inputs, names), {}, None
            op = body.scope.op
        self.nodes.append(Node(op, inputs, attributes, outputs, bound, at, body))
        results = [list(item) if type(item) is tuple else item for item in outputs]
        return results[0] if len(results) == 1 else tuple(results)

    def fresh(self, hint: str) -> str:
        """Return an identifier that is not taken: `hint`, or `hint` with a number."""
        name, count = hint, self.numbers.get(hint, 1)
        while name in self.taken:
            count += 1
            name = f"{hint}{count}" if not hint[-1:].isdigit() else f"{hint}_{count}"
        self.numbers[hint] = count
        self.taken.add(name)
        return name

    def _fresh_names(self, names: Names) -> Names:
        if names is None:
            return None
        return self.fresh(names) if isinstance(names, str) else list(map(self._fresh_names, names))

    def reserve(self, names: Iterable[str]) -> None:
        """Keep `names` from being made up for other values."""
        self.taken.update(names)

    def finish(
        self,
        outputs: Iterable[Value],
        inputs: Iterable[Value] | None = None,
        results: tuple[Output, ...] = (),
        extensions: tuple[str, ...] = (),
    ) -> Graph:
        """Return the graph; its inputs are the externals in order unless they are given."""
        if inputs is None:
            inputs = [node.output for node in self.nodes if node.op.name == "external"]
        return Graph(
            self.name,
            tuple(inputs),
            tuple(outputs),
            tuple(self.nodes),
            {name: op for name, op in self.own.items() if name not in self.lifted} | self.lifted,
            extensions,
            results,
        )

    def poisoned(self, name: str, dtype: str = types.GENERIC) -> Value:
        """Return a value of unknown shape, which silences what follows from one fault."""
        self.taken.add(name)
        return Value(name, dtype, UNKNOWN)

    def _instance(
        self, op: Op, inputs: dict[str, Input], attributes: dict[str, Any], dtype: str | None
    ) -> "tuple[list[Any], Graph | None]":
        count = len(op.signature.results)
        if op.signature.body is None or _has_unknown(inputs.values()):
            return [UNKNOWN] * count, None
        key = (op, _key(inputs.values()), _key(attributes.values()), dtype)
        graph = self.instances.get(key)
        if graph is None:
            if key in self.instances:  # it is being made: this is a call from within itself
                message = f"fragment '{op.name}' calls itself with the same arguments, without end"
                raise Reject(None, message, "NX210")
            graph = self._instantiate(key, op, inputs, attributes, dtype)
        if isinstance(graph, NnefError):
            raise graph
        return [_shapes_of(result) for result in graph.results], graph

    def _instantiate(
        self,
        key: Any,
        op: Op,
        inputs: dict[str, Input],
        attributes: dict[str, Any],
        dtype: str | None,
    ) -> Graph:
        from nnefx.ir.evaluate import instantiate

        self.instances[key] = None
        try:
            graph = instantiate(self, op, inputs, attributes, dtype)
        except NnefError as error:  # kept, so that the fault is not looked for again
            self.instances[key] = error
            raise
        except BaseException:
            del self.instances[key]
            raise
        self.instances[key] = graph
        return graph

    def rejections(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], dtype: str | None
    ) -> list[Reject]:
        """Return every fault of an invocation's arguments; none where only shapes are at fault."""
        op = self.ops.get(name)
        if op is None or len(args) > len(op.tensors):
            return []
        generic: Generic = [dtype or op.signature.generic_default]
        given = {param.name: value for param, value in zip(op.tensors, args)} | dict(kwargs)
        found: list[Reject] = []
        for param in op.signature.params:
            try:
                if param.name in given:
                    _check(op, param.name, checker(param.type), given[param.name], generic)
                elif param.default is None:
                    kind = "argument" if param in op.tensors else "attribute"
                    raise Reject(None, f"{op.name}: {kind} '{param.name}' is missing", "NX301")
            except Reject as reject:
                found.append(reject)
        for keyword in kwargs:
            try:
                _reject_keywords(op, args, {keyword: kwargs[keyword]})
            except Reject as reject:
                found.append(reject)
        return found

    def _outputs(
        self, op: Op, shapes: Any, generic: str | None, names: Names
    ) -> tuple[Output, ...]:
        results = op.signature.results
        if len(results) == 1:
            names = [names]
        elif names is None or isinstance(names, str):
            names = [names] * len(results)
        elif len(names) != len(results):
            raise Reject(None, f"{op.name}: {len(results)} results, not {len(names)}", "NX208")
        outputs: list[Output] = []
        for result, shape, name in zip(results, shapes, names, strict=True):
            is_array = isinstance(result.type, Array)
            item = result.type.item if isinstance(result.type, Array) else result.type
            dtype = item.item if isinstance(item, Tensor) else None
            kind = (generic if dtype == types.GENERIC else dtype) or types.GENERIC
            if not is_array:
                outputs.append(Value(self._name(name, result.name, op), kind, shape))
            else:
                outputs.append(self._array(op, result.name, kind, shape, name))
        return tuple(outputs)

    def _array(self, op: Op, hint: str, dtype: str, shapes: Any, names: Names) -> tuple[Value, ...]:
        given: Sequence[Names]
        if isinstance(shapes, Unknown):
            given = [] if names is None or isinstance(names, str) else names
            shapes = [UNKNOWN] * len(given)
        elif names is None or isinstance(names, str):
            given = [names] * len(shapes)
        else:
            given = names
        if len(given) != len(shapes):
            raise Reject(
                None,
                f"{op.name}: the result is an array of {len(shapes)}, {len(given)} are named",
                "NX208",
            )
        return tuple(
            Value(self._name(name, hint, op), dtype, shape) for name, shape in zip(given, shapes)
        )

    def _name(self, name: Names, hint: str, op: Op) -> str:
        if name is not None and not isinstance(name, str):
            raise Reject(None, f"{op.name}: result '{hint}' is a tensor, not an array", "NX208")
        return name or self.fresh(op.name)


def unknown_operation(name: str, ops: Iterable[str]) -> str:
    """Return the message for an operation that is not declared, with the nearest name."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(ops), 1, 0.75)
    return f"unknown operation '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def unknown_parameter(op: Op, name: str) -> str:
    """Return the message for a parameter that an operation lacks, with the nearest name."""
    from difflib import get_close_matches

    near = get_close_matches(name, op.params, 1, 0.6)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"{op.name}: it has no parameter '{name}'{hint}"


def _bind(
    op: Op, args: Sequence[Any], kwargs: Mapping[str, Any], dtype: str | None, generic: Generic
) -> tuple[dict[str, Input], dict[str, Any]]:
    if dtype is not None and not op.signature.generic:
        raise Reject(None, f"{op.name}: it is not generic, <{dtype}> does not apply", "NX205")
    generic[0] = dtype or op.signature.generic_default
    tensors, attributes = op.tensors, op.attributes
    if len(args) > len(tensors):
        if len(args) > len(op.params):
            raise Reject(
                None, f"{op.name}: {len(args)} arguments, it takes {len(op.params)}", "NX301"
            )
        extra = op.signature.params[len(tensors)].name
        raise Reject(extra, f"{op.name}: attribute '{extra}' must be given by name", "NX302")
    used = len(args)
    bound: dict[str, Input] = {}
    for index, param in enumerate(tensors):
        if index < len(args):
            value = args[index]
        elif param.name in kwargs:
            value, used = kwargs[param.name], used + 1
        elif param.default is not None:
            value = param.default.value
        else:
            raise Reject(None, f"{op.name}: argument '{param.name}' is missing", "NX301")
        bound[param.name] = _check(op, param.name, checker(param.type), value, generic)
    filled: dict[str, Any] = {}
    for param in attributes:
        if param.name in kwargs:
            used += 1
            value = kwargs[param.name]
            filled[param.name] = _check(op, param.name, checker(param.type), value, generic)
        elif param.default is not None:
            filled[param.name] = param.default.value
        else:
            raise Reject(None, f"{op.name}: attribute '{param.name}' is missing", "NX301")
    if used != len(args) + len(kwargs):
        _reject_keywords(op, args, kwargs)
    return bound, filled


def _reject_keywords(op: Op, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    for name in kwargs:
        if name not in op.params:
            raise Reject(name, unknown_parameter(op, name), "NX303")
        if name in [param.name for param in op.tensors[: len(args)]]:
            raise Reject(name, f"{op.name}: '{name}' is given by position and by name", "NX302")


def _check(op: Op, name: str, check: Any, value: Any, generic: Generic) -> Any:
    try:
        return check(value, generic)
    except Mismatch as mismatch:
        raise Reject(name, f"{op.name}: '{name}': {mismatch}", "NX206") from None


def _infer(op: Op, inputs: dict[str, Input], attributes: dict[str, Any], dtype: str | None) -> Any:
    shapes = [
        value.shape if type(value) is Value else _shape_of(value) for value in inputs.values()
    ]
    if (UNKNOWN in shapes or list in map(type, shapes)) and _has_unknown(inputs.values()):
        return [UNKNOWN] * len(op.signature.results)
    assert op.shape is not None
    try:
        if op.shape_takes_dtype:
            result = op.shape(*shapes, **attributes, dtype=dtype)
        else:
            result = op.shape(*shapes, **attributes)
    except Reject as reject:
        raise Reject(reject.parameter, f"{op.name}: {reject.message}", reject.code) from None
    if isinstance(result, tuple):
        _limit(op, result)
        return [result]
    for shape in result:
        _limit(op, shape)
    return [result] if isinstance(op.signature.results[0].type, Array) else result


def _limit(op: Op, shape: Shape) -> None:
    if shape and max(shape) > MAX_EXTENT:
        raise Reject(None, f"{op.name}: extent {max(shape)} is beyond {MAX_EXTENT}", "NX305")


def _shape_of(value: Input) -> Any:
    if isinstance(value, tuple):
        return [_shape_of(item) for item in value]
    return value.shape if isinstance(value, Value) else ()


def _shapes_of(result: Output) -> Any:
    return [value.shape for value in result] if isinstance(result, tuple) else result.shape


def _has_unknown(inputs: Iterable[Input]) -> bool:
    return any(value.shape is UNKNOWN for value in flat_values(inputs))


def _key(items: Iterable[Any]) -> Any:
    """Return what makes two calls of a fragment alike: types, shapes and compile-time values."""
    return tuple(
        (item.dtype, item.shape)
        if type(item) is Value
        else (type(item), _key(item))
        if type(item) in (list, tuple)
        else (type(item), item)
        for item in items
    )
