"""What every importer's graph goes through: nothing is computed twice, nothing is left over."""

from dataclasses import replace

from nnefx.converters.imported import Imported
from nnefx.passes.dead import drop_dead
from nnefx.passes.fold import fold
from nnefx.passes.fuse import fuse_affine
from nnefx.tensors.model import Model


def optimized(imported: Imported) -> Imported:
    """Fold constants, fold batch normalization and biases into filters, remove what is not needed.

    Names of tensors that vanish leave the map as well.
    """
    graph = drop_dead(fold(imported.graph))
    model = fuse_affine(Model(graph, imported.weights, imported.quantization))
    # A fused filter has the name of the one whose place it takes, but not its values.
    values, before = model.graph.values, imported.graph.values
    fused = {
        node.output.name
        for node in model.graph.variables
        if node.output is not before.get(node.output.name)
    }
    alive = values.keys() - fused
    names = {source: name for source, name in imported.names.items() if name in alive}
    told = {name: entry for name, entry in imported.quantization.items() if name in values}
    return replace(
        imported, graph=model.graph, weights=model.weights, names=names, quantization=told
    )
