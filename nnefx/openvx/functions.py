"""The OpenVX functions that a Plan may call: their parameters, structures and enumerants.

Facts of OpenVX 1.3 and its neural network extension, as data: the C writer, the blob writer, the
checker and the simulator read these tables, and none of them knows a function by heart. `code`
is the stable number of a function, type or enumerant in the blob format (docs/blob.md); the
numbers of the OpenVX headers are never stored, because vendors' headers differ.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an argument is."""

    TENSOR = "tensor"
    LUT = "lut"
    SCALAR = "scalar"
    SIZE = "size"
    INT = "int"
    BOOL = "bool"
    FLOAT = "float"
    ENUM = "enum"
    STRUCT = "struct"  # passed by address
    SIZED_STRUCT = "sized struct"  # passed by address, followed by its size


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a function or field of a structure; `of` names its enum or structure."""

    name: str
    kind: Kind
    of: str = ""
    output: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A node function: its name, blob code, kernel name and parameters after the graph.

    `c_name` is what C calls it where that is not its name: the same function with a structure of
    a vendor is another one here.
    """

    name: str
    code: int
    kernel: str
    params: tuple[Param, ...]
    c_name: str = ""


ENUMS: dict[str, dict[str, int]] = {
    "overflow": {"VX_CONVERT_POLICY_WRAP": 0, "VX_CONVERT_POLICY_SATURATE": 1},
    "rounding": {"VX_ROUND_POLICY_TO_ZERO": 0, "VX_ROUND_POLICY_TO_NEAREST_EVEN": 1},
    "size_rounding": {"VX_NN_DS_SIZE_ROUNDING_FLOOR": 0, "VX_NN_DS_SIZE_ROUNDING_CEILING": 1},
    "pooling": {"VX_NN_POOLING_MAX": 0, "VX_NN_POOLING_AVG": 1},
    "norm": {"VX_NN_NORMALIZATION_SAME_MAP": 0, "VX_NN_NORMALIZATION_ACROSS_MAPS": 1},
    "activation": {
        "VX_NN_ACTIVATION_LOGISTIC": 0,
        "VX_NN_ACTIVATION_HYPERBOLIC_TAN": 1,
        "VX_NN_ACTIVATION_RELU": 2,
        "VX_NN_ACTIVATION_BRELU": 3,
        "VX_NN_ACTIVATION_SOFTRELU": 4,
        "VX_NN_ACTIVATION_ABS": 5,
        "VX_NN_ACTIVATION_SQUARE": 6,
        "VX_NN_ACTIVATION_SQRT": 7,
        "VX_NN_ACTIVATION_LINEAR": 8,
    },
}

# dtype -> (blob code, VX_TYPE_ name, C type)
DTYPES: dict[str, tuple[int, str, str]] = {
    "int8": (1, "VX_TYPE_INT8", "int8_t"),
    "uint8": (2, "VX_TYPE_UINT8", "uint8_t"),
    "int16": (3, "VX_TYPE_INT16", "int16_t"),
    "uint16": (4, "VX_TYPE_UINT16", "uint16_t"),
    "int32": (5, "VX_TYPE_INT32", "int32_t"),
    "float16": (6, "VX_TYPE_FLOAT16", "uint16_t"),
    "float32": (7, "VX_TYPE_FLOAT32", "float"),
}


def _tensor(name: str, *, output: bool = False, optional: bool = False) -> Param:
    return Param(name, Kind.TENSOR, output=output, optional=optional)


def _enum(name: str, of: str) -> Param:
    return Param(name, Kind.ENUM, of)


def _sizes(*names: str) -> tuple[Param, ...]:
    return tuple(Param(name, Kind.SIZE) for name in names)


_OVERFLOW = _enum("overflow_policy", "overflow")
_ROUNDING = _enum("rounding_policy", "rounding")
_IN, _OUT = _tensor("inputs"), _tensor("outputs", output=True)
_LAYER = (_IN, _tensor("weights"), _tensor("biases", optional=True))
_PAIR = (_tensor("input1"), _tensor("input2"))

_CONVOLUTION = (
    *_sizes("padding_x", "padding_y"),
    _OVERFLOW,
    _ROUNDING,
    _enum("down_scale_size_rounding", "size_rounding"),
    *_sizes("dilation_x", "dilation_y"),
)
_SIDES = _sizes("padding_x_right", "padding_y_bottom")
_STEPS = _sizes("stride_x", "stride_y", "depth_multiplier")

STRUCTS: dict[str, tuple[Param, ...]] = {
    "vx_nn_convolution_params_t": _CONVOLUTION,
    # VeriSilicon's; a depth multiplier of 0 is an ordinary convolution
    "vx_nn_convolution_params_ext2_t": (*_CONVOLUTION, *_SIDES, *_STEPS),
    "vx_nn_deconvolution_params_t": (
        *_sizes("padding_x", "padding_y"),
        _OVERFLOW,
        _ROUNDING,
        *_sizes("a_x", "a_y"),
    ),
    "vx_nn_normalization_params_t": (
        _enum("type", "norm"),
        *_sizes("norm_size"),
        *(Param(name, Kind.FLOAT) for name in ("alpha", "beta", "bias")),
    ),
    "vx_nn_roi_pool_params_t": (_enum("pool_type", "pooling"),),
    "vx_tensor_matrix_multiply_params_t": tuple(
        Param(f"transpose_input{i}", Kind.BOOL) for i in (1, 2, 3)
    ),
}

