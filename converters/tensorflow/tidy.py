"""What makes an imported graph look as if written by hand: layout, and borders in windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnefx.ir.graph import Graph, Value
from nnefx.passes.border import fuse_padding
from nnefx.passes.dead import drop_dead
from nnefx.passes.layout import Placed, sink_transposes
from nnefx.tensors.quant import Quantization

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """The graph as it will be written, its weights and graph.quant.

    `places` tells where the values of the graph before are; those that vanished are not in it.
    """

    graph: Graph
    weights: Mapping[str, Array]
    quantization: Mapping[str, Quantization]
    places: Mapping[Value, Placed]


def tidy(
    graph: Graph, weights: Mapping[str, Array], entries: Mapping[Value, Quantization], layout: str
) -> Finished:
    """Return the graph without needless transposes and with paddings in the windows behind them.

    Args:
        graph: the graph as the rules made it.
        weights: arrays by label.
        entries: the quantization of its values.
        layout: `nchw` lets inputs and outputs have channels first, anything else keeps them.
    """
    laid = sink_transposes(graph, weights, channels_first=layout == "nchw")
    places = {old: place for old, place in laid.places.items() if place.order is None}
    quantized = {places[v].value: entry for v, entry in entries.items() if v in places}
    fused = fuse_padding(drop_dead(laid.graph))
    by_name = fused.values
    # a window that took over a padding has the name of the old one, whose value it computes
    moved = {
        old: Placed(by_name[place.value.name], place.axes)
        for old, place in places.items()
        if place.value.name in by_name
    }
    quantization = {v.name: entry for v, entry in quantized.items() if v.name in by_name}
    return Finished(fused, laid.weights, quantization, moved)
