"""Where importer rules emit operations: the Builder, with constants folded and values named.

Rules of every framework work on `Tensor`: what a foreign tensor became, either an array that is
known now or a value of the graph. An operation on nothing but known tensors is computed at once
with its own kernel; a known tensor becomes a literal, a `constant` or a `variable` where an
operation of the graph needs it.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnefx.converters import fragments
from nnefx.converters.finish import live, rename
from nnefx.converters.fold import MOVING, affordable, evaluate
from nnefx.converters.names import Names, identifier, label, stem
from nnefx.ir.builder import Builder
from nnefx.ir.graph import Graph, Node, Value, flat_values
from nnefx.ops import Reject
from nnefx.ops.registry import Shape
from nnefx.source import At

Array = NDArray[Any]

LARGEST_CONSTANT = 32  # items; what is longer goes into a file of its own
LARGEST_COMPARED = 1 << 20  # bytes; of what is longer only the same memory counts as the same


@dataclass(slots=True, eq=False)
class Tensor:
    """A foreign tensor: an `array` that is known, or a `value` of the graph, or both.

    `dtype` is what the framework computes in; NNEF itself only knows scalar, integer and logical.
    `kept` says that the array was stored in the model, so that it is a variable in NNEF.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    array: Array | None = None
    value: Value | None = None
    kept: bool = False
    views: dict[Shape, "Tensor"] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def volume(self) -> int:
        """The number of items."""
        return math.prod(self.shape)

    @property
    def known(self) -> bool:
        """Whether the items are known now."""
        return self.array is not None

    @property
    def kind(self) -> str:
        """The NNEF data-type."""
        return kind_of(self.dtype)


Operand = Tensor | float | int | bool | Sequence["Operand"]


