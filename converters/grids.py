"""Pairs of quantize and dequantize -> entries of graph.quant.

A foreign graph rounds a value by making it integers and reals again. NNEF says the same beside the
graph: the pair vanishes, and graph.quant tells the grid of the value that went into it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.converters.scope import Scope, Tensor
from nnefx.ir.builder import Builder
from nnefx.ir.graph import Node, Value
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]

QUANTIZE, DEQUANTIZE = "nnefx_quantize", "nnefx_dequantize"
_STORED = ("variable", "constant")


@dataclass(frozen=True, slots=True)
class Grid:
    """What is known of a node that makes integers or reals: they are (q - zero) * scale.

    Scale and zero broadcast to the tensor as numpy has it.
    """

    scale: Array
    zero: Array
    dtype: np.dtype[Any]

    def same(self, other: "Grid") -> bool:
        """Tell whether the integers mean the same."""
        return (
            self.dtype == other.dtype
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero, other.zero)
        )

    def entry(self, short: bool = True) -> Quantization:
        """Return the entry of graph.quant; `short` numbers are read as the same float32."""
        scale, zero = (
            part.reshape(()) if part.size == 1 else part for part in (self.scale, self.zero)
        )
        return Quantization(
            "zero_point_linear_quantize",
            {
                "zero_point": _nested(zero.astype(np.int64), short),
                "scale": _nested(scale, short),
                "bits": self.dtype.itemsize * 8,
                "signed": self.dtype.kind == "i",
                "symmetric": False,
            },
        )


def _nested(part: Array, short: bool) -> Any:
    """Return numbers as nested lists without trailing dimensions of 1: NNEF adds those."""
    if part.dtype.kind == "i" and part.size and (part == part.reshape(-1)[0]).all():
        return int(part.reshape(-1)[0])
    shape = list(part.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    return _plain(part.reshape(shape), short)


def _plain(part: Array, short: bool) -> Any:
    if part.ndim:
        return [_plain(item, short) for item in part]
    item = part[()]
    if part.dtype.kind == "i":
        return int(item)
    return float(str(item)) if short else float(item)


@dataclass(slots=True)
class Folded:
    """What became of the pairs.

    Attributes:
        entries: of graph.quant, by value.
        replaced: the value that stands for one that vanished.
    """

    entries: dict[Value, Quantization] = field(default_factory=dict)
    replaced: dict[Value, Value] = field(default_factory=dict)


def fold_pairs(builder: Builder, grids: Mapping[Value, Grid], outputs: Collection[Value]) -> Folded:
    """Take the pairs out of a graph that is being built.

    Args:
        builder: holds the nodes, which are replaced.
        grids: of the results of quantize and dequantize whose scale and zero are constants.
        outputs: the results of the graph so far, before a fold.
    """
    return _Fold(builder, grids, outputs).run()


def fold_outputs(
    scope: Scope, grids: Mapping[Value, Grid], outputs: Mapping[str, Tensor]
) -> Folded:
    """Take the pairs out of what an importer has built; its outputs become what stands for them."""
    values = [tensor.value for tensor in outputs.values() if tensor.value is not None]
    folded = fold_pairs(scope.builder, grids, values)
    for old, new in folded.replaced.items():
        scope.hint(new, old)
    for tensor in outputs.values():
        if tensor.value in folded.replaced:
            tensor.value = folded.replaced[tensor.value]
    return folded


class _Fold:
    def __init__(
        self, builder: Builder, grids: Mapping[Value, Grid], outputs: Collection[Value]
    ) -> None:
        self.builder, self.grids, self.outputs = builder, grids, set(outputs)
        self.nodes = list(builder.nodes)
        self.producer = {value: node for node in self.nodes for value in node.values()}
        self.users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.operands():
                self.users.setdefault(value, []).append(node)
        self.found = Folded()
        self.copies: dict[Value, Value] = {}  # of what is quantized one way, by the integers

    def run(self) -> Folded:
        if not any(node.name == DEQUANTIZE and node.output in self.grids for node in self.nodes):
            return self.found
        kept: list[Node] = []
        for node in self.nodes:
            node.inputs = {name: self._mapped(item) for name, item in node.inputs.items()}
            made = self._folded(node) if node.name == DEQUANTIZE else None
            if made is None:
                kept.append(node)
                continue
            target, added = made
            kept += added
            self.found.replaced[node.output] = target
        self.builder.nodes = kept
        return self.found

    def _mapped(self, item: Any) -> Any:
        if isinstance(item, tuple):
            return tuple(map(self._mapped, item))
        return self.found.replaced.get(item, item) if isinstance(item, Value) else item

    def _folded(self, node: Node) -> tuple[Value, list[Node]] | None:
        """Return what stands for the reals of a pair, and the nodes that make it."""
        grid = self.grids.get(node.output)
        whole = next(iter(node.operands()), None)
        if grid is None or whole is None:
            return None
        source = self.producer.get(whole)
        before = self.grids.get(whole)
        if source is None or source.name != QUANTIZE or before is None or not before.same(grid):
            # integers of another origin are on the grid already
            if grid.dtype.itemsize <= 2:
                self.found.entries[node.output] = grid.entry()
            return None
        if whole in self.copies:
            return self.copies[whole], []
        x = next(iter(source.operands()))
        if self._alone(x, grid):
            self.found.entries[x] = grid.entry()
            self.copies[whole] = x
            return x, []
        start = len(self.builder.nodes)
        copied = self.builder.add("copy", x, at=node.at)
        added = self.builder.nodes[start:]
        self.found.entries[copied] = grid.entry()
        self.copies[whole] = copied
        return copied, added

    def _alone(self, x: Value, grid: Grid) -> bool:
        """Tell whether nothing reads a value but what makes the same integers of it."""
        if x in self.outputs or self.producer[x].name in _STORED:
            return False
        known = self.found.entries.get(x)
        if known is not None:
            return known == grid.entry()
        return all(
            node.name == QUANTIZE
            and node.output in self.grids
            and self.grids[node.output].same(grid)
            for node in self.users.get(x, ())
        )