# Structures that have others inside: where their members are.
MEMBERS: dict[str, dict[str, str]] = {
    "vx_nn_convolution_params_ext2_t": {
        **{param.name: f"ext.khr.{param.name}" for param in _CONVOLUTION},
        **{param.name: f"ext.{param.name}" for param in _SIDES},
    },
}
# What is passed in their place: the head, which has the type that the function declares.
HEADS: dict[str, str] = {"vx_nn_convolution_params_ext2_t": "ext.khr"}

# Members that always have one value.
FIXED: dict[str, dict[str, str]] = {
    "vx_nn_convolution_params_ext2_t": {"ext.pad_mode": "VX_PAD_CONSTANT"},
}

_NN = "org.khronos.nn_extension."
_VX = "org.khronos.openvx."


def _params(type_: str, kind: Kind = Kind.SIZED_STRUCT) -> Param:
    return Param("params", kind, type_)


_ALL = (
    Function(
        "vxConvolutionLayer",
        1,
        _NN + "convolution_layer",
        (*_LAYER, _params("vx_nn_convolution_params_t"), _OUT),
    ),
    Function(
        "vxFullyConnectedLayer",
        2,
        _NN + "fully_connected_layer",
        (*_LAYER, _OVERFLOW, _ROUNDING, _OUT),
    ),
    Function(
        "vxPoolingLayer",
        3,
        _NN + "pooling_layer",
        (
            _IN,
            _enum("pooling_type", "pooling"),
            *_sizes("pooling_size_x", "pooling_size_y", "pooling_padding_x", "pooling_padding_y"),
            _enum("rounding", "size_rounding"),
            _OUT,
        ),
    ),
    Function("vxSoftmaxLayer", 4, _NN + "softmax_layer", (_IN, _OUT)),
    Function(
        "vxLocalResponseNormalizationLayer",
        5,
        _NN + "local_response_normalization_layer",
        (
            _IN,
            _enum("type", "norm"),
            *_sizes("normalization_size"),
            Param("alpha", Kind.FLOAT),
            Param("beta", Kind.FLOAT),
            Param("bias", Kind.FLOAT),
            _OUT,
        ),
    ),
    Function(
        "vxActivationLayer",
        6,
        _NN + "activation_layer",
        (
            _IN,
            _enum("function", "activation"),
            Param("a", Kind.FLOAT),
            Param("b", Kind.FLOAT),
            _OUT,
        ),
    ),
    Function(
        "vxROIPoolingLayer",
        7,
        _NN + "roi_pooling_layer",
        (_tensor("input_data"), _tensor("input_rois"), _params("vx_nn_roi_pool_params_t"), _OUT),
    ),
    Function(
        "vxDeconvolutionLayer",
        8,
        _NN + "deconvolution_layer",
        (*_LAYER, _params("vx_nn_deconvolution_params_t"), _OUT),
    ),
    Function(
        "vxConvolutionLayer ext2",
        9,
        _NN + "convolution_layer",
        (*_LAYER, _params("vx_nn_convolution_params_ext2_t"), _OUT),
        "vxConvolutionLayer",
    ),
    Function(
        "vxNormalizationLayer2",
        10,
        "vxNormalizationLayer2",
        (_IN, _params("vx_nn_normalization_params_t"), _OUT),
    ),
    Function("vxTensorAddNode", 16, _VX + "tensor_add", (*_PAIR, _OVERFLOW, _OUT)),
    Function("vxTensorSubtractNode", 17, _VX + "tensor_subtract", (*_PAIR, _OVERFLOW, _OUT)),
    Function(
        "vxTensorMultiplyNode",
        18,
        _VX + "tensor_multiply",
        (*_PAIR, Param("scale", Kind.SCALAR), _OVERFLOW, _ROUNDING, _OUT),
    ),
    Function(
        "vxTensorTableLookupNode",
        19,
        _VX + "tensor_table_lookup",
        (_tensor("input1"), Param("lut", Kind.LUT), _OUT),
    ),
    Function(
        "vxTensorTransposeNode",
        20,
        _VX + "tensor_transpose",
        (_tensor("input"), _OUT, *_sizes("dimension1", "dimension2")),
    ),
    Function(
        "vxTensorConvertDepthNode",
        21,
        _VX + "tensor_convert_depth",
        (
            _tensor("input"),
            _OVERFLOW,
            Param("norm", Kind.SCALAR),
            Param("offset", Kind.SCALAR),
            _OUT,
        ),
    ),
    Function(
        "vxTensorMatrixMultiplyNode",
        22,
        _VX + "tensor_matrix_multiply",
        (
            *_PAIR,
            _tensor("input3", optional=True),
            _params("vx_tensor_matrix_multiply_params_t", Kind.STRUCT),
            _OUT,
        ),
    ),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}


def enum_family(name: str) -> str | None:
    """Return the name of the enumeration that `name` belongs to, or None where it is unknown."""
    return next((family for family, members in ENUMS.items() if name in members), None)
