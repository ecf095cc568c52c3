"""NNEF graph -> ONNX nodes: one rule per operation; composites without a rule are expanded.

A rule gets the writer and a node, emits ONNX nodes and returns the name of the ONNX tensor that
holds the result, or a list of names where there are several results.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nnefx.converters.names import Names
from nnefx.execute.executor import as_computed
from nnefx.ir.compute import compute
from nnefx.ir.graph import Node, Value
from nnefx.ops.registry import Shape
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.model import Model

Array = NDArray[Any]

TYPES = {"scalar": TensorProto.FLOAT, "integer": TensorProto.INT64, "logical": TensorProto.BOOL}
SHARED = 64  # items; constants up to here are stored once where they are equal

Emitter = Callable[["Writer", Node], Any]
EMITTERS: dict[str, Emitter] = {}


def emits(*names: str) -> Callable[[Emitter], Emitter]:
    """Register how operations are written in ONNX."""

    def register(emitter: Emitter) -> Emitter:
        EMITTERS.update(dict.fromkeys(names, emitter))
        return emitter

    return register


class Writer:
    """Collects the nodes and the stored tensors of an ONNX graph.

    Attributes:
        nodes: what was emitted so far, in order.
        stored: the tensors that the file holds, by name.
        names: the ONNX tensor of each value.
        known: the items of the values that the model stores.
        integers: the variables that are stored as integers, on their grids.
        updated: the variables whose items change from run to run.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.nodes: list[NodeProto] = []
        self.stored: dict[str, Array] = {}
        self.names: dict[Value, str] = {}
        self.known: dict[Value, Array] = {}
        self.integers: dict[Value, Any] = {}
        self.updated = {
            next(node.operands()) for node in model.graph.nodes if node.name == "update"
        }
        self._unique = Names(model.graph.values)
        self._shared: dict[tuple[Any, ...], str] = {}
        self._hint = "x"

    def run(self, node: Node) -> None:
        """Write one node, and give its results the names of the values."""
        if node.name == "variable":
            name = self._unique.unique(node.attributes["label"])
            if not self._keep_integers(node, name):
                self.store(node.output, stored_array(self.model, node), name)
            return
        if node.name == "constant":
            name = node.output.name
            if node.output in self.model.graph.outputs:  # an output is that of a node
                name = self._unique.unique(f"{name}_items")
            self.store(node.output, as_stored(compute(node, {})[0]), name)
            return
        self._hint, start = node.output.name, len(self.nodes)
        result = EMITTERS[node.name](self, node)
        results = result if isinstance(result, list) else [result]
        for value, name in zip(node.values(), results, strict=True):
            later = value.name in self.model.quantization and value.dtype == "scalar"
            self.names[value] = name if later else self.named(value.name, name, start)

    def _keep_integers(self, node: Node, name: str) -> bool:
        """Take a variable over as the integers that it is stored as, where ONNX can."""
        from nnefx.converters.onnx.emit_grids import stored

        if node.output in self.updated:
            return False
        value, entry = node.output, self.model.quantization.get(node.output.name)
        found = stored(self.model.weight(node), entry, value, name) if entry else None
        if found is None:
            return False
        self.integers[value] = found
        return True

    def named(self, wanted: str, name: str, start: int) -> str:
        """Let a tensor that was emitted since `start` be called `wanted`, if it can be."""
        fresh = self.nodes[start:]
        if not any(name in node.output for node in fresh) or name in self.model.graph.values:
            return name
        for node in fresh:
            for names in (node.input, node.output):
                for place, item in enumerate(names):
                    if item == name:
                        names[place] = wanted
        return wanted

    def store(self, value: Value, array: Array, name: str) -> None:
        """Keep the items of a value that the model stores; the file has them once they are used."""
        self.known[value] = array
        self.names[value] = name

    # ---- operands

    def array(self, item: Any) -> Array | None:
        """Return the items of a stored operand or literal, None where it is computed."""
        return self.known.get(item) if isinstance(item, Value) else literal(item)

    def of(self, item: Any) -> str:
        """Return the tensor of an operand; a literal becomes one without dimensions."""
        if not isinstance(item, Value):
            return self.const(literal(item))
        if item in self.integers and item not in self.names:
            self.names[item] = self.integers[item].write(self)
        name = self.names[item]
        if item in self.known and name not in self.stored:
            self.stored[name] = self.known[item]
        return name

    def const(self, items: Any) -> str:
        """Return a stored tensor; integers become int64, floating-point numbers float32."""
        array = as_stored(np.asarray(items))
        if array.size > SHARED:
            return self._keep(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._shared:
            self._shared[key] = self._keep(array)
        return self._shared[key]

    def raw(self, items: Array, name: str = "constant") -> str:
        """Return a stored tensor in the type that its items have."""
        key = (items.dtype.str, items.shape, items.tobytes())
        if items.size > SHARED:
            unique = name if name not in self.stored else self._unique.unique(name)
            self.stored[unique] = items
            return unique
        if key not in self._shared:
            unique = self._unique.unique("constant") if name == "constant" else name
            unique = unique if unique not in self.stored else self._unique.unique(name)
            self.stored[unique] = items
            self._shared[key] = unique
        return self._shared[key]

    def vector(self, value: Value) -> str:
        """Return an operand as a vector."""
        if value in self.integers:
            return str(self.integers[value].flat(self))
        return self.reshape(self.of(value), [value.volume])

    def _keep(self, array: Array) -> str:
        name = self._unique.unique("constant")
        self.stored[name] = array
        return name

    def shaped(self, item: Any, shape: Sequence[int]) -> str:
        """Return an operand with another shape of as many items."""
        if isinstance(item, Value) and item.shape == tuple(shape):
            return self.of(item)
        known = self.array(item)
        if known is not None:
            return self.const(known.reshape(shape))
        return self.reshape(self.of(item), shape)

    def aligned(self, items: Sequence[Any], rank: int) -> list[str]:
        """Return operands with trailing dimensions of 1, so that ONNX aligns them as NNEF does."""
        return [
            self.shaped(item, item.shape + (1,) * (rank - item.rank))
            if isinstance(item, Value) and 0 < item.rank < rank
            else self.of(item)
            for item in items
        ]

    # ---- nodes

    def add(self, kind: str, *inputs: str, count: int = 0, **attributes: Any) -> Any:
        """Emit a node; return the name of its output, or `count` names."""
        outputs = [self._unique.unique(f"{self._hint}_{kind}") for _ in range(max(count, 1))]
        node = helper.make_node(kind, list(inputs), outputs, name=outputs[0], **attributes)
        self.nodes.append(node)
        return outputs if count else outputs[0]

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """Emit a Reshape to extents that are all known."""
        return str(self.add("Reshape", x, self.const(ints(shape))))

    def transposed(self, x: str, order: Sequence[int]) -> str:
        """Emit a Transpose unless it changes nothing."""
        if list(order) == list(range(len(order))):
            return x
        return str(self.add("Transpose", x, perm=list(order)))

    def cast(self, x: str, dtype: str) -> str:
        """Emit a Cast to the type of an NNEF data-type."""
        return str(self.add("Cast", x, to=TYPES[dtype]))

    def reduce(self, kind: str, x: str, axes: Sequence[int]) -> str:
        """Emit a reduction that keeps its dimensions; over no axes it does nothing."""
        if not axes:
            return x
        return str(self.add(kind, x, self.const(ints(axes)), keepdims=1))

    def bordered(
        self,
        x: str,
        shape: Shape,
        pairs: Sequence[tuple[int, int]],
        border: str = "constant",
        fill: Any = 0.0,
    ) -> str:
        """Emit a border of one of NNEF's kinds; negative amounts crop."""
        grow = [(max(before, 0), max(after, 0)) for before, after in pairs]
        if border in ("reflect", "reflect-even", "replicate"):
            for axis, (before, after) in enumerate(grow):
                if before or after:
                    places = _sources(shape[axis], before, after, border)
                    x = self.add("Gather", x, self.const(places), axis=axis)
        elif any(map(any, grow)):
            pads = [before for before, _ in grow] + [after for _, after in grow]
            x = self.add("Pad", x, self.const(ints(pads)), self.const(literal(fill)))
        crop = [axis for axis, pair in enumerate(pairs) if min(pair) < 0]
        if crop:
            full = [e + b + a for e, (b, a) in zip(shape, grow)]
            begin = [max(-pairs[axis][0], 0) for axis in crop]
            end = [full[axis] - max(-pairs[axis][1], 0) for axis in crop]
            x = self.slice(x, crop, begin, end)
        return x

    def slice(
        self, x: str, axes: Sequence[int], begin: Sequence[int], end: Sequence[int],
        steps: Sequence[int] = (),
    ) -> str:  # fmt: skip
        """Emit a Slice."""
        lists = [begin, end, axes, *([steps] if steps else [])]
        return str(self.add("Slice", x, *(self.const(ints(items)) for items in lists)))


def ints(items: Sequence[int]) -> Array:
    """Return a list of integers as ONNX takes it, also when it is empty."""
    return np.array(list(items), np.int64)


def literal(item: Any) -> Array:
    """Return a literal as an array without dimensions."""
    return as_stored(np.asarray(item))


def as_stored(array: Array) -> Array:
    """Return items in one of the three types that are written."""
    kinds = {"f": np.float32, "i": np.int64, "u": np.int64, "b": np.bool_}
    with np.errstate(over="ignore"):
        return array.astype(kinds[array.dtype.kind], copy=False)


def stored_array(model: Model, node: Node) -> Array:
    """Return the items of a variable; quantized ones as the reals that they stand for."""
    array = model.weight(node)
    entry = model.quantization.get(node.output.name)
    if node.output.dtype == "scalar" and array.dtype.kind in "iu" and entry is not None:
        array = dequantize(array, entry)
    return as_stored(as_computed(array, node.output.dtype))


def tensors_of(stored: Mapping[str, Array]) -> list[TensorProto]:
    """Return the stored tensors as ONNX has them."""
    return [numpy_helper.from_array(np.asarray(a, order="C"), n) for n, a in stored.items()]


def _sources(extent: int, before: int, after: int, border: str) -> Array:
    modes: dict[str, Any] = {
        "reflect": "reflect", "reflect-even": "symmetric", "replicate": "edge",
    }  # fmt: skip
    return np.pad(np.arange(extent), (before, after), modes[border])
