"""Activations that are nodes of their own; the others are tables (see regions)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.ir.graph import Value
from nnefx.openvx.emit import Emitter
from nnefx.openvx.layout import running
from nnefx.openvx.plan import Enum, Float, Ref
from nnefx.openvx.rules import Operand, UnsupportedError, free, lowers, shared
from nnefx.openvx.scales import Scaling
from nnefx.openvx.storage import dimension


@lowers("relu", scales=shared)
def relu(g: Emitter, out: Value, x: Operand) -> None:
    """ActivationLayer RELU, at any scale."""
    slot = g.read(running(x))
    g.relu(slot, g.create(out))


@lowers("sigmoid", "tanh", "softplus", scales=free)
def curve(g: Emitter, out: Value, x: Operand) -> None:
    """ActivationLayer, where the target has no tables."""
    kind = _CURVES[g.origin.op]
    if kind not in g.profile.activations:
        raise UnsupportedError(f"profile '{g.profile.name}' has no activation {kind}")
    slot, y = g.read(running(x)), g.create(out)
    if (slot.scale, y.scale) != (1.0, 1.0):
        raise UnsupportedError(f"activation {kind} takes plain numbers only")
    function = Enum(f"VX_NN_ACTIVATION_{kind}")
    g.call("vxActivationLayer", Ref(slot.name), function, Float(1.0), Float(1.0), Ref(y.name))


_CURVES = {"sigmoid": "LOGISTIC", "tanh": "HYPERBOLIC_TAN", "softplus": "SOFTRELU"}


def softmax_scales(s: Scaling, out: Value, _x: Operand, **_: Any) -> None:
    """The node reads and writes plain Q7.8."""
    s.fix(out, 1.0)


@lowers("softmax", scales=softmax_scales)
def softmax(g: Emitter, out: Value, x: Operand, *, axes: Sequence[int]) -> None:
    """SoftmaxLayer, turned so that the axis is the one that the node takes."""
    value = running(x)
    if len(axes) != 1:
        raise UnsupportedError("a softmax over several axes is not handled")
    if not g.profile.softmax_node:
        raise UnsupportedError(f"profile '{g.profile.name}' has no softmax")
    slot = g.read(value)
    if g.profile.lut and g.profile.lut_rescales:
        plain = g.temp(slot.dims, 1.0, "logits")
        g.lookup(slot, plain, _below_88)
    else:
        plain = g.rescaled(slot, 1.0)
    y = g.create(out)
    g.nonnegative.add(y.name)
    dim = dimension(value.rank, axes[0])
    if value in g.matrices or dim == 2:
        target = y if y.name not in g.views else g.temp(y.dims, 1.0, "shares")
        g.call("vxSoftmaxLayer", Ref(plain.name), Ref(target.name))
        if target.name != y.name:
            g.copy(target, y)
        return
    turned = g.transpose(plain, dim, 2)
    shares = g.temp(turned.dims, 1.0, "shares")
    g.call("vxSoftmaxLayer", Ref(turned.name), Ref(shares.name))
    g.transpose(shares, dim, 2, y)


def _below_88(real: Any) -> Any:
    """Some implementations compute e**x in 32 bits without a shift: keep it finite."""
    return np.minimum(real, 88.0)