def kind_of(dtype: DTypeLike) -> str:
    """Return the NNEF data-type that holds items of a numpy type."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return "integer"
    if kind == "b":
        return "logical"
    if kind == "f" or np.dtype(dtype).name == "bfloat16":
        return "scalar"
    raise Reject(None, f"items of type {np.dtype(dtype).name} have no counterpart", "NX704")


@dataclass(slots=True)
class Site:
    """The foreign node that is being imported; `wanted` tells which of its outputs are used.

    `repeated` says that the node may be imported several times, as in a loop that is unrolled:
    equal items are stored once then.
    """

    at: At | None = None
    hint: str = "x"
    version: int = 1
    wanted: tuple[bool, ...] = (True,)
    made: set[Value] = field(default_factory=set)
    repeated: bool = False


class Scope:
    """Emits operations for the rules of an importer.

    `g.conv(x, w, b, padding=[(1, 1), (1, 1)])` is short for `g.add("conv", x, w, b, ...)`. The
    operations of `converters/fragments` are declared in the model when they are first used.
    """

    def __init__(self, name: str = "main") -> None:
        self.builder = Builder(identifier(name, "graph"))
        self.weights: dict[str, Array] = {}
        self.site = Site()
        self._labels = Names(fold=True)
        self._repeated: dict[Any, Value] = {}
        self._hints: dict[Value, str] = {}

    def __getattr__(self, op: str) -> Callable[..., Any]:
        if op.startswith("_"):
            raise AttributeError(op)

        def invoke(*args: Any, **kwargs: Any) -> Any:
            return self.add(op, *args, **kwargs)

        return invoke

    # What a rule asks about its node

    def wants(self, output: int) -> bool:
        """Tell whether anything uses the node's output of that index."""
        return output < len(self.site.wanted) and self.site.wanted[output]

    # What a rule emits

    def add(self, op: str, /, *args: Operand, dtype: str | None = None, **attributes: Any) -> Any:
        """Emit an operation, or compute it where all operands are known.

        Returns a Tensor, a list of them where the result is an array, a tuple where there are
        several results. Raises Reject where the arguments do not fit.
        """
        fragments.declare(self.builder, op)
        tensors = list(_tensors(args))
        if all(tensor.known for tensor in tensors):
            inputs = [_plain(arg, _float_type(tensors)) for arg in args]
            result = evaluate(self.builder, op, inputs, attributes, dtype)
            like = tensors[0] if len(tensors) == 1 and op in MOVING else None
            return _mapped(result, lambda array: self._folded(array, like))
        inputs = [self._operand(arg) for arg in args]
        before = len(self.builder.nodes)
        result = self.builder.invoke(op, inputs, attributes, dtype, None, self.site.at)
        for node in self.builder.nodes[before:]:
            self._name(node)
        return _mapped(result, lambda value: self._tensor(value, tensors))

    def known(self, array: Any, name: str = "", dtype: DTypeLike | None = None) -> Tensor:
        """Return a tensor of known items."""
        items = np.asarray(array, dtype)
        return Tensor(name or self.site.hint, items.shape, items.dtype, items)

    def copied(self, tensor: Tensor) -> Tensor:
        """Return a second tensor on the same items, which may get a type of its own."""
        return Tensor(
            tensor.name, tensor.shape, tensor.dtype, tensor.array, tensor.value, tensor.kept
        )

    def external(self, name: str, shape: Shape, dtype: DTypeLike) -> Tensor:
        """Emit an input of the graph."""
        kind = kind_of(dtype)
        value = self.builder.add("external", shape=list(shape), dtype=kind, at=self.site.at)
        self._hints[value] = name
        return Tensor(name, value.shape, np.dtype(dtype), value=value)

    def viewed(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """Return `tensor` in another shape of the same volume: a view where it is known."""
        target = tuple(shape)
        if target == tensor.shape:
            return tensor
        if tensor.array is None:
            return self._reshaped(tensor, target)
        view = tensor.views.get(target)
        if view is None:
            items = tensor.array.reshape(target)
            view = Tensor(tensor.name, target, tensor.dtype, items, kept=tensor.kept)
            tensor.views[target] = view
        return view

    def value(self, tensor: Tensor) -> Value:
        """Return the value of the graph that holds `tensor`; stored items become a variable."""
        if tensor.value is None and self.site.repeated:
            key = _content(tensor)
            if key not in self._repeated:
                self._repeated[key] = self._stored(tensor)
            tensor.value = self._repeated[key]
        elif tensor.value is None:
            tensor.value = self._stored(tensor)
        return tensor.value

    def named(self, tensor: Tensor, name: str) -> Tensor:
        """Return a node's result under its foreign name, which the text will show."""
        if tensor.value is not None and tensor.value in self.site.made:
            self._hints[tensor.value] = name
            self.site.made.discard(tensor.value)
        if tensor.array is None or tensor.name == self.site.hint:
            tensor = self.copied(tensor)
            tensor.name = name
        return tensor

    def typed(self, tensor: Tensor, dtype: DTypeLike) -> Tensor:
        """Return `tensor` as one of `dtype`, whose items are the same."""
        kind = np.dtype(dtype)
        if tensor.dtype == kind:
            return tensor
        array = None if tensor.array is None else tensor.array.astype(kind)
        return Tensor(tensor.name, tensor.shape, kind, array, tensor.value, tensor.kept)

    def sources(self, tensor: Tensor) -> list[str]:
        """Return the names of the graph's inputs that a tensor is computed from."""
        needed = {tensor.value} if tensor.value else set()
        found = []
        for node in reversed(self.builder.nodes):
            if not needed.isdisjoint(node.values()):
                needed.update(node.operands())
                if node.op.name == "external":
                    found.append(self._hints[node.output])
        return found[::-1]

    # The end

    def hint(self, value: Value, like: Value) -> None:
        """Let a value without a foreign name have that of another, which it stands for."""
        self._hints.setdefault(value, self._hints.get(like, like.name))

    def finish(self, outputs: Mapping[str, Tensor]) -> Graph:
        """Return the graph of what `outputs` need, with the values named after the model."""
        if not any(node.op.name == "external" for node in self.builder.nodes):
            self.external("unused", (1,), np.float32)  # the grammar wants a parameter
        inputs = {node.output for node in self.builder.nodes if node.op.name == "external"}
        results = [self._output(name, tensor, inputs) for name, tensor in outputs.items()]
        nodes = live(self.builder.nodes, results)
        self.builder.nodes = nodes
        used = {node.op.name for node in nodes}
        fragments.forget_unused(self.builder, used)
        rename(nodes, self._hints, dict(zip(results, outputs)))
        labels = {node.attributes["label"] for node in nodes if node.op.name == "variable"}
        self.weights = {name: self.weights[name] for name in self.weights if name in labels}
        return self.builder.finish(results, extensions=fragments.extensions(self.builder))

    def _output(self, name: str, tensor: Tensor, inputs: Collection[Value]) -> Value:
        shared = tensor.value is not None and self._hints.get(tensor.value, "").startswith("\0")
        value = self.value(tensor)
        if shared or value in inputs or tensor.known:
            value = self.builder.add("copy", value)
        self._hints[value] = f"\0{name}"  # marks what is an output already
        return value

    def _operand(self, arg: Operand) -> Any:
        if isinstance(arg, Tensor):
            return _literal(arg) if _is_literal(arg) else self.value(arg)
        if isinstance(arg, (list, tuple)):
            return [self.value(item) if isinstance(item, Tensor) else item for item in arg]
        return arg

    def _tensor(self, value: Value, operands: Sequence[Tensor]) -> Tensor:
        like = (item.dtype for item in operands if item.kind == value.dtype)
        dtype = next(like, np.dtype(_DEFAULT[value.dtype]))
        if 0 in value.shape:  # NNEF has no such tensors, but there is nothing to compute either
            return self.known(np.zeros(value.shape, dtype))
        return Tensor(self.site.hint, value.shape, dtype, value=value)

    def _name(self, node: Node) -> None:
        results = node.op.signature.results
        for result, output in zip(results, node.outputs, strict=True):
            said = result.name if len(results) > 1 else node.name.removeprefix("nnefx_")
            for value in flat_values([output]):
                self._hints[value] = f"{stem(self.site.hint)}_{said}"
                self.site.made.add(value)

    def _folded(self, array: Array, like: Tensor | None) -> Tensor:
        if like is None or array.ndim == 0:
            return self.known(array)
        return Tensor(like.name, array.shape, array.dtype, array, kept=like.kept)

    def _reshaped(self, tensor: Tensor, target: Shape) -> Tensor:
        added = [axis for axis, extent in enumerate(target) if extent == 1]
        bare = [extent for extent in target if extent != 1]
        if len(target) > tensor.rank and bare == [e for e in tensor.shape if e != 1]:
            axes = _inserted(tensor.shape, target)
            if axes is not None and set(axes) <= set(added):
                return self._one(self.add("unsqueeze", tensor, axes=axes))
        return self._one(self.add("reshape", tensor, shape=list(target)))

    def _one(self, result: Any) -> Tensor:
        assert isinstance(result, Tensor)
        return result

    def _stored(self, tensor: Tensor) -> Value:
        assert tensor.array is not None
        array, kind = tensor.array, tensor.kind
        if 0 in array.shape:
            raise Reject(None, f"'{tensor.name}' has no items (shape {list(array.shape)})", "NX706")
        shape = list(array.shape)
        # Scalars are variables always: tract knows those, but no constants.
        if array.size <= LARGEST_CONSTANT and kind != "scalar" and not tensor.kept:
            flat = [_python(item) for item in array.reshape(-1)]
            items = flat[:1] if all(item == flat[0] for item in flat) else flat
            value = self.builder.add(
                "constant", shape=shape, value=items, dtype=kind, at=self.site.at
            )
        else:
            affordable((), [array])
            name = self._labels.unique(label(tensor.name))
            self.weights[name] = array if array.dtype.kind != "V" else array.astype(np.float32)
            value = self.builder.add(
                "variable", shape=shape, label=name, dtype=kind, at=self.site.at
            )
        self._hints[value] = tensor.name
        assert isinstance(value, Value)
        return value


_DEFAULT: dict[str, Any] = {"scalar": np.float32, "integer": np.int64, "logical": np.bool_}


def _tensors(args: Sequence[Any]) -> "list[Tensor]":
    found: list[Tensor] = []
    for arg in args:
        if isinstance(arg, Tensor):
            found.append(arg)
        elif isinstance(arg, (list, tuple)):
            found += _tensors(arg)
    return found


def _mapped(result: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(result, list):
        return [_mapped(item, function) for item in result]
    if isinstance(result, tuple):
        return tuple(_mapped(item, function) for item in result)
    return function(result)


def _float_type(tensors: Sequence[Tensor]) -> np.dtype[Any]:
    floats = [tensor.dtype for tensor in tensors if tensor.kind == "scalar"]
    return floats[0] if floats else np.dtype(np.float32)


def _plain(arg: Any, floating: np.dtype[Any]) -> Any:
    """Return an operand as an array; a literal takes the type of the tensors beside it."""
    if isinstance(arg, Tensor):
        return arg.array
    if isinstance(arg, (list, tuple)):
        return [_plain(item, floating) for item in arg]
    return np.asarray(arg, floating if isinstance(arg, float) else None)


def _is_literal(tensor: Tensor) -> bool:
    array = tensor.array
    return array is not None and array.ndim == 0 and _is_finite(array)


def _is_finite(array: Array) -> bool:
    return array.dtype.kind in "iub" or bool(np.isfinite(array).all())


def _literal(tensor: Tensor) -> float | int | bool:
    assert tensor.array is not None
    return _python(tensor.array[()])


def _python(item: Any) -> float | int | bool:
    """Return the shortest Python number that is this item in the item's own type."""
    if isinstance(item, (np.bool_, bool)):
        return bool(item)
    if isinstance(item, np.integer):
        return int(item)
    return float(item) if isinstance(item, np.float64) else float(str(item))


def _content(tensor: Tensor) -> Any:
    """Return what two tensors have in common that hold the same items."""
    array = tensor.array
    assert array is not None
    alike = (array.shape, array.dtype.str)
    if array.nbytes <= LARGEST_COMPARED:
        return (*alike, array.tobytes())
    return (*alike, array.strides, array.__array_interface__["data"][0])


def _inserted(old: Shape, new: Shape) -> list[int] | None:
    """Return the axes of `new` that unsqueezing adds to `old`, or None."""
    axes: list[int] = []
    position = 0
    for axis, extent in enumerate(new):
        spare = len(new) - axis - (len(old) - position)
        if position < len(old) and old[position] == extent and not (extent == 1 and spare > 0):
            position += 1
        elif extent == 1:
            axes.append(axis)
        else:
            return None
    return axes if position == len(old) else None
