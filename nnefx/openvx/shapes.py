"""What the extents of a call's tensors must be, since vxVerifyGraph of real targets lets faults by.

Every rule takes the extents of the tensors (None for one left out) by parameter name, and the
other arguments, and returns what is wrong, or an empty string.
"""

from collections.abc import Callable, Mapping

from nnefx.openvx.functions import FUNCTIONS, Kind
from nnefx.openvx.plan import Arg, Call, Dims, Enum, Int, Plan, Ref, Struct

Tensors = Mapping[str, Dims]
Rule = Callable[[Tensors, Mapping[str, Arg]], str]


def stride(extent: int, window: int, padding: int, out: int, rounding: str) -> int:
    """Return the stride that OpenVX infers from the extents; `window` counts its dilation.

    The rules are those of the Khronos sample ('floor', 'ceiling') and of MIVisionX ('nearest').
    """
    slack, steps = extent + 2 * padding - window, out - 1
    if steps == 0:
        return 1
    match rounding:
        case "floor":
            return slack // out + 1
        case "ceiling":
            return -(-slack // steps)
        case _:
            return (slack + steps // 2) // steps


def rounding_rule(args: Mapping[str, Arg], name: str) -> str:
    """Return 'floor' or 'ceiling' from an argument of the size rounding enumeration."""
    arg = args[name]
    return "floor" if isinstance(arg, Enum) and arg.name.endswith("FLOOR") else "ceiling"


def integer(arg: Arg) -> int:
    """Return the value of an integer argument."""
    if not isinstance(arg, Int):
        raise TypeError(f"{arg} is no integer")
    return arg.value


def arguments(call: Call) -> dict[str, Arg]:
    """Return the arguments by parameter name, fields of structures beside them."""
    named: dict[str, Arg] = {}
    for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
        if isinstance(arg, Struct):
            named.update(arg.fields)
        else:
            named[param.name] = arg
    return named


def check_dims(plan: Plan, call: Call) -> str:
    """Return what is wrong with the extents of a call, or an empty string."""
    named = arguments(call)
    tensors = {
        param.name: plan.dims(arg.name)
        for param in FUNCTIONS[call.function].params
        if param.kind is Kind.TENSOR and isinstance(arg := named[param.name], Ref)
    }
    rule = _RULES.get(call.function)
    return rule(tensors, named) if rule else ""


def _window(dims: Dims, out: Dims, size: Dims, padding: tuple[int, ...], rounding: str) -> str:
    for axis in (0, 1):
        slack = dims[axis] + 2 * padding[axis] - size[axis]
        if slack < 0:
            return f"window {size[axis]} exceeds extent {dims[axis]} of dimension {axis}"
        step = stride(dims[axis], size[axis], padding[axis], out[axis], rounding)
        if step < 1 or (out[axis] - 1) * step > slack:
            return f"extent {out[axis]} of the result does not fit dimension {axis}"
    return ""


def _convolution(t: Tensors, args: Mapping[str, Arg]) -> str:
    x, w, y = t["inputs"], t["weights"], t["outputs"]
    if len(x) not in (3, 4) or len(y) != len(x) or len(w) != 4:
        return f"ranks {len(x)}, {len(w)} and {len(y)} do not fit a convolution"
    if x[2] != w[2]:
        return f"weights take {w[2]} channels, the input has {x[2]}"
    if y[2] != w[3] or x[3:] != y[3:]:
        return f"result {y} does not fit weights {w} and input {x}"
    if "biases" in t and t["biases"] not in ((w[3],), y[:3]):
        return f"biases have extents {t['biases']}, expected {(w[3],)}"
    axes = (("padding_x", "dilation_x"), ("padding_y", "dilation_y"))
    window = tuple(
        (w[i] - 1) * (integer(args[dilation]) + 1) + 1 for i, (_, dilation) in enumerate(axes)
    )
    padding = tuple(integer(args[name]) for name, _ in axes)
    return _window(x, y, window, padding, rounding_rule(args, "down_scale_size_rounding"))


def _extended(t: Tensors, args: Mapping[str, Arg]) -> str:
    """A convolution that is told its stride and the padding of either side."""
    x, w, y = t["inputs"], t["weights"], t["outputs"]
    if len(x) not in (3, 4) or len(y) != len(x) or len(w) != 4:
        return f"ranks {len(x)}, {len(w)} and {len(y)} do not fit a convolution"
    multiplier = integer(args["depth_multiplier"])
    taken = (1, x[2] * multiplier) if multiplier else (x[2], w[3])
    if w[2:] != taken or y[2] != w[3] or x[3:] != y[3:]:
        return f"result {y} does not fit weights {w} and input {x}"
    if "biases" in t and t["biases"] != (w[3],):
        return f"biases have extents {t['biases']}, expected {(w[3],)}"
    for axis, (name, end) in enumerate((("x", "right"), ("y", "bottom"))):
        step, gap = integer(args[f"stride_{name}"]), integer(args[f"dilation_{name}"])
        wide = integer(args[f"padding_{name}"]) + integer(args[f"padding_{name}_{end}"])
        slack = x[axis] + wide - (w[axis] - 1) * (gap + 1) - 1
        if step < 1 or slack < 0 or slack // step + 1 != y[axis]:
            return f"extent {y[axis]} of the result does not fit dimension {axis}"
    return ""


def _fully_connected(t: Tensors, _args: Mapping[str, Arg]) -> str:
    x, w, y = t["inputs"], t["weights"], t["outputs"]
    if len(w) != 2 or len(y) != 2:
        return f"weights {w} and result {y} must have two dimensions"
    batch = x[-1]
    items = 1
    for extent in x[:-1]:
        items *= extent
    if len(x) not in (2, 4) or items != w[0]:
        return f"weights take {w[0]} items, the input {x} has {items}"
    if y != (w[1], batch):
        return f"result has extents {y}, expected {(w[1], batch)}"
    if "biases" in t and t["biases"] != (w[1],):
        return f"biases have extents {t['biases']}, expected {(w[1],)}"
    return ""


def _pooling(t: Tensors, args: Mapping[str, Arg]) -> str:
    x, y = t["inputs"], t["outputs"]
    if len(x) not in (3, 4) or len(x) != len(y) or x[2:] != y[2:]:
        return f"result {y} does not fit input {x}"
    size = tuple(integer(args[f"pooling_size_{axis}"]) for axis in "xy")
    if min(size) < 1:
        return f"window {size} has no extent"
    padding = tuple(integer(args[f"pooling_padding_{axis}"]) for axis in "xy")
    return _window(x, y, size, padding, rounding_rule(args, "rounding"))


def _same(t: Tensors, _args: Mapping[str, Arg]) -> str:
    dims = list(t.values())
    return "" if dims[0] == dims[-1] else f"result has extents {dims[-1]}, expected {dims[0]}"


def _broadcast(t: Tensors, _args: Mapping[str, Arg]) -> str:
    first, second, out = t["input1"], t["input2"], t["outputs"]
    fits = len(first) == len(second) and all(b in (a, 1) for a, b in zip(first, second))
    if not fits or out != first:
        return f"operands {first} and {second} do not give {out}"
    return ""


def _transpose(t: Tensors, args: Mapping[str, Arg]) -> str:
    first, second = integer(args["dimension1"]), integer(args["dimension2"])
    dims = list(t["input"])
    if not (0 <= first < len(dims) and 0 <= second < len(dims)):
        return f"dimensions {first} and {second} exceed rank {len(dims)}"
    dims[first], dims[second] = dims[second], dims[first]
    out = t["outputs"]
    return "" if out == tuple(dims) else f"result has extents {out}, expected {tuple(dims)}"


def _matrix(t: Tensors, args: Mapping[str, Arg]) -> str:
    if any(len(dims) != 2 for dims in t.values()):
        return "matrix multiplication takes two dimensions"

    def turned(name: str, flag: str) -> Dims:
        return t[name][::-1] if integer(args[flag]) else t[name]

    first, second = turned("input1", "transpose_input1"), turned("input2", "transpose_input2")
    if first[0] != second[1] or t["outputs"] != (second[0], first[1]):
        return f"operands {first} and {second} do not give {t['outputs']}"
    if "input3" in t and turned("input3", "transpose_input3") != t["outputs"]:
        return f"third operand {t['input3']} does not fit {t['outputs']}"
    return ""


_RULES: dict[str, Rule] = {
    "vxConvolutionLayer": _convolution,
    "vxConvolutionLayer ext2": _extended,
    "vxFullyConnectedLayer": _fully_connected,
    "vxPoolingLayer": _pooling,
    "vxSoftmaxLayer": _same,
    "vxLocalResponseNormalizationLayer": _same,
    "vxNormalizationLayer2": _same,
    "vxActivationLayer": _same,
    "vxTensorAddNode": _broadcast,
    "vxTensorSubtractNode": _broadcast,
    "vxTensorMultiplyNode": _broadcast,
    "vxTensorTableLookupNode": _same,
    "vxTensorTransposeNode": _transpose,
    "vxTensorConvertDepthNode": _same,
    "vxTensorMatrixMultiplyNode": _matrix,
}
