"""What an importer returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from nnefx.diagnostics import Diagnostic
from nnefx.ir.graph import Graph


@dataclass(frozen=True, slots=True)
class Imported:
    """A graph made of a foreign model.

    Attributes:
        graph: the graph.
        weights: the arrays of its variables by label; views of the foreign file where it has them.
        names: which value of the graph each foreign tensor became, as far as there is one.
        types: the item types of those tensors in the foreign model, by numpy's names.
        quantization: entries for graph.quant by the name of the value.
        extra: files that go into the container beside.
        axes: how to transpose the value of the graph to get the foreign tensor, by foreign name,
            where their layouts differ.
        notes: what the user should know about the conversion.
    """

    graph: Graph
    weights: Mapping[str, NDArray[Any]]
    names: Mapping[str, str]
    types: Mapping[str, str] = field(default_factory=dict)
    quantization: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[Diagnostic] = ()
    axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
