"""Local response normalization as one node, where a target has one that works.

Elsewhere the operation is its NNEF body: tables, a banded matrix and a product. What is stored
with a scale s has squares with s * s, so alpha is divided by that and the result keeps the scale.
"""

from collections.abc import Sequence

from nnefx.ir.graph import Node, Value
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import running
from nnefx.openvx.plan import Enum, Float, Int, Ref, Struct
from nnefx.openvx.profiles import Profile
from nnefx.openvx.rules import Operand, lowers, shared

STANDARD = "vxLocalResponseNormalizationLayer"
_SIZES = (3, 5, 7)  # of the standard's node


def has_node(profile: Profile, node: Node) -> bool:
    """Tell whether the target has a node for this normalization."""
    size, value = node.attributes["size"], node.output
    if not profile.normalization or value.rank not in (3, 4) or node.attributes["bias"] <= 0:
        return False
    across = _across(size)
    if profile.normalization != STANDARD:
        return across % 2 == 1 and across > 1
    return across in _SIZES or (list(size[:2]) == [1, 1] and _same_map(size) in _SIZES)


def _across(size: Sequence[int]) -> int:
    """Return over how many channels a window of channels only reaches, 0 for another window."""
    return size[1] if all(extent == 1 for i, extent in enumerate(size) if i != 1) else 0


def _same_map(size: Sequence[int]) -> int:
    """Return the extent of a square window, 0 for another one."""
    return size[2] if len(size) == 4 and size[2] == size[3] else 0


@lowers("local_response_normalization", scales=shared)
def local_response_normalization(
    g: Emitter,
    out: Value,
    input: Operand,
    *,
    size: Sequence[int],
    alpha: float,
    beta: float,
    bias: float,
) -> None:
    """LocalResponseNormalizationLayer, or what a vendor has in its place."""
    x, y = g.read(running(input)), g.create(out)
    across = _across(size)
    kind = Enum(f"VX_NN_NORMALIZATION_{'ACROSS_MAPS' if across else 'SAME_MAP'}")
    extent = across or _same_map(size)
    alpha /= x.scale * x.scale
    function = g.profile.normalization
    if function == STANDARD:
        numbers = (Float(alpha), Float(beta), Float(bias))
        g.call(function, Ref(x.name), kind, Int(extent), *numbers, Ref(y.name))
        return
    # The vendor's node does not divide alpha by the extent.
    members = (
        ("type", kind),
        ("norm_size", Int(extent)),
        ("alpha", Float(alpha / extent)),
        ("beta", Float(beta)),
        ("bias", Float(bias)),
    )
    params = Struct("vx_nn_normalization_params_t", members)
    g.call(function, Ref(x.name), params, Ref(y.name))
